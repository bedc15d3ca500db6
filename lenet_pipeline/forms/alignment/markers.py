"""Find corner markers: four equal discs, squares or crosses near the corners of a form."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.features import Guess, is_sane
from lenet_pipeline.forms.alignment.homographies import Homography, Points, reduce_picture
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey

MARKER_DPI = 75

_SMALLEST_MM, _LARGEST_MM = 2.0, 20.0
_ALIKE = 0.2  # the largest relative difference in size between markers
_LEAST_AREA = 0.1  # of the page, enclosed by the markers
_MARGIN = 0.25  # of paper around a marker, relative to its size
_LEAST_LIKENESS = 0.55
_MOST_SPOTS = 40
_ENLARGED = (1.0, 0.8, 1.25)  # scales to try, relative to the expected scale
_TOLERANCE = 0.03  # of the diagonal between markers, for bent paper and skewed feeds
_MOST_GUESSES = 4


@dataclass(frozen=True)
class Markers:
    """Four markers of a blank form.

    Attributes:
        middles: their middles in pixels of the aligned page, (4, 2), clockwise from the top left.
        picture: their average picture with a margin, at ``MARKER_DPI``, uint8.
    """

    middles: Points
    picture: Grey


@dataclass(frozen=True)
class _Blob:
    """A connected part of ink: the middle, width and height of its bounding box, and its area."""

    x: float
    y: float
    width: int
    height: int
    area: int

    def is_like(self, other: _Blob) -> bool:
        """Return whether two blobs have about the same size and area."""
        pairs = ((self.width, other.width), (self.height, other.height), (self.area, other.area))
        return all(abs(one - two) <= max(_ALIKE * two, 1.5) for one, two in pairs)


def find_markers(reference: Grey) -> Markers | None:
    """Find the four outermost markers of a blank form, or return None if it has none.

    Args:
        reference: the blank form at ``ALIGNED_DPI``, uint8 (height, width).
    """
    factor = MARKER_DPI / ALIGNED_DPI
    height, width = (round(side * factor) for side in reference.shape)
    picture = reduce_picture(reference, height, width)
    ink = (picture < float(np.percentile(picture, 90)) - 50).astype(np.uint8)
    # Try both layers: opening separates markers from lines that touch them, but removes the arms of a cross.
    smallest = round(_SMALLEST_MM / MM_PER_INCH * MARKER_DPI)
    opened = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((smallest - 1, smallest - 1), np.uint8))
    best: tuple[float, list[_Blob]] | None = None
    for layer in (opened, ink):
        blobs = _find_blobs(np.asarray(layer, dtype=np.uint8))
        for group in ([other for other in blobs if other.is_like(blob)] for blob in blobs):
            corners = _choose_corners(group, height, width)
            area = _area(corners)
            if area >= _LEAST_AREA * height * width and (best is None or area > 1.05 * best[0]):
                best = area, corners
    if best is None:
        return None
    middles = np.array([(blob.x, blob.y) for blob in best[1]])
    return Markers(middles / factor, _average_picture(picture, best[1]))


def _find_blobs(ink: NDArray[np.uint8]) -> list[_Blob]:
    """Return the square parts of ink that have the size of a marker and ink in the middle."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink)
    least, most = (side / MM_PER_INCH * MARKER_DPI for side in (_SMALLEST_MM, _LARGEST_MM))
    blobs = []
    for label, (x, y, width, height, area) in enumerate(stats.tolist()):
        is_square = 0.75 <= width / height <= 1.33 and least <= max(width, height) <= most
        if label and is_square and labels[y + height // 2, x + width // 2] == label:
            blobs.append(_Blob(x + width / 2, y + height / 2, width, height, area))
    return blobs


def _choose_corners(group: list[_Blob], height: int, width: int) -> list[_Blob]:
    """Return the blobs nearest to the page's corners, clockwise from the top left."""
    corners = ((0, 0), (width, 0), (width, height), (0, height))
    return [
        min(group, key=lambda blob: ((blob.x - x) / width) ** 2 + ((blob.y - y) / height) ** 2)
        for x, y in corners
    ]


def _area(corners: list[_Blob]) -> float:
    """Return the area between four blobs, or 0 if they do not form a rectangle."""
    points = np.array([(blob.x, blob.y) for blob in corners], dtype=np.float32)
    diagonals = points[2] - points[0], points[3] - points[1]
    lengths = [float(np.hypot(*diagonal)) for diagonal in diagonals]
    off_middle = float(np.hypot(*(points[0] + points[2] - points[1] - points[3]))) / 2
    # The diagonals of a rectangle are equal and bisect each other. Those of four similar letters rarely are.
    if min(lengths) < 0.95 * max(lengths) or off_middle > 0.03 * max(lengths):
        return 0.0
    return float(cv2.contourArea(points))


def _average_picture(picture: Grey, blobs: list[_Blob]) -> Grey:
    """Return the average picture of some blobs, with a margin."""
    side = round(max(max(blob.width, blob.height) for blob in blobs) * (1 + 2 * _MARGIN))
    pictures = [cv2.getRectSubPix(picture, (side, side), (blob.x - 0.5, blob.y - 0.5)) for blob in blobs]
    return np.asarray(np.mean(pictures, axis=0), dtype=np.uint8)


def guess_from_markers(
    markers: Markers,
    picture: Grey,
    from_picture: Homography,
    *,
    size: tuple[int, int],
    expected_scale: float,
) -> list[Guess]:
    """Return guesses at a page's alignment from three or four of its markers, the most likely first.

    Args:
        markers: the markers of the blank form.
        picture: the scan at about ``MARKER_DPI``, evenly lit.
        from_picture: maps pixels of ``picture`` to pixels of the scan.
        size: height and width of the aligned page.
        expected_scale: scan pixels per pixel of the aligned page, if the scan shows exactly the whole page.
    """
    factor = float(from_picture[0, 0])
    for enlarged in _ENLARGED:
        side = max(round(len(markers.picture) * enlarged), 3)
        spots = _find_spots(picture, reduce_picture(markers.picture, side, side))
        guesses = [
            guess
            for guess in _fit_spots(markers.middles, spots * factor, expected_scale)
            if is_sane(guess.to_scan, size, expected_scale)
        ]
        if guesses:
            return guesses[:_MOST_GUESSES]
    return []


def _find_spots(picture: Grey, marker: Grey) -> Points:
    """Return the places in a picture that look like a marker, the most similar first, (spots, 2)."""
    if min(picture.shape) <= len(marker):
        return np.zeros((0, 2))
    likeness = np.asarray(cv2.matchTemplate(picture, marker, cv2.TM_CCOEFF_NORMED))
    near = np.ones((len(marker) // 2 * 2 + 1,) * 2, np.uint8)
    is_peak = (likeness >= cv2.dilate(likeness, near)) & (likeness >= _LEAST_LIKENESS) & (likeness <= 1.001)
    y, x = np.nonzero(is_peak)
    order = np.argsort(-likeness[y, x], kind="stable")[:_MOST_SPOTS]
    return np.asarray(np.stack([x[order], y[order]], axis=1) + len(marker) / 2, dtype=np.float64)


def _fit_spots(middles: Points, spots: Points, expected_scale: float) -> list[Guess]:
    """Return the similarities that map markers to spots, those with most markers first."""
    if len(spots) < 3:
        return []
    markers_at, spots_at = middles[:, 0] + 1j * middles[:, 1], spots[:, 0] + 1j * spots[:, 1]
    fits: list[tuple[int, float, Homography]] = []
    for start, end in ((0, 2), (1, 3)):
        span = markers_at[end] - markers_at[start]
        for first in range(len(spots_at)):
            # With points as complex numbers, a similarity is a factor and a term.
            factors = (spots_at - spots_at[first]) / span
            is_likely = (np.abs(factors) > 0.6 * expected_scale) & (np.abs(factors) < 1.7 * expected_scale)
            for factor in factors[is_likely]:
                fit = _count_spots(markers_at, spots_at, factor, spots_at[first] - factor * markers_at[start])
                if fit is not None:
                    fits.append(fit)
    fits.sort(key=lambda fit: (-fit[0], fit[1]))
    distinct: list[Guess] = []
    for count, _, homography in fits:
        if all(
            np.abs(homography - other.to_scan)[:2, :2].max() > 0.05 * expected_scale for other in distinct
        ):
            distinct.append(Guess(homography, count))
    return distinct


def _count_spots(
    markers_at: NDArray[np.complex128], spots_at: NDArray[np.complex128], factor: complex, term: complex
) -> tuple[int, float, Homography] | None:
    """Return how many markers a similarity maps to spots, their mean error, and the refitted similarity.

    Return None for fewer than three markers.
    """
    distances = np.abs((factor * markers_at + term)[:, None] - spots_at[None, :])
    nearest = distances.argmin(axis=1)
    off = distances.min(axis=1)
    is_near = off <= _TOLERANCE * abs(factor) * abs(markers_at[2] - markers_at[0])
    count = int(is_near.sum())
    if count < 3:
        return None
    source, target = markers_at[is_near], spots_at[nearest[is_near]]
    spread = source - source.mean()
    fitted = np.vdot(spread, target - target.mean()) / np.vdot(spread, spread).real
    shift = target.mean() - fitted * source.mean()
    homography = np.array(
        [[fitted.real, -fitted.imag, shift.real], [fitted.imag, fitted.real, shift.imag], [0.0, 0.0, 1.0]]
    )
    return count, float(off[is_near].mean()), homography
