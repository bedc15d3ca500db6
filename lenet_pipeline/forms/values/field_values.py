"""Values: from the cells of a field to what was written in it, how sure that is, and what needs a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenet_pipeline.forms.rules.across_rules import AcrossRule
from lenet_pipeline.forms.rules.field_rules import Length, Rule
from lenet_pipeline.forms.templates.model import Field, WritingBox
from lenet_pipeline.forms.values.decoding import MOST_TRIED, Decoded, decode

State = Literal["blank", "digit", "mark", "not_a_digit"]
Status = Literal["read", "blank", "corrected", "rule_failed", "unreadable"]

UNREAD = "?"  # in a raw value: something is written there that is no digit


@dataclass(frozen=True, eq=False)
class CellState:
    """What one cell of a field holds, or one piece of ink in a box without dividers.

    ``position`` is the cell's place in its field, from 0, left to right and row by row. A ``mark`` is what
    fills an unused cell. ``probabilities``, float64 (10,) with sum 1, belong to a digit, and may be given
    for a ``not_a_digit``; ``not_a_digit`` is the score that it is none, 0 to 1.

    Raises:
        ValueError: a digit has no probabilities.
    """

    position: int
    state: State
    probabilities: NDArray[np.float64] | None = None
    not_a_digit: float | None = None

    def __post_init__(self) -> None:
        if self.state == "digit" and self.probabilities is None:
            raise ValueError(f"the digit at position {self.position} has no probabilities")


@dataclass(frozen=True)
class FieldValue:
    """The value of one field of one page.

    ``status`` is

    - ``read``: the most probable digits keep all rules;
    - ``corrected``: they break some, and ``value`` is the most probable string that keeps all;
    - ``rule_failed``: no string that keeps them was found, and ``value`` is the raw one;
    - ``unreadable``: something in the field is no digit; ``raw_value`` has ``?`` there, ``value`` is None;
    - ``blank``: no cell has a digit; both values are None.

    ``broken_rules`` are those that the raw value breaks. ``raw_probability`` and ``probability`` are
    products over the digits, None without a value; ``posterior`` bounds from below the probability of
    ``value`` among all that keep the rules. ``reasons`` say why a person should look, each beginning with
    a stable word and a colon: ``blank``, ``gap``, ``not_a_digit``, ``corrected``, ``rule_failed``.
    That a value is improbable is none of them: a policy decides how sure is sure enough.
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
        """Return the probability that every digit of ``value`` is right; None without a value."""
        return self.probability

    @property
    def rule(self) -> str | None:
        """Return the first rule that the raw value breaks."""
        return self.broken_rules[0] if self.broken_rules else None

    @property
    def needs_look(self) -> bool:
        """Tell whether a person should look at the field, whatever its confidence."""
        return bool(self.reasons)

    @property
    def why(self) -> str | None:
        """Return the reasons as one text; None where there are none."""
        return "; ".join(self.reasons) or None


def read_field_value(field: Field, cells: Sequence[CellState], most_tried: int = MOST_TRIED) -> FieldValue:
    """Assemble the value of a field from its cells.

    Blank and marked cells before and behind the value are no part of it, so it may stand left or right;
    between two digits they are a gap, which is read over but needs a look. A box without dividers has a
    rule more, on the number of its digits.

    Args:
        field: whose cells.
        cells: what they hold, in any order; none at all is blank.
        most_tried: as for ``decode``.

    Raises:
        ValueError: two cells have the same position.
    """
    ordered = sorted(cells, key=lambda cell: cell.position)
    if len({cell.position for cell in ordered}) < len(ordered):
        raise ValueError(f"two cells of the field {field.name} have the same position")
    written = [cell for cell in ordered if cell.state in ("digit", "not_a_digit")]
    if not written:
        reasons = () if field.may_be_blank else ("blank: a value is required",)
        return FieldValue(field.name, "blank", reasons=reasons)

    gaps = [
        f"gap: position {cell.position} between digits is {_GAPS[cell.state]}"
        for cell in ordered
        if cell.state in _GAPS and written[0].position < cell.position < written[-1].position
    ]
    digits = [
        cell.probabilities
        for cell in written
        if cell.state == "digit" and cell.probabilities is not None  # which a digit has
    ]
    if len(digits) < len(written):
        return _unreadable(field, written, gaps)
    return _readable(field, decode(np.stack(digits), _rules(field), most_tried), gaps)


def sum_to_one(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Divide stored probabilities by their sum: as float32 they add up to one only within 1e-5."""
    exact = np.asarray(probabilities, np.float64)
    scaled: NDArray[np.float64] = exact / exact.sum()
    return scaled


def apply_across_rules(rules: Sequence[AcrossRule], values: Mapping[str, FieldValue]) -> list[str]:
    """Return the names of the rules across fields that a page's values break, in their order.

    A value that breaks a rule of its own counts as read. A field with something unreadable in it is not
    blank, so a rule over it and blank fields alone is broken too.

    Args:
        rules: those of the template.
        values: the page's values by field name.
    """
    written = {
        name: value.raw_value if value.status == "unreadable" else value.value
        for name, value in values.items()
    }
    return [rule.name for rule in rules if not rule.accepts(written)]


_GAPS: dict[State, str] = {"blank": "blank", "mark": "crossed out"}


def _unreadable(field: Field, written: Sequence[CellState], gaps: list[str]) -> FieldValue:
    """Return the value of a field in which something is no digit."""
    raw_value = "".join(_digit_or_unread(cell) for cell in written)
    others = [
        f"not_a_digit: position {cell.position}" + _score(cell)
        for cell in written
        if cell.state == "not_a_digit"
    ]
    return FieldValue(field.name, "unreadable", raw_value, reasons=(*others, *gaps))


def _readable(field: Field, decoded: Decoded, gaps: list[str]) -> FieldValue:
    """Return the value of a field all of whose ink is digits."""
    broken = " and ".join(decoded.broken_rules)
    status: Status = "read"
    reasons = gaps
    if not decoded.is_valid:
        status = "rule_failed"
        reasons = [f"rule_failed: {decoded.raw_value} breaks {broken}", *gaps]
    elif decoded.is_corrected:
        status = "corrected"
        reasons = [f"corrected: {decoded.raw_value} breaks {broken}, {decoded.value} does not", *gaps]
    return FieldValue(
        field.name,
        status,
        raw_value=decoded.raw_value,
        value=decoded.value,
        raw_probability=decoded.raw_probability,
        probability=decoded.probability,
        posterior=decoded.posterior,
        broken_rules=decoded.broken_rules,
        reasons=tuple(reasons),
    )


def _rules(field: Field) -> tuple[Rule, ...]:
    """Return the rules of a field, that of its box first: which number of digits fits in."""
    if isinstance(field.place, WritingBox):
        return (Length(field.place.fewest, field.place.most), *field.rules)
    return field.rules


def _digit_or_unread(cell: CellState) -> str:
    if cell.state != "digit" or cell.probabilities is None:
        return UNREAD
    return str(int(cell.probabilities.argmax()))


def _score(cell: CellState) -> str:
    return "" if cell.not_a_digit is None else f", score {cell.not_a_digit:.2f}"
