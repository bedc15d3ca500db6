"""Where the separator and the sign of a value stand, and the rules that this leaves for its digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lenet_pipeline.forms.rules.digit_rules import rules_for_digits
from lenet_pipeline.forms.rules.field_rules import Length, Rule
from lenet_pipeline.forms.rules.numerals import NumberForm, split_numeral
from lenet_pipeline.forms.templates.model import Cells, Field, WritingBox
from lenet_pipeline.forms.values.cell_states import CellState
from lenet_pipeline.forms.values.decoding import Decoded

_DASH = "-"


@dataclass(frozen=True)
class NumberInk:
    """The ink of a field that the template declares as a separator or a sign.

    Attributes:
        separator_after: the position of the digit before the decimal separator, or None without one.
        has_minus: whether a minus stands left of the digits of a box.
    """

    separator_after: int | None = None
    has_minus: bool = False


NO_INK = NumberInk()


def field_rules(field: Field) -> tuple[Rule, ...]:
    """Return the rules of a field. For a box, the allowed number of digits is the first rule."""
    if isinstance(field.place, WritingBox):
        return (Length(field.place.fewest, field.place.most), *field.rules)
    return field.rules


def digit_rules(field: Field, form: NumberForm) -> tuple[Rule, ...]:
    """Return the rules for the digits of a field's values of one form."""
    rules = field_rules(field)
    return rules if field.numbers.is_plain else rules_for_digits(rules, form)


def find_broken_rules(field: Field, value: str) -> tuple[str, ...]:
    """Return the names of the rules of a field that a value breaks.

    The first one is the format of the field's numbers if the value has another.
    """
    split = split_numeral(value)
    if split is None or not field.numbers.allows(split[1]):
        return (field.numbers.name,)
    digits, form = split
    return tuple(rule.name for rule in digit_rules(field, form) if not rule.accepts(digits))


def refuse_form(decoded: Decoded, field: Field, form: NumberForm) -> Decoded:
    """Return the digits of a value whose form the field does not allow, with the rules that they break."""
    broken = [rule.name for rule in digit_rules(field, form) if not rule.accepts(decoded.raw_value)]
    return replace(decoded, posterior=0.0, broken_rules=(field.numbers.name, *broken), is_valid=False)


def find_minus_cell(field: Field, cells: Sequence[CellState]) -> CellState | None:
    """Return the cell directly left of the first digit if it has the only dash there, which is a minus.

    Args:
        field: the field.
        cells: its cells, in order, with marks settled.
    """
    if not field.numbers.may_be_negative or not isinstance(field.place, Cells):
        return None
    digits = [index for index, cell in enumerate(cells) if cell.state in ("digit", "not_a_digit")]
    if not digits or not digits[0]:
        return None
    *before, nearest = cells[: digits[0]]
    is_alone = all(cell.state == "blank" for cell in before)
    return nearest if is_alone and nearest.state == "mark" and nearest.mark == _DASH else None


def find_form(written: Sequence[CellState], ink: NumberInk, minus: CellState | None) -> NumberForm | None:
    """Return the form of a value, or None if its separator is not between two digits.

    Args:
        written: the cells with digits, in order.
        ink: the separator and the minus.
        minus: the cell that has the minus, or None.
    """
    is_negative = ink.has_minus or minus is not None
    if ink.separator_after is None:
        return NumberForm(None, is_negative)
    places = sum(cell.position > ink.separator_after for cell in written)
    return NumberForm(places, is_negative) if 0 < places < len(written) else None
