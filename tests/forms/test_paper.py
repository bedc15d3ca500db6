"""Tests of the size of the paper of a picture, stated or guessed."""

from __future__ import annotations

import pytest

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.templates.paper import judge_paper, read_paper_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("A4", (210.0, 297.0)),
        ("a4 landscape", (297.0, 210.0)),
        ("Letter", (215.9, 279.4)),
        ("210x297", (210.0, 297.0)),
        ("99.5 x 210 mm", (99.5, 210.0)),
    ],
)
def test_a_paper_size_is_a_name_or_two_sides(text: str, size: tuple[float, float]) -> None:
    assert read_paper_size(text) == size


@pytest.mark.parametrize("text", ["", "A9", "A4 sideways", "1x2", "210", "210x"])
def test_any_other_text_is_refused_with_the_names(text: str) -> None:
    with pytest.raises(IngestError, match=r"is no paper size; expected A3, A4.*210x297"):
        read_paper_size(text)


@pytest.mark.parametrize(
    ("pixels", "name", "dpi"),
    [
        ((2480, 3508), "A4", 300),
        ((1654, 2339), "A4", 200),
        ((3508, 2480), "A4 landscape", 300),
        ((1748, 2480), "A5", 300),
        ((874, 1240), "A5", 150),
        ((2550, 3300), "letter", 300),
        ((1700, 2800), "legal", 200),
        ((1000, 1414), "A4", 121),
        ((744, 1075), "A4", 91),  # once taken for 63 x 91 mm
    ],
)
def test_the_proportions_give_a_guess(pixels: tuple[int, int], name: str, dpi: int) -> None:
    paper = judge_paper(pixels)
    assert (paper.name, round(paper.dpi), paper.source) == (name, dpi, "guess")
    assert "which is a guess" in paper.describe()
    assert paper.width / paper.height == pytest.approx(pixels[0] / pixels[1])


def test_a_strip_has_the_proportions_of_no_paper() -> None:
    paper = judge_paper((2400, 300))
    assert (paper.name, paper.dpi, paper.source) == (None, 300.0, "guess")


def test_a_stated_resolution_counts_and_the_one_of_the_user_counts_more() -> None:
    stated = judge_paper((2480, 3508), stated_dpi=300)
    assert (stated.source, stated.describe()) == ("file", "210 x 297 mm (A4) at 300 pixels per inch")
    given = judge_paper((2480, 3508), stated_dpi=300, given_dpi=600)
    assert given.size == pytest.approx((105, 148.5), abs=0.1)


def test_a_given_size_fits_the_picture_in_either_orientation() -> None:
    paper = judge_paper((3508, 2480), stated_dpi=72, given_size=(210.0, 297.0))
    assert (paper.size, paper.name, paper.source) == ((297.0, 210.0), "A4 landscape", "user")
    assert paper.dpi == pytest.approx(300, abs=0.1)


def test_a_size_of_other_proportions_is_refused() -> None:
    with pytest.raises(IngestError, match=r"2480 x 3000 pixels.*not the proportions.*--paper.*--dpi"):
        judge_paper((2480, 3000), given_size=(210.0, 297.0))
