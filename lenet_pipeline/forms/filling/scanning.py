"""Scanning: a sharp sheet of paper as a scanner hands it over, from perfect to badly worn.

In the order in which it happens: the sheet lies askew, shifted, larger or smaller, or turned on the glass;
the lens blurs it; the light is uneven; paper is not white and ink is pale; then grain, specks and the file's
compression. Coordinates of a page are those of edges: its first pixel spans 0 to 1, as in
``Rectangle.pixels``. OpenCV counts from the middle of the first pixel instead, half a pixel less.
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

Homography = NDArray[np.float64]  # (3, 3), takes (x, y, 1)
Turn = Literal[0, 90, 180, 270]  # degrees clockwise

_SPECK_MM = (0.1, 0.4)  # diameter of dust and toner dots
_DARK_SPECKS = 0.7  # of all specks: the others are ink that did not take
_LEAST_DPI, _LARGEST_DPI = 50, 1200


@dataclass(frozen=True)
class Severity:
    """How bad a scan is. What is drawn by chance for every page says so; the others are the same on all.

    Attributes:
        dpi: pixels an inch of the scan.
        skew_degrees: the largest rotation, drawn evenly either way.
        scale: the largest change of size, drawn evenly either way, as a share.
        shift_mm: the largest shift in each direction, drawn evenly either way.
        blur_px: standard deviation of the lens's blur, in pixels of the scan.
        shade: grey levels of 255 by which the light falls off across the page; its direction is drawn.
        paper: grey level of the paper where the light is best.
        contrast: what is left of the way from paper to black, 1 for all of it.
        noise: standard deviation of the grain, in grey levels of 255.
        speckle: how many specks on a square inch, on average.
        jpeg_quality: of the file, 1 to 100; None for a lossless one.
        rotations: degrees clockwise by which the page may be turned, one drawn from them.
        dark_bed: share of pages around which the scanner saw black, and white around the others.
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
            IngestError: a value is none that a scan can have.
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
                raise IngestError(f"{name} of a scan is {found}; expected {low} to {high}")
        if self.jpeg_quality is not None and not 1 <= self.jpeg_quality <= 100:
            raise IngestError(f"jpeg_quality of a scan is {self.jpeg_quality}; expected 1 to 100, or none")
        if not self.rotations or not set(self.rotations) <= {0, 90, 180, 270}:
            raise IngestError(f"rotations of a scan are {self.rotations}; expected some of 0, 90, 180, 270")


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
    """A page as the scanner saw it.

    ``homography`` takes points of the aligned page (200 pixels an inch) to points of ``image``;
    ``content`` is the JPEG file that ``image`` was decoded from, None where the severity wants none.
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
        sheet: (height, width), upright and sharp, best at twice the scan's resolution or more.
        sheet_dpi: its pixels an inch.
        severity: how bad the scan is.
        rng: where every chance comes from.
        size_mm: width and height of the paper, where they are known better than to a pixel of the sheet.
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
    """Return a scan as a JPEG file of that quality, or as a PNG file, with its resolution in it."""
    file = BytesIO()
    picture = Image.fromarray(image)
    if jpeg_quality is None:
        picture.save(file, "PNG", dpi=(dpi, dpi), compress_level=1)  # grain does not shrink at any level
    else:
        picture.save(file, "JPEG", dpi=(dpi, dpi), quality=jpeg_quality)
    return file.getvalue()


def move_points(homography: Homography, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points float64 (n, 2), x and y, moved by a homography."""
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
    """Return the homography from sheet to scan, and width and height of the scan.

    ``width`` and ``height`` are the paper's, in millimetres.
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
    # Rounded, so that whole turns are exact: the cosine of a right angle computes to 6e-17.
    turn = np.round([[cosine, -sine], [sine, cosine]], 15) * scale * severity.dpi / sheet_dpi
    middle = np.array([width, height]) / 2 * sheet_dpi / MM_PER_INCH
    homography = np.eye(3)
    homography[:2, :2] = turn
    homography[:2, 2] = np.array(size) / 2 + shift - turn @ middle
    return homography, size


def _warp(sheet: Grey, homography: Homography, size: tuple[int, int], bed: int) -> Grey:
    """Return what of the sheet lies on a scan of a width and height; ``bed`` is the grey level around."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    centred = np.linalg.inv(half) @ homography @ half
    warped = cv2.warpPerspective(
        sheet, centred, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(bed,)
    )
    return np.asarray(warped, dtype=np.uint8)


def _expose(seen: Grey, severity: Severity, rng: np.random.Generator) -> Grey:
    """Return what the sensor reads of a picture: the paper's grey, pale ink, uneven light and grain."""
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
    """Return the share of light on every pixel, float32 (height, width): 1 on one side, less on the other."""
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
    parts = 16  # of a pixel: OpenCV takes whole numbers and how many of their bits lie behind the point
    for (x, y), radius, level in zip(places, radii, levels, strict=True):
        centre = round((x - 0.5) * parts), round((y - 0.5) * parts)
        cv2.circle(grey, centre, max(1, round(radius * parts)), (float(level),), -1, cv2.LINE_AA, shift=4)
