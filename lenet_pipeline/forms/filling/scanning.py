"""Simulate a scan of a sharp sheet of paper, from perfect to very poor.

The steps follow a real scanner: the sheet is skewed, shifted, scaled or rotated on the glass; the lens blurs
it; the light is uneven, the paper grey and the ink pale; grain, specks and the file's compression come last.
Coordinates count from edges: the first pixel of a page spans 0 to 1, as in ``Rectangle.pixels``. OpenCV
counts from the middle of the first pixel instead, which is half a pixel less.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lenet_pipeline.forms.filling.paper_shapes import PaperShape, cast_shadow
from lenet_pipeline.forms.filling.photographs import (
    Homography,
    move_points,
    shape_paper,
    tilt_camera,
    warp_shaped,
)
from lenet_pipeline.forms.filling.severities import Severity, Turn
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey

_SPECK_MM = (0.1, 0.4)  # diameter of dust and toner dots
_DARK_SPECKS = 0.7  # of all specks; the others have the colour of the paper, where ink is missing


@dataclass(frozen=True)
class Scan:
    """A scanned page.

    Attributes:
        image: the scan, uint8 (height, width).
        homography: maps points of the aligned page, at 200 pixels per inch, to points of ``image``, as if the
            paper was flat.
        shape: the shape of the paper, or None if it is flat.
        rotation: the clockwise rotation of the page in degrees.
        content: the JPEG file that ``image`` was decoded from, or None if the severity is lossless.
    """

    image: Grey
    homography: Homography
    rotation: Turn
    content: bytes | None
    shape: PaperShape | None = None

    def locate(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where points of the aligned page are in ``image``, x and y, float64 (n, 2)."""
        if self.shape is not None:
            points = self.shape.move(points * (MM_PER_INCH / ALIGNED_DPI)) * (ALIGNED_DPI / MM_PER_INCH)
        return move_points(self.homography, points)


def scan_sheet(
    sheet: Grey,
    sheet_dpi: float,
    severity: Severity,
    rng: np.random.Generator,
    *,
    size_mm: tuple[float, float] | None = None,
) -> Scan:
    """Scan a sheet of paper.

    Args:
        sheet: uint8 (height, width), upright and sharp, preferably at twice the scan's resolution or more.
        sheet_dpi: the resolution of the sheet in pixels per inch.
        severity: how bad the scan is.
        rng: the source of all random choices.
        size_mm: the exact width and height of the paper. The default is the size of the sheet in pixels.
    """
    if size_mm is None:
        height, width = (side * MM_PER_INCH / sheet_dpi for side in sheet.shape)
    else:
        width, height = size_mm
    rotation = severity.rotations[int(rng.integers(len(severity.rotations)))]
    placed, size = _place_sheet(width, height, sheet_dpi, rotation, severity, rng)
    bed = 0 if rng.random() < severity.dark_bed else 255
    shape, light = shape_paper((width, height), severity, rng), None
    if shape is None:
        seen = _warp(sheet, placed, size, bed)
    else:
        seen, light = warp_shaped(sheet, sheet_dpi, shape, placed, size, bed)
    if severity.shadow:
        shadow = cast_shadow((size[1], size[0]), severity.shadow, rng)
        light = shadow if light is None else light * shadow
    if severity.blur_px > 0:
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), severity.blur_px), dtype=np.uint8)
    grey = _expose(seen, severity, rng, light)
    _scatter_specks(grey, severity, rng)
    aligned_to_sheet = np.diag([sheet_dpi / ALIGNED_DPI, sheet_dpi / ALIGNED_DPI, 1.0])
    content = None
    if severity.jpeg_quality is not None:
        content = encode_scan(grey, severity.dpi, severity.jpeg_quality)
        grey = np.asarray(Image.open(BytesIO(content), formats=["JPEG"]))
    return Scan(grey, placed @ aligned_to_sheet, rotation, content, shape)


def encode_scan(image: Grey, dpi: float, jpeg_quality: int | None = None) -> bytes:
    """Encode a scan as a JPEG file of this quality, or as a PNG file, including its resolution."""
    file = BytesIO()
    picture = Image.fromarray(image)
    if jpeg_quality is None:
        picture.save(file, "PNG", dpi=(dpi, dpi), compress_level=1)  # grain does not compress at any level
    else:
        picture.save(file, "JPEG", dpi=(dpi, dpi), quality=jpeg_quality)
    return file.getvalue()


def _place_sheet(
    width: float,
    height: float,
    sheet_dpi: float,
    rotation: Turn,
    severity: Severity,
    rng: np.random.Generator,
) -> tuple[Homography, tuple[int, int]]:
    """Return the homography from the sheet to the scan, and the width and height of the scan.

    ``width`` and ``height`` are those of the paper in millimetres.
    """
    skew = np.deg2rad(rng.uniform(-severity.skew_degrees, severity.skew_degrees))
    pixels_a_mm = severity.dpi / MM_PER_INCH
    around = 2 * severity.margin_mm
    size = round((width + around) * pixels_a_mm), round((height + around) * pixels_a_mm)
    if rotation in (90, 270):
        size = size[1], size[0]
    scale = 1 + rng.uniform(-severity.scale, severity.scale)
    shift = rng.uniform(-severity.shift_mm, severity.shift_mm, 2) * pixels_a_mm
    angle = np.deg2rad(rotation) + skew
    cosine, sine = np.cos(angle), np.sin(angle)
    # Round to make quarter turns exact, because the computed cosine of a right angle is 6e-17.
    turn = np.round([[cosine, -sine], [sine, cosine]], 15) * scale * severity.dpi / sheet_dpi
    middle = np.array([width, height]) / 2 * sheet_dpi / MM_PER_INCH
    homography = np.eye(3)
    homography[:2, :2] = turn
    homography[:2, 2] = np.array(size) / 2 + shift - turn @ middle
    if severity.perspective_degrees:
        homography = tilt_camera(size, severity.dpi, severity.perspective_degrees, rng) @ homography
    return homography, size


def _warp(sheet: Grey, homography: Homography, size: tuple[int, int], bed: int) -> Grey:
    """Warp a sheet onto a scan of this width and height. ``bed`` is the grey level of the background."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    centred = np.linalg.inv(half) @ homography @ half
    warped = cv2.warpPerspective(
        sheet, centred, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(bed,)
    )
    return np.asarray(warped, dtype=np.uint8)


def _expose(
    seen: Grey, severity: Severity, rng: np.random.Generator, light: NDArray[np.float32] | None
) -> Grey:
    """Simulate the sensor: grey paper, pale ink, uneven light and grain.

    ``light`` is the relative light on every pixel, float32 (height, width), or None if it is even.
    """
    angle = rng.uniform(0, 2 * np.pi)
    is_perfect = severity.paper == 255 and severity.contrast == 1
    if not (severity.shade or severity.noise) and is_perfect and light is None:
        return seen
    black = severity.paper * (1 - severity.contrast)
    grey = seen * np.float32((severity.paper - black) / 255) + np.float32(black)
    if severity.shade:
        grey *= _light(grey.shape, severity.shade, angle)
    if light is not None:
        grey *= light
    if severity.noise:
        grey += rng.standard_normal(grey.shape, np.float32) * np.float32(severity.noise)
    return np.clip(np.rint(grey, out=grey), 0, 255, out=grey).astype(np.uint8)


def _light(shape: tuple[int, ...], shade: float, angle: float) -> NDArray[np.float32]:
    """Return the relative light on every pixel, float32 (height, width), which falls off from 1."""
    rows, columns = shape
    across = np.cos(angle) * np.linspace(-0.5, 0.5, columns, dtype=np.float32)
    down = np.sin(angle) * np.linspace(-0.5, 0.5, rows, dtype=np.float32)
    far = 0.5 * (abs(np.cos(angle)) + abs(np.sin(angle)))
    fall: NDArray[np.float32] = (across[None, :] + down[:, None] - far) / np.float32(2 * far)
    return fall * np.float32(shade / 255) + np.float32(1)


def _scatter_specks(grey: Grey, severity: Severity, rng: np.random.Generator) -> None:
    """Draw dust on a scan, in place."""
    rows, columns = grey.shape
    count = int(rng.poisson(severity.speckle * rows * columns / severity.dpi**2))
    radii = rng.uniform(*_SPECK_MM, count) * severity.dpi / MM_PER_INCH / 2
    places = rng.uniform((0, 0), (columns, rows), (count, 2))
    dark = rng.random(count) < _DARK_SPECKS
    levels = np.where(dark, rng.uniform(0, 0.6, count), 1.0) * severity.paper
    parts = 16  # of a pixel: OpenCV takes fixed-point numbers
    for (x, y), radius, level in zip(places, radii, levels, strict=True):
        centre = round((x - 0.5) * parts), round((y - 0.5) * parts)
        cv2.circle(grey, centre, max(1, round(radius * parts)), (float(level),), -1, cv2.LINE_AA, shift=4)
