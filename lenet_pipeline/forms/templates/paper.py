"""Decide how large the paper of a picture is: as its file or the user states, or by a guess."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.page import MM_PER_INCH
from lenet_pipeline.forms.templates.page_sizes import PAGE_SIZES

_USUAL_DPI = (300.0, 200.0, 150.0, 400.0, 600.0, 240.0, 100.0, 120.0)
_USUAL_PAPERS = ("A4", "letter", "A5", "legal", "A3", "A6")
_UNKNOWN_DPI = 300.0  # of a picture that has the proportions of no paper
_SAME = 0.01  # of a length: sizes this close are the same paper
_USUAL = 0.005  # of a resolution: scanners cut a few pixels
_SIMILAR = 0.1  # of the proportions: a picture cropped a little, or a photo with a margin
_MOST_STRETCH = 0.02  # between the proportions of a picture and those of the paper that a user names
_CUSTOM = re.compile(r"(\d+(?:\.\d+)?)\s*[x×]\s*(\d+(?:\.\d+)?)(?:\s*mm)?")
_SIDES_MM = (20.0, 1300.0)

PaperSource = Literal["file", "user", "guess"]


@dataclass(frozen=True)
class Paper:
    """The paper of a picture.

    Attributes:
        width: in millimetres.
        height: in millimetres.
        dpi: the resolution of the picture in pixels per inch, across.
        name: such as ``A4`` or ``letter landscape``, or None for no named size.
        source: who states the size.
    """

    width: float
    height: float
    dpi: float
    name: str | None
    source: PaperSource

    @property
    def size(self) -> tuple[float, float]:
        """Return width and height in millimetres."""
        return self.width, self.height

    def describe(self) -> str:
        """Return the size and its source in words, such as "210 x 297 mm (A4) at 300 pixels per inch"."""
        name = f" ({self.name})" if self.name else ""
        text = f"{self.width:.0f} x {self.height:.0f} mm{name} at {self.dpi:.0f} pixels per inch"
        return f"{text}, which is a guess" if self.source == "guess" else text


def read_paper_size(text: str) -> tuple[float, float]:
    """Read a paper size such as ``A4``, ``letter landscape`` or ``210x297``, in any case.

    Returns:
        Width and height in millimetres.

    Raises:
        IngestError: the text is not a paper size.
    """
    if found := _CUSTOM.fullmatch(text.strip().lower()):
        width, height = (float(side) for side in found.groups())
        if all(_SIDES_MM[0] <= side <= _SIDES_MM[1] for side in (width, height)):
            return width, height
    name, _, orientation = text.strip().lower().partition(" ")
    known = {each.lower(): size for each, size in PAGE_SIZES.items()}
    if name in known and orientation in ("", "portrait", "landscape"):
        width, height = known[name]
        return (height, width) if orientation == "landscape" else (width, height)
    raise IngestError(
        f"{text!r} is no paper size; expected {', '.join(PAGE_SIZES)}, with or without landscape, or width "
        "and height in millimetres, such as 210x297"
    )


def judge_paper(
    pixels: tuple[int, int],
    *,
    stated_dpi: float | None = None,
    given_dpi: float | None = None,
    given_size: tuple[float, float] | None = None,
) -> Paper:
    """Return the paper of a picture.

    Args:
        pixels: width and height of the picture.
        stated_dpi: the resolution that the file states, or None.
        given_dpi: the resolution that the user states, or None.
        given_size: the width and height in millimetres that the user states, or None. A size in portrait also
            stands for a picture in landscape.

    Raises:
        IngestError: the proportions of the picture are not those of the given size.
    """
    width, height = pixels
    if given_size is not None:
        return _fit_size(pixels, given_size)
    dpi = given_dpi or stated_dpi
    if dpi is not None:
        size = width / dpi * MM_PER_INCH, height / dpi * MM_PER_INCH
        return Paper(*size, dpi, _name_of(size), "user" if given_dpi else "file")
    dpi = _guess_dpi(pixels)
    size = width / dpi * MM_PER_INCH, height / dpi * MM_PER_INCH
    return Paper(*size, dpi, _name_of(size, _SIMILAR), "guess")


def _fit_size(pixels: tuple[int, int], size: tuple[float, float]) -> Paper:
    width, height = pixels
    if (width > height) != (size[0] > size[1]):
        size = size[1], size[0]
    stretch = (width / height) / (size[0] / size[1])
    if not 1 / (1 + _MOST_STRETCH) <= stretch <= 1 + _MOST_STRETCH:
        raise IngestError(
            f"the picture has {width} x {height} pixels, which are not the proportions of paper of "
            f"{size[0]:g} x {size[1]:g} mm; give another --paper, or the resolution with --dpi"
        )
    return Paper(*size, width / size[0] * MM_PER_INCH, _name_of(size), "user")


def _guess_dpi(pixels: tuple[int, int]) -> float:
    """Return the resolution at which a picture is most likely a usual paper at a usual resolution."""
    short, long = sorted(pixels)
    guesses = []
    for order, name in enumerate(_USUAL_PAPERS):
        paper = PAGE_SIZES[name]
        stretch = abs(math.log((short / long) / (paper[0] / paper[1])))
        dpi = math.sqrt(short * long / (paper[0] * paper[1])) * MM_PER_INCH
        usual = min(_USUAL_DPI, key=lambda each: abs(math.log(each / dpi)))
        if stretch <= _SAME and abs(usual / dpi - 1) <= _USUAL:
            return usual
        guesses.append((round(stretch, 2), order, dpi))
    stretch, _, dpi = min(guesses)
    return dpi if stretch <= _SIMILAR else _UNKNOWN_DPI


def _name_of(size: tuple[float, float], tolerance: float = _SAME) -> str | None:
    """Return the name of a paper size, or None if no named size is like it."""
    short, long = sorted(size)
    far = {
        name: max(abs(short / paper[0] - 1), abs(long / paper[1] - 1)) for name, paper in PAGE_SIZES.items()
    }
    nearest = min(far, key=lambda name: far[name])
    if far[nearest] > tolerance:
        return None
    return f"{nearest} landscape" if size[0] > size[1] else nearest
