"""Page sizes that have a name, in millimetres, upright."""

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
    """Return width and height of a page such as ``A4`` or ``letter landscape``.

    Raises:
        KeyError: no page size has that name.
    """
    size, _, turned = name.partition(" ")
    width, height = PAGE_SIZES[size]
    return (height, width) if turned == "landscape" else (width, height)
