"""Generate values for the fields of a form that pass its rules."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.filling.linked_values import (
    arithmetic_rules,
    capacity,
    compute_results,
    write_number,
)
from lenet_pipeline.forms.filling.number_generation import choose_forms, digits_field, write_values
from lenet_pipeline.forms.filling.pattern_generation import generate_match
from lenet_pipeline.forms.rules.across_rules import ColumnSumRule, EqualRule, ProductRule, SumRule
from lenet_pipeline.forms.rules.checksums import resolve_method
from lenet_pipeline.forms.rules.field_rules import (
    Checksum,
    Length,
    OneOf,
    Pattern,
    Range,
    Rule,
    allows_length,
)
from lenet_pipeline.forms.rules.numerals import NumberForm
from lenet_pipeline.forms.templates.model import Cells, Field, Template

_TRIES_FOR_A_VALUE = 200
_TRIES_FOR_A_PAGE = 100


def generate_values(template: Template, rng: np.random.Generator, *, blank_rate: float) -> dict[str, str]:
    """Generate a value in normal form for every field of a page, ``""`` for a blank field.

    The values pass the rules of their fields and the rules across fields. Uniqueness in a batch is left to
    chance. Fields that a rule links are blank together.

    Args:
        template: the template of the form.
        rng: the source of all random choices.
        blank_rate: the share of optional fields to leave blank.

    Raises:
        IngestError: many attempts found no values that pass. The rules contradict each other or the cells.
    """
    blank = _choose_blank(template, rng, blank_rate)
    forms = choose_forms(template, rng)
    fields = {
        field.name: digits_field(field, forms[field.name])
        for field in template.fields
        if field.name not in blank
    }
    refusal = ""
    for _ in range(_TRIES_FOR_A_PAGE):
        values = {name: generate_value(field, rng) for name, field in fields.items()}
        _link_values(template, fields, values, rng)
        refusal = _find_refusal(template, fields, values, forms)
        if not refusal:
            written = write_values(values, forms)
            return {field.name: written.get(field.name, "") for field in template.fields}
    raise IngestError(
        f"cannot generate values for form {template.form!r} that pass its rules: {_TRIES_FOR_A_PAGE} "
        f"attempts failed, the last one because of {refusal}; check whether its rules contradict each other "
        "or the sizes of its fields"
    )


def generate_value(field: Field, rng: np.random.Generator) -> str:
    """Generate a value that fits into a field and passes its rules.

    Raises:
        IngestError: many attempts found no such value.
    """
    lengths = _lengths(field)
    for _ in range(_TRIES_FOR_A_VALUE if lengths else 0):
        value = _attempt(field.rules, int(rng.choice(lengths)), rng)
        if len(value) in lengths and all(rule.accepts(value) for rule in field.rules):
            return value
    rules = ", ".join(rule.name for rule in field.rules)
    fewest, most = capacity(field)
    raise IngestError(
        f"cannot generate a value for field {field.name!r}: found no value of {fewest} to {most} digits that "
        f"passes its rules ({rules}); correct the rules or the size of the field in the template"
    )


def _lengths(field: Field) -> list[int]:
    """Return the possible lengths of a value.

    People fill all cells of a field, unless its rules or its mark for unused cells suggest otherwise.
    """
    fewest, most = capacity(field)
    possible = [
        length
        for length in range(fewest, most + 1)
        if all(allows_length(rule, length) for rule in field.rules)
    ]
    says_length = any(isinstance(rule, Length | OneOf | Pattern) for rule in field.rules)
    if isinstance(field.place, Cells) and not says_length and field.unused_mark is None:
        return possible[-1:]
    return possible


def _attempt(rules: Sequence[Rule], length: int, rng: np.random.Generator) -> str:
    """Return a value that is likely to pass the rules."""
    value = _draw_digits(length, rng)
    for rule in rules:
        match rule:
            case OneOf():
                value = rule.values[int(rng.integers(len(rule.values)))]
            case Pattern():
                value = generate_match(rule.expression, rng) or value
            case Range():
                value = _draw_number(rule, length, rng)
    for rule in rules:
        if isinstance(rule, Checksum):
            value = _replace_check_digits(rule, value)
    return value


def _draw_digits(length: int, rng: np.random.Generator) -> str:
    return "".join(map(str, rng.integers(0, 10, length)))


def _draw_number(rule: Range, length: int, rng: np.random.Generator) -> str:
    """Return a number in a range with this many digits, preferably without leading zeros."""
    lowest, most = math.ceil(rule.lowest or 0), 10**length - 1
    highest = most if rule.highest is None else min(math.floor(rule.highest), most)
    without_zeros = max(lowest, 10 ** (length - 1))
    if (
        length > 1
        and without_zeros <= highest
        and rng.random() < (highest - without_zeros + 1) / (highest - lowest + 1)
    ):
        lowest = without_zeros
    return str(_draw_between(lowest, highest, rng)).zfill(length)


def _draw_between(lowest: int, highest: int, rng: np.random.Generator) -> int:
    """Return a random integer of any size, with both ends included."""
    if highest <= lowest:
        return lowest
    # numpy draws at most 64 bits, but a field may have more digits.
    wide = int.from_bytes(rng.bytes(8 + (highest.bit_length() + 7) // 8), "big")
    return lowest + wide % (highest - lowest + 1)


def _replace_check_digits(rule: Checksum, value: str) -> str:
    """Replace the last digits of a value by the check digits for the digits before them."""
    method = resolve_method(rule.name, rule.weights)
    body = value[: -method.check_digits]
    if not body or (rule.weights and len(value) != len(rule.weights)):
        return value
    return method.append_check(body, rule.weights) or value


def _choose_blank(template: Template, rng: np.random.Generator, blank_rate: float) -> set[str]:
    """Return the names of the fields that this page leaves blank."""
    groups = {field.name: {field.name} for field in template.fields}
    for rule in template.rules:
        linked = _linked_fields(rule)
        joined = set().union(*(groups.get(name, set()) for name in linked))
        groups |= dict.fromkeys(joined, joined)
    may_be_blank = {field.name for field in template.fields if field.may_be_blank}
    blank: set[str] = set()
    for field in template.fields:
        first = next(other.name for other in template.fields if other.name in groups[field.name])
        draw = rng.random()
        if field.name == first and draw < blank_rate and groups[first] <= may_be_blank:
            blank |= groups[first]
    for rule in template.rules:
        if isinstance(rule, ColumnSumRule) and rule.equals in may_be_blank:
            blank = blank | {rule.equals} if blank >= set(rule.of) else blank - {rule.equals}
    return blank


def _linked_fields(rule: object) -> tuple[str, ...]:
    """Return the fields that a rule requires to be all filled or all blank."""
    match rule:
        case SumRule() | ProductRule():
            return (*rule.of, rule.equals)
        case EqualRule():
            return rule.fields
    return ()


def _link_values(
    template: Template, fields: Mapping[str, Field], values: dict[str, str], rng: np.random.Generator
) -> None:
    """Change values, in place, to satisfy the rules across fields."""
    if any(isinstance(rule, ProductRule | ColumnSumRule) for rule in template.rules):
        _copy_equal(template, values)
        compute_results(arithmetic_rules(template.rules), fields, values)
        _copy_equal(template, values)
        return
    for rule in template.rules:
        if not set(_linked_fields(rule)) <= values.keys():
            continue
        match rule:
            case SumRule():
                _link_sum(rule, fields, values, rng)
            case EqualRule():
                values |= dict.fromkeys(rule.fields, values[rule.fields[0]])


def _copy_equal(template: Template, values: dict[str, str]) -> None:
    """Copy values, in place, to the fields that must be equal to them."""
    for rule in template.rules:
        if isinstance(rule, EqualRule) and set(rule.fields) <= values.keys():
            values |= dict.fromkeys(rule.fields, values[rule.fields[0]])


def _link_sum(
    rule: SumRule, fields: Mapping[str, Field], values: dict[str, str], rng: np.random.Generator
) -> None:
    """Set a field to the sum of others. Reduce the summands if the sum does not fit."""
    total = fields[rule.equals]
    largest = 10 ** capacity(total)[1] - 1
    for each in total.rules:
        if isinstance(each, Range) and each.highest is not None:
            largest = min(largest, math.floor(each.highest))
    if sum(int(values[name]) for name in rule.of) > largest:
        for name in rule.of:
            share = _draw_between(0, min(largest // len(rule.of), int(values[name])), rng)
            values[name] = write_number(share, fields[name])
    values[rule.equals] = write_number(sum(int(values[name]) for name in rule.of), total)


def _find_refusal(
    template: Template,
    fields: Mapping[str, Field],
    values: Mapping[str, str],
    forms: Mapping[str, NumberForm],
) -> str:
    """Return the first rule that the values break, or an empty text."""
    for name, field in fields.items():
        fewest, most = capacity(field)
        if not fewest <= len(values[name]) <= most:
            return f"the size of {name} ({fewest} to {most} digits)"
        for rule in field.rules:
            if not rule.accepts(values[name]):
                return f"{name}: {rule.name}"
    written: dict[str, str | None] = {**write_values(values, forms)}
    return next((rule.name for rule in template.rules if not rule.accepts(written)), "")
