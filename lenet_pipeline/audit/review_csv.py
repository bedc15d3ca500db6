"""The CSV file of a review: one line per digit, filled in with a spreadsheet, read back as verdicts."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from lenet_pipeline.errors import IngestError, ReviewError
from lenet_pipeline.ingest import csv_rows
from lenet_pipeline.system import describe_os_error, written_whole

VERDICTS = (*"0123456789", "blank", "not_a_digit", "unreadable")
_COLUMNS = (
    "number",
    "picture",
    "label",
    "confidence",
    "decision",
    "reason",
    "verdict",
    "note",
    "source",
    "page",
    "field",
    "position",
    "scoring_run_id",
    "digit_id",
    "shard_score_id",
)
_REQUIRED = ("digit_id", "shard_score_id", "verdict")
_WHOLE_NUMBER = re.compile(r"([0-9])[.,]0+")  # as some spreadsheets save a column of numbers with gaps
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_MAX_BYTES = 100_000_000


@dataclass(frozen=True)
class Verdict:
    """A verdict on one prediction, and its line in the CSV file."""

    line: int
    digit_id: UUID
    shard_score_id: UUID
    verdict: str
    note: str | None


def write_review_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of the audit ``digits_to_review``, each with a ``picture``, and add a verdict column."""
    with (
        written_whole(path) as temporary,
        Path(temporary).open("w", newline="", encoding="utf-8-sig") as file,  # Excel needs the BOM
    ):
        writer = csv.DictWriter(file, _COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows({"verdict": "", "note": "", **_without_formulas(row)} for row in rows)


def _without_formulas(row: Mapping[str, Any]) -> dict[str, Any]:
    """Quote texts, such as file names, that a spreadsheet would run as a formula."""
    return {
        name: f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
        for name, value in row.items()
    }


def read_review_table(path: Path) -> tuple[list[Verdict], list[str], int]:
    """Return the verdicts, one problem per invalid line, and the number of lines without a verdict.

    Raises:
        ReviewError: the file cannot be read, or lacks a column.
    """
    verdicts: dict[UUID, Verdict] = {}
    problems, open_lines = [], 0
    for line, row in _rows(path):
        verdict = _normalise(row["verdict"])
        if not verdict:
            open_lines += 1
            continue
        try:
            digit_id, shard_score_id = UUID(row["digit_id"]), UUID(row["shard_score_id"])
        except ValueError:
            problems.append(f"line {line}: digit_id or shard_score_id was changed; keep them as exported")
            continue
        if verdict not in VERDICTS:
            problems.append(f"line {line}: {row['verdict']!r} is not a verdict; use {', '.join(VERDICTS)}")
        elif digit_id in verdicts:
            other = verdicts[digit_id]
            problems.append(
                f"line {line}: repeats the digit of line {other.line}; its verdict {other.verdict} counts"
            )
        else:
            note = row.get("note") or None
            verdicts[digit_id] = Verdict(line, digit_id, shard_score_id, verdict, note)
    return list(verdicts.values()), problems, open_lines


def _normalise(verdict: str) -> str:
    """Return a verdict in the spelling of ``VERDICTS``: lower case, underscores, and 7 for 7.0 or 7,0."""
    text = re.sub(r"[ -]+", "_", verdict.strip().lower())
    found = _WHOLE_NUMBER.fullmatch(text)
    return found[1] if found else text


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a CSV file with their line numbers. Rows without any text are left out.

    Raises:
        ReviewError: the file cannot be read, lacks a column, or has it twice.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ReviewError(f"{path} is larger than {_MAX_BYTES:,} bytes, so it is not a table of reviews")
        rows = csv_rows(path)
        _, header = next(rows, (0, []))
        names = [name.lower() for name in header]
        _require_columns(path, names)
        for line, cells in rows:
            if any(cells):
                yield line, dict.fromkeys(names, "") | dict(zip(names, cells, strict=False))
    except OSError as exc:
        raise ReviewError(
            f"cannot read {path}: {describe_os_error(exc)}; give the folder that `lenet review export` wrote"
        ) from exc
    except IngestError as exc:
        raise ReviewError(str(exc)) from exc


def _require_columns(path: Path, names: Sequence[str]) -> None:
    missing = [name for name in _REQUIRED if name not in names]
    if missing:
        raise ReviewError(
            f"{path} has no column {', '.join(missing)}; keep all columns that `lenet review export` wrote"
        )
    repeated = [name for name in (*_REQUIRED, "note") if names.count(name) > 1]
    if repeated:
        raise ReviewError(f"{path} has several columns {', '.join(repeated)}; keep one of each")
