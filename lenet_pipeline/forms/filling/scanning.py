"""Simulate a scan of a sharp sheet of paper, from perfect to very poor.

The steps follow a real scanner: the sheet is skewed, shifted, scaled or rotated on the glass; the lens blurs
it; the light is uneven, the paper grey and the ink pale; grain, specks and the file's compression come last.
Coordinates count from edges: the first pixel of a page spans 0 to 1, as in ``Rectangle.pixels``. OpenCV
counts from the middle of the first pixel instead, which is half a pixel less.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey

Homography = NDArray[np.float64]  # (3, 3), maps (x, y, 1)
Turn = Literal[0, 90, 180, 270]  # degrees clockwise

_SPECK_MM = (0.1, 0.4)  # diameter of dust and toner dots
_DARK_SPECKS = 0.7  # of all specks; the others have the colour of the paper, where ink is missing
_LEAST_DPI, _LARGEST_DPI = 50, 1200


@dataclass(frozen=True)
class Severity:
    """How bad a scan is. Random properties are drawn for every page; the others are the same on all pages.

    Attributes:
        dpi: the resolution in pixels per inch.
        skew_degrees: the largest skew in either direction, random.
        scale: the largest relative change of size in either direction, random.
        shift_mm: the largest shift in each direction, random.
        blur_px: the standard deviation of the blur, in pixels of the scan.
        shade: the decrease of light across the page, in grey levels of 255. Its direction is random.
        paper: the grey level of the paper in the best light.
        contrast: the contrast between paper and ink, 1 for full contrast.
        noise: the standard deviation of the grain, in grey levels of 255.
        speckle: the average number of specks per square inch.
        jpeg_quality: the quality of the file, 1 to 100, or None for a lossless file.
        rotations: the possible clockwise rotations of the page in degrees, random.
        dark_bed: the share of pages with a black background instead of a white one, random.
    """

    dpi: int = 200
    skew_degrees: float = 0.0
    scale: float = 0.0
    shift_mm: float = 0.0
    blur_px: float = 0.0
    shade: float = 0.0
    paper: float = 255.0
    contrast: float = 1.0
    noise: float = 0.0
    speckle: float = 0.0
    jpeg_quality: int | None = None
    rotations: tuple[Turn, ...] = (0,)
    dark_bed: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            IngestError: a value is out of range.
        """
        for name, low, high in (
            ("dpi", _LEAST_DPI, _LARGEST_DPI),
            ("skew_degrees", 0, 45),
            ("scale", 0, 0.5),
            ("shift_mm", 0, 100),
            ("blur_px", 0, 20),
            ("shade", 0, 255),
            ("paper", 1, 255),
            ("contrast", 0, 1),
            ("noise", 0, 255),
            ("speckle", 0, 10_000),
            ("dark_bed", 0, 1),
        ):
            found = getattr(self, name)
            if not low <= found <= high:
                raise IngestError(f"the severity has {name} {found}; expected {low} to {high}")
        if self.jpeg_quality is not None and not 1 <= self.jpeg_quality <= 100:
            raise IngestError(
                f"the severity has jpeg_quality {self.jpeg_quality}; expected 1 to 100, or None for lossless"
            )
        if not self.rotations or not set(self.rotations) <= {0, 90, 180, 270}:
            raise IngestError(
                f"the severity has rotations {self.rotations}; expected one or more of 0, 90, 180 and 270"
            )


SEVERITIES = {
    "none": Severity(),
    "light": Severity(
        skew_degrees=0.7,
        scale=0.005,
        shift_mm=1.0,
        blur_px=0.4,
        shade=6,
        paper=248,
        noise=4,
        jpeg_quality=85,
    ),
    "medium": Severity(
        skew_degrees=2.0,
        scale=0.02,
        shift_mm=2.0,
        blur_px=0.7,
        shade=15,
        paper=242,
        noise=8,
        jpeg_quality=60,
    ),
    "heavy": Severity(
        dpi=150,
        skew_degrees=4.0,
        scale=0.04,
        shift_mm=4.0,
        blur_px=1.0,
        shade=45,
        paper=225,
        contrast=0.6,
        noise=14,
        speckle=6,
        jpeg_quality=35,
        rotations=(0, 90, 180, 270),
        dark_bed=0.5,
    ),
}


@dataclass(frozen=True)
class Scan:
    """A scanned page.

    Attributes:
        image: the scan, uint8 (height, width).
        homography: maps points of the aligned page, at 200 pixels per inch, to points of ``image``.
        rotation: the clockwise rotation of the page in degrees.
        content: the JPEG file that ``image`` was decoded from, or None if the severity is lossless.
    """

    image: Grey
    homography: Homography
    rotation: Turn
    content: bytes | None


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
    seen = _warp(sheet, placed, size, bed)
    if severity.blur_px > 0:
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), severity.blur_px), dtype=np.uint8)
    grey = _expose(seen, severity, rng)
    _scatter_specks(grey, severity, rng)
    aligned_to_sheet = np.diag([sheet_dpi / ALIGNED_DPI, sheet_dpi / ALIGNED_DPI, 1.0])
    content = None
    if severity.jpeg_quality is not None:
        content = encode_scan(grey, severity.dpi, severity.jpeg_quality)
        grey = np.asarray(Image.open(BytesIO(content), formats=["JPEG"]))
    return Scan(grey, placed @ aligned_to_sheet, rotation, content)


def encode_scan(image: Grey, dpi: float, jpeg_quality: int | None = None) -> bytes:
    """Encode a scan as a JPEG file of this quality, or as a PNG file, including its resolution."""
    file = BytesIO()
    picture = Image.fromarray(image)
    if jpeg_quality is None:
        picture.save(file, "PNG", dpi=(dpi, dpi), compress_level=1)  # grain does not compress at any level
    else:
        picture.save(file, "JPEG", dpi=(dpi, dpi), quality=jpeg_quality)
    return file.getvalue()


def move_points(homography: Homography, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a homography to points, x and y, float64 (n, 2)."""
    moved = np.column_stack([points, np.ones(len(points))]) @ homography.T
    result: NDArray[np.float64] = moved[:, :2] / moved[:, 2:]
    return result


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
    size = round(width * pixels_a_mm), round(height * pixels_a_mm)
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
    return homography, size


def _warp(sheet: Grey, homography: Homography, size: tuple[int, int], bed: int) -> Grey:
    """Warp a sheet onto a scan of this width and height. ``bed`` is the grey level of the background."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    centred = np.linalg.inv(half) @ homography @ half
    warped = cv2.warpPerspective(
        sheet, centred, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(bed,)
    )
    return np.asarray(warped, dtype=np.uint8)


def _expose(seen: Grey, severity: Severity, rng: np.random.Generator) -> Grey:
    """Simulate the sensor: grey paper, pale ink, uneven light and grain."""
    angle = rng.uniform(0, 2 * np.pi)
    if not (severity.shade or severity.noise) and severity.paper == 255 and severity.contrast == 1:
        return seen
    black = severity.paper * (1 - severity.contrast)
    grey = seen * np.float32((severity.paper - black) / 255) + np.float32(black)
    if severity.shade:
        grey *= _light(grey.shape, severity.shade, angle)
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
