"""Generate digits that match a regular expression in the syntax of ``pattern_syntax``."""

from __future__ import annotations

import numpy as np

from lenet_pipeline.forms.rules.pattern_syntax import PatternReader, UnknownSyntaxError

_MOST_REPEATS = 8  # beyond the minimum of an open-ended quantifier
_MOST_STEPS = 5_000  # nested quantifiers multiply; a match with more steps is longer than any field


def generate_match(expression: str, rng: np.random.Generator) -> str | None:
    """Return digits that match a whole expression, or None if its syntax is not supported.

    Args:
        expression: a regular expression in RE2 syntax.
        rng: the source of all random choices.
    """
    walker = _Walker(expression, rng)
    try:
        value = walker.alternatives()
    except UnknownSyntaxError:
        return None
    return value if walker.is_at_end else None


class _Walker(PatternReader):
    """A position in an expression. It advances to the end while drawing matching digits."""

    def __init__(self, expression: str, rng: np.random.Generator) -> None:
        super().__init__(expression)
        self._rng = rng
        self._steps = 0

    def alternatives(self) -> str:
        """Parse ``a|b|c``. Return digits for one of the alternatives."""
        options = [self._sequence()]
        while self.peek() == "|":
            self.place += 1
            options.append(self._sequence())
        return options[int(self._rng.integers(len(options)))]

    def _sequence(self) -> str:
        parts = []
        while self.peek() not in ("", "|", ")"):
            start = self.place
            once = self._atom()
            fewest, limit = self.read_quantifier()
            most = fewest + _MOST_REPEATS if limit is None else limit
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
            raise UnknownSyntaxError
        sign = self.peek()
        if sign in ("^", "$"):
            self.place += 1
            return ""
        if sign == "(":
            return self._group()
        choices = self.read_choices()
        if not choices:
            raise UnknownSyntaxError
        return choices[int(self._rng.integers(len(choices)))]

    def _group(self) -> str:
        self.open_group()
        value = self.alternatives()
        self.close_group()
        return value
