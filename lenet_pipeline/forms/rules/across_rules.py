"""Rules for the values of several fields on one page, or in a batch of pages.

The constructors refuse rules that are clearly mistakes, so a template with such a rule does not load.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.rules.numerals import Number, read_number

Key = TypeVar("Key", bound=Hashable)


class AcrossRule(Protocol):
    """A rule for the values of several fields on one page."""

    @property
    def name(self) -> str:
        """Return the rule in a few words for audits, such as ``a + b = total``."""
        ...

    def accepts(self, values: Mapping[str, str | None]) -> bool:
        """Return whether a page's values by field name pass. None is a blank or unread field."""
        ...


@dataclass(frozen=True)
class SumRule:
    """The values of several fields, as numbers, add up to the value of another field.

    A page passes if all of these fields are blank and fails if only some are, because a blank is a missing
    value, not 0.

    Raises:
        IngestError: there is nothing to add, or the rule names a field twice.
    """

    of: tuple[str, ...]
    equals: str

    def __post_init__(self) -> None:
        _refuse_repeats("a sum", (*self.of, self.equals))

    @property
    def name(self) -> str:
        """Return the rule in a few words."""
        return f"{' + '.join(self.of)} = {self.equals}"

    def accepts(self, values: Mapping[str, str | None]) -> bool:
        """Return whether the sum is exactly right. It never is if a value is not a number."""
        return _holds_result(self.of, self.equals, values, sum)


@dataclass(frozen=True)
class ProductRule:
    """The values of several fields, as numbers, multiply to the value of another field.

    A page passes if all of these fields are blank and fails if only some are.

    Raises:
        IngestError: there is nothing to multiply, or the rule names a field twice.
    """

    of: tuple[str, ...]
    equals: str

    def __post_init__(self) -> None:
        _refuse_repeats("a product", (*self.of, self.equals))

    @property
    def name(self) -> str:
        """Return the rule in a few words."""
        return f"{' x '.join(self.of)} = {self.equals}"

    def accepts(self, values: Mapping[str, str | None]) -> bool:
        """Return whether the product is exactly right. It never is if a value is not a number."""
        return _holds_result(self.of, self.equals, values, math.prod)


@dataclass(frozen=True)
class ColumnSumRule:
    """The values in a column of a table, as numbers, add up to the value of another field.

    Unlike in ``SumRule``, a blank field adds nothing, because people leave rows of a table empty. A page
    fails if only the total is blank.

    Attributes:
        column: the name of the column.
        of: the fields to add.
        equals: the field that holds the total.

    Raises:
        IngestError: there is nothing to add, or the rule names a field twice.
    """

    column: str
    of: tuple[str, ...]
    equals: str

    def __post_init__(self) -> None:
        _refuse_repeats("a sum", (*self.of, self.equals))

    @property
    def name(self) -> str:
        """Return the rule in a few words, without the names of all rows."""
        return f"sum of {self.column} = {self.equals}"

    def accepts(self, values: Mapping[str, str | None]) -> bool:
        """Return whether the sum is exactly right. It never is if a value is not a number."""
        written, total = _values_of(self.of, values), values.get(self.equals)
        if total is None:
            return not written
        numbers = _read_numbers([*written, total])
        return len(numbers) > len(written) and sum(numbers[:-1]) == numbers[-1]


@dataclass(frozen=True)
class EqualRule:
    """Several fields have the same digits, because the form asks for a value more than once.

    Leading zeros matter. A page passes if all of these fields are blank and fails if only some are.

    Raises:
        IngestError: the rule names fewer than two fields, or a field twice.
    """

    fields: tuple[str, ...]

    def __post_init__(self) -> None:
        _refuse_repeats("an equality", self.fields)

    @property
    def name(self) -> str:
        """Return the rule in a few words."""
        return " = ".join(self.fields)

    def accepts(self, values: Mapping[str, str | None]) -> bool:
        """Return whether the values are equal. Values that are not numbers never are."""
        written = _values_of(self.fields, values)
        if not written:
            return True
        is_same = len(written) == len(self.fields) and len(set(written)) == 1
        return is_same and read_number(written[0]) is not None


@dataclass(frozen=True)
class AgreementRule:
    """The digits written in a field agree with the marks of a choice.

    The values contain a choice under its name: None if nothing is marked, and no entry if the marks are
    doubtful. Doubtful marks pass, because they wait for a person anyway and say nothing about the field.
    """

    field: str
    choice: str

    @property
    def name(self) -> str:
        """Return the rule in a few words."""
        return f"{self.field} = {self.choice}"

    def accepts(self, values: Mapping[str, str | None]) -> bool:
        """Return whether field and choice agree. They do not if only one of them is blank."""
        return self.choice not in values or values.get(self.field) == values[self.choice]


@dataclass(frozen=True)
class UniqueRule:
    """No two pages of a batch have the same value in a field. ``find_repeated`` finds violations."""

    field: str

    @property
    def name(self) -> str:
        """Return the rule in a few words."""
        return f"{self.field} is unique"

    def accepts(self, values: Mapping[str, str | None]) -> bool:  # noqa: ARG002 - only a batch can violate it
        """Return True, because a single page cannot repeat a value."""
        return True


def rule_fields(rule: AcrossRule) -> tuple[str, ...]:
    """Return the names of the fields on one page that a rule relates; none for ``UniqueRule``."""
    if isinstance(rule, SumRule | ProductRule | ColumnSumRule):
        return (*rule.of, rule.equals)
    if isinstance(rule, AgreementRule):
        return (rule.field,)
    return rule.fields if isinstance(rule, EqualRule) else ()


def find_repeated(values: Iterable[tuple[Key, str]]) -> set[Key]:
    """Return the keys that share their value with another key.

    Args:
        values: pairs of a page's key and its value. The caller omits blank pages, because two blanks do not
            count as a repetition.
    """
    keys_by_value: dict[str, set[Key]] = {}
    for key, value in values:
        keys_by_value.setdefault(value, set()).add(key)
    return {key for keys in keys_by_value.values() if len(keys) > 1 for key in keys}


def _holds_result(
    of: tuple[str, ...],
    equals: str,
    values: Mapping[str, str | None],
    combine: Callable[[Iterable[Number]], Number],
) -> bool:
    """Return whether the numbers in some fields, combined, are the number in another, or all are blank."""
    written = _values_of((*of, equals), values)
    if not written:
        return True
    numbers = _read_numbers(written)
    if len(numbers) <= len(of):
        return False
    *parts, result = numbers
    return combine(parts) == result


def _values_of(fields: tuple[str, ...], values: Mapping[str, str | None]) -> list[str]:
    """Return the values of some fields, without blank and unread ones."""
    return [value for name in fields if (value := values.get(name)) is not None]


def _read_numbers(values: Iterable[str]) -> list[Number]:
    """Return the exact numbers of values, without other texts."""
    return [number for value in values if (number := read_number(value)) is not None]


def _refuse_repeats(what: str, fields: tuple[str, ...]) -> None:
    """Raise IngestError if a rule across fields names fewer than two fields, or a field twice."""
    if len(fields) < 2 or len(set(fields)) < len(fields):
        raise IngestError(f"{what} names the fields {list(fields)}; expected at least two, each once")
