"""Drawing choices: their boxes in the colours of their states, and their values."""

from __future__ import annotations

import numpy as np

from lenet_pipeline.forms.drawing.choice_outlines import draw_choices, outline_choices
from lenet_pipeline.forms.drawing.page_annotations import STATE_COLOURS
from lenet_pipeline.forms.drawing.pages import draw_page
from tests.forms import mark_builders as build

TEMPLATE = build.template_of(build.row("first", 20), build.row("second", 40), build.grid("number", 50, 2))


def test_template_shows_the_names_of_its_options() -> None:
    cells, fields = outline_choices(TEMPLATE)
    assert [field.name for field in fields] == ["first", "second", "number"]
    assert [cell.text for cell in cells if cell.field == "first"] == ["a", "b", "c", "d", "e"]
    assert {cell.text for cell in cells if cell.field == "number"} == {""}
    assert {cell.state for cell in cells} == {"blank"}


def test_page_shows_values_and_the_states_of_boxes() -> None:
    form = build.draw_form(TEMPLATE)
    page = form.copy()
    build.mark(page, TEMPLATE.choices[0].options[1], build.TICK)
    build.mark(page, TEMPLATE.choices[1].options[2], build.TICK, ink=215)
    page = build.scan(page)
    cells, fields = draw_choices(list(build.read(page, form, TEMPLATE).values()))
    assert [field.value for field in fields] == ["b", "?", ""]
    assert [cell.state for cell in cells[:10]] == [
        *("blank", "mark", "blank", "blank", "blank"),
        *("blank", "blank", "doubtful", "blank", "blank"),
    ]
    drawn = np.asarray(draw_page(page, cells, "drawn", fields=fields))
    for state in ("mark", "doubtful", "blank"):
        assert (drawn == STATE_COLOURS[state]).all(axis=2).sum() > 100, state
