"""The table of reviews, as spreadsheets write it."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest

from lenet_pipeline.audit.review_csv import VERDICTS, read_review_table, write_review_table
from lenet_pipeline.errors import ReviewError

DIGITS = [str(uuid4()) for _ in range(3)]
SCORE = str(uuid4())
HEADER = ["picture", "verdict", "note", "digit_id", "shard_score_id"]


def table(*verdicts: str, delimiter: str = ",", header: list[str] = HEADER) -> str:
    """Return a CSV with one line per verdict, as a spreadsheet writes it."""
    stream = StringIO()
    writer = csv.DictWriter(stream, header, delimiter=delimiter, extrasaction="ignore")
    writer.writerow({name: name for name in header})
    for digit, verdict in zip(DIGITS, verdicts, strict=False):
        writer.writerow(
            {"verdict": verdict, "note": "so, so; so", "digit_id": digit, "shard_score_id": SCORE}
        )
    return stream.getvalue()


def read(tmp_path: Path, text: str, encoding: str = "utf-8") -> tuple[list[str], list[str], int]:
    path = tmp_path / "reviews.csv"
    path.write_bytes(text.encode(encoding))
    verdicts, problems, open_lines = read_review_table(path)
    assert [str(each.digit_id) for each in verdicts] == DIGITS[: len(verdicts)]
    return [each.verdict for each in verdicts], problems, open_lines


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "sep={}\r\n"])
def test_delimiters_and_encodings_of_spreadsheets_are_read(
    tmp_path: Path, delimiter: str, encoding: str, start: str
) -> None:
    text = start.format(delimiter) + table("7", "", "blank", delimiter=delimiter)
    path = tmp_path / "reviews.csv"
    path.write_bytes(text.encode(encoding))
    verdicts, problems, open_lines = read_review_table(path)
    assert [(str(each.digit_id), each.verdict, each.note) for each in verdicts] == [
        (DIGITS[0], "7", "so, so; so"),
        (DIGITS[2], "blank", "so, so; so"),
    ]
    assert (problems, open_lines) == ([], 1)
    first = 3 if start else 2
    assert [each.line for each in verdicts] == [first, first + 2]


@pytest.mark.parametrize(
    ("written", "verdict"),
    [
        ("7.0", "7"),
        ("7,0", "7"),
        ("7.00", "7"),
        (" 7 ", "7"),
        ("\u00a07", "7"),
        ("BLANK", "blank"),
        ("Not a digit", "not_a_digit"),
        ("NOT-A-DIGIT", "not_a_digit"),
        ("Unreadable ", "unreadable"),
    ],
)
def test_a_verdict_is_read_in_each_spelling_of_spreadsheets(
    tmp_path: Path, written: str, verdict: str
) -> None:
    assert read(tmp_path, table(written)) == ([verdict], [], 0)


@pytest.mark.parametrize("written", ["7.5", "70", "7.", ".0", "-7", "seven", "0x7", "7,0,0", "٧"])
def test_another_text_is_refused_with_its_line(tmp_path: Path, written: str) -> None:
    verdicts, problems, _ = read(tmp_path, table("1", written))
    assert verdicts == ["1"]
    assert problems == [f"line 3: {written!r} is not a verdict; use {', '.join(VERDICTS)}"]


def test_columns_may_be_in_another_order_and_among_others(tmp_path: Path) -> None:
    header = ["shard_score_id", "mood", "verdict", "digit_id", ""]
    assert read(tmp_path, table("3", "4", header=header)) == (["3", "4"], [], 0)
    text = table("5", header=header).replace("verdict", "Verdict ").replace("digit_id", "DIGIT_ID")
    assert read(tmp_path, text) == (["5"], [], 0)


def test_rows_without_text_are_not_lines(tmp_path: Path) -> None:
    assert read(tmp_path, table("3") + ",,,,\r\n\r\n,,,,\r\n") == (["3"], [], 0)


def test_a_line_that_is_too_short_is_refused(tmp_path: Path) -> None:
    verdicts, problems, _ = read(tmp_path, table("3") + "a.png,7\r\n")
    assert verdicts == ["3"]
    assert problems == ["line 3: digit_id or shard_score_id was changed; keep them as exported"]


def test_two_columns_of_verdicts_are_not_guessed_between(tmp_path: Path) -> None:
    text = table("3").replace("picture", "verdict")
    with pytest.raises(ReviewError, match="has several columns verdict; keep one of each"):
        read(tmp_path, text)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", "digit_id;größe\n".encode("latin-1"), b"\xff\xfed\xd8"])
def test_another_encoding_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "reviews.csv"
    path.write_bytes(content)
    with pytest.raises(ReviewError, match="is not a CSV in UTF-8 or UTF-16") as caught:
        read_review_table(path)
    assert "\n" not in str(caught.value)


def test_a_written_table_has_an_open_line_per_digit_and_no_formulas(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    row = {"digit_id": DIGITS[0], "shard_score_id": SCORE, "source": "=cmd()", "reason": "unsure: 0.5"}
    write_review_table(path, [row])
    assert read_review_table(path) == ([], [], 1)
    with path.open(encoding="utf-8-sig", newline="") as file:
        (written,) = csv.DictReader(file)
    assert (written["source"], written["reason"], written["verdict"]) == ("'=cmd()", "unsure: 0.5", "")
