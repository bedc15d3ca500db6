"""Derive the final values of a page: what people decided, or else what was read. Rules are checked again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from lenet_pipeline.forms.rules.across_rules import AcrossRule, rule_fields
from lenet_pipeline.forms.templates.content import TemplateContent
from lenet_pipeline.forms.templates.model import Field
from lenet_pipeline.forms.values.field_values import UNREAD, Status
from lenet_pipeline.forms.values.number_forms import find_broken_rules

BLANK, NOT_A_DIGIT, UNREADABLE = "blank", "not_a_digit", "unreadable"

_MINUS, _POINT = "-", "."

# Reasons are stored as one text. Each begins with a stable word and a colon.
_NEXT_REASON = re.compile(r"; (?=[a-z_]+: )")


@dataclass(frozen=True)
class ReadCell:
    """A cell with ink: its position, its state (``digit`` or ``mark``) and the digit that was read."""

    position: int
    state: str
    label: int


@dataclass(frozen=True)
class FieldVerdict:
    """A person's verdict on a whole field: ``value``, ``blank`` or ``unreadable``.

    ``value`` contains the digits, with ``?`` for each character that is unreadable, and a point and a minus
    where the template declares them. It is None for ``blank``.
    """

    verdict: str
    value: str | None


@dataclass(frozen=True)
class ReviewedField:
    """A field as it was read, with the verdicts on it.

    Attributes:
        status: the status of the value read.
        raw_value: the most probable digits, with ``?`` for writing that is not a digit.
        value: the value after applying the rules.
        broken_rule: the rule that ``raw_value`` breaks.
        reason: why a person should review the value read, as one text.
        cells: the cells with ink, by position.
        digits: the newest verdict on each reviewed digit, by position. A verdict is a digit, ``blank``,
            ``not_a_digit`` or ``unreadable``.
        verdict: the verdict on the whole field, if it is the newest or has no verdict for each digit.
    """

    status: Status
    raw_value: str | None
    value: str | None
    broken_rule: str | None
    reason: str | None
    cells: tuple[ReadCell, ...] = ()
    digits: Mapping[int, str] = field(default_factory=dict)
    verdict: FieldVerdict | None = None

    @property
    def is_reviewed(self) -> bool:
        return bool(self.digits) or self.verdict is not None


@dataclass(frozen=True)
class FinalValue:
    """The final value of a field.

    Attributes:
        status: as in ``FieldValue``. A value that a person typed is ``read``, or ``rule_failed``.
        value: the value, None if it is blank or unreadable.
        broken_rules: the names of the rules that it breaks. For ``corrected``, those of the raw value.
        reasons: why a person should still review the field.
        reviewed_positions: the positions of the digits that people reviewed.
        is_settled: whether a person reviewed the whole field, or each of its digits without a doubt left.
            Then it needs no further review.
    """

    status: Status
    value: str | None
    broken_rules: tuple[str, ...]
    reasons: tuple[str, ...]
    reviewed_positions: tuple[int, ...] = ()
    is_settled: bool = False


def derive_final_values(
    content: TemplateContent,
    fields: Mapping[str, ReviewedField],
    marks: Mapping[str, str | None] = MappingProxyType({}),
) -> tuple[dict[str, FinalValue], list[str]]:
    """Derive the final values of a page, by field name, and the rules across fields that they break.

    ``marks`` has the values of choices that check a field, as in ``apply_across_rules``.
    """
    by_name = {each.name: each for each in content.fields}
    found = {name: _derive(by_name[name], each, content.rules) for name, each in fields.items()}
    written = {name: _written(each, found[name]) for name, each in fields.items()}
    broken = [rule for rule in content.rules if not rule.accepts({**written, **marks})]
    for rule in broken:
        for name in set(rule_fields(rule)) & set(found):
            if fields[name].verdict is None:
                reasons = (*found[name].reasons, f"rule_failed: {rule.name}")
                found[name] = replace(found[name], reasons=reasons, is_settled=False)
    return found, [rule.name for rule in broken]


def _derive(field: Field, given: ReviewedField, across: Sequence[AcrossRule]) -> FinalValue:
    kept = _without_across(given.reason, across)
    if given.verdict is not None:
        text = given.verdict.value or ""
        positions = tuple(cell.position for cell in given.cells)
        return replace(_judge(field, text), reasons=(), reviewed_positions=positions, is_settled=True)
    if not given.digits:
        rules = (given.broken_rule,) if given.broken_rule else ()
        return FinalValue(given.status, given.value, rules, kept)
    positions = tuple(sorted(given.digits))
    digits = {cell.position for cell in given.cells if cell.state == "digit"}
    corrected = _corrected_positions(given)
    judged = _judge(field, _compose(given))
    others = tuple(reason for reason in kept if not reason.startswith(("corrected:", "rule_failed:")))
    if judged.status == "read" and corrected - set(positions):
        # The rule still decides on a digit that no person has seen.
        rules = (given.broken_rule,) if given.broken_rule else ()
        judged = replace(judged, status="corrected", broken_rules=rules)
        others = tuple(reason for reason in kept if not reason.startswith("rule_failed:"))
    # A person who looks at single digits sees neither the rules nor the ink between them.
    reasons = (*judged.reasons, *others)
    is_settled = bool(digits) and digits <= set(positions) and not reasons
    return replace(judged, reasons=reasons, reviewed_positions=positions, is_settled=is_settled)


def _judge(field: Field, text: str) -> FinalValue:
    """Return the final value for the characters of a field, with the rules that it breaks."""
    if not text:
        reasons = () if field.may_be_blank else ("blank: a value is required",)
        return FinalValue("blank", None, (), reasons)
    if UNREAD in text:
        return FinalValue("unreadable", None, (), ("unreadable: a person could not read it",))
    broken = find_broken_rules(field, text)
    if not broken:
        return FinalValue("read", text, (), ())
    return FinalValue("rule_failed", text, broken, (f"rule_failed: {text} breaks {' and '.join(broken)}",))


def _compose(given: ReviewedField) -> str:
    """Return the characters of a field: the verdicts, and elsewhere the digits as read or corrected.

    A separator stays after the cell that it was found after, and a minus at the beginning.
    """
    signs = {
        position: {BLANK: "", NOT_A_DIGIT: "", UNREADABLE: UNREAD}.get(sign, sign)
        for position, read in _signs(given).items()
        for sign in [given.digits.get(position, read)]
    }
    if not any(signs.values()):
        return ""
    written = given.raw_value or ""
    whole, point, _ = written.removeprefix(_MINUS).partition(_POINT)
    digits = [cell.position for cell in given.cells if cell.state == "digit"]
    if point and 0 < len(whole) <= len(digits):
        signs[digits[len(whole) - 1]] += _POINT
    return (_MINUS if written.startswith(_MINUS) else "") + "".join(signs.values())


def _signs(given: ReviewedField) -> dict[int, str]:
    """Return the sign at each position with ink: the digit of the value, or nothing for a mark."""
    digits = [cell for cell in given.cells if cell.state == "digit"]
    value = (given.value or "").replace(_POINT, "").removeprefix(_MINUS)
    value = value if len(value) == len(digits) else ""
    read = dict(zip((cell.position for cell in digits), value, strict=True)) if value else {}
    return {
        cell.position: "" if cell.state != "digit" else read.get(cell.position, str(cell.label))
        for cell in sorted(given.cells, key=lambda cell: cell.position)
    }


def _corrected_positions(given: ReviewedField) -> set[int]:
    if given.status != "corrected":
        return set()
    signs = _signs(given)
    return {
        cell.position
        for cell in given.cells
        if cell.state == "digit" and signs[cell.position] != str(cell.label)
    }


def _without_across(reason: str | None, across: Sequence[AcrossRule]) -> tuple[str, ...]:
    """Return the reasons that do not come from rules across fields, which are checked again."""
    known = {f"rule_failed: {rule.name}" for rule in across}
    return tuple(each for each in _NEXT_REASON.split(reason or "") if each and each not in known)


def _written(given: ReviewedField, final: FinalValue) -> str | None:
    """Return what takes part in the rules across fields. An unreadable field is not blank."""
    if final.status != "unreadable":
        return final.value
    return given.verdict.value if given.verdict else given.raw_value or UNREAD
