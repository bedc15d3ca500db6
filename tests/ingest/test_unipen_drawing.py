"""Drawings of trajectories: the same for the same numbers, with the width, ink and place of a pen's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest.unipen import drawing, ink
from lenet_pipeline.ingest.unipen.drawing import (
    MOST_DRAWINGS,
    choose_pen,
    draw_digit,
    draw_trajectories,
    scan_digit,
)
from lenet_pipeline.ingest.unipen.ink import draw_ink
from lenet_pipeline.ingest.unipen.pens import PENS, Pen
from lenet_pipeline.ingest.unipen.trajectories import WrittenDigit, read_trajectories
from lenet_pipeline.lake.digits import images_array
from lenet_pipeline.schema import DARK_ON_BRIGHT, DIGITS, derive_digit_id
from tests.unipen_builders import write_unipen

PX_PER_MM = 8.0
PLAIN = Pen(name="plain", width=(0.5, 0.5), pressure=0.0, contrast=(200, 200))


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> list[WrittenDigit]:
    """Ten digits of each of two writers."""
    root = write_unipen(tmp_path_factory.mktemp("unipen"), ["abc/one", "abc/two"])
    return read_trajectories(root, max_bytes=100_000)[0]


def draw_all(digits: list[WrittenDigit], **options: int) -> pa.Table:
    chosen = {"drawings": 2, "seed": 0, **options}
    return pa.concat_tables(draw_trajectories(digits, **chosen)).combine_chunks()


def upright(length: float = 100.0) -> list[np.ndarray]:
    """Return a straight stroke downwards."""
    return [np.column_stack([np.zeros(30), np.linspace(0, length, 30)])]


def ink_of(strokes: list[np.ndarray], pen: Pen, height: float = 60.0, seed: int = 0) -> np.ndarray:
    return draw_ink(strokes, height, PX_PER_MM, pen, np.random.default_rng(seed))


def widths(ink: np.ndarray) -> np.ndarray:
    """Return the ink in each row with ink, in pixels of the scan."""
    rows = ink[ink.max(axis=1) > 0.5]
    return rows.sum(axis=1) / 2


def test_a_drawing_depends_only_on_the_digit_its_number_and_the_seed(digits):
    first = scan_digit(digits[3], 1, 7)
    assert np.array_equal(first, scan_digit(replace(digits[3], source="elsewhere"), 1, 7))
    others = [
        scan_digit(digits[3], 2, 7),
        scan_digit(digits[3], 1, 8),
        scan_digit(replace(digits[3], position=50), 1, 7),
        scan_digit(digits[13], 1, 7),
    ]
    assert not any(np.array_equal(first, other) for other in others)


def test_a_scan_is_dark_ink_on_bright_paper_at_the_size_of_an_office_scan(digits):
    for number in range(40):
        scan = scan_digit(digits[number % 20], number % 8, number)
        assert scan.dtype == np.uint8
        assert 12 <= len(scan) <= 260
        assert np.median(scan) > 128
        assert np.median(scan) - scan.min() > 50


def test_every_digit_is_found_and_normalised(digits):
    table = draw_all(digits, drawings=8)
    assert len(table) == 160
    assert table.schema.equals(DIGITS)
    assert set(table["polarity"].to_pylist()) == {DARK_ON_BRIGHT}
    images = images_array(table)
    assert (images.max(axis=(1, 2)) >= 250).all()
    rows, columns = (images > 0).any(axis=2).sum(axis=1), (images > 0).any(axis=1).sum(axis=1)
    assert (np.maximum(rows, columns) <= 20).all()


def test_rows_name_the_writer_the_pen_and_the_place_of_each_drawing(digits):
    table = draw_all(digits[:2], drawings=3, seed=5)
    assert table["writer"].to_pylist() == ["abc/one"] * 6
    assert table["label"].to_pylist() == [0, 0, 0, 1, 1, 1]
    assert table["position"].to_pylist() == [0, 0, 0, 1, 1, 1]
    first = 1 + 5 * MOST_DRAWINGS
    assert table["page"].to_pylist() == [first, first + 1, first + 2] * 2
    pen = choose_pen(digits[1], 2, 5).name
    assert table["source"][5].as_py() == f"{digits[1].source}?pen={pen}&drawing=2&seed=5"
    assert table["digit_id"][5].as_py() == derive_digit_id(digits[1].source_sha256, first + 2, None, 1)


def test_more_drawings_and_other_seeds_add_digits_and_change_none(digits):
    few, more, other = draw_all(digits), draw_all(digits, drawings=3), draw_all(digits, seed=1)
    kept = more.filter(pa.array([page < 3 for page in more["page"].to_pylist()]))
    assert kept.equals(few)
    ids = few["digit_id"].to_pylist(), other["digit_id"].to_pylist()
    assert not set(ids[0]) & set(ids[1])


def test_processes_do_not_change_the_digits(digits, monkeypatch):
    monkeypatch.setattr(drawing, "_DIGITS_A_TABLE", 7)
    done: list[int] = []
    parts = list(draw_trajectories(digits, drawings=1, seed=0, processes=2, advance=done.append))
    assert [len(part) for part in parts] == [7, 7, 6] == done
    assert pa.concat_tables(parts).equals(pa.concat_tables(draw_trajectories(digits, drawings=1, seed=0)))


@pytest.mark.parametrize("options", [{"drawings": 0}, {"drawings": 21}, {"seed": -1}, {"seed": 100_000_001}])
def test_numbers_out_of_range_are_refused(digits, options):
    with pytest.raises(IngestError, match="1 to 20 drawings and a seed from 0 to 100,000,000"):
        draw_all(digits, **options)


def test_the_first_drawings_of_a_digit_take_every_pen(digits):
    for digit in digits:
        drawn = [choose_pen(digit, number, 0) for number in range(len(PENS))]
        assert sorted(pen.name for pen in drawn) == sorted(pen.name for pen in PENS)
    assert len({choose_pen(digit, 0, 0).name for digit in digits}) > 2


def average_width(width_mm: float, height: float = 60.0) -> float:
    """Return the width of an upright line in pixels of the scan, averaged over places between two pixels."""
    pen = replace(PLAIN, width=(width_mm, width_mm))
    lines = [widths(ink_of(upright(), pen, height, seed)) for seed in range(20)]
    return float(np.mean([line[len(line) // 4 : -len(line) // 4].mean() for line in lines]))


def test_a_line_is_as_wide_as_its_pen():
    for width in (0.4, 0.8, 1.2):
        assert average_width(width) == pytest.approx(width * PX_PER_MM, rel=0.06)


def test_a_line_is_never_too_wide_or_too_thin_for_its_digit():
    assert average_width(3.0, height=30.0) == pytest.approx(30 / 5.5, rel=0.06)
    assert average_width(0.01, height=30.0) == pytest.approx(30 / 25, rel=0.06)


def test_a_slow_pen_presses_harder_than_a_fast_one():
    fast, slow = np.linspace(0, 50, 10), np.linspace(50, 100, 60)
    stroke = np.column_stack([np.zeros(70), np.concatenate([fast, slow])])
    pen = replace(PLAIN, pressure=0.4)
    ratios = []
    for seed in range(10):
        wide = widths(ink_of([stroke], pen, seed=seed))
        third = len(wide) // 3
        ratios.append(np.median(wide[-third:-5]) / np.median(wide[5:third]))
    assert np.median(ratios) > 1.2


def test_a_broad_nib_draws_thin_and_thick_lines():
    along, across = np.array([0.75, -0.66]), np.array([0.66, 0.75])
    pen = replace(PLAIN, width=(1.0, 1.0), nib=(0.2, 0.2))
    amounts = [ink_of([np.outer(np.linspace(0, 100, 30), way)], pen).sum() for way in (along, across)]
    assert amounts[1] > 1.8 * amounts[0]


def test_ends_taper_and_ink_breaks():
    tapered = widths(ink_of(upright(), replace(PLAIN, taper=(0.8, 0.8))))
    assert tapered[-2] < 0.6 * np.median(tapered)
    whole, broken = (ink_of(upright(), replace(PLAIN, gaps=gaps)).max(axis=1) for gaps in (0.0, 30.0))
    inside = slice(len(whole) // 3, 2 * len(whole) // 3)
    assert whole[inside].min() > 0.9
    assert broken[inside].min() < 0.6


def test_pencils_leave_paper_uncovered():
    assert ink_of(upright(), replace(PLAIN, texture=(0.5, 0.5))).max() <= 1
    covered, grainy = (ink_of(upright(), replace(PLAIN, texture=(t, t))).sum() for t in (0.0, 0.5))
    assert grainy == pytest.approx(0.75 * covered, rel=0.05)


def test_coarse_units_of_a_tablet_leave_no_steps():
    angle = np.linspace(0, 2 * np.pi, 60)
    circle = np.column_stack([10 * np.cos(angle), 12 * np.sin(angle)])
    assert turns(circle) == pytest.approx(1, abs=0.1)
    assert turns(np.rint(circle)) < 2  # 6.7 without smoothing


def turns(stroke: np.ndarray) -> float:
    """Return by how many whole turns the path of a pen changes its direction, left or right."""
    smoothing = np.clip(ink._tablet_unit([stroke]), *ink._SMOOTHED) * 120
    line = ink._Line(8.0, 120.0, smoothing, pressure=0.0, taper=0.0, flow=0.0, gaps=0.0)
    steps = np.diff(ink._smooth_path(stroke * 5, line)[0], axis=0)
    angles = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    return float(np.abs(np.diff(angles)).sum() / (2 * np.pi))


@pytest.mark.parametrize("points", [[(3, 3)] * 5, [(0, 0), (50, 0), (90, 0), (99, 0)]])
def test_dots_and_level_lines_are_drawn(digits, points):
    digit = replace(digits[0], strokes=(np.array(points, float),))
    found = draw_digit(digit, 0, 0)
    assert found is not None and found.image.max() >= 250


def test_the_shared_digits_are_drawn_whatever_their_tablet(unipen_root: Path):
    digits, _ = read_trajectories(unipen_root, max_bytes=10_000_000)
    chosen = digits[::100]
    assert len({digit.contributor for digit in chosen}) > 8
    table = draw_all(chosen, drawings=1)
    assert len(table) == len(chosen)


def test_every_second_drawing_may_vary_the_shape_and_says_so(digits):
    plain, varied = draw_all(digits, drawings=4), draw_all(digits, drawings=4, varied=True)
    assert plain["digit_id"].equals(varied["digit_id"])
    assert [source.endswith("&shape=varied") for source in varied["source"].to_pylist()] == [
        False,
        True,
    ] * (2 * len(digits))
    same = (images_array(plain) == images_array(varied)).all(axis=(1, 2))
    assert same[::2].all()
    assert same[1::2].mean() < 0.05
