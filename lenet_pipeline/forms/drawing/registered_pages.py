"""Draw a scanned page as it was registered: upright, in the frame in which fields have their boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from lenet_pipeline.forms.alignment.homographies import map_points, reduce_picture, warp_picture
from lenet_pipeline.forms.alignment.warps import Warp, warp_bent_picture
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey

_PAPER = 255  # the grey level outside the scan
_QUALITY = 80
_SIDE_PX = (100, 10_000)  # a registered page is at most 1.27 m long


@dataclass(frozen=True)
class RegisteredPage:
    """How a page was registered.

    Attributes:
        to_scan: nine numbers, row by row: the homography that maps pixels of the registered page to pixels
            of the scan.
        scan: width and height of the scan in pixels.
        paper: width and height of the page in millimetres, or None if unknown.
        warp: the displacements that flattened the page, by row, column and axis, or None if it was flat.
    """

    to_scan: Sequence[float]
    scan: tuple[int, int]
    paper: tuple[float, float] | None
    warp: Sequence[Sequence[Sequence[float]]] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Return the width and height of the registered page in pixels.

        If the size of the paper is unknown, it is the part of the scan to the right of and below the page's
        top left corner.
        """
        if self.paper is not None:
            width, height = (round(side * ALIGNED_DPI / MM_PER_INCH) for side in self.paper)
        else:
            (across, down) = self.scan
            corners = np.array([(0, 0), (across, 0), (0, down), (across, down)], dtype=np.float64)
            mapped = map_points(np.linalg.inv(_homography(self.to_scan)), corners)
            width, height = (round(side) for side in mapped.max(axis=0))
        least, most = _SIDE_PX
        return min(max(width, least), most), min(max(height, least), most)


def draw_registered_page(scan: Grey, page: RegisteredPage, width: int) -> bytes:
    """Return the registered page as a JPEG file of a width in pixels.

    Args:
        scan: uint8 (height, width), 0 black to 255 white.
        page: how the page was registered.
        width: the width of the picture; the registered page's width is the largest.
    """
    across, down = page.size
    size, homography = (down, across), _homography(page.to_scan)
    if page.warp is None:
        picture = warp_picture(scan, homography, size, paper=_PAPER)
    else:
        warp = Warp(np.asarray(page.warp, dtype=np.float64))
        picture = warp_bent_picture(scan, homography, warp, size, page=size, paper=_PAPER)
    if width < across:
        picture = reduce_picture(picture, round(down * width / across), width)
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return encoded.tobytes()


def _homography(numbers: Sequence[float]) -> np.ndarray:
    return np.asarray(numbers, dtype=np.float64).reshape(3, 3)
