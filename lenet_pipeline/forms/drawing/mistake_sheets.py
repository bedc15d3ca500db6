"""Draw mistake sheets: the pictures of misread fields, each with its true value and its reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw

from lenet_pipeline.forms.drawing.lettering import fit_text, load_lettering
from lenet_pipeline.forms.page import Grey

_WHITE, _BLACK, _SOFT, _LINE = (255, 255, 255), (0, 0, 0), (110, 110, 110), (200, 200, 200)
_WRONG = (213, 94, 0)  # Okabe and Ito's vermillion

_TILE_WIDTH, _PICTURE_HEIGHT = 420, 110
_TEXT_HEIGHT, _MARGIN, _HEAD = 92, 18, 70
_LARGEST_ZOOM = 3.0
_MONO_PX, _NAME_PX, _TITLE_PX = 22, 16, 26
_LABEL_WIDTH = 62  # of the labels "truth" and "read" before the values


@dataclass(frozen=True)
class DrawnMistake:
    """One misread field.

    Attributes:
        picture: uint8 (height, width), or the bytes of an image file.
        field: the name of the field.
        truth: the true value, ``""`` for blank.
        reading: the value that was read, ``""`` for blank, or None for an unread field.
        where: the page that it is from.
        confidence: the confidence of the reading, 0 to 1.
    """

    picture: Grey | bytes
    field: str
    truth: str
    reading: str | None
    where: str = ""
    confidence: float | None = None


def draw_mistakes(
    mistakes: Sequence[DrawnMistake], title: str, *, columns: int = 3, most: int = 150
) -> Image.Image:
    """Draw misread fields on one sheet.

    Args:
        mistakes: the misread fields, in the order to draw them.
        title: the line above them.
        columns: the number of fields in a row.
        most: the largest number of fields to draw. The title mentions the total if there are more.
    """
    shown = mistakes[:most]
    if len(shown) < len(mistakes):
        title = f"{title} (the first {len(shown)} of {len(mistakes):,})"
    rows = -(-len(shown) // columns)
    tile_height = _PICTURE_HEIGHT + _TEXT_HEIGHT + _MARGIN
    width = columns * (_TILE_WIDTH + _MARGIN) + _MARGIN
    sheet = Image.new("RGB", (width, _HEAD + max(1, rows) * tile_height), _WHITE)
    draw = ImageDraw.Draw(sheet)
    text = fit_text(title, "Sans-Bold", _TITLE_PX, width - 2 * _MARGIN)
    draw.text((_MARGIN, 42), text, _BLACK, load_lettering("Sans-Bold", _TITLE_PX), anchor="ls")
    if not shown:
        draw.text((_MARGIN, _HEAD + 30), "none", _SOFT, load_lettering("Sans", _MONO_PX), anchor="ls")
    for number, mistake in enumerate(shown):
        row, column = divmod(number, columns)
        _draw_tile(sheet, mistake, _MARGIN + column * (_TILE_WIDTH + _MARGIN), _HEAD + row * tile_height)
    return sheet


def _draw_tile(sheet: Image.Image, mistake: DrawnMistake, left: int, top: int) -> None:
    """Draw one field's picture, with its values below, on a sheet."""
    draw = ImageDraw.Draw(sheet)
    picture = _fit_picture(mistake.picture)
    x, y = left + (_TILE_WIDTH - picture.width) // 2, top + (_PICTURE_HEIGHT - picture.height) // 2
    draw.rectangle((left, top, left + _TILE_WIDTH - 1, top + _PICTURE_HEIGHT - 1), outline=_LINE)
    sheet.paste(picture, (x, y))
    base = top + _PICTURE_HEIGHT + 24
    wrong_in_truth, wrong_in_reading = _differences(mistake.truth, mistake.reading or "")
    _write_value(draw, left, base, "truth", mistake.truth or "blank", wrong_in_truth)
    reading = "unread" if mistake.reading is None else mistake.reading or "blank"
    _write_value(draw, left, base + 26, "read", reading, wrong_in_reading)
    confidence = "" if mistake.confidence is None else f", confidence {100 * mistake.confidence:.1f} %"
    origin = f" · {mistake.where}" if mistake.where else ""
    note = fit_text(f"{mistake.field}{confidence}{origin}", "Sans", _NAME_PX, _TILE_WIDTH)
    draw.text((left, base + 50), note, _SOFT, load_lettering("Sans", _NAME_PX), anchor="ls")


def _fit_picture(picture: Grey | bytes) -> Image.Image:
    """Return a picture as large as its place on the sheet allows."""
    if isinstance(picture, bytes):
        with Image.open(BytesIO(picture)) as opened:
            image = opened.convert("RGB")
    else:
        image = Image.fromarray(np.ascontiguousarray(picture)).convert("RGB")
    room = (_TILE_WIDTH - 4) / image.width, (_PICTURE_HEIGHT - 4) / image.height
    scale = min(*room, _LARGEST_ZOOM)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)


def _differences(truth: str, reading: str) -> tuple[set[int], set[int]]:
    """Return the positions in each text that have no counterpart in the other."""
    in_truth, in_reading = set(range(len(truth))), set(range(len(reading)))
    for same in SequenceMatcher(None, truth, reading, autojunk=False).get_matching_blocks():
        in_truth -= set(range(same.a, same.a + same.size))
        in_reading -= set(range(same.b, same.b + same.size))
    return in_truth, in_reading


def _write_value(
    draw: ImageDraw.ImageDraw, left: int, base: int, label: str, value: str, wrong: set[int]
) -> None:
    """Write a value, with wrong characters in bold and underlined."""
    draw.text((left, base), label, _SOFT, load_lettering("Sans", _NAME_PX), anchor="ls")
    x = float(left + _LABEL_WIDTH)
    fitted = fit_text(value, "SansMono-Bold", _MONO_PX, _TILE_WIDTH - _LABEL_WIDTH)
    for place, character in enumerate(fitted):
        is_wrong = place in wrong
        font = load_lettering("SansMono-Bold" if is_wrong else "SansMono", _MONO_PX)
        draw.text((x, base), character, _WRONG if is_wrong else _BLACK, font, anchor="ls")
        width = font.getlength(character)
        if is_wrong:
            draw.line((x, base + 4, x + width - 1, base + 4), fill=_WRONG, width=2)
        x += width
