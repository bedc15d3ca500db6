"""Lettering: the fonts that pictures of forms are labelled with, DejaVu, which matplotlib ships."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from matplotlib import get_data_path
from PIL import ImageFont

FontStyle = Literal["Sans", "Sans-Bold", "SansMono", "SansMono-Bold"]


@lru_cache(maxsize=64)
def load_lettering(style: FontStyle, size_px: float) -> ImageFont.FreeTypeFont:
    """Return a font; ``size_px`` is the height of its em."""
    path = Path(get_data_path()) / "fonts" / "ttf" / f"DejaVu{style}.ttf"
    return ImageFont.truetype(path, size_px)


def fit_text(text: str, style: FontStyle, size_px: float, width: float) -> str:
    """Return a text on one line, its end cut off where it is wider than so many pixels."""
    text = " ".join(text.split())
    font = load_lettering(style, size_px)
    if font.getlength(text) <= width:
        return text
    # Cut to what could fit at all first: a text may be long, and each length measured takes its time.
    text = text[: int(width)]
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
