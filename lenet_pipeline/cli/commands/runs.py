"""``lenet runs``: the scoring runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import (
    Format,
    FormatOption,
    OutputOption,
    print_line,
    print_rows,
    report_snapshot,
)

if TYPE_CHECKING:
    from lenet_pipeline.settings import Settings

_NO_RUNS = "no scoring runs yet; start one with `lenet score DATASET`"
_SHOWN = ["scoring_run_id", "dataset", "model_version", "status", "rows_scored", "started_at", "actor"]


@command
def list_runs(
    settings: Settings, output_format: FormatOption = Format.TABLE, output: OutputOption = None
) -> None:
    """List the scoring runs, newest first.

    `lenet audit runs` has more columns.
    """
    from lenet_pipeline.warehouse import AsOf, run_audit

    is_table = output_format is Format.TABLE and output is None
    if is_table and not settings.warehouse.path.exists():
        print_line(_NO_RUNS)
        return
    as_of = AsOf()
    runs = run_audit(settings.warehouse, "runs", {}, as_of)
    report_snapshot(as_of)
    if is_table and not len(runs):
        print_line(_NO_RUNS)
        return
    print_rows(runs.select(_SHOWN), output_format, output)
