"""Read a regular expression over digits from left to right.

The supported syntax is what rules for digits need: digits, ``.``, ``\\d``, classes such as ``[1-9]``, groups,
alternatives, ``^`` and ``$``, and the quantifiers ``? * + {2} {2,} {2,5}``.
"""

from __future__ import annotations

import re

DIGITS = "0123456789"
_QUANTIFIER = re.compile(r"(?:([?*+])|\{(\d+)(,?)(\d*)\})\??")
_GROUP_START = re.compile(r"\((?:\?(?:P?<\w+>|:))?")


class UnknownSyntaxError(Exception):
    """The expression contains unsupported syntax, or its repetitions are too many."""


class PatternReader:
    """A position in an expression.

    Attributes:
        place: the index of the next sign.
    """

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self.place = 0

    @property
    def is_at_end(self) -> bool:
        """Return whether the whole expression has been read."""
        return self.place == len(self._expression)

    def peek(self) -> str:
        """Return the next sign, or ``""`` at the end."""
        return self._expression[self.place : self.place + 1]

    def open_group(self) -> None:
        """Read the start of a group.

        Raises:
            UnknownSyntaxError: groups of this kind are not supported, such as lookahead.
        """
        found = _GROUP_START.match(self._expression, self.place)
        if found is None or self._expression[found.end() : found.end() + 1] == "?":
            raise UnknownSyntaxError
        self.place = found.end()

    def close_group(self) -> None:
        """Read the end of a group.

        Raises:
            UnknownSyntaxError: the group does not end here.
        """
        if self.peek() != ")":
            raise UnknownSyntaxError
        self.place += 1

    def read_choices(self) -> str:
        """Read an expression for one digit. Return the possible digits, which may be none.

        Raises:
            UnknownSyntaxError: it may match something else than a digit.
        """
        if self.peek() == "[":
            return self._read_class()
        if self._expression.startswith(r"\d", self.place):
            self.place += 2
            return DIGITS
        sign = self.peek()
        if sign != "." and sign not in DIGITS:
            raise UnknownSyntaxError
        self.place += 1
        return DIGITS if sign == "." else sign

    def read_quantifier(self) -> tuple[int, int | None]:
        """Read an optional quantifier. Return the fewest and the most repetitions, None without a limit."""
        found = _QUANTIFIER.match(self._expression, self.place)
        if found is None:
            return 1, 1
        self.place = found.end()
        sign, low, comma, high = found.groups()
        if sign:
            return int(sign == "+"), 1 if sign == "?" else None
        return int(low), (int(high) if high else None) if comma else int(low)

    def _read_class(self) -> str:
        end = self._expression.find("]", self.place + 2)
        inside = self._expression[self.place + 1 : end]
        if end < 0 or not re.fullmatch(r"\^?(\\d|\d-\d|\d)+", inside):
            raise UnknownSyntaxError
        self.place = end + 1
        matching = re.compile(f"[{inside}]", re.ASCII)
        return "".join(digit for digit in DIGITS if matching.match(digit))
