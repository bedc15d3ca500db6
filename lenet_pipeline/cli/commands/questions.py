"""``lenet audit``, ``lenet check`` and ``lenet sql``: questions that change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from lenet_pipeline.audit import counted
from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import (
    Format,
    FormatOption,
    OutputOption,
    console,
    print_document,
    print_records,
    print_rows,
    report_snapshot,
    write_text,
)
from lenet_pipeline.cli.progress import TerminalObserver
from lenet_pipeline.errors import PipelineError, UnknownNameError

if TYPE_CHECKING:
    from lenet_pipeline.settings import Settings
    from lenet_pipeline.warehouse import CheckResult, Parameter, Query

_EVIDENCE = "evidence"  # several questions at once, and pictures


@command
def audit_command(
    settings: Settings,
    name: Annotated[str | None, typer.Argument(help="The query; without one, all are listed")] = None,
    parameters: Annotated[
        list[str] | None, typer.Option("--param", "-p", metavar="KEY=VALUE", help="A parameter of the query")
    ] = None,
    output_format: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Ask a named question of the predictions; without a name, list the questions."""
    from lenet_pipeline.warehouse import AsOf, list_audits, run_audit

    queries = {query.name: query for query in list_audits()}
    if name is None:
        _list_audits(list(queries.values()), output_format)
        return
    if name not in (_EVIDENCE, *queries):
        raise UnknownNameError("audit", name, (_EVIDENCE, *queries))
    given = _parse(parameters or [])
    if name == _EVIDENCE:
        _print_evidence(settings, given, output_format, output)
        return
    as_of = AsOf()
    rows = run_audit(settings.warehouse, name, given, as_of)
    report_snapshot(as_of)
    print_rows(rows, output_format, output, title=queries[name].question)
    _tell_of_limit(queries[name], len(rows), given)


@command
def check_command(settings: Settings, output_format: FormatOption = Format.TABLE) -> None:
    """Run every check; exit with 3 when one finds something wrong."""
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
    folder: Annotated[Path, typer.Argument(help="Folder to write: a Parquet file a table, and views.sql")],
) -> None:
    """Write the audit tables as Parquet, for DuckDB, pandas, Polars or Spark."""
    from lenet_pipeline.warehouse import export_tables

    rows = export_tables(settings.warehouse, folder)
    console.print(
        f"{counted(len(rows), 'table')} with {counted(sum(rows.values()), 'row')} written to {folder}",
        soft_wrap=True, highlight=False, markup=False,
    )  # fmt: skip


@command
def verify_command(
    settings: Settings,
    run: Annotated[str, typer.Argument(help="latest, an id, or its beginning")] = "latest",
    sample: Annotated[int | None, typer.Option(min=1, help="How many digits (default: all)")] = None,
    seed: Annotated[int, typer.Option(min=0, help="What the sample is drawn by")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Score a run's digits again with its recorded version, and compare; exit with 3 when they differ."""
    from lenet_pipeline.audit import TOLERANCE, VerificationJob, raise_if_different, verify_run

    found = verify_run(settings, VerificationJob(run, sample, seed, device), TerminalObserver())
    if output_format is Format.TABLE:
        how = "bit for bit" if found.is_exact else f"by label and within {TOLERANCE:g}"
        console.print(
            f"{found.digits:,} of {found.of_digits:,} digits of {found.dataset} read again by {found.model}",
            highlight=False,
        )
        console.print(f"  scoring run {found.scoring_run_id}", highlight=False)
        console.print(f"  compared {how}: now {found.engine}", highlight=False)
        if not found.is_exact:
            console.print(f"  then {'; '.join(found.recorded_engines)}", highlight=False, markup=False)
        console.print(
            f"  {found.differing:,} differ, are missing or too many; "
            f"largest difference {found.largest_difference:.3g}\n"
            f"  {found.misplaced:,} are elsewhere on paper than the lake has them",
            highlight=False,
        )
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
    statement: Annotated[str, typer.Argument(metavar='"SELECT ..."', help="One statement that reads")],
    output_format: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Ask in SQL. It can neither write nor reach any file but the database."""
    from lenet_pipeline.warehouse import AsOf, run_select

    as_of = AsOf()
    rows = run_select(settings.warehouse, statement, as_of)
    report_snapshot(as_of)
    print_rows(rows, output_format, output)


def _print_evidence(
    settings: Settings, given: Mapping[str, str], output_format: Format, output: Path | None
) -> None:
    """Print all that is known of a digit, or write it as JSON or, where the file is named so, as HTML."""
    from lenet_pipeline.audit import evidence_page, evidence_record, gather_evidence
    from lenet_pipeline.warehouse import AsOf

    unknown = set(given) - {"digit", "digit_id"}
    digit = given.get("digit") or given.get("digit_id")
    if unknown:
        raise UnknownNameError("parameter of evidence", ", ".join(sorted(unknown)), ["digit"])
    is_page = output is not None and output.suffix.lower() in (".html", ".htm")
    is_for_file = output_format is Format.TABLE and output is not None
    if not is_page and (is_for_file or output_format in (Format.CSV, Format.PARQUET)):
        raise PipelineError(
            "evidence is no table: add --format json, or --output page.html, or neither for the terminal"
        )
    if not digit:
        raise PipelineError(
            "evidence needs the parameter digit: digit_id, or its beginning; give it with --param digit=..."
        )
    as_of = AsOf()
    evidence = gather_evidence(settings, digit, as_of)
    report_snapshot(as_of)
    if is_page and output:
        write_text(evidence_page(evidence), output)
        console.print(f"evidence written to {output}", soft_wrap=True, highlight=False, markup=False)
    elif output_format is Format.JSON:
        print_document(evidence_record(evidence), output)
    else:
        print_rows(evidence.places, Format.TABLE, title="On paper")
        console.print(f"the file now: {evidence.scan}\n", highlight=False)
        print_rows(evidence.predictions, Format.TABLE, title="What was read")
        # A version's events one after another: what it is made of is then said once.
        by_version = evidence.versions.sort_by([("model_version", "ascending"), ("recorded_at", "ascending")])
        print_rows(by_version, Format.TABLE, title="The model versions")
        print_rows(evidence.reviews, Format.TABLE, title="What people said")
        console.print(f"last link of the audit chain {evidence.chain_head}", soft_wrap=True, highlight=False)
        console.print(f"last one MLflow knows {evidence.published_head}", soft_wrap=True, highlight=False)


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
    console.print(f"[bold]{_EVIDENCE}[/]  What is the whole chain behind one digit?", highlight=False)
    console.print(
        "    --param digit=…  digit_id, or its beginning; --output page.html for a page", style="dim"
    )
    for query in queries:
        console.print(f"[bold]{query.name}[/]  {query.question}", highlight=False)
        for parameter in query.parameters:
            console.print(
                f"    --param {parameter.name}=…  {_explain(parameter)}", style="dim", highlight=False
            )
    console.print("\nRun one with `lenet audit NAME`.", highlight=False)


def _tell_of_limit(query: Query, rows: int, given: Mapping[str, str]) -> None:
    """Say on standard error that an audit stopped at its limit: a file would look whole."""
    parameters = {parameter.name: parameter.default for parameter in query.parameters}
    limit = given.get("limit", parameters.get("limit") or "")
    if "limit" in parameters and limit.isdecimal() and rows == int(limit):
        typer.echo(f"the first {counted(rows, 'row')}; there may be more: --param limit=N", err=True)


def _explain(parameter: Parameter) -> str:
    default = "required" if parameter.default is None else f"default: {parameter.default}"
    return escape(f"{parameter.description} [{default}]")


def _print_checks(results: list[CheckResult]) -> None:
    for item in results:
        count = len(item.violations)
        mark = f"[bold red]{count:,} wrong[/]" if count else "[green]passed[/]"
        console.print(f"{mark}  {item.query.name}", highlight=False)
    for item in results:
        if len(item.violations):
            console.print()
            print_rows(item.violations, Format.TABLE, title=f"{item.query.name}: {item.query.question}")


def _parse(parameters: list[str]) -> dict[str, str]:
    parsed = {}
    for parameter in parameters:
        key, equals, value = parameter.partition("=")
        if not equals:
            raise PipelineError(
                f"the parameter {parameter!r} has no value: write it as --param {parameter}=..."
            )
        parsed[key] = value
    return parsed
