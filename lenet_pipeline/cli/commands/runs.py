"""``lenet runs``: the scoring runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import (
    Format,
    FormatOption,
    OutputOption,
    console,
    print_rows,
    report_snapshot,
)

if TYPE_CHECKING:
    from lenet_pipeline.settings import Settings

_SHOWN = ["scoring_run_id", "dataset", "model_version", "status", "rows_scored", "started_at", "actor"]


@command
def list_runs(
    settings: Settings, output_format: FormatOption = Format.TABLE, output: OutputOption = None
) -> None:
    """List the scoring runs, newest first. `lenet audit runs` has more columns."""
    from lenet_pipeline.warehouse import AsOf, run_audit

    as_of = AsOf()
    runs = run_audit(settings.warehouse, "runs", {}, as_of)
    report_snapshot(as_of)
    if not len(runs) and output_format is Format.TABLE:
        console.print("no scoring run yet; start one with `lenet score DATASET`")
        return
    print_rows(runs.select(_SHOWN), output_format, output)
