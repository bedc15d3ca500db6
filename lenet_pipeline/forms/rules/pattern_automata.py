"""Translate a regular expression over digits into an automaton.

The supported syntax is that of ``pattern_syntax``, with ``^`` only at the start and ``$`` only at the end.
"""

from __future__ import annotations

from lenet_pipeline.forms.rules.pattern_syntax import DIGITS, PatternReader, UnknownSyntaxError

_MOST_STATES = 2_000  # nested quantifiers multiply

States = frozenset[int]


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
            target for state in states for choices, target in self._digits[state] if DIGITS[digit] in choices
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
    except UnknownSyntaxError:
        return None
    # A whole match needs no anchors: "^1|2" matches what "1|2" matches.
    return PatternAutomaton(builder, start, end) if builder.is_at_end else None


class _Builder(PatternReader):
    """Builds the states while it parses; a repeated part is parsed again for each repetition.

    Attributes:
        digits: for each state, the digits that leave it, each with the next state.
        empty: for each state, the states that are reached from it without a digit.
    """

    def __init__(self, expression: str) -> None:
        super().__init__(expression)
        self.digits: list[list[tuple[str, int]]] = []
        self.empty: list[list[int]] = []

    def add_state(self) -> int:
        if len(self.digits) >= _MOST_STATES:
            raise UnknownSyntaxError
        self.digits.append([])
        self.empty.append([])
        return len(self.digits) - 1

    def alternatives(self, start: int) -> int:
        """Parse ``a|b|c`` from a state. Return the state after it."""
        ends = [self._sequence(start)]
        while self.peek() == "|":
            self.place += 1
            ends.append(self._sequence(start))
        end = self.add_state()
        for each in ends:
            self.empty[each].append(end)
        return end

    def _sequence(self, start: int) -> int:
        while self.peek() not in ("", "|", ")"):
            start = self._repeated(start)
        return start

    def _repeated(self, before: int) -> int:
        """Parse an atom with its quantifier."""
        # With a state of its own, a loop cannot lead back into the part before.
        places = [self.add_state()]
        self.empty[before].append(places[0])
        begin = self.place
        places.append(self._atom(places[0]))
        fewest, most = self.read_quantifier()
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
        if self.peek() == "(":
            return self._group(start)
        choices, end = self.read_choices(), self.add_state()
        self.digits[start].append((choices, end))
        return end

    def _group(self, start: int) -> int:
        self.open_group()
        end = self.alternatives(start)
        self.close_group()
        return end
