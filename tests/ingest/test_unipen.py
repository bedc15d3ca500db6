"""UNIPEN: what is read from its files, and which problems become rejects."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest.batch import Reject
from lenet_pipeline.ingest.unipen.trajectories import (
    WrittenDigit,
    is_unreadable_file,
    list_trajectory_files,
    read_trajectories,
)
from lenet_pipeline.ingest.unipen.writers import split_writers
from tests.unipen_builders import SHAPES, stroke_text, write_file, write_unipen

ENOUGH_BYTES = 1_000_000
POINTS = [(10, 90), (40, 60), (15, 40), (40, 10)]


def read(root: Path) -> tuple[list[WrittenDigit], list[Reject]]:
    return read_trajectories(root, max_bytes=ENOUGH_BYTES)


def write_one(root: Path, labels: str, strokes: str, name: str = "one") -> Path:
    """Write a writer with given lines of labels and strokes, and return the file with the labels."""
    write_file(root / "include" / "abc" / "data" / f"{name}.dat", strokes)
    return write_file(root / "data" / "1a" / "abc" / f"{name}.dat", f".INCLUDE abc/data/{name}.dat", labels)


def read_one(root: Path, labels: str, strokes: str) -> WrittenDigit:
    """Read the only digit of a writer with given lines."""
    write_one(root, labels, strokes)
    digits, rejects = read(root)
    assert rejects == []
    (digit,) = digits
    return digit


def reject_one(root: Path, labels: str, strokes: str) -> Reject:
    """Read a writer with given lines next to a good one, and return the only reject."""
    write_unipen(root, ["abc/good"])
    path = write_one(root, labels, strokes)
    digits, (reject,) = read(root)
    assert len([digit for digit in digits if digit.writer == "abc/good"]) == 10
    assert reject.source == str(path)
    assert "\n" not in reject.reason
    return reject


def test_digits_have_their_writer_label_and_strokes_with_y_downwards(tmp_path):
    digits, rejects = read(write_unipen(tmp_path, ["abc/one", "xyz/two"], labels=[4, 7, 1]))
    assert rejects == []
    assert [(digit.contributor, digit.writer, digit.label, digit.position) for digit in digits] == [
        ("abc", "abc/one", 4, 0),
        ("abc", "abc/one", 7, 1),
        ("abc", "abc/one", 1, 2),
        ("xyz", "xyz/two", 4, 0),
        ("xyz", "xyz/two", 7, 1),
        ("xyz", "xyz/two", 1, 2),
    ]
    expected = [np.array(stroke, float) * (3, -3) for stroke in SHAPES[4]]
    assert len(digits[0].strokes) == 2
    assert all(map(np.array_equal, digits[0].strokes, expected))
    assert digits[0].source == str(tmp_path / "data" / "1a" / "abc" / "one.dat")


def test_the_sha256_covers_the_strokes_as_well_as_the_labels(tmp_path):
    write_unipen(tmp_path, ["abc/one"])
    (before, *_), _ = read(tmp_path)
    strokes = tmp_path / "include" / "abc" / "data" / "one.dat"
    strokes.write_text(strokes.read_text().replace("45 285", "46 285"))
    (after, *_), _ = read(tmp_path)
    assert before.source_sha256 != after.source_sha256


def test_columns_are_those_that_coord_names(tmp_path):
    points = [(5, 1, 90, 10), (6, 2, 60, 40), (7, 3, 40, 15), (8, 4, 10, 40)]
    digit = read_one(tmp_path, '.SEGMENT CHARACTER 0 ? "1"', ".COORD P T Y X\n" + stroke_text(points))
    assert np.array_equal(digit.strokes[0], np.array(POINTS) * (1, -1))


def test_statements_that_say_nothing_about_strokes_are_ignored(tmp_path):
    text = (
        ".COMMENT a page of .5 inches\n1 2 3\n.HIERARCHY PAGE CHARACTER\n.PEN_UP\n7 7\n.DT 200\n"
        ".COORD X Y T\n"
        + stroke_text([(*point, 0) for point in POINTS]).replace("\n", "\r\n")
        + "\r\n.DT 13\r\n.PEN_UP\r\n1 1 1\r\n"
    )
    digit = read_one(tmp_path, '.SEGMENT WORD 0 ? "1"\n.SEGMENT CHARACTER 0 OK "3"', text)
    assert digit.label == 3
    assert np.array_equal(digit.strokes[0], np.array(POINTS) * (1, -1))


def test_other_characters_are_not_digits(tmp_path):
    labels = "\n".join(f'.SEGMENT CHARACTER 0 ? "{label}"' for label in ("a", "12", "²", "4", ""))
    assert read_one(tmp_path, labels, stroke_text(POINTS)).label == 4


@pytest.mark.parametrize(
    ("spans", "lengths", "first"),
    [
        ("1", [5], (1, 0)),
        ("0-2", [4, 5, 6], (0, 0)),
        ("0,2", [4, 6], (0, 0)),
        ("2,0-1", [6, 4, 5], (2, 0)),
        ("0:2-1:1", [2, 2], (0, 2)),
        ("1:1-1:4", [4], (1, 1)),
        ("0:3-2", [1, 5, 6], (0, 3)),
        ("0-1:0", [4, 1], (0, 0)),
        ("0:1,2", [1, 6], (0, 1)),
    ],
)
def test_segments_name_strokes_points_ranges_and_lists(tmp_path, spans, lengths, first):
    strokes = [[(10 * number, 10 * point) for point in range(4 + number)] for number in range(3)]
    text = "\n".join(map(stroke_text, strokes))
    digit = read_one(tmp_path, f'.SEGMENT CHARACTER {spans} OK "1"', text)
    assert [len(stroke) for stroke in digit.strokes] == lengths
    assert digit.strokes[0][0].tolist() == [10 * first[0], -10 * first[1]]


def test_a_tablet_with_two_resolutions_gives_digits_of_the_right_shape(tmp_path):
    text = ".X_POINTS_PER_INCH 200\n.Y_POINTS_PER_INCH 100\n" + stroke_text(POINTS)
    digit = read_one(tmp_path, '.SEGMENT CHARACTER 0 ? "1"', text)
    assert np.array_equal(digit.strokes[0], np.array(POINTS) * (1, -2))


def test_the_writer_id_names_a_writer_of_several_files(tmp_path):
    for name in ("one", "two"):
        write_one(tmp_path, '.SEGMENT CHARACTER 0 ? "1"', ".WRITER_ID J S\n" + stroke_text(POINTS), name)
    digits, _ = read(tmp_path)
    assert {digit.writer for digit in digits} == {"abc/J-S"}
    assert len({digit.source_sha256 for digit in digits}) == 2


def test_included_files_include_others_and_missing_descriptions_are_ignored(tmp_path):
    write_file(tmp_path / "include" / "abc" / "ink.dat", stroke_text(POINTS))
    text = ".INCLUDE abc/missing.doc\n.INCLUDE abc/ink.dat"
    assert len(read_one(tmp_path, '.SEGMENT CHARACTER 0 ? "1"', text).strokes) == 1


@pytest.mark.parametrize(
    ("labels", "strokes", "kind", "words"),
    [
        ('.SEGMENT CHARACTER 0 ? "1"', ".INCLUDE abc/gone.dat", "missing_include", "gone.dat"),
        ('.SEGMENT CHARACTER 0 ? "1"', ".INCLUDE ../../../etc/passwd", "bad_include", "etc/passwd"),
        ('.SEGMENT CHARACTER 0 ? "1"', ".INCLUDE abc/data/one.dat", "bad_include", "at most 8 deep"),
        ('.SEGMENT CHARACTER 0 ? "1"', f".INCLUDE {300 * 'a'}", "missing_include", "aaa"),
        ('.SEGMENT CHARACTER 0 ? "1"', ".PEN_DOWN\n1 2\n3 x", "bad_coordinates", "stroke 0"),
        ('.SEGMENT CHARACTER 0 ? "1"', ".PEN_DOWN\n1 2\n3", "bad_coordinates", "not 2 numbers a point"),
        ('.SEGMENT CHARACTER 0 ? "1"', ".PEN_DOWN\n1 2\n3 nan", "bad_coordinates", "not finite"),
        (
            '.SEGMENT CHARACTER 0 ? "1"',
            ".X_POINTS_PER_MM inf\n.Y_POINTS_PER_MM 1\n" + stroke_text(POINTS),
            "bad_coordinates",
            "not finite",
        ),
        ('.SEGMENT CHARACTER 0 ? "1"', ".COORD T P\n", "bad_coordinates", "T P; expected X and Y"),
        ('.SEGMENT CHARACTER 0 ? "1"', ".X_POINTS_PER_MM many\n", "bad_number", "'many'"),
        (".HIERARCHY PAGE", stroke_text(POINTS), "no_digits", ".SEGMENT CHARACTER"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_reject_with_its_reason(tmp_path, labels, strokes, kind, words):
    reject = reject_one(tmp_path, labels, strokes)
    assert reject.kind == kind
    assert words in reject.reason
    assert is_unreadable_file(reject)


@pytest.mark.parametrize(
    ("labels", "kind", "reason"),
    [
        ("0-1 ?", "missing_strokes", "(strokes 0-1, 0-1) outside the file's 1 strokes; copy UNIPEN again"),
        ("1-0 ?", "missing_strokes", "(strokes 1-0, 1-0) outside the file's 1 strokes; copy UNIPEN again"),
        ("0: ?", "missing_strokes", "(strokes 0:, 0:) outside the file's 1 strokes; copy UNIPEN again"),
        ("0:1 ?", "too_few_points", "(strokes 0:1, 0:1) with fewer than 4 points, too few to draw"),
        ("0 BAD", "bad_quality", "(strokes 0, 0) marked BAD by the contributor"),
    ],
)
def test_unusable_digits_are_one_reject_for_each_problem(tmp_path, labels, kind, reason):
    twice = f'.SEGMENT CHARACTER {labels} "1"\n' * 2 + '.SEGMENT CHARACTER 0 ? "5"'
    reject = reject_one(tmp_path, twice, stroke_text(POINTS))
    assert reject.kind == kind
    assert reject.reason.startswith(f"2 digits {reason}")
    assert not is_unreadable_file(reject)
    digits, _ = read(tmp_path)
    assert [digit.position for digit in digits if digit.writer == "abc/one"] == [2]


def test_a_file_that_is_too_large_is_a_reject(tmp_path):
    write_unipen(tmp_path, ["abc/one", "abc/two"], labels=[1])
    (tmp_path / "data" / "1a" / "abc" / "two.dat").write_bytes(b"x" * 5000)
    digits, (reject,) = read_trajectories(tmp_path, max_bytes=4000)
    assert [digit.writer for digit in digits] == ["abc/one"]
    assert reject.kind == "too_many_bytes"


def test_a_file_without_statements_is_a_reject(tmp_path):
    write_unipen(tmp_path, ["abc/good"])
    write_file(tmp_path / "data" / "1a" / "abc" / "bad.dat", "not UNIPEN at all")
    digits, (reject,) = read(tmp_path)
    assert len(digits) == 10
    assert (reject.kind, reject.source) == ("no_digits", str(tmp_path / "data" / "1a" / "abc" / "bad.dat"))
    assert is_unreadable_file(reject)


def test_files_that_include_each_other_many_times_are_a_reject(tmp_path):
    write_unipen(tmp_path, ["abc/good"])
    include = tmp_path / "include" / "abc"
    for number in range(6):
        write_file(include / f"{number}.dat", *[f".INCLUDE abc/{number + 1}.dat"] * 100)
    write_file(include / "6.dat", stroke_text(POINTS))
    write_file(tmp_path / "data" / "1a" / "abc" / "one.dat", ".INCLUDE abc/0.dat")
    digits, (reject,) = read_trajectories(tmp_path, max_bytes=100_000)
    assert len(digits) == 10
    assert reject.kind == "too_many_bytes"
    assert "with the files that it includes, it has more than 100,000 bytes" in reject.reason


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ((), "is not a folder; give UNIPEN's folder with data and include"),
        (("include",), f"has no folder {os.path.join('data', '1a')}"),  # noqa: PTH118
        (("data/1a/abc",), "has no .dat files; expected CONTRIBUTOR/NAME.dat below it"),
    ],
)
def test_a_folder_without_digits_is_refused_with_what_is_missing(tmp_path, folders, message):
    root = tmp_path / "unipen"
    for folder in folders:
        (root / folder).mkdir(parents=True)
    with pytest.raises(IngestError, match=message):
        list_trajectory_files(root)


def test_progress_counts_files(tmp_path):
    done: list[int] = []
    write_unipen(tmp_path, ["abc/one", "xyz/two"])
    read_trajectories(tmp_path, max_bytes=ENOUGH_BYTES, advance=done.append)
    assert done == [1, 1]


def test_a_writer_is_on_one_side_whatever_else_is_read(tmp_path):
    writers = [f"abc/{number:03}" for number in range(200)]
    digits, _ = read(write_unipen(tmp_path, writers, labels=[1, 2]))
    sides = split_writers(digits)
    train, test = ({digit.writer for digit in sides[side]} for side in ("train", "test"))
    assert not train & test
    assert len(train | test) == 200
    assert 20 < len(test) < 60
    fewer = split_writers(digits[:100])
    assert {digit.writer for digit in fewer["test"]} == test & {digit.writer for digit in digits[:100]}


def test_the_shared_digits_are_read_with_all_their_writers(unipen_root):
    digits, rejects = read(unipen_root)
    assert len(digits) == 15_222
    assert len({digit.writer for digit in digits}) == 505
    assert len({digit.contributor for digit in digits}) == 12
    assert Counter(reject.kind for reject in rejects) == {"too_few_points": 4, "incomplete": 23}
    assert sorted(Counter(digit.label for digit in digits)) == list(range(10))
    assert len({(digit.source_sha256, digit.position) for digit in digits}) == len(digits)
