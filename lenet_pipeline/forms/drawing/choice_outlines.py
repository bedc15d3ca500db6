"""Draw the boxes and bubbles of choices, and which of them are marked."""

from __future__ import annotations

from collections.abc import Sequence

from lenet_pipeline.forms.drawing.page_annotations import DrawnCell, DrawnField, DrawnState
from lenet_pipeline.forms.reading.choice_reading import ChoiceReading
from lenet_pipeline.forms.reading.option_states import OptionState
from lenet_pipeline.forms.templates.model import Template

_STATES: dict[OptionState, DrawnState] = {"marked": "mark", "empty": "blank", "doubtful": "doubtful"}


def outline_choices(template: Template) -> tuple[list[DrawnCell], list[DrawnField]]:
    """Return the choices of a template, without readings, for ``draw_page``.

    The boxes have the names of their options, except in numbers, where the bubbles have no room for them.
    """
    cells = [
        DrawnCell(
            choice.name,
            number,
            option.place.pixel_box(),
            "blank",
            "" if choice.kind == "digits" else option.name,
        )
        for choice in template.choices
        for number, option in enumerate(choice.options)
    ]
    return cells, [DrawnField(choice.name, choice.outline.pixel_box()) for choice in template.choices]


def draw_choices(readings: Sequence[ChoiceReading]) -> tuple[list[DrawnCell], list[DrawnField]]:
    """Return the choices of a page with their readings, for ``draw_page``."""
    cells = [
        DrawnCell(reading.choice.name, number, each.box, _STATES[each.verdict.state])
        for reading in readings
        for number, each in enumerate(reading.options)
    ]
    fields = [
        DrawnField(reading.choice.name, reading.choice.outline.pixel_box(), reading.value_read or "")
        for reading in readings
    ]
    return cells, fields
