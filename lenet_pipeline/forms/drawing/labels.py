"""Labels on a page: texts on a coloured background, their possible places, and a list next to the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from lenet_pipeline.forms.drawing.lettering import FontStyle, load_lettering

Colour = tuple[int, int, int]
Piece = tuple[str, FontStyle, int]  # text, and the height of its em in pixels
Area = tuple[float, float, float, float]  # left, top, right, bottom

_FARTHEST_PX = 64  # from a field to its label: 8 mm, so that it is clear what the label belongs to
_STEP_PX = 8
_LIST_MARGIN, _LIST_GAP = 8, 3


@dataclass(frozen=True)
class Label:
    """Pieces of text in a row, in one colour on a background."""

    pieces: Sequence[Piece]
    ink: Colour
    background: Colour


def measure_text(pieces: Sequence[Piece]) -> tuple[float, float]:
    """Return the width and height of some pieces of text in a row, with a margin."""
    widths = [load_lettering(style, size).getlength(text) for text, style, size in pieces if text]
    gaps = 5 * (len(widths) - 1)
    return sum(widths) + gaps + 6, max(size for _, _, size in pieces) + 3


def draw_label(draw: ImageDraw.ImageDraw, place: tuple[float, float], label: Label) -> None:
    """Draw a label with its top left corner at a place."""
    x, y = place
    width, height = measure_text(label.pieces)
    draw.rectangle((x, y, x + width, y + height), fill=label.background)
    base = y + height - 5
    x += 3
    for text, style, size in label.pieces:
        if text:
            font = load_lettering(style, size)
            draw.text((x, base), text, fill=label.ink, font=font, anchor="ls")
            x += font.getlength(text) + 5


def places_around(area: Area, width: float, height: float) -> list[tuple[float, float]]:
    """Return possible top left corners of a label of this size, from the best one to the farthest one.

    The best place is above the left edge of the area, as for a heading.
    """
    return [place for away in range(0, _FARTHEST_PX, _STEP_PX) for place in _ring(area, width, height, away)]


def _ring(area: Area, width: float, height: float, away: float) -> Iterator[tuple[float, float]]:
    """Yield places at one distance from an area: above, at its sides, and below."""
    left, top, right, bottom = area
    middle = (top + bottom - height) / 2
    across = [left, right - width, (left + right - width) / 2]
    yield from ((x, top - height - away) for x in across)
    yield from ((x, y) for y in (middle, top, bottom - height) for x in (right + away, left - width - away))
    yield from ((x, bottom + away) for x in across)


def draw_list(labels: Sequence[tuple[Area, Label]], height: int) -> Image.Image:
    """Draw labels below each other on white paper, in reading order, each near its area if possible.

    Args:
        labels: the labels, each with the area on the page that it belongs to.
        height: the height of the paper in pixels. It gets as many columns as the labels need.
    """
    ordered = sort_for_reading(labels)
    line = max(measure_text(label.pieces)[1] for _, label in ordered) + _LIST_GAP
    per_column = max(int(height // line), 1)
    columns = [ordered[start : start + per_column] for start in range(0, len(ordered), per_column)]
    widths = [max(measure_text(label.pieces)[0] for _, label in column) for column in columns]
    paper = Image.new("RGB", (round(sum(widths)) + _LIST_MARGIN * (len(widths) + 1), height), (255, 255, 255))
    draw = ImageDraw.Draw(paper)
    x = float(_LIST_MARGIN)
    for column, width in zip(columns, widths, strict=True):
        lowest = height - line * len(column)  # leave room for the labels below
        y = 0.0
        for area, label in column:
            y = min(max(y, (area[1] + area[3] - line) / 2), lowest)
            draw_label(draw, (x, y), label)
            y += line
            lowest += line
        x += width + _LIST_MARGIN
    return paper


def sort_for_reading(labels: Sequence[tuple[Area, Label]]) -> list[tuple[Area, Label]]:
    """Return labels in reading order: from top to bottom, and from left to right in a row.

    An area is in the row of an area above it if its middle is above the other's bottom edge.
    """
    ordered: list[tuple[Area, Label]] = []
    row: list[tuple[Area, Label]] = []
    for area, label in sorted(labels, key=lambda each: each[0][1]):
        if row and (area[1] + area[3]) / 2 > row[0][0][3]:
            ordered += sorted(row, key=lambda each: each[0][0])
            row = []
        row.append((area, label))
    return ordered + sorted(row, key=lambda each: each[0][0])
