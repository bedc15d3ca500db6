"""Places of a form's print that tell where a page lies, and the measuring of them on a aligned page."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.homographies import Homography, Points, map_points, scaling, shifting
from lenet_pipeline.forms.alignment.illumination import find_level, flatten_light, soften_print
from lenet_pipeline.forms.page import Grey

Floats = NDArray[np.float64]

# The least normalised correlation of a window that shows the form's print, of 1 and of what most windows of
# the page have: one line of text is up to 0.7 like another, and on a bad scan the right one is no more.
_LIKENESS = 0.5
_RELATIVE_LIKENESS = 0.8
_MOST_WINDOWS = 0.75

_OVERVIEW_BLUR_PX = 1.0
_FULL_DARKNESS = 70  # of 255 below the paper, from where on a line counts as much as a black one
_LEAST_DARKNESS = 20
_LEAST_CORNER = 0.02  # of the strongest corner's measure
_OVERVIEW_GAIN = 0.02  # of correlation: what a shift must be better than none by
_FIT_ROUNDS = 12
_NOISE_PX = 0.15  # of one measured shift, below which none is weighted down
_WIDEST_PX = 0.8  # what is more than 4.7 times as far from the fit counts for nothing
_LOOSENESS = {"shift": 1.0, "affine": 0.1, "perspective": 0.003}  # half diagonals: how far a fit may go


@dataclass(frozen=True)
class PrintPlaces:
    """Windows of a reference that have edges in two directions.

    ``corners`` are the windows' top left pixels, int (places, 2), x and y; ``windows`` are their softened
    pictures, uint8 (places, side, side); ``is_near_field`` tells which were chosen near fields.
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
class Measured:
    """What was found at every place: how far away in pixels, (places, 2), and how like the print.

    ``likeness`` is the normalised correlation, -1 to 1, at the best position; NaN where the place lies
    outside the scan. From ``least_likeness`` on it is the form's print.
    """

    shifts: Floats
    likeness: Floats
    least_likeness: float

    @property
    def is_seen(self) -> NDArray[np.bool_]:
        """Tell which places lie on the scan."""
        return ~np.isnan(self.likeness)

    @property
    def is_found(self) -> NDArray[np.bool_]:
        """Tell at which places there is the form's print."""
        return np.nan_to_num(self.likeness, nan=-1.0) >= self.least_likeness

    @property
    def share(self) -> float:
        """Return the share of the places on the scan at which the print was found."""
        seen = int(self.is_seen.sum())
        return float(self.is_found.sum()) / seen if seen else 0.0

    def share_within(self, distance: float) -> float:
        """Return the share of the places on the scan with print no farther off than that, in pixels."""
        seen = int(self.is_seen.sum())
        near = self.is_found & (np.hypot(self.shifts[:, 0], self.shifts[:, 1]) <= distance)
        return float(near.sum()) / seen if seen else 0.0

    def after(self, correction: Homography, middles: Points) -> Measured:
        """Return what would be measured at places with these middles once a correction is made."""
        predicted = map_points(correction, middles) - middles
        return replace(self, shifts=self.shifts - predicted)

    def among(self, chosen: NDArray[np.bool_]) -> Measured:
        """Return what was measured at some of the places."""
        return replace(self, shifts=self.shifts[chosen], likeness=self.likeness[chosen])

    @property
    def residual_px(self) -> float:
        """Return the root mean square of the shifts of all that was found, infinite where nothing was."""
        found = self.shifts[self.is_found]
        return float(np.sqrt((found**2).sum(axis=1).mean())) if len(found) else float("inf")


def choose_places(reference: Grey, near: Grey, *, side: int, distance: int, most: int) -> PrintPlaces:
    """Choose places of a reference by the edges there, so that any of them can be found in two directions.

    Half of them lie near fields where there is print, the others all over the page, evenly spread.

    Args:
        reference: uint8 (height, width), dark on bright.
        near: uint8, 255 near fields, 0 elsewhere, of any size.
        side: of the windows, in pixels.
        distance: between the middles of any two, in pixels, at least.
        most: how many.
    """
    picture = soften_print(flatten_light(reference))
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
    """Return at most so many corners of ink, as far from each other as that takes, (corners, 2)."""
    found = cv2.goodFeaturesToTrack(ink, 0, _LEAST_CORNER, distance, mask=mask, blockSize=side // 2)
    points = np.zeros((0, 2)) if found is None else found.reshape(-1, 2).astype(np.float64)
    while len(points) > most:
        distance *= max((len(points) / max(most, 1)) ** 0.5, 1.05)
        kept: list[int] = []
        # The strongest come first.
        for number, point in enumerate(points):
            if not kept or ((points[kept] - point) ** 2).sum(axis=1).min() >= distance**2:
                kept.append(number)
        points = points[kept]
    return points


def saturate_ink(picture: Grey) -> Grey:
    """Return how dark ink is, grey lines counting as much as black ones: 0 to ``_FULL_DARKNESS``."""
    paper = find_level(picture[::2, ::2], 90)
    darkness = np.minimum(cv2.subtract(np.full_like(picture, paper), picture), np.uint8(_FULL_DARKNESS))
    darkness[darkness < _LEAST_DARKNESS] = 0
    return darkness


def locate_overview(ink: Grey, overview: Grey, reach: int) -> tuple[int, int]:
    """Return how far right and down a page's ink lies from a form's, in pixels, as a whole.

    Windows see a few millimetres: where boxes repeat, they may agree on a page that lies a box off. All of
    the print together says which.

    Args:
        ink: of the page, with a margin of ``reach`` pixels all around.
        overview: the form's ink.
        reach: how far to look.
    """
    blurred, wanted = (cv2.GaussianBlur(one, (0, 0), _OVERVIEW_BLUR_PX) for one in (ink, overview))
    likeness = cv2.matchTemplate(blurred, wanted, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(likeness)
    if best < float(likeness[reach - 2 : reach + 3, reach - 2 : reach + 3].max()) + _OVERVIEW_GAIN:
        return 0, 0
    return x - reach, y - reach


def measure_places(picture: Grey, places: PrintPlaces, outside: NDArray[np.bool_], reach: int) -> Measured:
    """Look for every place's window around where it should be.

    Args:
        picture: a page registered so far, softened as the windows, uint8, the size of the reference.
        places: of the reference.
        outside: (places,), true where the scan does not reach.
        reach: how far to look, in pixels.
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
    return Measured(shifts, likeness, max(_LIKENESS, _RELATIVE_LIKENESS * usual))


def _locate_peak(correlation: NDArray[np.float32]) -> tuple[float, float, float]:
    """Return x, y and height of the highest point, between pixels; a height of -1 where it is at the edge."""
    _, best, _, (x, y) = cv2.minMaxLoc(correlation)
    height, width = correlation.shape
    # An even window has no correlation, for which OpenCV gives 0, 1 or no number.
    if not (0 < x < width - 1 and 0 < y < height - 1) or not best <= 1.001:
        return float(x), float(y), -1.0
    (_, above, _), (before, at, after), (_, below, _) = correlation[y - 1 : y + 2, x - 1 : x + 2].tolist()
    return x + locate_vertex(before, at, after), y + locate_vertex(above, at, below), float(best)


def locate_vertex(before: float, at: float, after: float) -> float:
    """Return where a parabola through three heights is highest, -0.5 to 0.5 from the middle one."""
    bend = before - 2 * at + after
    return min(max((before - after) / (2 * bend), -0.5), 0.5) if bend < -1e-9 else 0.0


def fit_correction(middles: Points, measured: Measured, size: tuple[int, int]) -> Homography:
    """Fit the homography that takes every found place to where it was found.

    Least squares with Tukey's weights, so that places where something else was taken for the print count
    for nothing; and with a mild pull to no correction, so that a few places on a line bend nothing far off.

    Args:
        middles: of the places, (places, 2).
        measured: what was found there.
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
    # The start: every place as if only the most common shift were right.
    errors = np.hypot(*(shifts - np.median(shifts, axis=0)).T)
    for _ in range(_FIT_ROUNDS):
        # Capped: on one that fits half a page, two halves that differ would both pull.
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
