"""The ten 7x12 digit bitmaps: the fixed weights of LeNet-5's output units (section II.B, figure 3)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Guess: figure 3 of the paper shows stylised ASCII characters. These are redrawn by hand, not copied pixel
# by pixel. '#' is +1 and '.' is -1, which keeps F6 within the middle range of the squashing function.
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
    """Return the bitmaps as float32 (10, 84): 12 rows of 7 columns, row-major, -1 paper and +1 ink."""
    rows = [line.split() for line in _DRAWINGS.split("\n") if line]
    drawings = ["".join(row[digit] for row in rows) for digit in range(10)]
    ink = np.array([[pixel == "#" for pixel in drawing] for drawing in drawings])
    return np.where(ink, np.float32(1), np.float32(-1))
