"""Decide which cells hold marks, from the shape of their ink and the network's score for not being a digit.

Shape alone loses digits, because some ones lie and some eights consist of two strokes. The score alone would
drop letters and struck digits. Together, they find marks and lose no digits; see ``docs/benchmarks.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lenet_pipeline.forms.values.cell_states import CellState

MARK_FROM = 0.5  # the score from which a possible mark counts as one, as in the macro settled_state
_DOUBT_FROM = 0.02  # from this score on, a possible mark is a doubt; one digit in 500 reaches it

# The network decides about ink with these shapes, and about flat curls. Ones resemble slashes, zeros circles,
# and many digits other curls: a network that refuses good digits must not drop them.
_SURE_MARKS = ("X", "-")

MARK_NAMES = {"-": "a dash", "X": "a cross", "/": "a slash", "curl": "a curl", "circle": "a circle"}


def settle_marks(cells: Sequence[CellState]) -> list[CellState]:
    """Return cells in which possible marks without a digit have the state ``mark``."""
    return [
        replace(cell, state="mark", mark=cell.possible_mark)
        if cell.state == "digit" and _may_be_sure(cell) and _score(cell) >= MARK_FROM
        else cell
        for cell in cells
    ]


def doubt_marks(cells: Sequence[CellState]) -> list[str]:
    """Return a reason for each settled digit that may be a mark, by its shape or by its score."""
    return [
        f"mark: position {cell.position} may be {MARK_NAMES.get(cell.possible_mark, 'a mark')}"
        for cell in cells
        if cell.state == "digit" and cell.possible_mark is not None
        if cell.is_like_mark or _score(cell) >= _DOUBT_FROM
    ]


def _may_be_sure(cell: CellState) -> bool:
    return cell.possible_mark in _SURE_MARKS or (cell.possible_mark == "curl" and bool(cell.is_like_mark))


def _score(cell: CellState) -> float:
    return cell.not_a_digit or 0.0
