"""Load the fonts for pictures of forms: DejaVu, which matplotlib includes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from matplotlib import get_data_path
from PIL import ImageFont

FontStyle = Literal["Sans", "Sans-Bold", "SansMono", "SansMono-Bold"]


@lru_cache(maxsize=64)
def load_lettering(style: FontStyle, size_px: float) -> ImageFont.FreeTypeFont:
    """Return a font. ``size_px`` is the height of its em."""
    path = Path(get_data_path()) / "fonts" / "ttf" / f"DejaVu{style}.ttf"
    return ImageFont.truetype(path, size_px)


def fit_text(text: str, style: FontStyle, size_px: float, width: float) -> str:
    """Return a text on one line, shortened with an ellipsis if it is wider than ``width`` in pixels."""
    text = " ".join(text.split())
    font = load_lettering(style, size_px)
    if font.getlength(text) <= width:
        return text
    # Shorten a very long text first, because measuring it repeatedly is slow.
    text = text[: int(width)]
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
