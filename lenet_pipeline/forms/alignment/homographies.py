"""Homographies between pictures of one page.

Points are continuous: the top left corner of a picture's first pixel is (0, 0) and its centre (0.5, 0.5),
so a picture twice as large has every coordinate doubled. OpenCV counts from the centre of the first pixel:
``warp_picture`` and those who read key points take half a pixel into account.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.page import Grey

Homography = NDArray[np.float64]  # (3, 3), from columns (x, y, 1) to columns (x, y, 1) times any factor
Points = NDArray[np.float64]  # (points, 2): x and y


def scaling(x: float, y: float | None = None) -> Homography:
    """Return the homography that multiplies x, and y by the same or another factor."""
    return np.diag([x, x if y is None else y, 1.0])


def shifting(x: float, y: float) -> Homography:
    """Return the homography that adds to x and y."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def half_turn(height: float, width: float) -> Homography:
    """Return the homography that turns a picture of this size upside down."""
    return np.array([[-1.0, 0.0, width], [0.0, -1.0, height], [0.0, 0.0, 1.0]])


def map_points(homography: Homography, points: Points) -> Points:
    """Return where a homography puts points, (points, 2)."""
    mapped = points @ homography[:, :2].T + homography[:, 2]
    return np.asarray(mapped[:, :2] / mapped[:, 2:], dtype=np.float64)


def local_scales(homography: Homography, height: float, width: float) -> Points:
    """Return the least and the greatest local scale at five places of a picture, (5, 2).

    A place that the homography turns inside out, or sends to infinity, has the scales 0 and 0.
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
    """Return the scale of lengths at the middle of a picture; 0 where there is none."""
    least, greatest = local_scales(homography, height, width)[0]
    return float(np.sqrt(least * greatest))


def quarter_turns(homography: Homography, height: float, width: float) -> int:
    """Return the clockwise turn in degrees, 0, 90, 180 or 270, that brings the target upright."""
    middle = np.array([[width / 2, height / 2], [width / 2 + 1, height / 2]])
    (x0, y0), (x1, y1) = map_points(homography, middle)
    # In a picture whose y goes down, the page's x axis turned by a positive angle is turned clockwise.
    angle = float(np.degrees(np.arctan2(y1 - y0, x1 - x0)))
    return round(-angle / 90) % 4 * 90


def warp_picture(
    picture: Grey, homography: Homography, size: tuple[int, int], *, paper: int, sharp: bool = False
) -> Grey:
    """Return a new picture whose points have the levels of where the homography sends them.

    Args:
        picture: what is looked at, uint8 (height, width).
        homography: from the new picture to this one.
        size: height and width of the new picture.
        paper: the level of what lies outside.
        sharp: interpolate with cubics, for enlarging.
    """
    centres = shifting(-0.5, -0.5) @ homography @ shifting(0.5, 0.5)
    method = (cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(
        picture, centres, (size[1], size[0]), flags=method, borderMode=cv2.BORDER_CONSTANT, borderValue=paper
    )
    return np.asarray(warped, dtype=np.uint8)


def reduce_picture(picture: Grey, height: int, width: int) -> Grey:
    """Return the picture in another size, averaged where that is smaller."""
    smaller = height < picture.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), dtype=np.uint8)
