"""The claims of a simulated year, and the rows that two runs of it must have in common."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import binom

from benchmarks.year_home import YearPlan
from benchmarks.year_weeks import WINDOW, Week, windows
from lenet_pipeline.jobs import check
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import run_select

DUMP = "rows.json"
_LEVEL = 0.01  # of the test of all windows together
_LEAST_FALL = 0.2  # of the share for people, relative to its peak

_CELLS = "select count(*) as cells, count(*) filter (where state = 'blank') as blanks from cells"
# Each must be zero.
_TWICE = {
    "digits that a version scored twice": """
        select count(*) as n from (
            select digit_id, model_version from predictions inner join shard_scores using (shard_score_id)
            group by all having count(*) > 1
        )""",
    "documents that were ingested twice": """
        select count(*) as n from (
            select source_sha256 from documents group by all having count(*) > 1
            union all
            select source_sha256 from inbox_documents where status = 'taken' group by all having count(*) > 1
        )""",
    "pages that were read twice": """
        select count(*) as n from (select source_sha256, page from pages group by all having count(*) > 1)""",
    "weeks with several decisions": """
        select count(*) as n from (
            select considered_at from schedule_decisions group by all having count(*) > 1
        )""",
    "versions that were judged twice": """
        select count(*) as n from (
            select model_version from promotions where action in ('promote', 'refuse')
            group by all having count(*) > 1
        )""",
    "versions that were registered twice": """
        select count(*) as n from (
            select model_version from promotions where action = 'register' group by all having count(*) > 1
        )""",
    "digits that were reviewed twice": """
        select count(*) as n from (select digit_id from reviews group by all having count(*) > 1)""",
}
# The rows of a home without times, ids of runs and sequence numbers.
_ROWS = {
    "final values": """
        select regexp_extract(source, '[^/]+$') as file, page, field, value, decision, origin, reason,
            confidence, dataset, model_version
        from final_values order by all""",
    "predictions": """
        select digit_id, model_version, label, confidence, not_a_digit
        from predictions inner join shard_scores using (shard_score_id) order by all""",
    "current decisions": """
        select digit_id, dataset, model_version, threshold, decision, final_value from current_decisions
        order by all""",
    "verdicts": "select digit_id, verdict, actor from digit_verdicts order by all",
    "promotions": """
        select row_number() over (order by promotion_number) as number, action, alias, model_version,
            former_version, reason, gate_digits, champion_right, challenger_right, p_value
        from promotions order by promotion_number""",
    "policies": """
        select model_version, subject, max_error, threshold, review_rate, evidence, labelled, accepted,
            errors, error_bound
        from policies order by policy_number""",
    "schedule decisions": """
        select considered_at, decision, reason, is_due, model_version, new_labels, drift_alarms
        from schedule_decisions order by considered_at""",
    "model versions": "select model_version, weights_sha256 from model_versions order by all",
    "documents": """
        select regexp_extract(path, '[^/]+$') as file, source_sha256, status, dataset
        from inbox_documents order by all""",
    "datasets": "select dataset, digits from current_datasets order by all",
}


@dataclass(frozen=True)
class Claim:
    """Something that the year must show, whether it does, and the figures."""

    text: str
    holds: bool
    figures: str


def check_claims(settings: Settings, weeks: Sequence[Week], plan: YearPlan) -> list[Claim]:
    """Check everything that a year must show."""
    claims = [
        _check_guarantee("accepted digits", "accepted", weeks, plan),
        _check_guarantee("digits that no person saw", "silent", weeks, plan),
        _check_year("accepted", weeks, plan),
        _check_share(weeks, plan),
    ]
    cells = run_select(settings.warehouse, _CELLS).to_pylist()[0]
    written = sum(week.digits for week in weeks)
    figures = f"{cells['cells']:,} of {written:,}, {cells['blanks']} of them taken for blank"
    claims.append(Claim("every cell was cut out", cells["cells"] == written, figures))
    for text, statement in _TWICE.items():
        number = run_select(settings.warehouse, statement)["n"][0].as_py()
        claims.append(Claim(f"no {text}", number == 0, str(number)))
    decisions = sum(bool(week.retraining) for week in weeks)
    claims.append(Claim("one decision a week", decisions == len(weeks), f"{decisions} of {len(weeks)}"))
    failed = [result.query.name for result in check(settings) if len(result.violations)]
    claims.append(Claim("lenet check passes", not failed, ", ".join(failed) or "all checks"))
    return claims


def _check_guarantee(text: str, name: str, weeks: Sequence[Week], plan: YearPlan) -> Claim:
    """Test the error limit in every window. The level is divided by the number of windows (Bonferroni)."""
    results = []
    for window in windows(weeks):
        total = sum(getattr(week, name) for week in window)
        wrong = sum(getattr(week, f"{name}_wrong") for week in window)
        p_value = float(binom.sf(wrong - 1, total, plan.max_error)) if wrong else 1.0
        results.append((p_value, wrong, total, window[0].week))
    text = f"the limit of {plan.max_error:.1%} holds for {text} in four weeks"
    if not results:
        return Claim(text, False, "too few weeks")
    p_value, wrong, total, week = min(results)
    level = _LEVEL / len(results)
    figures = (
        f"worst from week {week}: {wrong} of {total} wrong, p = {p_value:.2g}, must be at least {level:.2g} "
        f"({_LEVEL:g} divided by {len(results)} windows)"
    )
    return Claim(text, p_value >= level, figures)


def _check_year(name: str, weeks: Sequence[Week], plan: YearPlan) -> Claim:
    """Test the error limit over all weeks."""
    total = sum(getattr(week, name) for week in weeks)
    wrong = sum(getattr(week, f"{name}_wrong") for week in weeks)
    p_value = float(binom.sf(wrong - 1, total, plan.max_error)) if wrong else 1.0
    figures = f"{wrong} of {total:,} wrong, p = {p_value:.2g}, must be at least {_LEVEL:g}"
    return Claim(f"the limit of {plan.max_error:.1%} holds for {name} digits", p_value >= _LEVEL, figures)


def _check_share(weeks: Sequence[Week], plan: YearPlan) -> Claim:
    """Check that the share for people rises when the hands change, and falls again later."""
    text = "the share for people rises after the change and falls again"
    shares = {window[0].week: sum(week.review_share for week in window) / WINDOW for window in windows(weeks)}
    before = shares.get(plan.change - WINDOW)
    after = {week: share for week, share in shares.items() if week >= plan.change}
    if before is None or not after:
        return Claim(text, False, "too few weeks")
    peak, last = max(after.values()), list(after.values())[-1]
    figures = f"{before:.0%} before, {peak:.0%} at the peak, {last:.0%} in the last four weeks"
    return Claim(text, peak > before and last < (1 - _LEAST_FALL) * peak, figures)


def write_rows(settings: Settings, folder: Path) -> None:
    """Write the rows that do not depend on times and interruptions."""
    rows = {
        name: [
            [str(value) for value in row.values()] for row in run_select(settings.warehouse, text).to_pylist()
        ]
        for name, text in _ROWS.items()
    }
    (folder / DUMP).write_text(json.dumps(rows, indent=0), "utf-8")


def compare_rows(folder: Path, other: Path) -> list[Claim]:
    """Compare the rows of two runs, table by table."""
    ours: dict[str, list[Any]] = json.loads((folder / DUMP).read_text("utf-8"))
    theirs: dict[str, list[Any]] = json.loads((other / DUMP).read_text("utf-8"))
    claims = []
    for name in ours:
        differing = [pair for pair in zip(ours[name], theirs[name], strict=False) if pair[0] != pair[1]]
        is_same = not differing and len(ours[name]) == len(theirs[name])
        figures = f"{len(ours[name])} and {len(theirs[name])} rows"
        if differing:
            figures += f", {len(differing)} differ, first {differing[0][0]} and {differing[0][1]}"
        claims.append(Claim(f"the same {name} as in {other}", is_same, figures))
    return claims
