"""Translate a regular expression over digits into an automaton.

The supported syntax is what rules for digits need: digits, ``.``, ``\\d``, classes such as ``[1-9]``, groups,
alternatives, ``^`` at the start, ``$`` at the end, and the quantifiers ``? * + {2} {2,} {2,5}``.
"""

from __future__ import annotations

import re

_MOST_STATES = 2_000  # nested quantifiers multiply
_QUANTIFIER = re.compile(r"(?:([?*+])|\{(\d+)(,?)(\d*)\})\??")
_GROUP_START = re.compile(r"\((?:\?(?:P?<\w+>|:))?")
_DIGITS = "0123456789"

States = frozenset[int]


class _UnknownSyntaxError(Exception):
    """The expression contains unsupported syntax, or needs too many states."""


class PatternAutomaton:
    """An automaton that accepts the digits that match a whole expression.

    Its states are sets of positions in the expression, so it is deterministic.
    """

    def __init__(self, builder: _Builder, start: int, end: int) -> None:
        self._digits = builder.digits
        self._empty = builder.empty
        self._end = end
        self.start: States = self._close({start})

    def step(self, states: States, digit: int) -> States | None:
        """Return the states after one more digit, or None if no match begins like this."""
        reached = {
            target for state in states for choices, target in self._digits[state] if _DIGITS[digit] in choices
        }
        return self._close(reached) if reached else None

    def is_final(self, states: States) -> bool:
        """Return whether the digits so far match."""
        return self._end in states

    def _close(self, states: set[int]) -> States:
        """Add the states that are reached without a digit."""
        waiting = list(states)
        while waiting:
            new = set(self._empty[waiting.pop()]) - states
            states |= new
            waiting += new
        return frozenset(states)


def translate_pattern(expression: str) -> PatternAutomaton | None:
    """Return the automaton of an expression in RE2 syntax, or None if its syntax is not supported."""
    text = expression.removeprefix("^")
    if text.endswith("$") and not text.endswith(r"\$"):
        text = text[:-1]
    builder = _Builder(text)
    start = builder.add_state()
    try:
        end = builder.alternatives(start)
    except _UnknownSyntaxError:
        return None
    # A whole match needs no anchors: "^1|2" matches what "1|2" matches.
    return PatternAutomaton(builder, start, end) if builder.place == len(text) else None


class _Builder:
    """Builds the states while it parses; a repeated part is parsed again for each repetition.

    Attributes:
        digits: for each state, the digits that leave it, each with the next state.
        empty: for each state, the states that are reached from it without a digit.
        place: the place in the expression.
    """

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self.digits: list[list[tuple[str, int]]] = []
        self.empty: list[list[int]] = []
        self.place = 0

    def add_state(self) -> int:
        if len(self.digits) >= _MOST_STATES:
            raise _UnknownSyntaxError
        self.digits.append([])
        self.empty.append([])
        return len(self.digits) - 1

    def alternatives(self, start: int) -> int:
        """Parse ``a|b|c`` from a state. Return the state after it."""
        ends = [self._sequence(start)]
        while self._next() == "|":
            self.place += 1
            ends.append(self._sequence(start))
        end = self.add_state()
        for each in ends:
            self.empty[each].append(end)
        return end

    def _sequence(self, start: int) -> int:
        while self._next() not in ("", "|", ")"):
            start = self._repeated(start)
        return start

    def _repeated(self, before: int) -> int:
        """Parse an atom with its quantifier."""
        # With a state of its own, a loop cannot lead back into the part before.
        places = [self.add_state()]
        self.empty[before].append(places[0])
        begin = self.place
        places.append(self._atom(places[0]))
        fewest, most = self._quantifier()
        end = self.place
        for _ in range((max(fewest, 1) if most is None else most) - 1):
            self.place = begin
            places.append(self._atom(places[-1]))
        self.place = end
        last = self.add_state()
        for place in places[fewest : None if most is None else most + 1]:
            self.empty[place].append(last)
        if most is None:
            self.empty[places[-1]].append(places[-2])
        return last

    def _atom(self, start: int) -> int:
        if self._next() == "(":
            return self._group(start)
        choices, end = self._choices(), self.add_state()
        self.digits[start].append((choices, end))
        return end

    def _group(self, start: int) -> int:
        opening = _GROUP_START.match(self._expression, self.place)
        if opening is None or self._expression[opening.end() : opening.end() + 1] == "?":
            raise _UnknownSyntaxError
        self.place = opening.end()
        end = self.alternatives(start)
        if self._next() != ")":
            raise _UnknownSyntaxError
        self.place += 1
        return end

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
        return "".join(digit for digit in _DIGITS if matching.match(digit))

    def _quantifier(self) -> tuple[int, int | None]:
        """Parse an optional quantifier. Return the fewest and the most repetitions, None without a limit."""
        found = _QUANTIFIER.match(self._expression, self.place)
        if found is None:
            return 1, 1
        self.place = found.end()
        sign, low, comma, high = found.groups()
        if sign:
            return int(sign == "+"), 1 if sign == "?" else None
        return int(low), (int(high) if high else None) if comma else int(low)

    def _next(self) -> str:
        return self._expression[self.place : self.place + 1]
