"""Values as text: their digits, and where a decimal separator and a minus sign stand.

There is one normal form: an optional minus, digits, and optionally a point with more digits, such as ``300``,
``300.00`` or ``-7.5``. It is the text that DuckDB and Python cast to a decimal number. Digits stay as they
are written, so leading and trailing zeros remain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from lenet_pipeline.forms.rules.checksums import is_digits

Number = int | Fraction

_NUMERAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
_WRITTEN = re.compile(r"([-+\N{MINUS SIGN}]?)\s*([0-9]+)(?:[.,]([0-9]+))?")


@dataclass(frozen=True)
class NumberForm:
    """Where the separator and the sign of a value stand.

    Attributes:
        places: the number of digits after the separator, at least 1, or None without a separator.
        is_negative: whether a minus precedes the digits.
    """

    places: int | None = None
    is_negative: bool = False

    def write(self, digits: str) -> str:
        """Return digits in normal form. There must be more of them than decimal places."""
        sign = "-" if self.is_negative else ""
        if self.places is None:
            return sign + digits
        return f"{sign}{digits[: -self.places]}.{digits[-self.places :]}"


PLAIN = NumberForm()


def split_numeral(value: str) -> tuple[str, NumberForm] | None:
    """Return the digits of a value in normal form and the form, or None if it has another form."""
    found = _NUMERAL.fullmatch(value)
    if found is None:
        return None
    sign, whole, decimals = found.groups()
    return whole + (decimals or ""), NumberForm(len(decimals) if decimals else None, bool(sign))


def read_number(value: str) -> Number | None:
    """Return the exact number of a value in normal form, or None if it has another form."""
    if is_digits(value):
        return int(value)
    return Fraction(value) if _NUMERAL.fullmatch(value) else None


def normalise_numeral(text: str) -> str | None:
    """Return a number that a person typed in normal form, or None for another text.

    A comma becomes a point, and a plus is dropped.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return None
    sign, whole, decimals = found.groups()
    return ("" if sign in ("", "+") else "-") + whole + (f".{decimals}" if decimals else "")
