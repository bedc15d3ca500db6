"""Reading boxes and bubbles: marks of every kind, and the ink that nobody can be sure about."""

from __future__ import annotations

import numpy as np
import pytest

from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.reading.choice_reading import ChoiceReading
from lenet_pipeline.forms.templates.model import Template
from tests.forms import mark_builders as build
from tests.forms.mark_builders import CROSS, FULL, SLASH, SPECK, TICK, TOUCH

TEMPLATE = build.template_of(build.row("first", 20), build.row("second", 40), build.row("third", 60))


@pytest.fixture(scope="module", params=[False, True], ids=["boxes", "bubbles"])
def form(request: pytest.FixtureRequest) -> Grey:
    return build.draw_form(TEMPLATE, is_round=request.param)


def state(reading: ChoiceReading, number: int) -> tuple[str, str | None]:
    verdict = reading.options[number].verdict
    return verdict.state, verdict.doubt


def marked_page(form: Grey, *marks: tuple[int, int, list[build.Points]], ink: int = build.INK) -> Grey:
    """Return a scan of the form with strokes in the options given by choice and number."""
    page = form.copy()
    for choice, number, strokes in marks:
        build.mark(page, TEMPLATE.choices[choice].options[number], strokes, ink)
    return build.scan(page)


@pytest.mark.parametrize("strokes", [TICK, CROSS, SLASH], ids=["tick", "cross", "slash"])
def test_tick_cross_and_slash_are_marks(form: Grey, strokes: list[build.Points]) -> None:
    found = build.read(marked_page(form, (0, 1, strokes), (1, 3, strokes)), form, TEMPLATE)
    assert [each.value_read for each in found.values()] == ["b", "d", None]
    assert not any(each.is_doubtful for each in found.values())
    assert found["first"].options[1].verdict.confidence > 0.99
    assert found["third"].options[0].verdict.confidence > 0.99


def test_filled_boxes_are_marks(form: Grey) -> None:
    page = marked_page(form, (0, 0, FULL), (1, 1, FULL), (2, 2, FULL))
    found = build.read(page, form, TEMPLATE)
    assert [each.value_read for each in found.values()] == ["a", "b", "c"]
    assert found["first"].options[0].ink.coverage > 0.7


def test_clean_form_is_empty_everywhere(form: Grey) -> None:
    for noise in (0.5, 4.0, 10.0):
        found = build.read(build.scan(form, noise=noise), form, TEMPLATE)
        assert {state(each, n) for each in found.values() for n in range(5)} == {("empty", None)}, noise


def test_page_a_few_pixels_off_is_read_as_well(form: Grey) -> None:
    page = form.copy()
    build.mark(page, TEMPLATE.choices[1].options[2], CROSS)
    found = build.read(build.scan(page, shift=(3, -2)), form, TEMPLATE)
    assert [each.value_read for each in found.values()] == [None, "c", None]
    assert not any(each.is_doubtful for each in found.values())


def test_pale_mark_is_a_doubt(form: Grey) -> None:
    for ink in (200, 225):
        found = build.read(marked_page(form, (0, 1, CROSS), ink=ink), form, TEMPLATE)
        assert state(found["first"], 1) == ("doubtful", "faint"), ink
        assert (found["first"].value_read, found["first"].is_doubtful) == ("?", True)


def test_erased_mark_next_to_a_mark_is_a_doubt(form: Grey) -> None:
    page = form.copy()
    build.mark(page, TEMPLATE.choices[0].options[0], CROSS, ink=228)
    build.mark(page, TEMPLATE.choices[0].options[4], CROSS)
    found = build.read(build.scan(page), form, TEMPLATE)["first"]
    assert state(found, 0) == ("doubtful", "faint")
    assert (found.value_read, found.is_doubtful) == ("e", True)


def test_stray_touch_is_a_doubt_and_a_speck_is_none(form: Grey) -> None:
    page = form.copy()
    build.mark(page, TEMPLATE.choices[0].options[2], TOUCH)
    build.mark(page, TEMPLATE.choices[1].options[2], SPECK, pen_mm=0.15)
    build.mark(page, TEMPLATE.choices[2].options[0], TICK)
    found = build.read(build.scan(page), form, TEMPLATE)
    assert state(found["first"], 2) == ("doubtful", "touch")
    assert state(found["second"], 2) == ("empty", None)


def test_box_blackened_after_a_tick_is_a_doubt(form: Grey) -> None:
    found = build.read(
        marked_page(form, (0, 0, FULL), (0, 2, TICK), (1, 1, TICK), (2, 3, TICK)), form, TEMPLATE
    )
    assert state(found["first"], 0) == ("doubtful", "blackened")
    assert found["first"].options[0].verdict.confidence == 0.5
    assert (found["first"].value_read, found["first"].is_doubtful) == ("c", True)


def test_line_through_a_row_is_a_doubt_and_no_mark(form: Grey) -> None:
    line: list[build.Points] = [[(-1.0, 0.5), (12.0, 0.5)]]
    found = build.read(marked_page(form, (0, 0, line)), form, TEMPLATE)["first"]
    assert {state(found, n) for n in range(5)} == {("doubtful", "line")}


def test_tick_that_ends_in_the_next_box_marks_only_its_own() -> None:
    close = build.template_of(build.row("first", 20), build.row("second", 25))
    form = build.draw_form(close)
    page = form.copy()
    build.mark(page, close.choices[1].options[2], [[(0.15, 0.4), (0.4, 0.9), (0.9, -0.5)]])
    found = build.read(build.scan(page), form, close)
    assert (found["first"].value_read, found["second"].value_read) == (None, "c")
    assert state(found["first"], 2) == ("empty", None)


def test_two_marks_are_a_doubt_where_one_is_asked_for(form: Grey) -> None:
    many = build.template_of(build.row("first", 20, kind="many"))
    for template, value, is_doubtful in ((TEMPLATE, "?", True), (many, "a, c", False)):
        found = build.read(marked_page(form, (0, 0, TICK), (0, 2, TICK)), form, template)["first"]
        assert (found.value_read, found.is_doubtful) == (value, is_doubtful)


def number_page(template: Template, form: Grey, digits: str) -> Grey:
    page = form.copy()
    for position, digit in enumerate(digits):
        if digit != " ":
            build.mark(page, template.choices[0].options[10 * position + int(digit)], CROSS)
    return build.scan(page)


@pytest.mark.parametrize(
    ("digits", "fewest", "value", "is_doubtful"),
    [
        ("3140", 4, "3140", False),
        ("    ", 4, None, False),
        ("31  ", 4, "31", True),
        ("31  ", 2, "31", False),
        (" 314", 3, "314", False),
        ("3 40", 2, "340", True),
    ],
)
def test_bubbles_of_a_number_give_its_digits(
    digits: str, fewest: int, value: str | None, is_doubtful: bool
) -> None:
    template = build.template_of(build.grid("number", 20, 4, fewest))
    form = build.draw_form(template, is_round=True)
    found = build.read(number_page(template, form, digits), form, template)["number"]
    assert (found.value_read, found.is_doubtful) == (value, is_doubtful)


def test_two_bubbles_at_one_position_are_a_doubt() -> None:
    template = build.template_of(build.grid("number", 20, 3))
    form = build.draw_form(template, is_round=True)
    page = number_page(template, form, "314")
    build.mark(page, template.choices[0].options[17], CROSS)
    found = build.read(page, form, template)["number"]
    assert (found.value_read, found.is_doubtful) == ("3?4", True)


def test_dot_on_the_letter_of_a_bubble_is_a_mark() -> None:
    template = build.template_of(build.row("first", 20))
    form = build.draw_form(template, is_round=True)
    page = form.copy()
    dot: list[build.Points] = [[(0.4, 0.45), (0.6, 0.5), (0.42, 0.55), (0.58, 0.6), (0.5, 0.4)]]
    build.mark(page, template.choices[0].options[1], dot)
    assert build.read(build.scan(page), form, template)["first"].value_read == "b"


def test_boxes_are_read_without_a_blank_form() -> None:
    form = build.draw_form(TEMPLATE)
    found = build.read(marked_page(form, (0, 0, CROSS), (1, 4, TICK)), None, TEMPLATE)
    assert [each.value_read for each in found.values()] == ["a", "e", None]


def test_places_are_those_of_the_scan() -> None:
    form = build.draw_form(TEMPLATE)
    (reading, *_) = build.read(build.scan(form), form, TEMPLATE).values()
    box = reading.options[1].box
    assert (box.x, box.width) == (round(30 * build.PX_PER_MM), round(34 * build.PX_PER_MM) - box.x)
    assert reading.options[1].source_box.x == box.x


def test_page_without_choices_has_no_readings() -> None:
    template = build.template_of()
    assert build.read(np.full(template.aligned_size, 255, np.uint8), None, template) == {}
