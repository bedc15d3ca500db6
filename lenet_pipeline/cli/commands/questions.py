"""``lenet audit``, ``check``, ``export``, ``snapshot``, ``verify`` and ``sql``: the auditor's commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from lenet_pipeline.audit import counted
from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import (
    Format,
    FormatOption,
    OutputOption,
    print_document,
    print_line,
    print_records,
    print_rows,
    report_snapshot,
    write_text,
)
from lenet_pipeline.cli.progress import TerminalObserver
from lenet_pipeline.errors import PipelineError, UnknownNameError, WarehouseError

if TYPE_CHECKING:
    from lenet_pipeline.settings import Settings
    from lenet_pipeline.warehouse import CheckResult, Parameter, Query

_EVIDENCE = "evidence"  # not one query: several, plus pictures


@command
def audit_command(
    settings: Settings,
    name: Annotated[str | None, typer.Argument(help="Name of an audit (default: list them all)")] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="KEY=VALUE", help="Parameter of the audit; repeatable"),
    ] = None,
    output_format: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Run a named audit query, or list them all."""
    from lenet_pipeline.warehouse import AsOf, list_audits, run_audit

    queries = {query.name: query for query in list_audits()}
    if name is None:
        _list_audits(list(queries.values()), output_format)
        return
    if name not in (_EVIDENCE, *queries):
        raise _unknown_audit(name, (_EVIDENCE, *queries))
    given = _parse(parameters or [])
    if name == _EVIDENCE:
        _print_evidence(settings, given, output_format, output)
        return
    as_of = AsOf()
    rows = run_audit(settings.warehouse, name, given, as_of)
    report_snapshot(as_of)
    print_rows(rows, output_format, output, title=queries[name].question)
    _warn_at_limit(queries[name], len(rows), given)


@command
def check_command(settings: Settings, output_format: FormatOption = Format.TABLE) -> None:
    """Run every integrity check.

    Exits with code 3 if a check fails.
    """
    from lenet_pipeline.jobs import check, raise_if_failed

    results = check(settings)
    if output_format is Format.TABLE:
        _print_checks(results)
    else:
        print_records(
            [
                {
                    "check": item.query.name,
                    "is_passed": not len(item.violations),
                    "violations": len(item.violations),
                }
                for item in results
            ],
            output_format,
        )
    raise_if_failed(results)


@command
def export_command(
    settings: Settings,
    folder: Annotated[Path, typer.Argument(help="Folder for one Parquet file per table, and views.sql")],
) -> None:
    """Export the audit tables and the final values as Parquet files.

    Read them with DuckDB, pandas, Polars or Spark.
    """
    from lenet_pipeline.warehouse import ExportRecord, export_tables, record_export

    rows = export_tables(settings.warehouse, folder)
    total = sum(rows.values())
    print_line(f"{counted(len(rows), 'table')} with {counted(total, 'row')} written to {folder}")
    now = datetime.now(UTC)
    try:
        record_export(
            settings.warehouse,
            ExportRecord(uuid4(), "tables", folder.absolute(), total, now, settings.actor),
        )
    except WarehouseError as exc:  # the home may be read-only
        typer.echo(f"warning: the export is not recorded: {exc}", err=True)


@command
def snapshot_command(settings: Settings) -> None:
    """Renew the copy of the database for BI tools, and print its path.

    A program that keeps the copy open never stops a job.
    """
    from lenet_pipeline.warehouse import take_snapshot

    print_line(str(take_snapshot(settings.warehouse).path))


@command
def verify_command(
    settings: Settings,
    run: Annotated[
        str, typer.Argument(help="latest, or the id of a scoring run or its first characters")
    ] = "latest",
    sample: Annotated[
        int | None, typer.Option(min=1, help="Number of digits to verify (default: all)")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sample")] = 0,
    device: Annotated[str, typer.Option(help="Device to run on: auto, cpu or cuda")] = "auto",
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Score a run again and compare with the stored predictions.

    Uses the model version of the run. Exits with code 3 if anything differs.
    """
    from lenet_pipeline.audit import TOLERANCE, VerificationJob, raise_if_different, verify_run

    found = verify_run(settings, VerificationJob(run, sample, seed, device), TerminalObserver())
    if output_format is Format.TABLE:
        digits = f"{found.digits:,} of {found.of_digits:,} digits"
        print_line(f": {digits} scored again with {found.model}", lead=found.dataset)
        print_line(f"  scoring run {found.scoring_run_id}")
        how = "bit for bit" if found.is_exact else f"by label, and within {TOLERANCE:g}"
        print_line(f"  compared {how}, on {found.engine}")
        if not found.is_exact:
            print_line(f"  originally scored on {'; '.join(found.recorded_engines)}")
        print_line(
            f"  {found.differing:,} predictions changed, missing or extra; "
            f"largest difference {found.largest_difference:.3g}"
        )
        print_line(f"  {found.misplaced:,} locations on paper differ from the lake")
    else:
        lists = {
            name: list(getattr(found, name))
            for name in ("recorded_engines", "examples", "misplaced_examples")
        }
        print_records([{**vars(found), **lists}], output_format)
    raise_if_different(found)


@command
def sql_command(
    settings: Settings,
    statement: Annotated[str, typer.Argument(metavar='"SELECT ..."', help="Read-only statement")],
    output_format: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Run a read-only SQL statement on the database.

    The statement can neither write nor read other files.
    """
    from lenet_pipeline.warehouse import AsOf, run_select

    as_of = AsOf()
    rows = run_select(settings.warehouse, statement, as_of)
    report_snapshot(as_of)
    print_rows(rows, output_format, output)


def _unknown_audit(name: str, known: Sequence[str]) -> PipelineError:
    """Return an error that suggests similar names, or lists all if none is similar."""
    similar = get_close_matches(name, known, n=3)
    if not similar:
        return UnknownNameError("audit", name, known)
    return PipelineError(
        f"there is no audit {name!r}; did you mean {' or '.join(similar)}? `lenet audit` lists them all"
    )


def _print_evidence(
    settings: Settings, given: Mapping[str, str], output_format: Format, output: Path | None
) -> None:
    """Print everything known about a digit, or write it as JSON or HTML."""
    from lenet_pipeline.audit import evidence_page, evidence_record, gather_evidence
    from lenet_pipeline.warehouse import AsOf

    unknown = set(given) - {"digit", "digit_id"}
    digit = given.get("digit") or given.get("digit_id")
    if unknown:
        raise UnknownNameError("parameter", ", ".join(sorted(unknown)), ["digit"], owner="evidence")
    is_page = output is not None and output.suffix.lower() in (".html", ".htm")
    is_for_file = output_format is Format.TABLE and output is not None
    if not is_page and (is_for_file or output_format in (Format.CSV, Format.PARQUET)):
        raise PipelineError("evidence is not a table; use --format json or --output page.html")
    if not digit:
        raise PipelineError(
            "evidence needs a digit: add --param digit=ID, a digit_id or its first characters"
        )
    as_of = AsOf()
    evidence = gather_evidence(settings, digit, as_of)
    report_snapshot(as_of)
    if is_page and output:
        write_text(evidence_page(evidence), output)
        print_line(f"evidence written to {output}")
    elif output_format is Format.JSON:
        print_document(evidence_record(evidence), output)
    else:
        print_rows(evidence.places, Format.TABLE, title="Location on paper")
        print_line(f"source file: {evidence.scan}\n")
        print_rows(evidence.predictions, Format.TABLE, title="Predictions")
        print_line("")
        # Sorted by version, so that values shared by its events print once.
        by_version = evidence.versions.sort_by([("model_version", "ascending"), ("recorded_at", "ascending")])
        print_rows(by_version, Format.TABLE, title="Model versions")
        print_line("")
        print_rows(evidence.reviews, Format.TABLE, title="Reviews")
        print_line("")
        print_line(f"audit chain head  {evidence.chain_head}")
        print_line(f"head in MLflow    {evidence.published_head}")


def _list_audits(queries: list[Query], output_format: Format) -> None:
    if output_format is not Format.TABLE:
        print_records(
            [
                {
                    "audit": query.name,
                    "question": query.question,
                    "grain": query.grain,
                    "parameters": ", ".join(parameter.name for parameter in query.parameters),
                }
                for query in queries
            ],
            output_format,
        )
        return
    print_line("  What is the complete record of one digit?", lead=_EVIDENCE)
    print_line("    --param digit=…  digit_id or its first characters [required]", style="dim")
    for query in queries:
        print_line(f"  {query.question}", lead=query.name, is_wrapped=True)
        for parameter in query.parameters:
            print_line(f"    --param {parameter.name}=…  {_explain(parameter)}", style="dim", is_wrapped=True)
    print_line("\nRun one with `lenet audit NAME`.")


def _warn_at_limit(query: Query, rows: int, given: Mapping[str, str]) -> None:
    """Warn on standard error that an audit stopped at its limit; a file would look complete."""
    parameters = {parameter.name: parameter.default for parameter in query.parameters}
    limit = given.get("limit", parameters.get("limit") or "")
    if "limit" in parameters and limit.isdecimal() and rows == int(limit):
        typer.echo(f"stopped at {counted(rows, 'row')}; there may be more (use --param limit=N)", err=True)


def _explain(parameter: Parameter) -> str:
    default = "required" if parameter.default is None else f"default: {parameter.default}"
    return f"{parameter.description} [{default}]"


def _print_checks(results: list[CheckResult]) -> None:
    for item in results:
        count = len(item.violations)
        lead, style = (f"failed, {counted(count, 'row')}", "bold red") if count else ("passed", "green")
        print_line(f"  {item.query.name}", lead, style)
    for item in results:
        if len(item.violations):
            print_line("")
            print_rows(item.violations, Format.TABLE, title=f"{item.query.name}: {item.query.question}")


def _parse(parameters: list[str]) -> dict[str, str]:
    parsed = {}
    for parameter in parameters:
        key, equals, value = parameter.partition("=")
        if not equals:
            raise PipelineError(f"--param {parameter} has no value; write it as --param {parameter}=...")
        parsed[key] = value
    return parsed
