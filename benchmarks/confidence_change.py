"""Measure whether a policy warns where its guarantee fails: on paper that differs from its evidence.

``benchmarks.confidence change`` runs this. Policies are fitted on the evidence and applied to other labelled
datasets. The views of a temporary database decide whether a run over such a dataset is held; the home is only
read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import duckdb
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lenet_pipeline.audit import PolicyTerms, propose_policy
from lenet_pipeline.lake import read_manifest
from lenet_pipeline.scoring import Counts, Engine, Scores, count_evidence
from lenet_pipeline.settings import Settings
from lenet_pipeline.training import LabelledDigits, read_labelled
from lenet_pipeline.warehouse import PolicyRecord, Warehouse, record_policy

_WAIT_S = 60.0
_SMALL_RUN = 100
_INSERT_RUN = """
insert into scoring_runs by name
select
    $run::uuid as scoring_run_id, $dataset as dataset, 1 as manifest_version, '' as manifest_fingerprint,
    $name as model_name, $version::integer as model_version, '' as preprocessing_fingerprint,
    $precision as precision, now() as started_at, now() as finished_at, 'benchmark' as actor
"""
_INSERT_HISTOGRAM = "insert into run_histograms values ($run::uuid, $measure, $counts)"
_REASONS = "select scoring_run_id, digit_reason from held_runs"


@dataclass(frozen=True)
class Change:
    """A policy applied to a dataset that it does not rest on.

    Attributes:
        dataset: the dataset.
        digits: its labelled digits.
        target: the policy's largest error rate, 0 to 1.
        accepted: share of the digits that the threshold accepts, 0 to 1.
        error: error rate of these digits, 0 to 1.
        is_missed: whether it exceeds the target.
        differs_in: the measures that hold a run over the dataset; empty if it is not held.
        small_held: share of runs over a hundred digits of the dataset that are held, 0 to 1.
    """

    dataset: str
    digits: int
    target: float
    accepted: float
    error: float
    is_missed: bool
    differs_in: str
    small_held: float


def measure_change(
    engine: Engine,
    settings: Settings,
    model: str,
    evidence: Sequence[str],
    datasets: Sequence[str],
    targets: Sequence[float],
    draws: int,
    *,
    is_changed: bool = False,
) -> list[Change]:
    """Apply a policy for each target to each dataset, and ask the views whether its runs are held.

    With ``is_changed``, also apply it to changed versions of each dataset: blurred, turned and so on.
    """
    scored = []
    for dataset in datasets:
        digits = read_labelled(settings.lake, [read_manifest(settings.lake, dataset)])
        scored.append((dataset, digits, engine.score(digits.images)))
        for name, changed in change_digits(digits) if is_changed else ():
            scored.append((f"  {name}", changed, engine.score(changed.images)))
    rows = []
    for target in targets:
        terms = PolicyTerms(target, 0.95, tuple(evidence), model=model)
        record = propose_policy(settings, terms).record
        rows += [_apply(record, dataset, digits, scores, draws) for dataset, digits, scores in scored]
    return rows


def change_digits(digits: LabelledDigits) -> Iterator[tuple[str, LabelledDigits]]:
    """Yield mildly and strongly changed versions of digits, each with its name."""
    images = digits.images.astype(np.float32)
    for sigma in (0.7, 1.0, 1.3):
        yield _changed(f"blur {sigma} px", digits, ndimage.gaussian_filter(images, (0, sigma, sigma)))
    for degrees in (4, 8, 12, 16):
        turned = ndimage.rotate(images, degrees, axes=(2, 1), reshape=False, order=1)
        yield _changed(f"turn {degrees} degrees", digits, turned)
    for slant in (0.1, 0.2, 0.3):
        matrix = np.array([[1, 0, 0], [0, 1, 0], [0, slant, 1]])
        sheared = ndimage.affine_transform(images, matrix, offset=(0, 0, -slant * 13.5), order=1)
        yield _changed(f"slant {slant}", digits, sheared)
    for pixels in (1, 2):
        yield _changed(f"shift {pixels} px", digits, ndimage.shift(images, (0, pixels, 0), order=0))
    yield _changed("thinner strokes", digits, ndimage.grey_erosion(images, (1, 2, 2)))
    yield _changed("thicker strokes", digits, ndimage.grey_dilation(images, (1, 2, 2)))
    for exponent in (0.5, 2.0):
        yield _changed(f"contrast {exponent}", digits, 255 * (images / 255) ** exponent)


def _changed(
    name: str, digits: LabelledDigits, images: npt.NDArray[np.float32]
) -> tuple[str, LabelledDigits]:
    return name, LabelledDigits(np.clip(images, 0, 255).astype(np.uint8), digits.labels)


def _apply(record: PolicyRecord, dataset: str, digits: LabelledDigits, scores: Scores, draws: int) -> Change:
    refusals = np.zeros(len(digits)) if scores.not_a_digit is None else scores.not_a_digit
    lowest = np.float32(np.inf if record.threshold is None else record.threshold)
    is_accepted = (scores.confidences >= lowest) & (refusals < record.not_a_digit_from)
    is_wrong = scores.labels != digits.labels
    error = float(is_wrong[is_accepted].mean()) if is_accepted.any() else 0.0
    rng = np.random.default_rng(0)
    samples = [rng.permutation(len(digits))[:_SMALL_RUN] for _ in range(draws)]
    whole, *small = find_reasons(
        record, [_count(digits, scores, chosen) for chosen in [np.arange(len(digits)), *samples]]
    )
    return Change(
        dataset=dataset,
        digits=len(digits),
        target=record.max_error,
        accepted=float(is_accepted.mean()),
        error=error,
        is_missed=error > record.max_error,
        differs_in=whole.split(" in ")[-1] if whole else "",
        small_held=sum(reason is not None for reason in small) / max(1, draws),
    )


def _count(digits: LabelledDigits, scores: Scores, chosen: npt.NDArray[np.intp]) -> Counts:
    refusals = None if scores.not_a_digit is None else scores.not_a_digit[chosen]
    return count_evidence(digits.images[chosen], Scores(scores.probabilities[chosen], refusals))


def find_reasons(record: PolicyRecord, runs: Sequence[Counts]) -> list[str | None]:
    """Return the reason why a policy holds each run, given by its counts; None if it does not."""
    ids = [uuid4() for _ in runs]
    reader = {"name": record.model_name, "version": record.model_version, "precision": record.precision}
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder) / "audit.duckdb", _WAIT_S)
        record_policy(warehouse, record)
        with duckdb.connect(str(warehouse.path)) as connection:
            for run, counts in zip(ids, runs, strict=True):
                connection.execute(_INSERT_RUN, {"run": str(run), "dataset": "change/all", **reader})
                for measure, found in counts.items():
                    values = {"run": str(run), "measure": measure, "counts": list(found)}
                    connection.execute(_INSERT_HISTOGRAM, values)
            reasons: dict[UUID, str] = dict(connection.execute(_REASONS).fetchall())
    return [reasons.get(run) for run in ids]


def change_table(rows: Sequence[Change]) -> list[str]:
    """Return the table, and the number of misses without a warning, as lines of at most 80 columns."""
    silent = [row for row in rows if row.is_missed and not row.differs_in]
    held = sum(1 for row in rows if row.differs_in)
    missed = sum(1 for row in rows if row.is_missed)
    return [
        f"{'dataset':<20}{'digits':>7}{'target':>8}{'accepted':>10}{'wrong':>8}{'missed':>8}"
        f"{'100 held':>10}  held for",
        *(
            f"{row.dataset:<20}{row.digits:>7,}{row.target:>8.2%}{row.accepted:>10.2%}{row.error:>8.2%}"
            f"{'yes' if row.is_missed else 'no':>8}{row.small_held:>10.1%}  {row.differs_in or '-'}"
            for row in rows
        ),
        "",
        f"{missed} of {len(rows)} miss their target, {len(silent)} of them without a warning; "
        f"{held} are held",
    ]
