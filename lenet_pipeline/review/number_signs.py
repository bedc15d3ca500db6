"""The separator and the minus among the signs of a field's cells.

A separator stands between two cells. A minus stands left of a box without dividers, or has a cell of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lenet_pipeline.review.signs import MINUS, SEPARATOR

Cell = Mapping[str, Any]

_NO_DIGIT = ("", "X", MINUS)


def pair_signs(cells: Sequence[Cell], signs: Sequence[str]) -> list[tuple[Cell, str]]:
    """Return each cell with its sign, or nothing if there are more or fewer signs than cells.

    Args:
        cells: the cells, in the order of positions.
        signs: as a person confirms them; see ``SIGNS``.
    """
    for between in ((SEPARATOR,), (SEPARATOR, MINUS)):
        own = [sign for sign in signs if sign not in between]
        if len(own) == len(cells):
            return list(zip(cells, own, strict=True))
    return []


def add_number_signs(
    signs: Sequence[str | None], cells: Sequence[Cell], value: str | None, *, is_typed: bool
) -> list[str | None]:
    """Return the signs of cells with the separator and the minus of a value.

    Args:
        signs: one for each cell, or one for each digit that a person typed.
        cells: the cells, in the order of positions.
        value: the value in normal form, with ``?`` for unreadable characters; None without any.
        is_typed: whether a person typed the value. Otherwise, it counts every cell with a digit, although a
            person may have decided that one is blank.
    """
    text = value or ""
    whole, point, _ = text.removeprefix(MINUS).partition(SEPARATOR)
    if is_typed or len(cells) != len(signs):
        counted = [index for index, sign in enumerate(signs) if sign not in _NO_DIGIT]
    else:
        counted = [index for index, cell in enumerate(cells) if cell["state"] == "digit"]
    found = list(signs)
    if point and 0 < len(whole) <= len(counted):
        found.insert(counted[len(whole) - 1] + 1, SEPARATOR)
    if text.startswith(MINUS):
        before = counted[0] - 1 if counted else -1
        if before >= 0 and found[before] in ("", "X"):
            found[before] = MINUS
        else:
            found.insert(0, MINUS)
    return found


def only_digits(value: str) -> str:
    """Return a value without its separator and minus."""
    return value.replace(SEPARATOR, "").removeprefix(MINUS)
