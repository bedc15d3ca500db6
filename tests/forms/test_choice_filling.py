"""Marking boxes and bubbles on generated pages, with known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.filling.filled_pages import FilledPage, fill_page
from lenet_pipeline.forms.filling.habits import Habits, MarkHabits
from lenet_pipeline.forms.filling.handwriting import LabelledImages
from lenet_pipeline.forms.filling.severities import Severity
from lenet_pipeline.forms.templates.model import Template
from tests.forms import mark_builders as build
from tests.forms.page_builders import cells_at

CLEAN = MarkHabits(blank_rate=0, faint_rate=0, erased_rate=0, blackened_rate=0, stray_rate=0)
TEMPLATE = replace(
    build.template_of(
        build.row("one", 20),
        build.row("many", 30, kind="many"),
        build.grid("number", 40, 3, checks="written"),
    ),
    alignment="scale",
    fields=(cells_at("written", 40, 5, 3),),
)


@pytest.fixture(scope="module")
def digits() -> LabelledImages:
    images = np.zeros((10, 28, 28), np.uint8)
    images[:, 6:22, 10:18] = 255
    return LabelledImages(images, np.arange(10, dtype=np.uint8))


def fill(
    digits: LabelledImages, marks: MarkHabits, number: int = 0, template: Template = TEMPLATE
) -> FilledPage:
    habits = Habits(blank_rate=0, marks=marks)
    return fill_page(template, digits, np.random.default_rng([5, number]), Severity(), habits=habits)


def darkness(page: FilledPage, number: int) -> float:
    """Return the share of dark pixels in an option of a page at 200 dpi."""
    left, top, right, bottom = (round(edge) for edge in page.options[number].option.place.pixels())
    inside = page.image[top + 4 : bottom - 3, left + 4 : right - 3]
    return float((inside < 200).mean())


def test_marked_options_have_ink_and_the_others_none(digits: LabelledImages) -> None:
    for number in range(8):
        page = fill(digits, CLEAN, number)
        inked = [darkness(page, n) > 0.02 for n in range(len(page.options))]
        assert inked == [each.is_marked for each in page.options], number


def test_values_are_those_of_the_marks_and_bubbles_repeat_the_written_number(digits: LabelledImages) -> None:
    for number in range(8):
        page = fill(digits, CLEAN, number)
        marked = [each for each in page.options if each.is_marked]
        assert page.choices["one"] in "abcde"
        assert page.choices["many"] == ", ".join(each.option.name for each in marked if each.choice == "many")
        assert page.choices["number"] == page.truth["written"]
        assert [each.option.position for each in marked if each.choice == "number"] == [0, 1, 2]


def test_slip_changes_one_bubble_of_a_number(digits: LabelledImages) -> None:
    page = fill(digits, replace(CLEAN, slip_rate=1))
    differing = [a != b for a, b in zip(page.choices["number"], page.truth["written"], strict=True)]
    assert sum(differing) == 1


def test_blank_choice_has_no_mark(digits: LabelledImages) -> None:
    page = fill(digits, replace(CLEAN, blank_rate=1, many_rate=0))
    assert (page.choices["one"], page.choices["many"]) == ("", "")
    assert not any(each.is_marked for each in page.options if each.choice != "number")


@pytest.mark.parametrize(
    ("habit", "event", "is_marked"),
    [
        ("faint_rate", "faint", True),
        ("erased_rate", "erased", False),
        ("stray_rate", "stray", False),
        ("blackened_rate", "blackened", False),
    ],
)
def test_event_is_told_apart_and_does_not_change_the_truth(
    digits: LabelledImages, habit: str, event: str, is_marked: bool
) -> None:
    found = [
        each
        for number in range(6)
        for each in fill(digits, replace(CLEAN, **{habit: 1.0}), number).options
        if each.event is not None
    ]
    assert found
    assert {(each.event, each.is_marked) for each in found} == {(event, is_marked)}


def test_form_without_choices_looks_as_before(digits: LabelledImages) -> None:
    bare = replace(TEMPLATE, choices=())
    page = fill(digits, CLEAN, template=bare)
    other = fill(digits, MarkHabits(), template=bare)
    assert np.array_equal(page.image, other.image)
    assert (page.choices, page.options) == ({}, ())


def test_rate_out_of_range_is_refused() -> None:
    with pytest.raises(IngestError, match="faint_rate is 2; expected a number from 0 to 1"):
        MarkHabits(faint_rate=2)
