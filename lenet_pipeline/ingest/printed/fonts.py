"""Fonts: whose digits can be printed, and which families are for training and which for the test.

A family here is what a printer would call a superfamily, and folded wide on purpose: DejaVu Sans, Sans Mono
and Serif are drawn on one skeleton, and Computer Modern's roman, sans, italic and typewriter come from one
set of programs, so each is one family. In general a family is the first word of a font's name: two
unrelated fonts that share it only land on the same side, whereas a design known under two names could be
trained on and tested. Beyond the names below, a clone under a name of its own is not recognised.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest.batch import Reject, path_text
from lenet_pipeline.ingest.images import UnreadableImageError, read_content
from lenet_pipeline.ingest.normalisation import place_ink
from lenet_pipeline.lake import hash_fractions

Glyph = NDArray[np.uint8]

GLYPH_HEIGHT = 160  # pixels of a font's 0: several times what a scanner sees of it

_DIGITS = "0123456789"
_UNASSIGNED = "\uffff"  # no font has it, so it draws what a font draws for a missing letter
_SUFFIXES = frozenset({".ttf", ".otf"})
_LARGEST_GLYPH = 4  # times GLYPH_HEIGHT: no digit is that much larger than its 0
_FEWEST_ALIKE = 5  # of ten digits; of the fonts shipped, text has 7 or more and symbols 1
_TEST_SHARE = 1 / 3
_SPLIT_SALT = "lenet-pipeline/font-family"
_NO_DIGITS = "no_digits"

# Fonts whose digits look like digits and are others than a form or a page shows.
_OTHER_DIGITS = {"cmmi10": "its digits are old-style: at one size its 0 is an o and its 1 a small capital I"}
# Designs that go by several names, and the one that stands for them.
_SAME_DESIGN = (
    (
        re.compile(r"cm[a-z]{1,6}\d+|cmu .*|lm (roman|sans|mono).*|lm[a-z]+\d+.*|latin modern .*"),
        "computer modern",
    ),
    (re.compile(r"bitstream vera.*"), "dejavu"),
    (re.compile(r"stix.*|xits.*"), "stix"),
)


@dataclass(frozen=True)
class DigitFont:
    """A font whose ten digits can be printed.

    ``source`` is its path, or the package and file that ship it; ``sha256`` is of its file's bytes.
    ``glyphs`` are its digits 0 to 9, each uint8 (height, width), cropped, 255 for ink; all are drawn at
    the size that makes the 0 ``GLYPH_HEIGHT`` pixels high.
    """

    source: str
    sha256: str
    family: str
    glyphs: tuple[Glyph, ...]


class _UnusableFontError(Exception):
    """A font has no digits to print; ``kind`` and the message are what its reject says."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def is_damaged(reject: Reject) -> bool:
    """Tell a font that could not be read from one that was, and has no digits to print."""
    return reject.kind != _NO_DIGITS


def read_shipped_fonts() -> list[DigitFont]:
    """Read the fonts that matplotlib and Pillow ship and whose digits are digits, by source."""
    fonts = []
    for source, content in _shipped_files():
        try:
            fonts.append(_read_font(source, content))
        except _UnusableFontError:
            continue  # most of them are mathematical symbols
    return fonts


@functools.cache
def draw_letters(letters: str, side: str) -> list[Glyph]:
    """Return letters in the fonts that matplotlib and Pillow ship with digits: uint8 (height, width) each.

    Args:
        letters: what to draw in each font.
        side: ``train`` or ``test``: in the families of that side of `split_fonts`.
    """
    usable = {font.source for font in split_fonts(read_shipped_fonts())[side]}
    return [
        glyph
        for source, content in _shipped_files()
        if source in usable
        for glyph in _draw_all(_open_font(content, GLYPH_HEIGHT), letters)
    ]


def read_font_folder(folder: Path, *, max_bytes: int) -> tuple[list[DigitFont], list[Reject]]:
    """Read every .ttf and .otf in a folder tree, by path; those without digits to print are rejects.

    A font is left out where it cannot be read, lacks a digit, or draws the same for two of them. Two
    files with the same bytes are one font.

    Args:
        folder: hidden files and folders in it are skipped.
        max_bytes: the largest file that is opened.

    Raises:
        IngestError: the folder cannot be read, or holds no font file.
    """
    fonts: dict[str, DigitFont] = {}
    rejects: list[Reject] = []
    for path in _font_paths(folder):
        sha256 = None
        try:
            content = read_content(path, max_bytes=max_bytes, noun="font")
            sha256 = hashlib.sha256(content).hexdigest()
            if sha256 not in fonts:
                fonts[sha256] = _read_font(path_text(path), content)
        except (UnreadableImageError, _UnusableFontError) as exc:
            rejects.append(Reject(path_text(path), exc.kind, str(exc), source_sha256=sha256))
    return list(fonts.values()), rejects


def split_fonts(fonts: Sequence[DigitFont]) -> dict[str, list[DigitFont]]:
    """Divide fonts into ``train`` and ``test`` by family, by a hash of the family's name.

    About a third of the families are for the test, and the same ones wherever they turn up: a dataset may
    take fonts of several folders, and what is trained on here must not be the test there.

    Raises:
        IngestError: a side would be empty.
    """
    sides: dict[str, list[DigitFont]] = {"train": [], "test": []}
    for font in fonts:
        sides["test" if _family_fraction(font.family) < _TEST_SHARE else "train"].append(font)
    if not all(sides.values()):
        raise IngestError(
            f"found {_describe_families(sides)}; expected families for both train and test, which the hash "
            "of a family's name decides: add fonts of another design, or leave --fonts out to take those "
            "that are installed"
        )
    return sides


def font_family(name: str) -> str:
    """Return the family that a font of this name belongs to, such as ``dejavu`` for DejaVu Sans Mono."""
    name = " ".join(name.lower().split())
    for pattern, family in _SAME_DESIGN:
        if pattern.fullmatch(name):
            return family
    return re.split(r"[ _-]", name)[0] or name


def _describe_families(sides: Mapping[str, Sequence[DigitFont]]) -> str:
    """Say which families there are where they are all on one side."""
    for side, fonts in sides.items():
        if families := sorted({font.family for font in fonts}):
            return f"only families that are all for {side} ({', '.join(families)})"
    return "no font with digits"


def _family_fraction(family: str) -> float:
    """Return a number in [0, 1) that depends on a family's name alone."""
    return float(hash_fractions([family.encode()], _SPLIT_SALT)[0])


def _shipped_files() -> Iterator[tuple[str, bytes]]:
    """Yield where each font that Pillow and matplotlib ship is in them, and its bytes."""
    import matplotlib  # takes a while, and only this source needs it

    embedded = ImageFont.load_default(size=10)
    if isinstance(embedded, ImageFont.FreeTypeFont) and isinstance(embedded.path, BytesIO):
        yield "pillow/load_default", embedded.path.getvalue()
    for path in sorted(Path(matplotlib.get_data_path(), "fonts", "ttf").glob("*.ttf")):
        yield f"matplotlib/{path.name}", path.read_bytes()


def _font_paths(folder: Path) -> list[Path]:
    """Return the font files of a folder tree in order.

    Raises:
        IngestError: the folder cannot be read, or holds no font file.
    """
    folder = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100  # resolve() would follow links
    try:
        next(folder.iterdir(), None)
    except OSError as exc:
        raise IngestError(
            f"cannot read {path_text(folder)}: {exc.strerror}; give a folder of .ttf or .otf files"
        ) from exc
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES]
    visible = sorted(path for path in paths if not _is_hidden(path.relative_to(folder)))
    if not visible:
        raise IngestError(
            f"the folder {path_text(folder)} holds no font; expected .ttf or .otf files in it or below it"
        )
    return visible


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _read_font(source: str, content: bytes) -> DigitFont:
    """Read one font and draw its digits.

    Raises:
        _UnusableFontError: it cannot be read, or has no digits to print.
    """
    try:
        name, glyphs = _draw_digits(content)
    except (OSError, ValueError, MemoryError, OverflowError) as exc:
        said = " ".join(str(exc).split()) or type(exc).__name__
        reason = f"it cannot be read as a font ({said}); copy it again from where it came"
        raise _UnusableFontError("damaged_font", reason) from exc
    problem = _OTHER_DIGITS.get(name.lower())
    if problem is None and _count_alike(glyphs) < _FEWEST_ALIKE:
        problem = "its codes 0 to 9 draw something else"
    if problem is not None:
        raise _UnusableFontError(_NO_DIGITS, f"{problem}; leave it out")
    return DigitFont(source, hashlib.sha256(content).hexdigest(), font_family(name), glyphs)


def _draw_digits(content: bytes) -> tuple[str, tuple[Glyph, ...]]:
    """Return a font's name and what it has at the codes of the ten digits.

    Raises:
        _UnusableFontError: some are missing, empty, or drawn as others are.
        OSError: FreeType cannot read it.
    """
    probe = _open_font(content, GLYPH_HEIGHT)
    zero = _draw(probe, "0")
    if not zero.size:
        raise _UnusableFontError(_NO_DIGITS, "its 0 is empty; leave it out")
    font = _open_font(content, GLYPH_HEIGHT * GLYPH_HEIGHT / len(zero))
    glyphs = tuple(_draw(font, digit) for digit in _DIGITS)
    different = {glyph.tobytes() for glyph in glyphs if glyph.size}
    if len(different - {_draw(font, _UNASSIGNED).tobytes()}) < len(_DIGITS):
        raise _UnusableFontError(_NO_DIGITS, "it does not have ten different digits; leave it out")
    return probe.getname()[0] or "unnamed", glyphs


def _count_alike(glyphs: Sequence[Glyph]) -> int:
    """Count the digits that look more like the same digit of a usual font than like any other."""
    likeness = np.max([_as_vectors(glyphs) @ usual.T for usual in _usual_digits()], axis=0)
    return int((likeness.argmax(axis=1) == np.arange(len(_DIGITS))).sum())


@functools.cache
def _usual_digits() -> list[NDArray[np.float32]]:
    """Return the digits of a sans-serif and a serif font as ``_as_vectors`` has them."""
    usual = ("matplotlib/DejaVuSans.ttf", "matplotlib/DejaVuSerif.ttf", "pillow/load_default")
    return [_as_vectors(_draw_digits(content)[1]) for source, content in _shipped_files() if source in usual]


def _as_vectors(glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
    """Return ten digits of one size as float32 (10, 784), each row of length 1."""
    images = np.stack([place_ink(glyph.astype(np.float32) / np.float32(255)) for glyph in glyphs])
    rows = images.reshape(len(images), -1).astype(np.float32)
    scaled: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


def _open_font(content: bytes, size: float) -> ImageFont.FreeTypeFont:
    # The basic layout is there on every machine, and draws the same on each.
    return ImageFont.truetype(BytesIO(content), size, layout_engine=ImageFont.Layout.BASIC)


def _draw_all(font: ImageFont.FreeTypeFont, letters: str) -> list[Glyph]:
    """Draw those letters that the font has."""
    missing = _draw(font, _UNASSIGNED).tobytes()
    glyphs = [_draw(font, letter) for letter in letters]
    return [glyph for glyph in glyphs if glyph.size and glyph.tobytes() != missing]


def _draw(font: ImageFont.FreeTypeFont, letter: str) -> Glyph:
    """Draw a letter as uint8 (height, width), 255 for ink, cropped; empty where it has no ink."""
    left, top, right, bottom = (round(edge) for edge in font.getbbox(letter))
    width, height = right - left, bottom - top
    if max(width, height) > _LARGEST_GLYPH * GLYPH_HEIGHT:
        raise _UnusableFontError(_NO_DIGITS, "one of its digits is of no size to print; leave it out")
    sheet = Image.new("L", (max(1, width), max(1, height)))
    ImageDraw.Draw(sheet).text((-left, -top), letter, fill=255, font=font)
    ink = sheet.getbbox()
    return np.asarray(sheet.crop(ink)) if ink else np.empty((0, 0), np.uint8)
