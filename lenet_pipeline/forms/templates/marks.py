"""Read the choices of a template file: boxes and bubbles that people mark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from lenet_pipeline.forms.templates.model import Choice, ChoiceKind, Option, Rectangle
from lenet_pipeline.forms.templates.shape import suggest
from lenet_pipeline.forms.templates.sheet import Sheet
from lenet_pipeline.forms.templates.yaml_text import Fault, FaultyFile, Located

_DIGITS = 10


def read_choices(written: Located, sheet: Sheet) -> list[tuple[Located, Choice]]:
    """Read the choices of a template file that has passed the schema, each with its place in the file.

    Args:
        written: the template file, with its tables expanded.
        sheet: the page, which converts the file's units to millimetres.

    Raises:
        FaultyFile: an option is named twice, a distance is missing, or ``checks`` names an unknown field.
    """
    choices: list[tuple[Located, Choice]] = []
    faults: list[Fault] = []
    for item in written["marks"].items() if "marks" in written else []:
        try:
            choices += [(item, choice) for choice in _read_choices(item, sheet)]
        except FaultyFile as exc:
            faults += exc.faults
    faults += _unknown_fields(written)
    if faults:
        raise FaultyFile(*faults)
    return choices


def _read_choices(item: Located, sheet: Sheet) -> Iterator[Choice]:
    """Yield the choice of an item, or those of its rows."""
    name = str(item["name"].value)
    if "digits" in item:
        yield _read_grid(item, name, sheet)
        return
    options = item["options"]
    kind = cast(ChoiceKind, item["choose"].value)
    if isinstance(options.value, dict):
        if "bubbles" in item:
            reason = (
                "the options have places of their own; omit bubbles, or give the options as a list of names"
            )
            raise FaultyFile(Fault(item["bubbles"].line, reason))
        places = {option: _box(box, sheet) for option, box in options.value.items()}
        yield Choice(name, kind, tuple(Option(option, place) for option, place in places.items()))
        return
    if "bubbles" not in item:
        reason = (
            "the options have no places; add bubbles, or give each option a box, as in yes: [20, 30, 4, 4]"
        )
        raise FaultyFile(Fault(options.line, reason))
    names = [each.text for each in options.items()]
    _refuse_repeats(options, names, "option")
    if "rows" in item:
        rows = [str(row.value) for row in item["rows"].items()]
        _refuse_repeats(item["rows"], rows, "row")
        columns = _places(item["bubbles"], len(names), len(rows), sheet)
        for row, places_of_row in zip(rows, columns, strict=True):
            yield Choice(f"{name}.{row}", kind, _named(names, places_of_row))
        return
    if "row_pitch" in item["bubbles"] and "pitch" not in item["bubbles"]:  # from top to bottom
        down = _places(item["bubbles"], 1, len(names), sheet)
        yield Choice(name, kind, _named(names, [row[0] for row in down]))
        return
    yield Choice(name, kind, _named(names, _places(item["bubbles"], len(names), 1, sheet)[0]))


def _read_grid(item: Located, name: str, sheet: Sheet) -> Choice:
    """Return a choice of digits, with ten bubbles for each position."""
    digits = item["digits"]
    counts = [int(each.value) for each in digits.items()] if isinstance(digits.value, list) else []
    fewest, positions = counts or [int(digits.value)] * 2
    if fewest > positions:
        reason = f"digits is [{fewest}, {positions}]; expected the smaller number first"
        raise FaultyFile(Fault(digits.line, reason))
    goes_down = "positions" in item and item["positions"].value == "down"
    columns, rows = (_DIGITS, positions) if goes_down else (positions, _DIGITS)
    places = _places(item["bubbles"], columns, rows, sheet)
    first = int(item["first_digit"].value) if "first_digit" in item else 0
    options = [
        Option(
            str((first + number) % _DIGITS),
            places[position][number] if goes_down else places[number][position],
            position,
        )
        for position in range(positions)
        for number in range(_DIGITS)
    ]
    checks = item.get("checks")
    return Choice(name, "digits", tuple(options), fewest, None if checks is None else str(checks.value))


def _places(bubbles: Located, columns: int, rows: int, sheet: Sheet) -> list[list[Rectangle]]:
    """Return the places of a grid of bubbles, row by row."""
    for count, key, noun, edges in (
        (columns, "pitch", "columns", "left edges of neighbouring bubbles"),
        (rows, "row_pitch", "rows", "top edges of neighbouring rows"),
    ):
        if count > 1 and key not in bubbles:
            reason = (
                f"{key!r} is missing from bubbles, which have {count} {noun}; expected the distance between "
                f"the {edges}"
            )
            raise FaultyFile(Fault(bubbles.line, reason))
    first = sheet.rectangle(bubbles)
    across = float(bubbles["pitch"].value) * sheet.across if "pitch" in bubbles else 0.0
    down = float(bubbles["row_pitch"].value) * sheet.down if "row_pitch" in bubbles else 0.0
    return [
        [
            Rectangle(first.x + column * across, first.y + row * down, first.width, first.height)
            for column in range(columns)
        ]
        for row in range(rows)
    ]


def _named(names: Sequence[str], places: Sequence[Rectangle]) -> tuple[Option, ...]:
    return tuple(Option(name, place) for name, place in zip(names, places, strict=True))


def _box(box: Located, sheet: Sheet) -> Rectangle:
    x, y, width, height = (float(each.value) for each in box.items())
    if min(width, height) <= 0:
        reason = f"the box is [{x:g}, {y:g}, {width:g}, {height:g}]; expected a width and a height above 0"
        raise FaultyFile(Fault(box.line, reason))
    return Rectangle(x * sheet.across, y * sheet.down, width * sheet.across, height * sheet.down)


def _refuse_repeats(found: Located, names: Sequence[str], noun: str) -> None:
    for number, name in enumerate(names):
        if name.lower() in (each.lower() for each in names[:number]):
            raise FaultyFile(
                Fault(found.items()[number].line, f"the {noun} {name!r} is named twice; rename one")
            )


def _unknown_fields(written: Located) -> Iterator[Fault]:
    """Yield a fault for each ``checks`` that names no field."""
    fields = [field["name"].value for field in written["fields"].items()] if "fields" in written else []
    for item in written["marks"].items() if "marks" in written else []:
        checks = item.get("checks")
        if checks is not None and checks.value not in fields:
            advice = suggest(checks.value, fields) if fields else "the form has no fields"
            yield Fault(checks.line, f"unknown field {checks.value!r} in checks; {advice}")
