"""The table that people fill in: a line a digit, written for spreadsheets and read back as verdicts."""

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
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LARGEST_TABLE = 100_000_000  # bytes


@dataclass(frozen=True)
class Verdict:
    """What a person said of one reading, and on which line."""

    line: int
    digit_id: UUID
    shard_score_id: UUID
    verdict: str
    note: str | None


def write_review_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of the audit ``digits_to_review``, each with its ``picture``, and a column for verdicts."""
    with (
        written_whole(path) as temporary,
        Path(temporary).open("w", newline="", encoding="utf-8-sig") as file,  # as spreadsheets want it
    ):
        writer = csv.DictWriter(file, _COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows({"verdict": "", "note": "", **_as_text(row)} for row in rows)


def _as_text(row: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a spreadsheet from taking the name of a file for a formula."""
    return {
        name: f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
        for name, value in row.items()
    }


def read_review_table(path: Path) -> tuple[list[Verdict], list[str], int]:
    """Return the verdicts of a table, what is wrong with others, and how many lines say nothing.

    Raises:
        ReviewError: the table cannot be read, or has not the columns that were exported.
    """
    verdicts: dict[UUID, Verdict] = {}
    problems, left_open = [], 0
    for line, row in _rows(path):
        verdict = (row["verdict"] or "").strip().lower()
        if not verdict:
            left_open += 1
            continue
        try:
            digit_id, shard_score_id = UUID(row["digit_id"]), UUID(row["shard_score_id"])
        except (ValueError, TypeError, AttributeError):
            problems.append(f"line {line}: its digit_id or shard_score_id is none; leave them as exported")
            continue
        if verdict not in VERDICTS:
            problems.append(f"line {line}: {row['verdict']!r} is no verdict; write {', '.join(VERDICTS)}")
        elif digit_id in verdicts:
            other = verdicts[digit_id]
            problems.append(
                f"line {line}: the digit is on line {other.line} too, as {other.verdict}: that counts"
            )
        else:
            note = (row.get("note") or "").strip() or None
            verdicts[digit_id] = Verdict(line, digit_id, shard_score_id, verdict, note)
    return list(verdicts.values()), problems, left_open


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the lines of a table with their numbers.

    Raises:
        ReviewError: it cannot be read, or lacks a column.
    """
    try:
        if path.stat().st_size > _LARGEST_TABLE:
            raise ReviewError(f"{path} is larger than {_LARGEST_TABLE:,} bytes; it is no table of reviews")
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {"digit_id", "shard_score_id", "verdict"} - set(reader.fieldnames or ())
            if missing:
                raise ReviewError(
                    f"{path} has no column {', '.join(sorted(missing))}; keep the columns that "
                    "`lenet review export` wrote"
                )
            for row in reader:
                yield reader.line_num, row
    except OSError as exc:
        raise ReviewError(f"cannot read {path}: {describe_os_error(exc)}") from exc
    except (UnicodeDecodeError, csv.Error) as exc:
        raise ReviewError(f"{path} is no CSV in UTF-8 ({exc}); save it again as such") from exc
