"""Choose places of a form's print, and measure where they are on a page."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.homographies import Homography, Points, map_points, scaling, shifting
from lenet_pipeline.forms.alignment.illumination import even_illumination, percentile_level, soften_print
from lenet_pipeline.forms.page import Grey

Floats = NDArray[np.float64]

# The normalised correlation at which a window counts as the form's print, absolute and relative to what most
# windows of the page have. Two lines of text correlate by up to 0.7, and on a bad scan the right one may not
# exceed that.
_LIKENESS = 0.5
_RELATIVE_LIKENESS = 0.8
_MOST_WINDOWS = 0.75

_OVERVIEW_BLUR_PX = 1.0
_FULL_DARKNESS = 70  # of 255 below the paper: from here on, a line counts as much as a black one
_LEAST_DARKNESS = 20
_LEAST_CORNER = 0.02  # relative to the strongest corner
_OVERVIEW_GAIN = 0.02  # of correlation, that a shift must gain
_FIT_ROUNDS = 12
_NOISE_PX = 0.15  # the smallest spread of the shifts that the weights assume
_WIDEST_PX = 0.8  # the largest such spread; shifts 4.7 times farther from the fit have no weight
_LOOSENESS = {"shift": 1.0, "affine": 0.1, "perspective": 0.003}  # in half diagonals: how far a fit may go


@dataclass(frozen=True)
class PrintPlaces:
    """Windows of a reference that have edges in two directions.

    Attributes:
        corners: x and y of the windows' top left pixels, int (places, 2).
        windows: their softened pictures, uint8 (places, side, side).
        is_near_field: whether each was chosen near a field, (places,).
    """

    corners: NDArray[np.int64]
    windows: NDArray[np.uint8]
    is_near_field: NDArray[np.bool_]

    @property
    def side(self) -> int:
        """Return the width of a window in pixels."""
        return int(self.windows.shape[1])

    @property
    def middles(self) -> Points:
        """Return the windows' middles, (places, 2)."""
        return np.asarray(self.corners + self.side / 2, dtype=np.float64)


@dataclass(frozen=True)
class Measurements:
    """The print found at every place.

    Attributes:
        shifts: its distance from the place in pixels, x and y, (places, 2).
        likeness: the normalised correlation at the best position, -1 to 1, or NaN for a place outside the
            scan, (places,).
        least_likeness: the correlation from which on it counts as the form's print.
    """

    shifts: Floats
    likeness: Floats
    least_likeness: float

    @property
    def is_seen(self) -> NDArray[np.bool_]:
        """Return which places are on the scan."""
        return ~np.isnan(self.likeness)

    @property
    def is_found(self) -> NDArray[np.bool_]:
        """Return at which places the form's print was found."""
        return np.nan_to_num(self.likeness, nan=-1.0) >= self.least_likeness

    @property
    def share(self) -> float:
        """Return the share of the places on the scan at which the print was found, or 0 without any."""
        seen = int(self.is_seen.sum())
        return float(self.is_found.sum()) / seen if seen else 0.0

    def share_within(self, distance: float) -> float:
        """Return the share of the places on the scan with print within a distance, in pixels."""
        seen = int(self.is_seen.sum())
        near = self.is_found & (np.hypot(self.shifts[:, 0], self.shifts[:, 1]) <= distance)
        return float(near.sum()) / seen if seen else 0.0

    def after(self, correction: Homography, middles: Points) -> Measurements:
        """Predict the measurements after a correction, given the middles of the places."""
        predicted = map_points(correction, middles) - middles
        return replace(self, shifts=self.shifts - predicted)

    def among(self, chosen: NDArray[np.bool_]) -> Measurements:
        """Return the measurements at some of the places."""
        return replace(self, shifts=self.shifts[chosen], likeness=self.likeness[chosen])

    @property
    def residual_px(self) -> float:
        """Return the root mean square of the shifts of all print found, or infinity without any."""
        found = self.shifts[self.is_found]
        return float(np.sqrt((found**2).sum(axis=1).mean())) if len(found) else float("inf")


def choose_places(reference: Grey, near: Grey, *, side: int, distance: int, most: int) -> PrintPlaces:
    """Choose places of a reference that have edges in two directions, so that both shifts can be measured.

    Up to half of them are near fields. The others are spread evenly over the page.

    Args:
        reference: uint8 (height, width), dark on bright.
        near: uint8 of any size, 255 near fields, 0 elsewhere.
        side: the side of the windows in pixels.
        distance: the smallest distance between the middles of two windows in pixels.
        most: the largest number of places.
    """
    picture = soften_print(even_illumination(reference))
    height, width = picture.shape
    ink = saturate_ink(picture)
    inside = np.zeros_like(picture)
    half = side // 2
    inside[half : height - half, half : width - half] = 255
    around = cv2.resize(near, (width, height), interpolation=cv2.INTER_NEAREST)
    mask = np.minimum(inside, np.asarray(around, dtype=np.uint8))
    points = _spread_corners(ink, mask, side, distance, most // 2)
    nearest = len(points)
    for x, y in points:
        cv2.circle(inside, (round(x), round(y)), distance, 0, -1)
    points = np.concatenate([points, _spread_corners(ink, inside, side, distance, most - len(points))])
    corners = np.round(points).astype(np.int64) - half
    windows = [picture[y : y + side, x : x + side] for x, y in corners]
    return PrintPlaces(
        corners, np.array(windows, dtype=np.uint8).reshape(-1, side, side), np.arange(len(corners)) < nearest
    )


def _spread_corners(ink: Grey, mask: Grey, side: int, distance: float, most: int) -> Points:
    """Return at most this many corners of ink, spread as far apart as possible, (corners, 2)."""
    found = cv2.goodFeaturesToTrack(ink, 0, _LEAST_CORNER, distance, mask=mask, blockSize=side // 2)
    points = np.zeros((0, 2)) if found is None else found.reshape(-1, 2).astype(np.float64)
    while len(points) > most:
        distance *= max((len(points) / max(most, 1)) ** 0.5, 1.05)
        kept: list[int] = []
        # The strongest corners come first.
        for number, point in enumerate(points):
            if not kept or ((points[kept] - point) ** 2).sum(axis=1).min() >= distance**2:
                kept.append(number)
        points = points[kept]
    return points


def saturate_ink(picture: Grey) -> Grey:
    """Return the darkness of ink, 0 to ``_FULL_DARKNESS``. Grey lines count as much as black ones."""
    paper = percentile_level(picture[::2, ::2], 90)
    darkness = np.minimum(cv2.subtract(np.full_like(picture, paper), picture), np.uint8(_FULL_DARKNESS))
    darkness[darkness < _LEAST_DARKNESS] = 0
    return darkness


def locate_overview(ink: Grey, overview: Grey, reach: int) -> tuple[int, int]:
    """Return how far right and down a page's ink as a whole is from a form's, in pixels.

    Windows cover only a few millimetres. If boxes repeat, windows may agree on a position that is one box
    off, but all of the print together does not.

    Args:
        ink: the ink of the page, with a margin of ``reach`` pixels on all sides.
        overview: the form's ink.
        reach: the largest shift to try, in pixels.
    """
    blurred, wanted = (cv2.GaussianBlur(one, (0, 0), _OVERVIEW_BLUR_PX) for one in (ink, overview))
    likeness = cv2.matchTemplate(blurred, wanted, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(likeness)
    if best < float(likeness[reach - 2 : reach + 3, reach - 2 : reach + 3].max()) + _OVERVIEW_GAIN:
        return 0, 0
    return x - reach, y - reach


def measure_places(
    picture: Grey, places: PrintPlaces, outside: NDArray[np.bool_], reach: int
) -> Measurements:
    """Search for the window of every place near its expected position.

    Args:
        picture: the page aligned so far, softened like the windows, uint8 of the reference's size.
        places: the places of the reference.
        outside: whether each place is outside the scan, (places,).
        reach: the largest shift to try, in pixels.
    """
    shifts = np.zeros((len(places.corners), 2))
    likeness = np.full(len(places.corners), np.nan)
    side, (height, width) = places.side, picture.shape
    for number, ((x, y), window) in enumerate(zip(places.corners, places.windows, strict=True)):
        if outside[number]:
            continue
        left, top = max(x - reach, 0), max(y - reach, 0)
        region = picture[top : min(y + side + reach, height), left : min(x + side + reach, width)]
        correlation = cv2.matchTemplate(region, window, cv2.TM_CCOEFF_NORMED)
        peak_x, peak_y, best = _locate_peak(np.asarray(correlation))
        shifts[number] = left + peak_x - x, top + peak_y - y
        likeness[number] = best
    seen = likeness[~np.isnan(likeness)]
    usual = float(np.quantile(seen, _MOST_WINDOWS)) if len(seen) else 1.0
    return Measurements(shifts, likeness, max(_LIKENESS, _RELATIVE_LIKENESS * usual))


def _locate_peak(correlation: NDArray[np.float32]) -> tuple[float, float, float]:
    """Return subpixel x and y of the highest point and its height, or a height of -1 if it is at the edge."""
    _, best, _, (x, y) = cv2.minMaxLoc(correlation)
    height, width = correlation.shape
    # The correlation of a uniform window is undefined. OpenCV returns 0, 1 or NaN for it.
    if not (0 < x < width - 1 and 0 < y < height - 1) or not best <= 1.001:
        return float(x), float(y), -1.0
    (_, above, _), (before, at, after), (_, below, _) = correlation[y - 1 : y + 2, x - 1 : x + 2].tolist()
    return x + locate_vertex(before, at, after), y + locate_vertex(above, at, below), float(best)


def locate_vertex(before: float, at: float, after: float) -> float:
    """Return the vertex of a parabola through three heights, -0.5 to 0.5 from the middle one."""
    bend = before - 2 * at + after
    return min(max((before - after) / (2 * bend), -0.5), 0.5) if bend < -1e-9 else 0.0


def fit_correction(middles: Points, measured: Measurements, size: tuple[int, int]) -> Homography:
    """Fit the homography that maps every place to the position where its print was found.

    The fit uses least squares with Tukey's weights, so that outliers have no weight. A mild pull towards the
    identity keeps a few places on one line from distorting the rest of the page.

    Args:
        middles: the middles of the places, (places, 2).
        measured: the print found there.
        size: height and width of the aligned page, in the same pixels.
    """
    found = measured.is_found
    if found.sum() < 3:
        return np.eye(3)
    height, width = size
    unit = float(np.hypot(height, width)) / 2
    u, v = ((middles[found] - (width / 2, height / 2)) / unit).T
    shifts = measured.shifts[found] / unit
    ones, zeros = np.ones_like(u), np.zeros_like(u)
    for_x = np.stack([ones, u, v, zeros, zeros, zeros, u * u, u * v], axis=1)
    for_y = np.stack([zeros, zeros, zeros, ones, u, v, u * v, v * v], axis=1)
    noise = _NOISE_PX / unit
    shift, affine, bend = _LOOSENESS["shift"], _LOOSENESS["affine"], _LOOSENESS["perspective"]
    pull = np.diag((noise / np.array([shift, affine, affine, shift, affine, affine, bend, bend])) ** 2)
    weights = measured.likeness[found]
    # Start with each place's distance from the median shift.
    errors = np.hypot(*(shifts - np.median(shifts, axis=0)).T)
    for _ in range(_FIT_ROUNDS):
        # Cap the spread. Otherwise, two halves of a page that disagree would both keep their weight.
        spread = min(max(1.4826 * float(np.median(errors)), noise), _WIDEST_PX / unit)
        tukey = weights * np.clip(1 - (errors / (4.7 * spread)) ** 2, 0, None) ** 2
        normal = (for_x.T * tukey) @ for_x + (for_y.T * tukey) @ for_y + pull
        right = (for_x.T * tukey) @ shifts[:, 0] + (for_y.T * tukey) @ shifts[:, 1]
        solution = np.linalg.solve(normal, right)
        errors = np.hypot(for_x @ solution - shifts[:, 0], for_y @ solution - shifts[:, 1])
    a0, a1, a2, b0, b1, b2, g, h = solution
    correction = np.array([[1 + a1, a2, a0], [b1, 1 + b2, b0], [-g, -h, 1]])
    to_unit = scaling(1 / unit) @ shifting(-width / 2, -height / 2)
    return np.asarray(np.linalg.inv(to_unit) @ correction @ to_unit, dtype=np.float64)
