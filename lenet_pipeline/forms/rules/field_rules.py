"""Rules: what a field's value must be, on its own and beside others.

A value is what was written as digits: ``007``, not 7. The rules of one field accept nothing but digits, at
least one; whether a field may be blank is no rule but ``Field.may_be_blank``. A rule that could never hold,
or only by mistake, is refused when it is made, so a template with one does not load.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.rules.checksums import WEIGHTED, is_digits, resolve_method

Key = TypeVar("Key", bound=Hashable)


class Rule(Protocol):
    """What one field's value must be."""

    @property
    def name(self) -> str:
        """Say the rule in a few words, as audits show it: ``luhn``, ``length 6 to 8``."""
        ...

    def accepts(self, value: str) -> bool:
        """Tell whether a value, a string of digits, passes."""
        ...


class AcrossRule(Protocol):
    """What the values of several fields of one page must be together."""

    @property
    def name(self) -> str:
        """Say the rule in a few words, as audits show it: ``a + b = total``."""
        ...

    def accepts(self, values: Mapping[str, str | None]) -> bool:
        """Tell whether a page's values by field name pass; None is a blank or unread field."""
        ...


@dataclass(frozen=True)
class Pattern:
    """The whole value fits a regular expression, in RE2's syntax: no back references, no lookaround.

    RE2 (which DuckDB has too) answers in time that grows with the value alone; ``re`` can take years over
    40 digits and a pattern such as ``(\\d+)+x``.

    Raises:
        IngestError: the expression does not compile.
    """

    expression: str

    def __post_init__(self) -> None:
        try:
            # Alone first: "1)|(2" would compile within the brackets that make it the whole value's.
            for expression in (self.expression, self._whole):
                pc.match_substring_regex(pa.scalar(""), pattern=expression)
        except pa.ArrowInvalid as exc:
            raise IngestError(
                f"the pattern {self.expression!r} is no regular expression in RE2's syntax: {exc}; "
                r"expected one such as '20\d{2}' for the whole value"
            ) from exc

    @property
    def name(self) -> str:
        """Say the rule."""
        return f"pattern {self.expression}"

    def accepts(self, value: str) -> bool:
        """Tell whether the whole value fits."""
        return is_digits(value) and bool(
            pc.match_substring_regex(pa.scalar(value), pattern=self._whole).as_py()
        )

    @property
    def _whole(self) -> str:
        return rf"\A(?:{self.expression})\z"


@dataclass(frozen=True)
class Range:
    """The value, as a number, lies between two others, both included; None leaves an end open.

    Raises:
        IngestError: no number from 0 up lies there, or both ends are open.
    """

    lowest: int | None = None
    highest: int | None = None

    def __post_init__(self) -> None:
        if self.lowest is None and self.highest is None:
            raise IngestError("a range has neither a lowest nor a highest value; give at least one")
        if self.highest is not None and self.highest < max(0, self.lowest or 0):
            raise IngestError(
                f"no value lies in the range {self.lowest} to {self.highest}; expected the lowest, then the "
                "highest, from 0 up"
            )

    @property
    def name(self) -> str:
        """Say the rule."""
        if self.lowest is None:
            return f"at most {self.highest}"
        return f"at least {self.lowest}" if self.highest is None else f"{self.lowest} to {self.highest}"

    def accepts(self, value: str) -> bool:
        """Tell whether the number lies there; leading zeros do not matter."""
        if not is_digits(value):
            return False
        number = int(value)
        return number >= (self.lowest or 0) and (self.highest is None or number <= self.highest)


@dataclass(frozen=True)
class Length:
    """The value has so many digits, both ends included.

    Raises:
        IngestError: no number of digits from 1 up lies there.
    """

    fewest: int
    most: int

    def __post_init__(self) -> None:
        if self.most < max(1, self.fewest):
            raise IngestError(
                f"no value has a length of {self.fewest} to {self.most}; expected the fewest digits, then "
                "the most, from 1 up"
            )

    @property
    def name(self) -> str:
        """Say the rule."""
        return f"length {self.most}" if self.fewest == self.most else f"length {self.fewest} to {self.most}"

    def accepts(self, value: str) -> bool:
        """Tell whether the value has so many digits."""
        return is_digits(value) and self.fewest <= len(value) <= self.most


@dataclass(frozen=True)
class OneOf:
    """The value is one of a list, leading zeros included.

    Raises:
        IngestError: the list is empty, or one of its values is not digits.
    """

    values: tuple[str, ...]

    def __post_init__(self) -> None:
        wrong = [value for value in self.values if not isinstance(value, str) or not is_digits(value)]
        if wrong or not self.values:
            found = f"the allowed value {wrong[0]!r}" if wrong else "no allowed values"
            raise IngestError(f"a rule has {found}; expected texts of digits, such as '007'")

    @property
    def name(self) -> str:
        """Say the rule, by its first few values."""
        shown = 4
        listed = ", ".join(self.values[:shown])
        return f"one of {listed}" + (f" and {len(self.values) - shown} more" * (len(self.values) > shown))

    def accepts(self, value: str) -> bool:
        """Tell whether the value is in the list."""
        return value in self._set

    @cached_property
    def _set(self) -> frozenset[str]:
        return frozenset(self.values)


@dataclass(frozen=True)
class Checksum:
    """The value ends in the check digits of a method of ``checksums.CHECKSUMS``, which is its name.

    Raises:
        UnknownNameError: there is no such method.
        IngestError: the weights do not suit the method.
    """

    name: str
    weights: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        resolve_method(self.name, self.weights)

    def accepts(self, value: str) -> bool:
        """Tell whether the check digits are right."""
        return resolve_method(self.name, self.weights).passes(value, self.weights)


@dataclass(frozen=True)
class SumRule:
    """The values of several fields, as numbers, add up to that of another.

    A page on which all of them are blank passes; one on which only some are, fails: a blank is a missing
    value, not 0.

    Raises:
        IngestError: there is nothing to add, or a field is named twice.
    """

    of: tuple[str, ...]
    equals: str

    def __post_init__(self) -> None:
        _refuse_repeats("a sum", (*self.of, self.equals))

    @property
    def name(self) -> str:
        """Say the rule."""
        return f"{' + '.join(self.of)} = {self.equals}"

    def accepts(self, values: Mapping[str, str | None]) -> bool:
        """Tell whether the sum is right; a value that is not all digits is never part of a right one."""
        written = _values_of((*self.of, self.equals), values)
        if not written:
            return True
        if len(written) <= len(self.of) or not all(map(is_digits, written)):
            return False
        *summands, total = map(int, written)
        return sum(summands) == total


@dataclass(frozen=True)
class EqualRule:
    """Several fields have the same digits, leading zeros included: something written more than once.

    A page on which all of them are blank passes; one on which only some are, fails.

    Raises:
        IngestError: there are fewer than two fields, or one is named twice.
    """

    fields: tuple[str, ...]

    def __post_init__(self) -> None:
        _refuse_repeats("an equality", self.fields)

    @property
    def name(self) -> str:
        """Say the rule."""
        return " = ".join(self.fields)

    def accepts(self, values: Mapping[str, str | None]) -> bool:
        """Tell whether the values are the same; a value that is not all digits is like no other."""
        written = _values_of(self.fields, values)
        if not written:
            return True
        return len(written) == len(self.fields) and len(set(written)) == 1 and is_digits(written[0])


@dataclass(frozen=True)
class UniqueRule:
    """No two pages of a batch have the same value in a field; ``find_repeated`` finds those that do."""

    field: str

    @property
    def name(self) -> str:
        """Say the rule."""
        return f"{self.field} is unique"

    def accepts(self, values: Mapping[str, str | None]) -> bool:  # noqa: ARG002 - a batch decides
        """Return True: one page alone repeats nothing."""
        return True


def find_repeated(values: Iterable[tuple[Key, str]]) -> set[Key]:
    """Return the keys of the values that more than one key has.

    Args:
        values: a key that tells pages apart, and the page's value. A page without a value is left out by
            the caller: two blanks are no repetition.
    """
    keys_by_value: dict[str, set[Key]] = {}
    for key, value in values:
        keys_by_value.setdefault(value, set()).add(key)
    return {key for keys in keys_by_value.values() if len(keys) > 1 for key in keys}


def _values_of(fields: tuple[str, ...], values: Mapping[str, str | None]) -> list[str]:
    """Return the values of some fields, those that are blank or unread left out."""
    return [value for name in fields if (value := values.get(name)) is not None]


def _refuse_repeats(what: str, fields: tuple[str, ...]) -> None:
    """Raise IngestError where a rule across fields has fewer than two, or one of them twice."""
    if len(fields) < 2 or len(set(fields)) < len(fields):
        raise IngestError(f"{what} names the fields {list(fields)}; expected at least two, each once")


def allows_length(rule: Rule, length: int) -> bool:
    """Tell whether any value of so many digits could pass a rule, as far as its kind says."""
    match rule:
        case Length():
            return rule.fewest <= length <= rule.most
        case OneOf():
            return any(len(value) == length for value in rule.values)
        case Range():
            return rule.lowest is None or rule.lowest < 10**length
        case Checksum():
            return rule.name != WEIGHTED or len(rule.weights) == length
    return True
