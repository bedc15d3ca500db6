"""Rules for the digits of a value whose separator and sign are known.

The decoder searches for digits. Where a value has a separator or a sign, each rule is replaced by one that
accepts the same values, given as digits alone: lengths and checksums stay, a range is scaled, and a pattern
is matched with the whole text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from lenet_pipeline.forms.rules.checksums import is_digits
from lenet_pipeline.forms.rules.field_rules import Impossible, OneOf, Pattern, Range, Rule
from lenet_pipeline.forms.rules.numerals import NumberForm


@dataclass(frozen=True)
class ScaledRange(Range):
    """A range of the digits of values with decimal places, under the name of the original range."""

    shown: str = ""

    @property
    def name(self) -> str:
        """Return the original range in a few words."""
        return self.shown


@dataclass(frozen=True)
class TextPattern:
    """A pattern that the digits match once the separator and the sign are added."""

    pattern: Pattern
    form: NumberForm

    @property
    def name(self) -> str:
        """Return the pattern in a few words."""
        return self.pattern.name

    def accepts(self, value: str) -> bool:
        """Return whether the whole text matches."""
        return is_digits(value) and self.pattern.matches(self.form.write(value))


def rules_for_digits(rules: Sequence[Rule], form: NumberForm) -> tuple[Rule, ...]:
    """Return rules that accept the digits of exactly those values of a form that the given rules accept.

    Args:
        rules: the rules of a field.
        form: where the separator and the sign of the value stand.
    """
    return tuple(_for_digits(rule, form) for rule in rules)


def _for_digits(rule: Rule, form: NumberForm) -> Rule:
    is_plain = form.places is None and not form.is_negative
    if isinstance(rule, Range):
        return _scale(rule, form)
    if isinstance(rule, Pattern):
        return rule if is_plain else TextPattern(rule, form)
    if isinstance(rule, OneOf):
        return rule if is_plain else Impossible(rule.name)
    return rule


def _scale(rule: Range, form: NumberForm) -> Rule:
    """Return the range of the digits as a whole number."""
    # Without a low end, the range begins at 0. Fractions are exact, unlike the products of decimals.
    low = Fraction(rule.lowest or 0)
    high = None if rule.highest is None else Fraction(rule.highest)
    if form.is_negative:
        low, high = Fraction(0) if high is None else -high, -low
    scale = 10 ** (form.places or 0)
    lowest = max(0, math.ceil(low * scale))
    highest = None if high is None else math.floor(high * scale)
    if highest is not None and highest < lowest:
        return Impossible(rule.name)
    return ScaledRange(lowest, highest, rule.name)
