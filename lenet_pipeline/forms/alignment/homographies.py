"""Compute homographies between pictures of one page.

Points are continuous: (0, 0) is the top left corner of a picture's first pixel, and (0.5, 0.5) is the
pixel's centre. Doubling the size of a picture doubles every coordinate. OpenCV counts from the centre of the
first pixel, so ``warp_picture`` and ``find_features`` correct for half a pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.page import Grey

Homography = NDArray[np.float64]  # (3, 3), maps (x, y, 1) to a multiple of (x, y, 1)
Points = NDArray[np.float64]  # (points, 2): x and y


def scaling(x: float, y: float | None = None) -> Homography:
    """Return the homography that scales x and y by these factors; y defaults to the factor of x."""
    return np.diag([x, x if y is None else y, 1.0])


def shifting(x: float, y: float) -> Homography:
    """Return the homography that shifts points by x and y."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def half_turn(height: float, width: float) -> Homography:
    """Return the homography that rotates a picture of this size by 180 degrees."""
    return np.array([[-1.0, 0.0, width], [0.0, -1.0, height], [0.0, 0.0, 1.0]])


def map_points(homography: Homography, points: Points) -> Points:
    """Apply a homography to points, (points, 2)."""
    mapped = points @ homography[:, :2].T + homography[:, 2]
    return np.asarray(mapped[:, :2] / mapped[:, 2:], dtype=np.float64)


def local_scales(homography: Homography, height: float, width: float) -> Points:
    """Return the smallest and largest local scale at the middle and the four corners of a picture, (5, 2).

    Both are 0 at a place that the homography mirrors or maps to infinity.
    """
    places = np.array([[0.5, 0.5], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]) * (width, height)
    scales = np.zeros((len(places), 2))
    for number, (x, y) in enumerate(places):
        depth = homography[2] @ (x, y, 1.0)
        if depth <= 1e-6:
            continue
        image = homography[:2] @ (x, y, 1.0) / depth
        jacobian = (homography[:2, :2] - np.outer(image, homography[2, :2])) / depth
        if np.linalg.det(jacobian) > 0:
            greatest, least = np.linalg.svd(jacobian, compute_uv=False)
            scales[number] = least, greatest
    return scales


def mean_scale(homography: Homography, height: float, width: float) -> float:
    """Return the scale of lengths at the middle of a picture, or 0 if the homography mirrors it."""
    least, greatest = local_scales(homography, height, width)[0]
    return float(np.sqrt(least * greatest))


def quarter_turns(homography: Homography, height: float, width: float) -> int:
    """Return the clockwise rotation that makes the target upright: 0, 90, 180 or 270 degrees."""
    middle = np.array([[width / 2, height / 2], [width / 2 + 1, height / 2]])
    (x0, y0), (x1, y1) = map_points(homography, middle)
    # The y axis points down, so positive angles are clockwise.
    angle = float(np.degrees(np.arctan2(y1 - y0, x1 - x0)))
    return round(-angle / 90) % 4 * 90


def warp_picture(
    picture: Grey, homography: Homography, size: tuple[int, int], *, paper: int, sharp: bool = False
) -> Grey:
    """Warp a picture.

    Args:
        picture: uint8 (height, width).
        homography: maps points of the new picture to points of this one.
        size: height and width of the new picture.
        paper: the grey level to use outside the picture.
        sharp: whether to use cubic interpolation, for enlarging.
    """
    centres = shifting(-0.5, -0.5) @ homography @ shifting(0.5, 0.5)
    method = (cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(
        picture, centres, (size[1], size[0]), flags=method, borderMode=cv2.BORDER_CONSTANT, borderValue=paper
    )
    return np.asarray(warped, dtype=np.uint8)


def reduce_picture(picture: Grey, height: int, width: int) -> Grey:
    """Resize a picture. Shrinking averages pixels."""
    smaller = height < picture.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), dtype=np.uint8)
