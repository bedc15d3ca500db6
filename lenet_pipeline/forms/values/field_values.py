"""Read the value of a field from its cells, with its probability and the reasons to review it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenet_pipeline.forms.rules.across_rules import AcrossRule
from lenet_pipeline.forms.rules.numerals import PLAIN, NumberForm
from lenet_pipeline.forms.templates.model import Field
from lenet_pipeline.forms.values.cell_states import CellState, State
from lenet_pipeline.forms.values.decoding import MOST_TRIED, Decoded, decode
from lenet_pipeline.forms.values.marked_cells import MARK_NAMES, doubt_marks, settle_marks
from lenet_pipeline.forms.values.number_forms import (
    NO_INK,
    NumberInk,
    digit_rules,
    find_form,
    find_minus_cell,
    refuse_form,
)

Status = Literal["read", "blank", "corrected", "rule_failed", "unreadable"]

UNREAD = "?"  # stands for writing that is not a digit in a raw value


@dataclass(frozen=True)
class Cutting:
    """How sure the cuts between the digits of a box are, as the network judged them when the page was read.

    Attributes:
        probability: the probability that they are right, or None if no network chose them.
        doubt: another likely reading, in words, or None without any.
    """

    probability: float | None = None
    doubt: str | None = None


@dataclass(frozen=True)
class FieldValue:
    """The value of one field of one page.

    The status is one of

    - ``read``: the most probable digits pass all rules;
    - ``corrected``: they break a rule, and ``value`` is the most probable string that passes;
    - ``rule_failed``: no string that passes was found, and ``value`` is the raw value;
    - ``unreadable``: something in the field is not a digit; ``raw_value`` has ``?`` there, ``value`` is None;
    - ``blank``: no cell has a digit; both values are None.

    Both values are in the normal form of ``numerals.py``: digits, with the separator as a point and a minus
    if the template declares them.

    Attributes:
        field: the name of the field.
        status: one of the words above.
        raw_value: the most probable digits.
        value: the value after applying the rules.
        raw_probability: the product of the digits' probabilities for ``raw_value``, and of the probability
            that touching digits are cut rightly.
        probability: the same product for ``value``.
        posterior: a lower bound of the probability of ``value`` among all strings that pass the rules.
        broken_rules: the names of the rules that ``raw_value`` breaks.
        reasons: why a person should review the field. Each starts with a stable word and a colon: ``blank``,
            ``gap``, ``mark``, ``extra_ink``, ``cut``, ``not_a_digit``, ``corrected`` or ``rule_failed``. A
            low probability is not a reason, because a policy decides which probability is sufficient.
    """

    field: str
    status: Status
    raw_value: str | None = None
    value: str | None = None
    raw_probability: float | None = None
    probability: float | None = None
    posterior: float | None = None
    broken_rules: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def confidence(self) -> float | None:
        """Return the probability that every digit of ``value`` is right, or None without a value."""
        return self.probability

    @property
    def broken_rule(self) -> str | None:
        """Return the first rule that the raw value breaks, or None."""
        return self.broken_rules[0] if self.broken_rules else None

    @property
    def is_doubtful(self) -> bool:
        """Return whether a person should review the field, independent of its confidence."""
        return bool(self.reasons)

    @property
    def reason(self) -> str | None:
        """Return the reasons as one text, or None without any."""
        return "; ".join(self.reasons) or None


def read_field_value(
    field: Field,
    cells: Sequence[CellState],
    most_tried: int = MOST_TRIED,
    *,
    extra_ink: str | None = None,
    ink: NumberInk = NO_INK,
    cutting: Cutting = Cutting(),  # it is immutable
) -> FieldValue:
    """Read the value of a field from its cells.

    Blank and marked cells before and after the digits are ignored, so a value may be left- or right-aligned.
    Between two digits, they are ignored too, but become a reason to review the field. So do a mark that the
    form does not ask for, and ink that belongs to no digit. A digit with the shape of a mark counts as a mark
    if its score for not being a digit is high, and is a reason otherwise. For a box without dividers, the
    number of digits is an additional rule. A value without the form that the template declares, such as one
    with too few decimal places, is ``rule_failed``.

    Args:
        field: the field.
        cells: the content of its cells, in any order. Without any, the field is blank.
        most_tried: the number of strings to try, as in ``decode``.
        extra_ink: a description of the field's ink outside the value, or None without any.
        ink: the separator and the minus that are part of it.
        cutting: how sure the cuts between the digits are.

    Raises:
        ValueError: two cells have the same position.
    """
    ordered = sorted(cells, key=lambda cell: cell.position)
    if len({cell.position for cell in ordered}) < len(ordered):
        raise ValueError(f"two cells of the field {field.name} have the same position")
    ordered = settle_marks(ordered)
    written = [cell for cell in ordered if cell.state in ("digit", "not_a_digit")]
    minus = find_minus_cell(field, ordered)
    marks = [cell for cell in ordered if cell is not minus]
    doubts = [*_unexpected_marks(field, marks), *doubt_marks(ordered)]
    if extra_ink is not None:
        doubts.append(f"extra_ink: {extra_ink}")
    if cutting.doubt is not None:
        doubts.append(f"cut: {cutting.doubt}")
    if not written:
        missing = [] if field.may_be_blank else ["blank: a value is required"]
        return FieldValue(field.name, "blank", reasons=(*missing, *doubts))

    doubts += [
        f"gap: position {cell.position} between digits is {_GAPS[cell.state]}"
        for cell in ordered
        if cell.state in _GAPS and written[0].position < cell.position < written[-1].position
        if not _holds_separator(cell, ink)
    ]
    form = find_form(written, ink, minus)
    if form is None:
        doubts.append(f"extra_ink: a separator after position {ink.separator_after}")
        form = PLAIN
    digits = [
        cell.probabilities
        for cell in written
        if cell.state == "digit" and cell.probabilities is not None  # a digit always has probabilities
    ]
    if len(digits) < len(written):
        return _unreadable(field, written, form, doubts)
    if field.numbers.allows(form):
        decoded = decode(np.stack(digits), digit_rules(field, form), most_tried)
    else:
        decoded = refuse_form(decode(np.stack(digits)), field, form)
    certainty = 1.0 if cutting.probability is None else cutting.probability
    return _readable(field, decoded, form, certainty, doubts)


def sum_to_one(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Normalise stored probabilities, whose sum differs from one by up to 1e-5 because they are float32."""
    exact = np.asarray(probabilities, np.float64)
    scaled: NDArray[np.float64] = exact / exact.sum()
    return scaled


def apply_across_rules(
    rules: Sequence[AcrossRule],
    values: Mapping[str, FieldValue],
    marks: Mapping[str, str | None] = MappingProxyType({}),
) -> list[str]:
    """Return the names of the rules across fields that a page's values break, in order.

    A value that breaks a rule of its own field takes part as it is. An unreadable field is not blank, so a
    rule over it and blank fields is broken too.

    Args:
        rules: the rules across fields of the template.
        values: the page's values by field name.
        marks: the values of choices that check a field, by the name of the choice; without doubtful ones.
    """
    written = {
        name: value.raw_value if value.status == "unreadable" else value.value
        for name, value in values.items()
    }
    return [rule.name for rule in rules if not rule.accepts({**written, **marks})]


_GAPS: dict[State, str] = {"blank": "blank", "mark": "crossed out"}


def _holds_separator(cell: CellState, ink: NumberInk) -> bool:
    """Return whether a cell is blank because it holds the separator, or stands next to it."""
    if cell.state != "blank" or ink.separator_after is None:
        return False
    return cell.position == ink.separator_after + 1


def _unexpected_marks(field: Field, cells: Sequence[CellState]) -> list[str]:
    """Return a reason for each mark that the form does not ask for."""
    return [
        f"mark: {MARK_NAMES[cell.mark]} at position {cell.position}"
        for cell in cells
        if cell.state == "mark" and cell.mark in MARK_NAMES and cell.mark != field.unused_mark
    ]


def _unreadable(
    field: Field, written: Sequence[CellState], form: NumberForm, doubts: list[str]
) -> FieldValue:
    """Return the value of a field with writing that is not a digit."""
    raw_value = form.write("".join(_digit_or_unread(cell) for cell in written))
    others = [
        f"not_a_digit: position {cell.position}" + _score(cell)
        for cell in written
        if cell.state == "not_a_digit"
    ]
    return FieldValue(field.name, "unreadable", raw_value, reasons=(*others, *doubts))


def _readable(
    field: Field, decoded: Decoded, form: NumberForm, certainty: float, doubts: list[str]
) -> FieldValue:
    """Return the value of a field that contains only digits, cut rightly with a certainty of 0 to 1."""
    broken = " and ".join(decoded.broken_rules)
    raw_value, value = form.write(decoded.raw_value), form.write(decoded.value)
    status: Status = "read"
    reasons = doubts
    if not decoded.is_valid:
        status = "rule_failed"
        reasons = [f"rule_failed: {raw_value} breaks {broken}", *doubts]
    elif decoded.is_corrected:
        status = "corrected"
        reasons = [f"corrected: {raw_value} breaks {broken}, {value} passes", *doubts]
    return FieldValue(
        field.name,
        status,
        raw_value=raw_value,
        value=value,
        raw_probability=certainty * decoded.raw_probability,
        probability=certainty * decoded.probability,
        posterior=certainty * decoded.posterior,
        broken_rules=decoded.broken_rules,
        reasons=tuple(reasons),
    )


def _digit_or_unread(cell: CellState) -> str:
    if cell.state != "digit" or cell.probabilities is None:
        return UNREAD
    return str(int(cell.probabilities.argmax()))


def _score(cell: CellState) -> str:
    return "" if cell.not_a_digit is None else f", score {cell.not_a_digit:.2f}"
