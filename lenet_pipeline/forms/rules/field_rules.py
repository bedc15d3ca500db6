"""Rules for the value of one field.

A value is a string of the written digits: ``007``, not 7. Rules accept only values of at least one digit;
``Field.may_be_blank`` decides whether a field may be blank. ``digit_rules.py`` turns the rules of a field
with decimals or a sign into rules for the digits alone. The constructors refuse rules that are clearly
mistakes, so a template with such a rule does not load.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.rules.checksums import WEIGHTED, is_digits, resolve_method


class Rule(Protocol):
    """A rule for the value of one field."""

    @property
    def name(self) -> str:
        """Return the rule in a few words for audits, such as ``luhn`` or ``length 6 to 8``."""
        ...

    def accepts(self, value: str) -> bool:
        """Return whether a value, a string of digits, passes."""
        ...


@dataclass(frozen=True)
class Pattern:
    """The whole value matches a regular expression in RE2 syntax, without back references or lookaround.

    RE2, which DuckDB also uses, takes linear time in the length of the value. Python's ``re`` can take years
    for 40 digits and a pattern such as ``(\\d+)+x``.

    Raises:
        IngestError: the expression does not compile.
    """

    expression: str

    def __post_init__(self) -> None:
        try:
            # Compile it alone first: "1)|(2" compiles only inside the parentheses that _whole adds.
            for expression in (self.expression, self._whole):
                pc.match_substring_regex(pa.scalar(""), pattern=expression)
        except pa.ArrowInvalid as exc:
            raise IngestError(
                f"the pattern {self.expression!r} is not a regular expression in RE2 syntax: {exc}; "
                r"expected one that matches the whole value, such as '20\d{2}'"
            ) from exc

    @property
    def name(self) -> str:
        """Return the rule in a few words."""
        return f"pattern {self.expression}"

    def accepts(self, value: str) -> bool:
        """Return whether the whole value matches."""
        return is_digits(value) and self.matches(value)

    def matches(self, text: str) -> bool:
        """Return whether the expression matches a whole text of any characters."""
        return bool(pc.match_substring_regex(pa.scalar(text), pattern=self._whole).as_py())

    @property
    def _whole(self) -> str:
        return rf"\A(?:{self.expression})\z"


@dataclass(frozen=True)
class Range:
    """The value as a number is in a range that includes both ends. None leaves an end open.

    Without a low end, the range begins at 0.

    Raises:
        IngestError: the range contains no number, or both ends are open.
    """

    lowest: int | Decimal | None = None
    highest: int | Decimal | None = None

    def __post_init__(self) -> None:
        if self.lowest is None and self.highest is None:
            raise IngestError("the range has neither a lowest nor a highest value; expected at least one")
        if self.highest is not None and self.highest < (self.lowest or 0):
            raise IngestError(
                f"the range ({self.name}) contains no value; expected the lowest number "
                "first, then the highest"
            )

    @property
    def name(self) -> str:
        """Return the rule in a few words."""
        if self.lowest is None:
            return f"at most {self.highest}"
        return f"at least {self.lowest}" if self.highest is None else f"{self.lowest} to {self.highest}"

    def accepts(self, value: str) -> bool:
        """Return whether the number is in the range. Leading zeros do not matter."""
        if not is_digits(value):
            return False
        number = int(value)
        return number >= (self.lowest or 0) and (self.highest is None or number <= self.highest)


@dataclass(frozen=True)
class Length:
    """The number of digits is between ``fewest`` and ``most``, both included.

    Raises:
        IngestError: the range contains no number of digits from 1 up.
    """

    fewest: int
    most: int

    def __post_init__(self) -> None:
        if self.most < max(1, self.fewest):
            raise IngestError(
                f"no value has a length of {self.fewest} to {self.most}; expected the fewest digits first, "
                "then the most, both 1 or more"
            )

    @property
    def name(self) -> str:
        """Return the rule in a few words."""
        return f"length {self.most}" if self.fewest == self.most else f"length {self.fewest} to {self.most}"

    def accepts(self, value: str) -> bool:
        """Return whether the number of digits is in the range."""
        return is_digits(value) and self.fewest <= len(value) <= self.most


@dataclass(frozen=True)
class OneOf:
    """The value is in a list. Leading zeros matter.

    Raises:
        IngestError: the list is empty, or one of its values contains characters other than digits.
    """

    values: tuple[str, ...]

    def __post_init__(self) -> None:
        wrong = [value for value in self.values if not isinstance(value, str) or not is_digits(value)]
        if wrong or not self.values:
            found = f"the allowed value {wrong[0]!r}" if wrong else "no allowed values"
            raise IngestError(f"the rule has {found}; expected digits in quotes, such as '007'")

    @property
    def name(self) -> str:
        """Return the rule with its first few values."""
        shown = 4
        listed = ", ".join(self.values[:shown])
        return f"one of {listed}" + (f" and {len(self.values) - shown} more" * (len(self.values) > shown))

    def accepts(self, value: str) -> bool:
        """Return whether the value is in the list."""
        return value in self._set

    @cached_property
    def _set(self) -> frozenset[str]:
        return frozenset(self.values)


@dataclass(frozen=True)
class Checksum:
    """The value ends in the check digits that a method computes.

    Attributes:
        name: the name of the method in ``checksums.CHECKSUMS``.
        weights: one for each digit, including the check digit; only for ``weighted-mod-11``.

    Raises:
        UnknownNameError: the method is unknown.
        IngestError: the weights do not suit the method.
    """

    name: str
    weights: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        resolve_method(self.name, self.weights)

    def accepts(self, value: str) -> bool:
        """Return whether the check digits are right."""
        return resolve_method(self.name, self.weights).passes(value, self.weights)


@dataclass(frozen=True)
class Impossible:
    """No value passes: what is left of a rule that the separator or the sign of a value breaks.

    Attributes:
        name: the name of that rule.
    """

    name: str

    def accepts(self, value: str) -> bool:  # noqa: ARG002 - no value passes
        """Return False."""
        return False


def allows_length(rule: Rule, length: int) -> bool:
    """Return False if the kind of a rule shows that no value with this number of digits can pass."""
    match rule:
        case Length():
            return rule.fewest <= length <= rule.most
        case OneOf():
            return any(len(value) == length for value in rule.values)
        case Range():
            is_positive = rule.highest is None or rule.highest >= 0
            return is_positive and (rule.lowest is None or rule.lowest < 10**length)
        case Checksum():
            return rule.name != WEIGHTED or len(rule.weights) == length
        case Impossible():
            return False
    return True
