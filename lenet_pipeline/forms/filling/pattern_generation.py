"""Generate digits that match a regular expression.

The supported syntax is what rules for digits need: digits, ``.``, ``\\d``, classes such as ``[1-9]``, groups,
alternatives, ``^`` and ``$``, and the quantifiers ``? * + {2} {2,} {2,5}``.
"""

from __future__ import annotations

import re

import numpy as np

_MOST_REPEATS = 8  # beyond the minimum of an open-ended quantifier
_MOST_STEPS = 5_000  # nested quantifiers multiply; a match with more steps is longer than any field
_QUANTIFIER = re.compile(r"(?:([?*+])|\{(\d+)(,?)(\d*)\})\??")
_GROUP_START = re.compile(r"\((?:\?(?:P?<\w+>|:))?")
_DIGITS = "0123456789"


class _UnknownSyntaxError(Exception):
    """The expression contains unsupported syntax, or its match would be too long."""


def generate_match(expression: str, rng: np.random.Generator) -> str | None:
    """Return digits that match a whole expression, or None if its syntax is not supported.

    Args:
        expression: a regular expression in RE2 syntax.
        rng: the source of all random choices.
    """
    walker = _Walker(expression, rng)
    try:
        value = walker.alternatives()
    except _UnknownSyntaxError:
        return None
    return value if walker.place == len(expression) else None


class _Walker:
    """A position in an expression. It advances to the end while drawing matching digits."""

    def __init__(self, expression: str, rng: np.random.Generator) -> None:
        self._expression = expression
        self._rng = rng
        self.place = 0
        self._steps = 0

    def alternatives(self) -> str:
        """Parse ``a|b|c``. Return digits for one of the alternatives."""
        options = [self._sequence()]
        while self._next() == "|":
            self.place += 1
            options.append(self._sequence())
        return options[int(self._rng.integers(len(options)))]

    def _sequence(self) -> str:
        parts = []
        while self._next() not in ("", "|", ")"):
            start = self.place
            once = self._atom()
            fewest, most = self._quantifier()
            end = self.place
            drawn = [once]
            for _ in range(most - 1):
                self.place = start  # parse it again to draw other digits
                drawn.append(self._atom())
            self.place = end
            parts += drawn[: int(self._rng.integers(fewest, most + 1))]
        return "".join(parts)

    def _atom(self) -> str:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise _UnknownSyntaxError
        sign = self._next()
        if sign in ("^", "$"):
            self.place += 1
            return ""
        if sign == "(":
            return self._group()
        choices = self._choices()
        return choices[int(self._rng.integers(len(choices)))]

    def _group(self) -> str:
        start = _GROUP_START.match(self._expression, self.place)
        if start is None or self._expression[start.end() : start.end() + 1] == "?":
            raise _UnknownSyntaxError
        self.place = start.end()
        value = self.alternatives()
        if self._next() != ")":
            raise _UnknownSyntaxError
        self.place += 1
        return value

    def _choices(self) -> str:
        """Parse an expression for one digit. Return the possible digits."""
        if self._next() == "[":
            return self._class()
        if self._expression.startswith(r"\d", self.place):
            self.place += 2
            return _DIGITS
        sign = self._next()
        if sign != "." and sign not in _DIGITS:
            raise _UnknownSyntaxError
        self.place += 1
        return _DIGITS if sign == "." else sign

    def _class(self) -> str:
        end = self._expression.find("]", self.place + 2)
        inside = self._expression[self.place + 1 : end]
        if end < 0 or not re.fullmatch(r"\^?(\\d|\d-\d|\d)+", inside):
            raise _UnknownSyntaxError
        self.place = end + 1
        matching = re.compile(f"[{inside}]", re.ASCII)
        choices = "".join(digit for digit in _DIGITS if matching.match(digit))
        if not choices:
            raise _UnknownSyntaxError
        return choices

    def _quantifier(self) -> tuple[int, int]:
        """Parse an optional quantifier. Return the smallest and largest number of repetitions."""
        found = _QUANTIFIER.match(self._expression, self.place)
        if found is None:
            return 1, 1
        self.place = found.end()
        sign, low, comma, high = found.groups()
        if sign:
            fewest = 1 if sign == "+" else 0
            return fewest, 1 if sign == "?" else fewest + _MOST_REPEATS
        fewest = int(low)
        if not comma:
            return fewest, fewest
        return fewest, int(high) if high else fewest + _MOST_REPEATS

    def _next(self) -> str:
        return self._expression[self.place : self.place + 1]
