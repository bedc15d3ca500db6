"""Print text and rows: a table in 80 columns, JSON, CSV or Parquet."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.text import Text

from lenet_pipeline.audit import counted, plain_text
from lenet_pipeline.cli.tables import print_texts
from lenet_pipeline.errors import PipelineError

if TYPE_CHECKING:
    import pyarrow as pa

    from lenet_pipeline.warehouse import AsOf

_MAX_TABLE_ROWS = 50
_BATCH_ROWS = 10_000


class Format(StrEnum):
    """Output formats for rows."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


FormatOption = Annotated[Format, typer.Option("--format", help="Output format")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write instead of the terminal")
]

console = Console()


def print_line(
    text: str, lead: str = "", lead_style: str = "bold", style: str = "", *, is_wrapped: bool = False
) -> None:
    """Print one line of plain text; brackets are text, not markup.

    Args:
        text: the line, after ``lead``.
        lead: words at the start of the line, in ``lead_style``.
        lead_style: a rich style.
        style: a rich style for ``text``.
        is_wrapped: break long lines between words, and indent the rest.
    """
    if is_wrapped:
        whole = lead + text
        indent = " " * (len(whole) - len(whole.lstrip()) + 4)
        lines = wrap(whole, console.width, subsequent_indent=indent, break_long_words=False)
        text = "\n".join(lines).removeprefix(lead)
    console.print(Text.assemble((lead, lead_style), (text, style)), soft_wrap=True)


def print_rows(
    rows: pa.Table,
    output_format: Format,
    output: Path | None = None,
    title: str = "",
    *,
    most_rows: int = _MAX_TABLE_ROWS,
) -> None:
    """Print a table of rows, or write it to a file.

    Args:
        rows: the rows.
        output_format: how to print them.
        output: the file to write instead of the terminal.
        title: the line above a table at the terminal.
        most_rows: the number of rows that a table at the terminal shows at most.

    Raises:
        PipelineError: the format is Parquet and the output a terminal, or the file cannot be written.
    """
    rows = _with_unique_names(rows)
    if output is not None:
        _write_file(rows, output_format, output)
    elif output_format is Format.TABLE:
        _print_table(rows, title, most_rows)
    elif output_format is Format.PARQUET:
        if sys.stdout.isatty():
            raise PipelineError("Parquet is a binary format: add --output FILE, or pipe it")
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(rows, pa.PythonFile(sys.stdout.buffer, mode="w"))
    else:
        _write_text(rows, output_format, sys.stdout)


def print_records(
    records: Sequence[Mapping[str, Any]], output_format: Format, output: Path | None = None, title: str = ""
) -> None:
    """Print records that share the same keys as rows."""
    import pyarrow as pa

    print_rows(pa.Table.from_pylist([dict(record) for record in records]), output_format, output, title)


def print_document(document: Mapping[str, Any], output: Path | None = None) -> None:
    """Print one JSON object, or write it to a file."""
    text = json.dumps(_plain(document), ensure_ascii=False, indent=1) + "\n"
    if output is None:
        sys.stdout.write(text)
    else:
        write_text(text, output)


def write_text(text: str, output: Path) -> None:
    """Write a text file atomically.

    Raises:
        PipelineError: the file cannot be written.
    """
    with _written(output) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def _written(output: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes ``output`` at the end.

    Raises:
        PipelineError: the file cannot be written.
    """
    from lenet_pipeline.system import describe_os_error, written_whole

    folder = output.absolute().parent
    if not folder.is_dir():
        raise PipelineError(f"cannot write {output}: the folder {folder} does not exist")
    try:
        with written_whole(output) as temporary:
            yield temporary
    except OSError as exc:
        raise PipelineError(f"cannot write {output}: {describe_os_error(exc)}") from exc


def report_snapshot(as_of: AsOf) -> None:
    """Print on standard error that the database was busy and how old the rows are, if so."""
    if as_of.changed_at:
        when = f"{as_of.changed_at:%Y-%m-%d %H:%M:%S} UTC"
        typer.echo(f"the database is busy; these rows are as of {when}", err=True)


def _print_table(rows: pa.Table, title: str, most_rows: int) -> None:
    if not len(rows):
        print_line(f"{title}\nno rows" if title else "no rows")
        return
    shown = rows.slice(0, most_rows).to_pylist()
    filled = [name for name in rows.column_names if _has_value(shown, name)] or rows.column_names
    texts = {name: _column_texts([row[name] for row in shown]) for name in filled}
    numeric = {field.name for field in rows.schema if _is_number(field.type)}
    print_texts(console, texts, numeric, title)
    if len(rows) > len(shown):
        print_line(
            f"… first {len(shown)} of {counted(len(rows), 'row')}; use --format csv to see all", style="dim"
        )


def _column_texts(values: Sequence[Any]) -> list[str]:
    """Format a column's values; if one integer needs thousands separators, all get them."""
    if all(type(value) is int or value is None for value in values):
        is_grouped = any("," in plain_text(value) for value in values)
        return [f"{value:,}" if is_grouped and value is not None else plain_text(value) for value in values]
    return [plain_text(value) for value in values]


def _has_value(shown: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Tell whether any row has a value in a column; empty columns waste space."""
    return any(row[name] is not None for row in shown)


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _write_file(rows: pa.Table, output_format: Format, output: Path) -> None:
    import pyarrow.parquet as pq

    with _written(output) as temporary:
        if output_format is Format.PARQUET:
            pq.write_table(rows, temporary)
        else:
            text_format = Format.CSV if output_format is Format.TABLE else output_format
            with temporary.open("w", encoding="utf-8", newline="") as stream:
                _write_text(rows, text_format, stream)
    print_line(f"{counted(len(rows), 'row')} written to {output}")


def _write_text(rows: pa.Table, output_format: Format, stream: TextIO) -> None:
    """Write rows as JSON or CSV in batches: a run may have millions."""
    if output_format is Format.JSON:
        separator = "[\n "
        for record in _records(rows):
            stream.write(separator + json.dumps(record, ensure_ascii=False))
            separator = ",\n "
        stream.write("\n]\n" if len(rows) else "[]\n")
        return
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(rows.column_names)
    for record in _records(rows):
        writer.writerow([_csv_cell(value) for value in record.values()])


def _records(rows: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in rows.to_batches(max_chunksize=_BATCH_ROWS):
        for row in batch.to_pylist():
            yield {name: _plain(value) for name, value in row.items()}


def _csv_cell(value: Any) -> Any:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _plain(value: Any) -> Any:
    """Convert a value to a JSON type; NaN and infinity become null."""
    match value:
        case bool() | int() | str() | None:
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            return value.isoformat()
        case bytes():
            return value.hex()
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case _:
            return str(value)


def _with_unique_names(rows: pa.Table) -> pa.Table:
    """Number columns that share a name, as in joins with ``select *``: a, a_2, a_3."""
    names: list[str] = []
    for name in rows.column_names:
        number, unique = 1, name
        while unique in names:
            number += 1
            unique = f"{name}_{number}"
        names.append(unique)
    return rows.rename_columns(names)
