"""Refine a first guess at a page's alignment until its print is in place."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.features import FEATURE_DPI, FeatureKind, Features, find_features
from lenet_pipeline.forms.alignment.homographies import (
    Homography,
    map_points,
    mean_scale,
    reduce_picture,
    scaling,
    shifting,
    warp_picture,
)
from lenet_pipeline.forms.alignment.illumination import even_illumination, percentile_level, soften_print
from lenet_pipeline.forms.alignment.layouts import LAYOUT_DPI, Layout, find_layout
from lenet_pipeline.forms.alignment.prepared_template import COARSE_DPI, OVERVIEW_REACH, Landmarks
from lenet_pipeline.forms.alignment.print_places import (
    Measurements,
    PrintPlaces,
    fit_correction,
    locate_overview,
    measure_places,
    saturate_ink,
)
from lenet_pipeline.forms.page import ALIGNED_DPI, Grey
from lenet_pipeline.forms.templates.model import Template

_COARSE_REACHES = (10, 5)  # pixels at COARSE_DPI
_FINE_REACH, _FINE_ROUNDS = 5, 2  # pixels at ALIGNED_DPI
_SMALL_PX = 1.0  # at ALIGNED_DPI: after a smaller correction, the page is not measured again
_DISPLACED_REACH = 8  # pixels at COARSE_DPI
_DISPLACED_PX = 2.0  # at COARSE_DPI
_FEWEST_DISPLACED = 3  # fewer may be chance
_NEAR_FIELDS = 0.2  # the weight of displaced print near fields, where digits may be mistaken for print
_NEIGHBOURS = 5  # bent paper moves neighbouring places alike
_REDUCED_FROM = 1.75  # scan pixels per pixel of the aligned page: from here on, averaging loses nothing


@dataclass
class Scan:
    """A scanned page in the sizes that alignment uses. Each size is computed once."""

    image: Grey
    _flat: dict[tuple[int, int], tuple[Grey, Homography]] = field(default_factory=dict)
    _features: dict[tuple[FeatureKind, int, int], Features] = field(default_factory=dict)
    _layouts: dict[tuple[int, ...], Layout] = field(default_factory=dict)
    _reduced: dict[int, Grey] = field(default_factory=dict)
    _smaller: dict[tuple[int, int], Grey] = field(default_factory=dict)
    _paper: list[int] = field(default_factory=list)

    @property
    def is_bilevel(self) -> bool:
        """Return whether the scan is black and white only."""
        return bool(np.isin(self.image[::16], (0, 255)).all() and np.isin(self.image, (0, 255)).all())

    @property
    def paper(self) -> int:
        """Return the grey level of the page's paper."""
        if not self._paper:
            self._paper.append(percentile_level(self.image[::8, ::8], 75))
        return self._paper[0]

    def expected_scale(self, template: Template) -> float:
        """Return scan pixels per pixel of the aligned page, if the scan shows exactly the page's length."""
        return float(max(self.image.shape)) / max(template.aligned_size)

    def flat(self, template: Template, dpi: int) -> tuple[Grey, Homography]:
        """Return the scan at about this resolution, evenly lit, and the homography to the scan."""
        height, width = self.image.shape
        factor = dpi / ALIGNED_DPI / self.expected_scale(template)
        size = max(round(height * factor), 1), max(round(width * factor), 1)
        if size not in self._flat:
            # Shrink small sizes from the coarse one, because reading all pixels of a scan is slow.
            source = self.image if dpi > COARSE_DPI else self._coarse(template)
            picture = even_illumination(reduce_picture(source, *size))
            self._flat[size] = picture, scaling(width / size[1], height / size[0])
        return self._flat[size]

    def _coarse(self, template: Template) -> Grey:
        """Return the scan at about ``COARSE_DPI``, or unchanged if it is smaller."""
        factor = COARSE_DPI / ALIGNED_DPI / self.expected_scale(template)
        if factor >= 1:
            return self.image
        height, width = (max(round(side * factor), 1) for side in self.image.shape)
        if (height, width) not in self._smaller:
            self._smaller[height, width] = reduce_picture(self.image, height, width)
        return self._smaller[height, width]

    def features(self, template: Template, kind: FeatureKind) -> Features:
        """Return the key points of the scan, in its own pixels."""
        picture, to_scan = self.flat(template, FEATURE_DPI[kind])
        key = (kind, *picture.shape)
        if key not in self._features:
            self._features[key] = find_features(picture, kind, float(to_scan[0, 0]))
        return self._features[key]

    def layout(self, template: Template) -> tuple[Layout, Homography]:
        """Return the layout of the scan, and the homography from the layout to the scan."""
        picture, to_scan = self.flat(template, LAYOUT_DPI)
        if picture.shape not in self._layouts:
            self._layouts[picture.shape] = find_layout(saturate_ink(picture))
        return self._layouts[picture.shape], to_scan

    def reduced(self, scale: float) -> tuple[Grey, Homography]:
        """Return the scan shrunk by the integer nearest to a scale, and the homography to the scan."""
        factor = 1 if scale < _REDUCED_FROM else round(scale)
        height, width = self.image.shape
        size = max(height // factor, 1), max(width // factor, 1)
        if factor not in self._reduced:
            self._reduced[factor] = self.image if factor == 1 else reduce_picture(self.image, *size)
        return self._reduced[factor], scaling(width / size[1], height / size[0])


@dataclass(frozen=True)
class Alignment:
    """The alignment of a page with a template, and the last measurements.

    Attributes:
        to_scan: maps pixels of the aligned page to pixels of the scan.
        measured: the print found at the places of the template.
        displaced: the share of print found more than 0.5 mm out of place along with its neighbours, on the
            whole page or near fields, whichever is larger. It detects bent paper, which ``measured`` may
            miss: there, some parts fit and the others are beyond its reach.
    """

    to_scan: Homography
    measured: Measurements
    displaced: float = 0.0


def align_coarsely(scan: Scan, template: Template, landmarks: Landmarks, to_scan: Homography) -> Alignment:
    """Refine a guess to about one pixel at ``COARSE_DPI``, provided that it is roughly right."""
    picture, from_picture = scan.flat(template, COARSE_DPI)
    to_picture = np.linalg.inv(from_picture) @ to_scan
    to_picture = to_picture @ _shift_overview(picture, to_picture, landmarks.layout.ink)
    places, size = landmarks.coarse, _size_at(COARSE_DPI, template)
    # Sizes are whole pixels, so their ratio differs slightly from the ratio of the resolutions. At the far
    # edge, this amounts to half a pixel.
    (height, width), (aligned_height, aligned_width) = size, template.aligned_size
    from_aligned = scaling(width / aligned_width, height / aligned_height)
    homography = to_picture @ np.linalg.inv(from_aligned)
    for reach in _COARSE_REACHES:
        view = soften_print(warp_picture(picture, homography, size, paper=255))
        measured = measure_places(view, places, _outside(places, homography, picture.shape), reach)
        correction = fit_correction(places.middles, measured, size)
        homography = homography @ correction
    return Alignment(from_picture @ homography @ from_aligned, measured.after(correction, places.middles))


def align_finely(
    scan: Scan, template: Template, landmarks: Landmarks, to_scan: Homography
) -> tuple[Grey, Alignment]:
    """Return the aligned page and its alignment.

    The page is measured again after a large correction. The shifts after the last correction are predicted.
    """
    size, places = template.aligned_size, landmarks.fine
    scale = mean_scale(to_scan, *size)
    picture, from_picture = scan.reduced(scale)
    homography = np.linalg.inv(from_picture) @ to_scan
    for _ in range(_FINE_ROUNDS):
        view = warp_picture(picture, homography, size, paper=scan.paper, sharp=scale < 1)
        outside = _outside(places, homography, picture.shape)
        measured = measure_places(soften_print(even_illumination(view)), places, outside, _FINE_REACH)
        correction = fit_correction(places.middles, measured, size)
        homography = homography @ correction
        measured = measured.after(correction, places.middles)
        if np.abs(map_points(correction, places.middles) - places.middles).max(initial=0.0) < _SMALL_PX:
            break
    view = warp_picture(picture, homography, size, paper=scan.paper, sharp=scale < 1)
    return view, Alignment(from_picture @ homography, measured, measure_displaced(view, landmarks.coarse))


def measure_displaced(view: Grey, places: PrintPlaces) -> float:
    """Return the displaced share of an aligned page's print; see ``Alignment``."""
    factor = COARSE_DPI / ALIGNED_DPI
    height, width = (round(side * factor) for side in view.shape)
    inside = np.zeros(len(places.corners), dtype=bool)
    measured = measure_places(
        soften_print(even_illumination(reduce_picture(view, height, width))), places, inside, _DISPLACED_REACH
    )
    found = measured.is_found
    is_off = found & (np.hypot(*measured.shifts.T) > _DISPLACED_PX)
    is_off[found] &= _is_shared(places.middles[found], measured.shifts[found])
    near = found & places.is_near_field
    shares = [
        weight * float(is_off[part].sum()) / float(part.sum())
        for part, weight in ((found, 1.0), (near, _NEAR_FIELDS))
        if is_off[part].sum() >= _FEWEST_DISPLACED
    ]
    return max(shares, default=0.0)


def _is_shared(middles: NDArray[np.float64], shifts: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return for each place whether its neighbours are shifted alike.

    Paper bends smoothly. A shift that the neighbours do not share is a mistake, such as a stroke of a digit
    taken for the edge of its box.

    Args:
        middles: float64 (n, 2), in pixels at ``COARSE_DPI``.
        shifts: float64 (n, 2), in the same pixels.
    """
    if len(middles) <= _NEIGHBOURS:
        return np.zeros(len(middles), dtype=bool)
    apart = np.hypot(*np.moveaxis(middles[:, None] - middles[None], 2, 0))
    np.fill_diagonal(apart, np.inf)
    nearest = np.argpartition(apart, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
    usual = np.median(shifts[nearest], axis=1)
    shared: NDArray[np.bool_] = np.hypot(*(shifts - usual).T) <= _DISPLACED_PX
    return shared


def _size_at(dpi: int, template: Template) -> tuple[int, int]:
    """Return height and width in pixels of a template's page at a resolution."""
    height, width = template.aligned_size
    return round(height * dpi / ALIGNED_DPI), round(width * dpi / ALIGNED_DPI)


def _shift_overview(picture: Grey, to_picture: Homography, overview: Grey) -> Homography:
    """Return the shift, in pixels of the aligned page, that best places all of a page's ink on the form's."""
    height, width = overview.shape
    from_aligned = scaling(LAYOUT_DPI / ALIGNED_DPI)
    reach = OVERVIEW_REACH
    margin = to_picture @ np.linalg.inv(from_aligned) @ shifting(-reach, -reach)
    view = warp_picture(picture, margin, (height + 2 * reach, width + 2 * reach), paper=255)
    x, y = locate_overview(saturate_ink(view), overview, reach)
    return shifting(x * ALIGNED_DPI / LAYOUT_DPI, y * ALIGNED_DPI / LAYOUT_DPI)


def _outside(places: PrintPlaces, homography: Homography, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which places are partly or completely off the scan."""
    height, width = shape
    outside = np.zeros(len(places.corners), dtype=bool)
    for corner in np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) * places.side:
        points = map_points(homography, places.corners + corner)
        outside |= ((points < 0) | (points > (width, height))).any(axis=1)
    return outside
