"""Draw the glyphs of a font, and recognise fonts whose characters 0 to 9 are digits."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lenet_pipeline.ingest.normalisation import place_ink
from lenet_pipeline.schema import Floats

Glyph = NDArray[np.uint8]  # (height, width), cropped, 255 for ink

GLYPH_HEIGHT = 160  # height of a font's 0 in pixels, several times that of a scanned 0
NO_DIGITS = "no_digits"  # the kind of reject for a font without printable digits

_DIGITS = "0123456789"
_UNASSIGNED = "\uffff"  # no font has this character, so it draws the glyph for a missing character
_LARGEST_GLYPH = 4  # times GLYPH_HEIGHT; no digit is that much larger than the 0 of its font


class UnusableFontError(Exception):
    """A font has no printable digits. ``kind`` and the message become the kind and reason of its reject."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def shipped_files() -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each font that Pillow and matplotlib include."""
    import matplotlib  # the import is slow, and only this function needs it

    embedded = ImageFont.load_default(size=10)
    if isinstance(embedded, ImageFont.FreeTypeFont) and isinstance(embedded.path, BytesIO):
        yield "pillow/load_default", embedded.path.getvalue()
    for path in sorted(Path(matplotlib.get_data_path(), "fonts", "ttf").glob("*.ttf")):
        yield f"matplotlib/{path.name}", path.read_bytes()


def draw_digits(content: bytes) -> tuple[str, tuple[Glyph, ...]]:
    """Return a font's name and its glyphs for the characters 0 to 9.

    Raises:
        UnusableFontError: glyphs are missing, empty, too large or identical.
        OSError: FreeType cannot read the font.
    """
    probe = open_font(content, GLYPH_HEIGHT)
    zero = _draw(probe, "0")
    if not zero.size:
        raise UnusableFontError(NO_DIGITS, "its 0 is empty; remove the font")
    font = open_font(content, GLYPH_HEIGHT * GLYPH_HEIGHT / len(zero))
    glyphs = tuple(_draw(font, digit) for digit in _DIGITS)
    different = {glyph.tobytes() for glyph in glyphs if glyph.size}
    if len(different - {_draw(font, _UNASSIGNED).tobytes()}) < len(_DIGITS):
        raise UnusableFontError(NO_DIGITS, "it does not have ten different digits; remove the font")
    return probe.getname()[0] or "unnamed", glyphs


def count_alike(glyphs: Sequence[Glyph]) -> int:
    """Count the digits that resemble the same digit of a common font more than any other digit."""
    likeness = np.max([_as_vectors(glyphs) @ common.T for common in _common_digits()], axis=0)
    return int((likeness.argmax(axis=1) == np.arange(len(_DIGITS))).sum())


@functools.cache
def _common_digits() -> list[Floats]:
    """Return the digits of three common sans-serif and serif fonts, in the form of ``_as_vectors``."""
    common = ("matplotlib/DejaVuSans.ttf", "matplotlib/DejaVuSerif.ttf", "pillow/load_default")
    return [_as_vectors(draw_digits(content)[1]) for source, content in shipped_files() if source in common]


def _as_vectors(glyphs: Sequence[Glyph]) -> Floats:
    """Return ten normalised digits as float32 (10, 784), with rows of length 1."""
    images = np.stack([place_ink(glyph.astype(np.float32) / np.float32(255)) for glyph in glyphs])
    rows = images.reshape(len(images), -1).astype(np.float32)
    scaled: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


def open_font(content: bytes, size: float) -> ImageFont.FreeTypeFont:
    # The basic layout is available on every machine and draws identical glyphs.
    return ImageFont.truetype(BytesIO(content), size, layout_engine=ImageFont.Layout.BASIC)


def draw_all(font: ImageFont.FreeTypeFont, letters: str) -> list[Glyph]:
    """Draw the letters that the font has."""
    missing = _draw(font, _UNASSIGNED).tobytes()
    glyphs = [_draw(font, letter) for letter in letters]
    return [glyph for glyph in glyphs if glyph.size and glyph.tobytes() != missing]


def _draw(font: ImageFont.FreeTypeFont, letter: str) -> Glyph:
    """Draw a letter, cropped to its ink; the glyph is empty if it has no ink."""
    left, top, right, bottom = (round(edge) for edge in font.getbbox(letter))
    width, height = right - left, bottom - top
    if max(width, height) > _LARGEST_GLYPH * GLYPH_HEIGHT:
        raise UnusableFontError(NO_DIGITS, "one of its digits is too large to print; remove the font")
    sheet = Image.new("L", (max(1, width), max(1, height)))
    ImageDraw.Draw(sheet).text((-left, -top), letter, fill=255, font=font)
    ink = sheet.getbbox()
    return np.asarray(sheet.crop(ink)) if ink else np.empty((0, 0), np.uint8)
