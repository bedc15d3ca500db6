"""The CSV file of a review: one line per digit, filled in with a spreadsheet, read back as verdicts."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from lenet_pipeline.errors import ReviewError
from lenet_pipeline.system import describe_os_error, written_whole

VERDICTS = (*"0123456789", "blank", "not_a_digit", "unreadable")
_COLUMNS = (
    "picture",
    "label",
    "confidence",
    "verdict",
    "note",
    "source",
    "page",
    "field",
    "position",
    "digit_id",
    "shard_score_id",
)
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
        verdict = (row["verdict"] or "").strip().lower()
        if not verdict:
            open_lines += 1
            continue
        try:
            digit_id, shard_score_id = UUID(row["digit_id"]), UUID(row["shard_score_id"])
        except (ValueError, TypeError, AttributeError):
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
            note = (row.get("note") or "").strip() or None
            verdicts[digit_id] = Verdict(line, digit_id, shard_score_id, verdict, note)
    return list(verdicts.values()), problems, open_lines


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a CSV file with their line numbers.

    Raises:
        ReviewError: the file cannot be read, or lacks a column.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ReviewError(f"{path} is larger than {_MAX_BYTES:,} bytes, so it is not a table of reviews")
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {"digit_id", "shard_score_id", "verdict"} - set(reader.fieldnames or ())
            if missing:
                raise ReviewError(
                    f"{path} has no column {', '.join(sorted(missing))}; keep all columns that "
                    "`lenet review export` wrote"
                )
            for row in reader:
                yield reader.line_num, row
    except OSError as exc:
        raise ReviewError(
            f"cannot read {path}: {describe_os_error(exc)}; give the folder that `lenet review export` wrote"
        ) from exc
    except (UnicodeDecodeError, csv.Error) as exc:
        raise ReviewError(f"{path} is not a CSV file in UTF-8 ({exc}); save it again in that format") from exc
