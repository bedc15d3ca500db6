"""Show sheets as a camera sees them: in perspective, and bent, curled or folded."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.filling.paper_shapes import (
    CAMERA_MM,
    PaperShape,
    bend_sheet,
    curl_sheet,
    fold_sheet,
)
from lenet_pipeline.forms.filling.severities import Severity
from lenet_pipeline.forms.page import MM_PER_INCH, Grey

Homography = NDArray[np.float64]  # (3, 3), maps (x, y, 1)

_MAPPED_PX = 4  # the places of bent paper are computed once for this many pixels, and interpolated


def move_points(homography: Homography, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a homography to points, x and y, float64 (n, 2)."""
    moved = np.column_stack([points, np.ones(len(points))]) @ homography.T
    result: NDArray[np.float64] = moved[:, :2] / moved[:, 2:]
    return result


def tilt_camera(size: tuple[int, int], dpi: int, largest: float, rng: np.random.Generator) -> Homography:
    """Return the perspective of a camera that is tilted by up to an angle in degrees, about the middle."""
    tilt, towards = np.deg2rad(rng.uniform(0.3, 1) * largest), rng.uniform(0, 2 * np.pi)
    distance = CAMERA_MM * dpi / MM_PER_INCH
    direction = np.array([np.cos(towards), np.sin(towards)])
    tilted = np.eye(3)
    tilted[:2, :2] -= np.outer(direction, direction) * (1 - np.cos(tilt))
    tilted[2, :2] = direction * np.sin(tilt) / distance
    middle = np.array([[1, 0, size[0] / 2], [0, 1, size[1] / 2], [0, 0, 1.0]])
    return np.asarray(middle @ tilted @ np.linalg.inv(middle))


def shape_paper(
    size_mm: tuple[float, float], severity: Severity, rng: np.random.Generator
) -> PaperShape | None:
    """Return the shape of bent, curled or folded paper, or None if the paper is flat."""
    if severity.creases:
        creases = int(rng.integers(1, severity.creases + 1))
        return fold_sheet(size_mm, creases, severity.fold_degrees, rng)
    if severity.curl_mm:
        return curl_sheet(size_mm, severity.curl_mm * rng.uniform(0.5, 1), rng)
    return bend_sheet(size_mm, severity.bend_mm, rng) if severity.bend_mm else None


def warp_shaped(
    sheet: Grey, sheet_dpi: float, shape: PaperShape, homography: Homography, size: tuple[int, int], bed: int
) -> tuple[Grey, NDArray[np.float32]]:
    """Warp a sheet that is not flat onto a scan of this width and height.

    Also return the relative light on every pixel of the scan, float32 (height, width).
    """
    width, height = size
    columns, rows = -(-width // _MAPPED_PX), -(-height // _MAPPED_PX)
    x, y = (np.arange(columns) + 0.5) * width / columns, (np.arange(rows) + 0.5) * height / rows
    places = np.stack(np.meshgrid(x, y), axis=2).reshape(-1, 2)
    points = shape.find(
        move_points(np.asarray(np.linalg.inv(homography), np.float64), places) * (MM_PER_INCH / sheet_dpi)
    )
    mapped = points * (sheet_dpi / MM_PER_INCH) - 0.5
    across, down, light = (
        cv2.resize(values.astype(np.float32).reshape(rows, columns), size, interpolation=cv2.INTER_LINEAR)
        for values in (mapped[:, 0], mapped[:, 1], shape.light_at(points))
    )
    warped = cv2.remap(
        sheet, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(bed,)
    )
    return np.asarray(warped, dtype=np.uint8), np.asarray(light, dtype=np.float32)
