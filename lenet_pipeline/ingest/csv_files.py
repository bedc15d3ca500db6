"""Read CSV files as spreadsheets write them: separated by commas, semicolons or tabs, in UTF-8 or UTF-16."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest.batch import path_text

_DELIMITERS = ",;\t"
_MOST_CHARACTERS = 10_000  # of the first line: enough for any header
_BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the stripped cells of every row of a CSV.

    The delimiter is that of a first line such as ``sep=;``, which is not a row, or else the most frequent
    one in the header.

    Raises:
        IngestError: the file is not a CSV in UTF-8, or in UTF-16 with a byte order mark.
        OSError: the file cannot be opened.
    """
    with path.open(encoding=_find_encoding(path), newline="") as stream:
        number = 0
        try:
            first = stream.readline(_MOST_CHARACTERS)
            declared = _declared_delimiter(first)
            skipped = 1 if declared else 0
            if not declared:
                stream.seek(0)
            reader = csv.reader(stream, delimiter=declared or _most_frequent_delimiter(first))
            for row in reader:
                number = skipped + reader.line_num
                yield number, [cell.strip() for cell in row]
        except (UnicodeError, csv.Error) as exc:
            raise IngestError(
                f"{path_text(path)} is not a CSV in UTF-8 or UTF-16 ({exc}, after line {number}); "
                "save it as UTF-8"
            ) from exc


def _find_encoding(path: Path) -> str:
    with path.open("rb") as stream:
        return "utf-16" if stream.read(2) in _BYTE_ORDER_MARKS else "utf-8-sig"


def _declared_delimiter(line: str) -> str | None:
    """Return the delimiter that a first line such as ``sep=;`` declares."""
    text = line.rstrip("\r\n").strip('"')
    is_declaration = text[:4].lower() == "sep=" and len(text) == 5 and text[4] in _DELIMITERS
    return text[4] if is_declaration else None


def _most_frequent_delimiter(header: str) -> str:
    """Return the delimiter that occurs most often outside quotes; a comma if there is none."""
    outside = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)
