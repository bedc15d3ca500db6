"""Named page sizes in millimetres, in portrait orientation."""

from __future__ import annotations

PAGE_SIZES = {
    "A3": (297.0, 420.0),
    "A4": (210.0, 297.0),
    "A5": (148.0, 210.0),
    "A6": (105.0, 148.0),
    "letter": (215.9, 279.4),
    "legal": (215.9, 355.6),
}


def named_page_size(name: str) -> tuple[float, float]:
    """Return the width and height in millimetres of a page such as ``A4`` or ``letter landscape``.

    Raises:
        KeyError: the name is unknown.
    """
    size, _, orientation = name.partition(" ")
    width, height = PAGE_SIZES[size]
    return (height, width) if orientation == "landscape" else (width, height)
