"""Pictures of fields for people to look at, and cells cut out of them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey
from lenet_pipeline.forms.templates.model import Choice, Field, Template
from lenet_pipeline.ingest import Box

_MARGIN_PX = round(2.0 * ALIGNED_DPI / MM_PER_INCH)  # 2 mm around a field
_CELL_MARGIN_PX = round(0.8 * ALIGNED_DPI / MM_PER_INCH)
_QUALITY = 80
_MOST_PX = 1200  # the largest side of a field's picture, enough for a person to read


def field_picture(page: Grey, field: Field | Choice, template: Template) -> bytes:
    """Return a field or choice with a small margin as a JPEG file."""
    height, width = template.aligned_size
    page = page[:height, :width]
    area = _with_margin(field.outline.pixel_box(), _MARGIN_PX)
    picture = _cut(page, area)
    largest = max(picture.shape)
    if largest > _MOST_PX:
        scale = _MOST_PX / largest
        smaller = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        picture = np.asarray(smaller, dtype=np.uint8)
    # A JPEG is good enough to look at. A PNG would be six times as large because of the scan's grain.
    return _encode(picture)


def place_in_picture(size: tuple[int, int], field: Box, cell: Box) -> tuple[float, float, float, float]:
    """Return the left, top, width and height of a cell in its field's picture, in pixels of the picture.

    Args:
        size: the height and width of the picture.
        field: the field, in pixels of the aligned page.
        cell: a place in the field, in pixels of the aligned page.
    """
    left, top, scale = _geometry(size, field)
    return (cell.x - left) * scale, (cell.y - top) * scale, cell.width * scale, cell.height * scale


def picture_area(field: Box, page: tuple[int, int]) -> Box:
    """Return the part of an aligned page that a field's picture shows, in pixels of the page.

    Args:
        field: the field, in pixels of the aligned page.
        page: the width and height of the aligned page.
    """
    area = _with_margin(field, _MARGIN_PX)
    left, top = max(0, area.x), max(0, area.y)
    right, bottom = min(page[0], area.x + area.width), min(page[1], area.y + area.height)
    return Box(left, top, right - left, bottom - top)


def cut_cells(picture: bytes, field: Box, cells: Sequence[Box]) -> list[bytes]:
    """Cut cells with a small margin out of a field's picture.

    Args:
        picture: the result of ``field_picture``.
        field: the field, in pixels of the aligned page.
        cells: places in the field, in pixels of the aligned page.

    Returns:
        JPEG files.
    """
    decoded = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
    image: NDArray[np.uint8] = np.asarray(decoded, dtype=np.uint8)
    size = (image.shape[0], image.shape[1])
    found = []
    for cell in cells:
        x, y, width, height = place_in_picture(size, field, _with_margin(cell, _CELL_MARGIN_PX))
        found.append(_encode(_cut(image, Box(round(x), round(y), round(width), round(height)))))
    return found


def _geometry(size: tuple[int, int], field: Box) -> tuple[int, int, float]:
    """Return the left and top edge of a field's picture on the page, and its scale."""
    area = _with_margin(field, _MARGIN_PX)
    left, top = max(0, area.x), max(0, area.y)
    longest = max(area.x + area.width - left, area.y + area.height - top)
    return left, top, _MOST_PX / longest if max(size) == _MOST_PX < longest else 1.0


def _with_margin(box: Box, margin: int) -> Box:
    return Box(box.x - margin, box.y - margin, box.width + 2 * margin, box.height + 2 * margin)


def _cut(image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Return the part of a box that is in an image, at least one pixel."""
    height, width = image.shape
    left, top = min(max(0, box.x), width - 1), min(max(0, box.y), height - 1)
    right, bottom = max(left + 1, box.x + box.width), max(top + 1, box.y + box.height)
    return image[top:bottom, left:right]


def _encode(picture: NDArray[np.uint8]) -> bytes:
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return bytes(encoded.tobytes())
