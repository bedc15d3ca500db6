"""Compute the totals and products of a page's values, and reduce the values until they fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from lenet_pipeline.forms.rules.across_rules import AcrossRule, ColumnSumRule, ProductRule, SumRule
from lenet_pipeline.forms.templates.model import Cells, Field

ArithmeticRule = SumRule | ProductRule | ColumnSumRule

_MOST_REDUCTIONS = 60
_REDUCED = 0.6  # of a number, when a result does not fit


def arithmetic_rules(rules: Sequence[AcrossRule]) -> list[ArithmeticRule]:
    """Return the rules that compute a value, each before the rules that depend on it."""
    waiting = [rule for rule in rules if isinstance(rule, ArithmeticRule)]
    ordered: list[ArithmeticRule] = []
    while waiting:
        results = {rule.equals for rule in waiting}
        # In a circle of rules, take any: the check of the whole page refuses it.
        following = next((rule for rule in waiting if not results & set(rule.of)), waiting[0])
        waiting.remove(following)
        ordered.append(following)
    return ordered


def compute_results(
    rules: Sequence[ArithmeticRule],
    fields: Mapping[str, Field],
    values: dict[str, str],
) -> None:
    """Set every result to the sum or product of its values, in place.

    If a result does not fit into its field or breaks its rules, reduce the values that it depends on.

    Args:
        rules: the result of ``arithmetic_rules``.
        fields: the fields that are not blank, by name.
        values: a value for each of these fields.
    """
    applied = [rule for rule in rules if _is_applied(rule, values)]
    sources = {rule.equals: [name for name in rule.of if name in values] for rule in applied}
    for _ in range(_MOST_REDUCTIONS):
        misfits = []
        for rule in applied:
            numbers = [int(values[name]) for name in sources[rule.equals]]
            result = math.prod(numbers) if isinstance(rule, ProductRule) else sum(numbers)
            values[rule.equals] = write_number(result, fields[rule.equals])
            if not _fits(values[rule.equals], fields[rule.equals]):
                misfits.append(rule.equals)
        if not misfits:
            return
        for name in _find_leaves(misfits, sources):
            reduced = write_number(max(1, int(int(values[name]) * _REDUCED)), fields[name])
            if _fits(reduced, fields[name]):
                values[name] = reduced


def capacity(field: Field) -> tuple[int, int]:
    """Return the smallest and largest number of digits that a field takes."""
    if isinstance(field.place, Cells):
        return 1, field.place.columns * field.place.rows
    return max(1, field.place.fewest), field.place.most


def write_number(number: int, field: Field) -> str:
    """Return a number as a value of its field, with as few leading zeros as the rules allow."""
    natural = str(number)
    fewest, most = capacity(field)
    for length in range(max(fewest, len(natural)), most + 1):
        value = natural.zfill(length)
        if all(rule.accepts(value) for rule in field.rules):
            return value
    return natural


def _is_applied(rule: ArithmeticRule, values: Mapping[str, str]) -> bool:
    if isinstance(rule, ColumnSumRule):
        return rule.equals in values
    return all(name in values for name in (*rule.of, rule.equals))


def _fits(value: str, field: Field) -> bool:
    return len(value) <= capacity(field)[1] and all(rule.accepts(value) for rule in field.rules)


def _find_leaves(results: Sequence[str], sources: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names, each once, that results depend on and that are not results themselves."""
    found: dict[str, None] = {}
    waiting, seen = list(results), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in sources:
            waiting += sources[name]
        else:
            found[name] = None
    return list(found)
