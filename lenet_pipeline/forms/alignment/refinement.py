"""From a first guess at how a page lies to where its print really is."""

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
from lenet_pipeline.forms.alignment.illumination import find_level, flatten_light, soften_print
from lenet_pipeline.forms.alignment.layouts import LAYOUT_DPI, Layout, find_layout
from lenet_pipeline.forms.alignment.prepared_template import COARSE_DPI, OVERVIEW_REACH, Landmarks
from lenet_pipeline.forms.alignment.print_places import (
    Measured,
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
_SMALL_PX = 1.0  # at ALIGNED_DPI: what is corrected by less need not be measured again
_DISPLACED_REACH = 8  # pixels at COARSE_DPI
_DISPLACED_PX = 2.0  # at COARSE_DPI
_FEWEST_DISPLACED = 3  # chance finds that many elsewhere
_NEAR_FIELDS = 0.2  # as much as elsewhere counts what is off near fields, where digits are taken for print
_NEIGHBOURS = 5  # what bent paper moves alike
_LONGER = 1.1  # how much longer or wider than its template a page may be that is only scaled
_REDUCED_FROM = 1.75  # scan pixels to a registered one, from where on averaging loses nothing


@dataclass
class Scan:
    """A scanned page in the sizes that registration looks at, each made once."""

    image: Grey
    _flat: dict[tuple[int, int], tuple[Grey, Homography]] = field(default_factory=dict)
    _features: dict[tuple[FeatureKind, int, int], Features] = field(default_factory=dict)
    _layouts: dict[tuple[int, ...], Layout] = field(default_factory=dict)
    _reduced: dict[int, Grey] = field(default_factory=dict)
    _smaller: dict[tuple[int, int], Grey] = field(default_factory=dict)
    _paper: list[int] = field(default_factory=list)

    @property
    def is_bilevel(self) -> bool:
        """Tell whether the scan knows only ink and paper."""
        return bool(np.isin(self.image[::16], (0, 255)).all() and np.isin(self.image, (0, 255)).all())

    @property
    def paper(self) -> int:
        """Return the level of the page's paper."""
        if not self._paper:
            self._paper.append(find_level(self.image[::8, ::8], 75))
        return self._paper[0]

    def expected_scale(self, template: Template) -> float:
        """Return scan pixels to a registered one, if the scan shows the page's whole length and no more."""
        return float(max(self.image.shape)) / max(template.aligned_size)

    def flat(self, template: Template, dpi: int) -> tuple[Grey, Homography]:
        """Return the scan at about so many pixels an inch, evenly lit, and the homography to the scan."""
        height, width = self.image.shape
        factor = dpi / ALIGNED_DPI / self.expected_scale(template)
        size = max(round(height * factor), 1), max(round(width * factor), 1)
        if size not in self._flat:
            # The smaller ones from a smaller one: going through all pixels of a scan takes a while.
            source = self.image if dpi > COARSE_DPI else self._coarse(template)
            picture = flatten_light(reduce_picture(source, *size))
            self._flat[size] = picture, scaling(width / size[1], height / size[0])
        return self._flat[size]

    def _coarse(self, template: Template) -> Grey:
        """Return the scan at about ``COARSE_DPI``, where that is smaller."""
        factor = COARSE_DPI / ALIGNED_DPI / self.expected_scale(template)
        if factor >= 1:
            return self.image
        height, width = (max(round(side * factor), 1) for side in self.image.shape)
        if (height, width) not in self._smaller:
            self._smaller[height, width] = reduce_picture(self.image, height, width)
        return self._smaller[height, width]

    def features(self, template: Template, kind: FeatureKind) -> Features:
        """Return the key points of the scan, in its pixels."""
        picture, to_scan = self.flat(template, FEATURE_DPI[kind])
        key = (kind, *picture.shape)
        if key not in self._features:
            self._features[key] = find_features(picture, kind, float(to_scan[0, 0]))
        return self._features[key]

    def layout(self, template: Template) -> tuple[Layout, Homography]:
        """Return all ink of the scan, and the homography from there to the scan."""
        picture, to_scan = self.flat(template, LAYOUT_DPI)
        if picture.shape not in self._layouts:
            self._layouts[picture.shape] = find_layout(saturate_ink(picture))
        return self._layouts[picture.shape], to_scan

    def reduced(self, scale: float) -> tuple[Grey, Homography]:
        """Return the scan averaged by a whole factor that fits a scale, and the homography to the scan."""
        factor = 1 if scale < _REDUCED_FROM else round(scale)
        height, width = self.image.shape
        size = max(height // factor, 1), max(width // factor, 1)
        if factor not in self._reduced:
            self._reduced[factor] = self.image if factor == 1 else reduce_picture(self.image, *size)
        return self._reduced[factor], scaling(width / size[1], height / size[0])


@dataclass(frozen=True)
class Alignment:
    """How a page lies under a template, and what was measured there last.

    ``displaced`` is the share, of all print found within 4 mm of its place, of that which is more than half
    a millimetre off and has its neighbours as far off: of the whole page or of that near fields, whichever
    is more. Paper bent so much is at its place only in parts, and what is found nearby does not tell.
    """

    to_scan: Homography
    measured: Measured
    displaced: float = 0.0


def align_coarsely(scan: Scan, template: Template, landmarks: Landmarks, to_scan: Homography) -> Alignment:
    """Improve a guess until it is right to about a pixel at ``COARSE_DPI``, if it is right at all."""
    picture, from_picture = scan.flat(template, COARSE_DPI)
    to_picture = np.linalg.inv(from_picture) @ to_scan
    to_picture = to_picture @ _shift_overview(picture, to_picture, landmarks.layout.ink)
    places, size = landmarks.coarse, _at(COARSE_DPI, template)
    # Whole pixels: not quite the two resolutions' ratio, which at the far edge is half a pixel off.
    (height, width), (aligned_height, aligned_width) = size, template.aligned_size
    registered = scaling(width / aligned_width, height / aligned_height)
    homography = to_picture @ np.linalg.inv(registered)
    for reach in _COARSE_REACHES:
        view = soften_print(warp_picture(picture, homography, size, paper=255))
        measured = measure_places(view, places, _outside(places, homography, picture.shape), reach)
        correction = fit_correction(places.middles, measured, size)
        homography = homography @ correction
    return Alignment(from_picture @ homography @ registered, measured.after(correction, places.middles))


def align_finely(
    scan: Scan, template: Template, landmarks: Landmarks, to_scan: Homography
) -> tuple[Grey, Alignment]:
    """Return the aligned page, and how it lies.

    After a large correction it is measured once more; after the last one its shifts are predicted.
    """
    size, places = template.aligned_size, landmarks.fine
    scale = mean_scale(to_scan, *size)
    picture, from_picture = scan.reduced(scale)
    homography = np.linalg.inv(from_picture) @ to_scan
    for _ in range(_FINE_ROUNDS):
        view = warp_picture(picture, homography, size, paper=scan.paper, sharp=scale < 1)
        outside = _outside(places, homography, picture.shape)
        measured = measure_places(soften_print(flatten_light(view)), places, outside, _FINE_REACH)
        correction = fit_correction(places.middles, measured, size)
        homography = homography @ correction
        measured = measured.after(correction, places.middles)
        if np.abs(map_points(correction, places.middles) - places.middles).max(initial=0.0) < _SMALL_PX:
            break
    view = warp_picture(picture, homography, size, paper=scan.paper, sharp=scale < 1)
    return view, Alignment(from_picture @ homography, measured, _measure_displaced(view, landmarks.coarse))


def _measure_displaced(view: Grey, places: PrintPlaces) -> float:
    """Return the displaced share of a aligned page's print."""
    factor = COARSE_DPI / ALIGNED_DPI
    height, width = (round(side * factor) for side in view.shape)
    inside = np.zeros(len(places.corners), dtype=bool)
    measured = measure_places(
        soften_print(flatten_light(reduce_picture(view, height, width))), places, inside, _DISPLACED_REACH
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
    """Tell of each place whether the print around it is as far off.

    Paper bends smoothly; where the print around is not off alike, writing or chance was taken for print: the
    stroke of a digit for the edge of its box.
    Takes middles and shifts as float64 (n, 2), pixels at COARSE_DPI.
    """
    if len(middles) <= _NEIGHBOURS:
        return np.zeros(len(middles), dtype=bool)
    apart = np.hypot(*np.moveaxis(middles[:, None] - middles[None], 2, 0))
    np.fill_diagonal(apart, np.inf)
    nearest = np.argpartition(apart, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
    usual = np.median(shifts[nearest], axis=1)
    shared: NDArray[np.bool_] = np.hypot(*(shifts - usual).T) <= _DISPLACED_PX
    return shared


def scale_page(scan: Scan, template: Template) -> tuple[Grey, Homography] | None:
    """Return a page scaled to a template's size and the homography to the scan.

    It is turned by a quarter, clockwise, where only that gives the page's proportions; None where nothing
    does.
    """
    height, width = scan.image.shape
    aligned_height, aligned_width = template.aligned_size
    ours = aligned_width / aligned_height
    upright, lying = ours * height / width, ours * width / height
    if max(upright, 1 / upright) <= _LONGER:
        to_scan = scaling(width / aligned_width, height / aligned_height)
    elif max(lying, 1 / lying) <= _LONGER:
        # The scan's left edge, from its bottom, is the page's top edge.
        turned = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, aligned_width], [0.0, 0.0, 1.0]])
        to_scan = scaling(width / aligned_height, height / aligned_width) @ turned
    else:
        return None
    scale = mean_scale(to_scan, *template.aligned_size)
    picture, from_picture = scan.reduced(scale)
    homography = np.linalg.inv(from_picture) @ to_scan
    image = warp_picture(picture, homography, template.aligned_size, paper=scan.paper, sharp=scale < 1)
    return image, to_scan


def _at(dpi: int, template: Template) -> tuple[int, int]:
    """Return height and width of a template's page at so many pixels an inch."""
    height, width = template.aligned_size
    return round(height * dpi / ALIGNED_DPI), round(width * dpi / ALIGNED_DPI)


def _shift_overview(picture: Grey, to_picture: Homography, overview: Grey) -> Homography:
    """Return the shift, in aligned pixels, that brings all of a page's ink onto the form's."""
    height, width = overview.shape
    from_aligned = scaling(LAYOUT_DPI / ALIGNED_DPI)
    reach = OVERVIEW_REACH
    margin = to_picture @ np.linalg.inv(from_aligned) @ shifting(-reach, -reach)
    view = warp_picture(picture, margin, (height + 2 * reach, width + 2 * reach), paper=255)
    x, y = locate_overview(saturate_ink(view), overview, reach)
    return shifting(x * ALIGNED_DPI / LAYOUT_DPI, y * ALIGNED_DPI / LAYOUT_DPI)


def _outside(places: PrintPlaces, homography: Homography, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Tell which places lie off the scan, wholly or in part."""
    height, width = shape
    outside = np.zeros(len(places.corners), dtype=bool)
    for corner in np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) * places.side:
        points = map_points(homography, places.corners + corner)
        outside |= ((points < 0) | (points > (width, height))).any(axis=1)
    return outside
