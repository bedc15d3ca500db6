"""Fonts with printable digits, divided by family into training and test fonts.

A family here is a superfamily and deliberately broad. DejaVu Sans, Sans Mono and Serif share one skeleton,
and Computer Modern's roman, sans, italic and typewriter come from one set of programs, so each group is one
family. Otherwise, the family is the first word of a font's name. Unrelated fonts that share the first word
merely end up on the same side, which is harmless. A design with two names could end up on both sides, so
the table below maps known second names to one family. Other clones are not recognised.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest.batch import Reject, path_text
from lenet_pipeline.ingest.image_formats import UnreadableImageError
from lenet_pipeline.ingest.images import read_content
from lenet_pipeline.ingest.printed.glyphs import (
    GLYPH_HEIGHT,
    NO_DIGITS,
    Glyph,
    UnusableFontError,
    count_alike,
    draw_all,
    draw_digits,
    open_font,
    shipped_files,
)
from lenet_pipeline.lake import hash_fractions

_SUFFIXES = frozenset({".ttf", ".otf"})
_WEB_SUFFIXES = frozenset({".woff2", ".woff"})  # the same formats, compressed; FreeType reads both
_EXPECTED = ".ttf, .otf, .woff or .woff2 files"
_FEWEST_ALIKE = 5  # of ten digits; among the included fonts, text fonts have 7 or more and symbol fonts 1
_TEST_SHARE = 1 / 3
_SPLIT_SALT = "lenet-pipeline/font-family"

# Fonts whose digits differ from those on forms and pages.
_OTHER_DIGITS = {"cmmi10": "its digits are old-style: the 0 looks like an o and the 1 like a small capital I"}
# Designs with several names, and their family.
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
    """A font with ten printable digits.

    Attributes:
        source: the path of the font, or the package and file that include it.
        sha256: the sha256 of the file in hexadecimal.
        family: the name of its family, such as ``dejavu``.
        glyphs: its digits 0 to 9, each uint8 (height, width), cropped, 255 for ink, drawn at the size at
            which the 0 is ``GLYPH_HEIGHT`` pixels high.
    """

    source: str
    sha256: str
    family: str
    glyphs: tuple[Glyph, ...]


def is_damaged(reject: Reject) -> bool:
    """Return whether a font could not be read, as opposed to one without printable digits."""
    return reject.kind != NO_DIGITS


def read_shipped_fonts() -> list[DigitFont]:
    """Read the fonts with printable digits that matplotlib and Pillow include, in order of source."""
    fonts = []
    for source, content in shipped_files():
        try:
            fonts.append(_read_font(source, content))
        except UnusableFontError:
            continue  # mostly fonts of mathematical symbols
    return fonts


@functools.cache
def draw_letters(letters: str, side: str) -> list[Glyph]:
    """Return letters in the included fonts with digits, each uint8 (height, width), 255 for ink.

    Args:
        letters: the letters to draw in each font.
        side: ``train`` or ``test``, the side of ``split_fonts`` that the fonts are on.
    """
    usable = {font.source for font in split_fonts(read_shipped_fonts())[side]}
    return [
        glyph
        for source, content in shipped_files()
        if source in usable
        for glyph in draw_all(open_font(content, GLYPH_HEIGHT), letters)
    ]


def read_font_folder(folder: Path, *, max_bytes: int) -> tuple[list[DigitFont], list[Reject]]:
    """Read the .ttf, .otf, .woff and .woff2 files of a folder tree, in order of path.

    A font is rejected if it cannot be read, lacks a digit, or draws two digits alike. Files with identical
    bytes are one font, and so are files whose names differ only in these suffixes, if one is compressed.

    Args:
        folder: the folder; hidden files and folders in it are skipped.
        max_bytes: the maximum size of a file.

    Raises:
        IngestError: the folder cannot be read or contains no fonts.
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
        except (UnreadableImageError, UnusableFontError) as exc:
            rejects.append(Reject(path_text(path), exc.kind, str(exc), source_sha256=sha256))
    return list(fonts.values()), rejects


def split_fonts(fonts: Sequence[DigitFont]) -> dict[str, list[DigitFont]]:
    """Divide fonts into ``train`` and ``test`` by a hash of the family's name.

    About a third of the families are for the test. A family is on the same side in every call, so that
    datasets from several folders never train on a family that another one tests.

    Raises:
        IngestError: one side is empty.
    """
    sides: dict[str, list[DigitFont]] = {"train": [], "test": []}
    for font in fonts:
        sides["test" if _family_fraction(font.family) < _TEST_SHARE else "train"].append(font)
    if not all(sides.values()):
        raise IngestError(
            f"found {_describe_families(sides)}; expected families for both train and test, which a hash of "
            "the family's name decides: add fonts of another design, or omit --fonts to use the installed "
            "fonts"
        )
    return sides


def font_family(name: str) -> str:
    """Return the family of a font by its name, such as ``dejavu`` for DejaVu Sans Mono."""
    name = " ".join(name.lower().split())
    for pattern, family in _SAME_DESIGN:
        if pattern.fullmatch(name):
            return family
    return re.split(r"[ _-]", name)[0] or name


def _describe_families(sides: Mapping[str, Sequence[DigitFont]]) -> str:
    """List the families, which are all on one side."""
    for side, fonts in sides.items():
        if families := sorted({font.family for font in fonts}):
            return f"only families for {side} ({', '.join(families)})"
    return "no font with digits"


def _family_fraction(family: str) -> float:
    """Return a number in [0, 1) that depends only on a family's name."""
    return float(hash_fractions([family.encode()], _SPLIT_SALT)[0])


def _font_paths(folder: Path) -> list[Path]:
    """Return the font files of a folder tree, sorted.

    Raises:
        IngestError: the folder cannot be read or contains no fonts.
    """
    folder = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100  # resolve() would follow links
    try:
        next(folder.iterdir(), None)
    except OSError as exc:
        raise IngestError(
            f"cannot read {path_text(folder)}: {exc.strerror}; give a folder of {_EXPECTED}"
        ) from exc
    visible = _without_copies(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in _SUFFIXES | _WEB_SUFFIXES and not _is_hidden(path.relative_to(folder))
    )
    if not visible:
        raise IngestError(
            f"the folder {path_text(folder)} contains no fonts; expected {_EXPECTED} in it or below it"
        )
    return visible


def _without_copies(paths: Iterable[Path]) -> list[Path]:
    """Return paths, sorted, without compressed fonts next to a font of the same name."""
    kept: list[Path] = []
    named: set[Path] = set()
    # Uncompressed fonts come first, then .woff2, the smaller of the two.
    order = (*sorted(_SUFFIXES), ".woff2", ".woff")
    for path in sorted(paths, key=lambda path: order.index(path.suffix.lower())):
        if path.suffix.lower() in _SUFFIXES or path.with_suffix("") not in named:
            kept.append(path)
        named.add(path.with_suffix(""))
    return sorted(kept)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _read_font(source: str, content: bytes) -> DigitFont:
    """Read one font and draw its digits.

    Raises:
        UnusableFontError: the font cannot be read, or has no printable digits.
    """
    try:
        name, glyphs = draw_digits(content)
    except (OSError, ValueError, MemoryError, OverflowError) as exc:
        message = " ".join(str(exc).split()) or type(exc).__name__
        reason = f"the font cannot be read ({message}); copy it again from its source"
        raise UnusableFontError("damaged_font", reason) from exc
    problem = _OTHER_DIGITS.get(name.lower())
    if problem is None and count_alike(glyphs) < _FEWEST_ALIKE:
        problem = "its characters 0 to 9 do not look like digits"
    if problem is not None:
        raise UnusableFontError(NO_DIGITS, f"{problem}; remove the font")
    return DigitFont(source, hashlib.sha256(content).hexdigest(), font_family(name), glyphs)
