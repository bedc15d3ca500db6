"""The report of a scoring run: one self-contained HTML page for readers who do not know the system."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from lenet_pipeline.audit.pages import data_url, enlarge, page_template
from lenet_pipeline.audit.shard_lookup import find_run_shards, select_digits
from lenet_pipeline.errors import PipelineError
from lenet_pipeline.lake import images_array, read_shard
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import describe_os_error, written_whole
from lenet_pipeline.warehouse import (
    AsOf,
    StoredRun,
    find_shards_of_digits,
    read_chain_head,
    read_run,
    run_audit,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOW_CONFIDENCE_DIGITS = 24
_CHANGED_VALUES = 50
_DRIFT_ROWS = 40  # ten runs with four measures each
_TEXT = "#7f7f7f"  # legible on a white and on a dark page


def write_report(
    settings: Settings,
    run: str,
    output: Path | None = None,
    most_shards: int | None = None,
    as_of: AsOf | None = None,
) -> Path:
    """Write the report of a scoring run as one HTML page, and return its path.

    Args:
        settings: of the home.
        run: ``latest``, a scoring run's id, or its beginning.
        output: the page to write; `report_path` if None.
        most_shards: largest number of shards to read for pictures of digits; no limit if None.
        as_of: reads the snapshot while another process writes to the database; None waits instead.

    Raises:
        WarehouseError: there is no such run, or the database cannot be read.
        PipelineError: the page cannot be written.
    """
    stored = read_run(settings.warehouse, run, as_of)
    path = output or report_path(settings, stored.scoring_run_id)
    text = page_template("report.html").render(
        **_gather(settings, stored, most_shards, as_of), as_of=as_of or AsOf()
    )
    try:
        with written_whole(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise PipelineError(f"cannot write the report {path}: {describe_os_error(exc)}") from exc
    return path


def report_path(settings: Settings, scoring_run_id: UUID | str) -> Path:
    """Return the default path of a run's report."""
    return settings.plots / f"report-{scoring_run_id}.html"


def _gather(
    settings: Settings, stored: StoredRun, most_shards: int | None, as_of: AsOf | None
) -> dict[str, Any]:
    def ask(name: str, **parameters: str) -> pa.Table:
        return run_audit(settings.warehouse, name, parameters, as_of)

    run = {"run": stored.scoring_run_id}
    runs = ask("runs", limit="1000000")
    decisions = ask("decision_counts", **run).to_pylist()
    digits = sum(row["digits"] for row in decisions if row["decision"] != "blank")
    risk, histogram = ask("risk_coverage", **run), ask("confidence_histogram", **run)
    return {
        "run": runs.filter(pc.equal(runs["scoring_run_id"], stored.scoring_run_id)).to_pylist()[0],
        "summary": ask("summary", **run).to_pylist()[0],
        "engines": sorted({shard.engine or "unknown" for shard in stored.shards}),
        "decisions": decisions,
        "straight_through": sum(row["digits"] for row in decisions if row["decision"] == "accept")
        / max(1, digits),
        "fields": ask("straight_through", **run).to_pylist(),
        "changed": ask("changed_values", **run, limit=str(_CHANGED_VALUES)).to_pylist(),
        "drift": _drift_until(ask("drift", dataset=stored.dataset, limit="1000000"), stored),
        "rejects": ask("rejects_by_reason", dataset=stored.dataset).to_pylist(),
        "low_confidence": _find_low_confidence(
            settings,
            stored,
            ask("low_confidence", below="1", **run, limit=str(_LOW_CONFIDENCE_DIGITS)),
            most_shards,
            as_of,
        ),
        "reliability": _figure_url(_draw_reliability(histogram)),
        "risk": _figure_url(_draw_risk(risk, decisions)) if len(risk) else None,
        "chain_head": str(read_chain_head(settings.warehouse, as_of)),
    }


def _drift_until(rows: pa.Table, stored: StoredRun) -> list[dict[str, Any]]:
    """Return the drift of this run and of earlier runs of the same dataset and version, newest first."""
    version = f"{stored.model_name}/{stored.model_version}"
    found = [row for row in rows.to_pylist() if row["model_version"] == version]
    own = [row for row in found if row["scoring_run_id"] == stored.scoring_run_id]
    before = [row for row in found if own and row["measured_at"] < own[0]["measured_at"]]
    return (own + before)[:_DRIFT_ROWS]


def _find_low_confidence(
    settings: Settings, stored: StoredRun, rows: pa.Table, most_shards: int | None, as_of: AsOf | None
) -> list[dict[str, Any]]:
    """Return the digits with the lowest confidence, with pictures as far as the lake still has them."""
    wanted = rows["digit_id"].to_pylist()
    pictures: dict[str, str] = {}
    with suppress(PipelineError):
        shards = {kept.shard_fingerprint: shard for kept, shard in find_run_shards(settings, stored)}
        places = find_shards_of_digits(settings.warehouse, stored.scoring_run_id, wanted, as_of)
        wanted_shards = dict.fromkeys(places[name] for name in wanted if name in places)
        for fingerprint in list(wanted_shards)[:most_shards]:
            found = select_digits(read_shard(settings.lake, stored.dataset, shards[fingerprint]), set(wanted))
            for name, image in zip(found["digit_id"].to_pylist(), images_array(found), strict=True):
                pictures[str(name)] = data_url(enlarge(image, 4))
    return [row | {"picture": pictures.get(row["digit_id"])} for row in rows.to_pylist()]


def _draw_reliability(histogram: pa.Table) -> Figure:
    """Draw the number of digits by confidence, and the accuracy of labelled digits."""
    from matplotlib.figure import Figure as NewFigure

    figure = NewFigure(figsize=(6, 3.6), layout="constrained", facecolor="none")
    below = figure.subplots()
    start = histogram["confidence_from"].to_numpy()
    below.bar(start, histogram["digits"].to_numpy(), width=0.045, align="edge", color="#4477aa")
    below.set(xlabel="confidence", ylabel="digits", yscale="log", xlim=(0, 1))
    known = histogram.filter(pc.is_valid(histogram["accuracy_pct"]))
    if len(known):
        right = below.twinx()
        middles = known["confidence_from"].to_numpy() + 0.025
        right.plot([0, 1], [0, 100], color="#999999", linewidth=0.8)
        right.plot(middles, known["accuracy_pct"].to_numpy(), "o-", color="#cc6677")
        right.set(ylabel="accuracy (%)", ylim=(0, 102))
    for axes in figure.axes:
        _fit_page(axes)
    return figure


def _fit_page(axes: Axes) -> None:
    """Make axes transparent with mid-tone text, for light and dark pages."""
    axes.patch.set_alpha(0)
    axes.tick_params(which="both", colors=_TEXT)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(_TEXT)
    for spine in axes.spines.values():
        spine.set_color(_TEXT)


def _draw_risk(risk: pa.Table, decisions: Sequence[dict[str, Any]]) -> Figure:
    """Draw the error rate by the share accepted, and the policy's target."""
    from lenet_pipeline.training import draw_risk_coverage

    target = next((row["max_error"] for row in decisions if row["max_error"] is not None), None)
    coverages, risks = (risk[name].to_numpy() / 100 for name in ("coverage_pct", "error_pct"))
    return draw_risk_coverage(coverages, risks, target, None, "")


def _figure_url(figure: Figure) -> str:
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=144)
    return data_url(stream.getvalue())
