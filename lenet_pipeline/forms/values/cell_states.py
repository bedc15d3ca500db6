"""The content of the cells that values are assembled from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

State = Literal["blank", "digit", "mark", "not_a_digit"]


@dataclass(frozen=True, eq=False)
class CellState:
    """The content of one cell of a field, or one piece of ink in a box without dividers.

    Attributes:
        position: its position in the field, from 0, left to right and row by row.
        state: what it contains. ``mark`` is a clear dash or cross, as in an unused cell.
        probabilities: the probability of each class, float64 (10,) with sum 1. Required for a ``digit``.
        not_a_digit: the score for not being a digit, 0 to 1.
        mark: which mark the cell has, or None if it has none or it is unknown.
        possible_mark: the mark that a digit resembles, or None without any.
        is_like_mark: whether this shape alone makes the cell doubtful.

    Raises:
        ValueError: a digit has no probabilities.
    """

    position: int
    state: State
    probabilities: NDArray[np.float64] | None = None
    not_a_digit: float | None = None
    mark: str | None = None
    possible_mark: str | None = None
    is_like_mark: bool = False

    def __post_init__(self) -> None:
        if self.state == "digit" and self.probabilities is None:
            raise ValueError(f"the digit at position {self.position} has no probabilities")
