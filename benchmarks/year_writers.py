"""The writers of a simulated year: digits that people wrote on tablets, from the UNIPEN collection."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Stroke = NDArray[np.float64]  # (n, 2), x and y of the pen, with y downwards

_SEGMENT = re.compile(r'^\.SEGMENT CHARACTER (\d+)(?:-(\d+))? \S+ "(\d)"', re.MULTILINE)

_FEWEST_POINTS = 4  # a few digits of the collection are only dots


@dataclass(frozen=True)
class WrittenDigit:
    """One digit as a pen wrote it.

    Attributes:
        writer: the file of its writer, such as ``aga-004``.
        label: the digit, 0 to 9.
        strokes: the strokes in the order of writing.
    """

    writer: str
    label: int
    strokes: tuple[Stroke, ...]


def read_contributors(unipen: Path, contributors: Sequence[str]) -> list[WrittenDigit]:
    """Read all digits of some contributors, in the order of their writers."""
    return [
        digit
        for contributor in contributors
        for path in sorted((unipen / "data" / "1a" / contributor).glob("*.dat"))
        for digit in _read_writer(unipen, path)
    ]


def _read_writer(unipen: Path, path: Path) -> Iterator[WrittenDigit]:
    strokes = _read_strokes(unipen / "include" / path.parent.name / "data" / path.name)
    for first, last, label in _SEGMENT.findall(path.read_text(encoding="ascii")):
        chosen = strokes[int(first) : int(last or first) + 1]
        if sum(map(len, chosen)) >= _FEWEST_POINTS:
            yield WrittenDigit(path.stem, int(label), tuple(chosen))


def _read_strokes(path: Path) -> list[Stroke]:
    """Return the strokes between ``.PEN_DOWN`` and ``.PEN_UP``, with y downwards."""
    parts = path.read_text(encoding="ascii").split(".PEN_DOWN")[1:]
    strokes = []
    for part in parts:
        numbers = part.split(".", 1)[0].split()
        points = np.array(numbers, np.float64).reshape(-1, 2)
        strokes.append(points * (1, -1))
    return strokes


def shuffled(digits: Sequence[WrittenDigit], seed: int) -> list[WrittenDigit]:
    """Return digits in a random order that depends only on the seed."""
    order = np.random.default_rng(seed).permutation(len(digits))
    return [digits[index] for index in order]
