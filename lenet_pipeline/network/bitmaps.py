"""The ten 7x12 digit bitmaps that LeNet-5's output units hold as fixed weights (section II.B, figure 3)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Guess: figure 3 of the paper shows stylised ASCII characters; these are drawn after it by hand, not
# read off its pixels. '#' is +1 and '.' is -1, the values that keep F6 in the squash's middle range.
_DRAWINGS = """
..###.. ...#... .#####. .#####. .#...## ####### ..####. ####### .#####. .#####.
.##.##. ..##... ##...## ##...## ##...## ##..... .##..#. .....## ##...## ##...##
##...## .###... .....## .....## ##...## ##..... ##..... ....##. ##...## ##...##
##...## ...#... .....## .....## ##...## ##..... ##..... ....##. ##...## ##...##
##...## ...#... ....##. ..####. ##...## ######. ##.###. ...##.. .#####. ##...##
##...## ...#... ...##.. .....## ####### .....## ###..## ...##.. ##...## .######
##...## ...#... ..##... .....## .....## .....## ##...## ..##... ##...## .....##
##...## ...#... .##.... .....## .....## .....## ##...## ..##... ##...## .....##
.##.##. ...#... ##..... ##...## .....## ##...## ##...## .##.... ##...## .#..##.
..###.. .#####. ####### .#####. .....## .#####. .#####. .##.... .#####. .####..
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
"""


def digit_bitmaps() -> npt.NDArray[np.float32]:
    """Return the bitmaps as float32 (10, 84), row-major 12 rows of 7 columns, -1 paper and +1 ink."""
    rows = [line.split() for line in _DRAWINGS.split("\n") if line]
    drawings = ["".join(row[digit] for row in rows) for digit in range(10)]
    ink = np.array([[pixel == "#" for pixel in drawing] for drawing in drawings])
    return np.where(ink, np.float32(1), np.float32(-1))
