"""Flatten bent and folded pages: fit a smooth warp to the places where the form's print is.

The warp is fitted to one half of the places and measured at the other half. It grows from stiff to loose, so
that print that is several millimetres off comes into reach step by step, and a neighbouring row does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.candidates import Candidate
from lenet_pipeline.forms.alignment.homographies import Homography, mean_scale, reduce_picture, scaling
from lenet_pipeline.forms.alignment.illumination import even_illumination, soften_print
from lenet_pipeline.forms.alignment.prepared_template import (
    COARSE_DPI,
    PreparedTemplate,
    near_fields,
    to_bilevel,
)
from lenet_pipeline.forms.alignment.print_places import (
    Measurements,
    PrintPlaces,
    choose_places,
    measure_places,
)
from lenet_pipeline.forms.alignment.refinement import Scan, measure_displaced
from lenet_pipeline.forms.alignment.warps import (
    Warp,
    fit_warp,
    flat_warp,
    map_to_scan,
    separate_homography,
    usual_nearby,
    warp_bent_picture,
)
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey

_COARSE_SIDE, _COARSE_DISTANCE, _MOST_COARSE = 27, 16, 400  # pixels at COARSE_DPI
_FINE_SIDE, _FINE_DISTANCE, _MOST_FINE = 41, 32, 400  # pixels at ALIGNED_DPI
_COARSE_ROUNDS = ((14, 0.7), (12, 1.5), (10, 3.0), (7, 4.0))  # reach in pixels, and looseness of the warp
_FINE_ROUNDS = ((8, 4.0), (5, 4.0))
_VERIFIED_REACH = 10  # pixels at ALIGNED_DPI
_FEWEST = 16  # places to fit a warp to
_LEAST_GROWING = 0.3  # of the places on the scan, in every round
# Of the places that were not used in the fit: more than on flat pages, because a warp has more freedom.
_LEAST_SHARE = 0.4
_MOST_DISPLACED = 0.09  # of the print found there, as on flat pages
# The displacement that a place's neighbours there share: 0.2 to 0.5 pixels on bent and folded paper, and 1.0
# or more where a part of another edition is 1.5 mm lower, because a smooth warp cannot follow a step.
_MOST_SHARED_PX = 0.7
_SHARED_BY, _SHARED_PERCENTILE = 5, 95
_MOST_BEND_MM = 6.0
_MOST_STRAIN = 0.12  # pixels per pixel: a slope of 25 degrees looks this much shorter


@dataclass(frozen=True)
class FlatPage:
    """A flattened page.

    Attributes:
        image: the page, uint8 of ``template.aligned_size``.
        to_scan: maps displaced points of the page to points of the scan.
        warp: the displacement of the page.
        residual_px: the root mean square distance of print from its place, at the places that were not used
            in the fit, in pixels of the aligned page.
        share: the share of these places at which the print was found.
    """

    image: Grey
    to_scan: Homography
    warp: Warp
    residual_px: float
    share: float


@dataclass(frozen=True)
class _Bend:
    """A template's place on the scan."""

    to_scan: Homography
    warp: Warp


@dataclass(frozen=True)
class _Halves:
    """Places of print, to fit a warp to and to verify it at."""

    fitted: PrintPlaces
    verified: PrintPlaces


# Keyed by the template's fingerprint, the resolution, and whether pale print is left out. Choosing places
# takes as long as aligning a page.
_PLACES: dict[tuple[str, int, bool], _Halves] = {}


def flatten_page(scan: Scan, candidate: Candidate) -> FlatPage | None:
    """Flatten a page that bent paper or a fold keeps from fitting its form, or return None if that fails.

    Args:
        scan: the scanned page.
        candidate: the template, with an alignment of the page that fits a part of it.
    """
    template = candidate.prepared.template
    size, scale = template.aligned_size, mean_scale(candidate.alignment.to_scan, *template.aligned_size)
    bend = _Bend(candidate.alignment.to_scan, flat_warp(size))
    prepared, reference = candidate.prepared, candidate.reference
    is_bilevel = candidate.landmarks is prepared.bilevel
    coarse, fine = (
        _find_places(prepared, reference, dpi, is_bilevel=is_bilevel) for dpi in (COARSE_DPI, ALIGNED_DPI)
    )
    for places, rounds in ((coarse.fitted, _COARSE_ROUNDS), (fine.fitted, _FINE_ROUNDS)):
        for reach, loose_px in rounds:
            if places is coarse.fitted:
                picture, from_picture = scan.flat(template, COARSE_DPI)
                view = _view(picture, from_picture, bend, _coarse_size(size), size, paper=255)
            else:
                picture, from_picture = scan.reduced(scale)
                view = even_illumination(
                    _view(picture, from_picture, bend, size, size, paper=scan.paper, sharp=scale < 1)
                )
            measured = _measure(scan, soften_print(view), places, bend, size, reach)
            if measured.is_found.sum() < _FEWEST or measured.share < _LEAST_GROWING:
                return None
            bend = _improve(bend, places, measured, size, view.shape, loose_px)
    if not _is_plausible(bend.warp, size):
        return None
    picture, from_picture = scan.reduced(scale)
    view = _view(picture, from_picture, bend, size, size, paper=scan.paper, sharp=scale < 1)
    checked = _measure(
        scan, soften_print(even_illumination(view)), fine.verified, bend, size, _VERIFIED_REACH
    )
    is_flat = checked.residual_px <= template.max_residual_px and checked.share >= _LEAST_SHARE
    if not is_flat or _measure_shared(checked, fine.verified) > _MOST_SHARED_PX:
        return None
    if measure_displaced(view, coarse.verified) > _MOST_DISPLACED:
        return None
    return FlatPage(view, bend.to_scan, bend.warp, checked.residual_px, checked.share)


def _coarse_size(size: tuple[int, int]) -> tuple[int, int]:
    return round(size[0] * COARSE_DPI / ALIGNED_DPI), round(size[1] * COARSE_DPI / ALIGNED_DPI)


def _find_places(prepared: PreparedTemplate, whole: Grey, dpi: int, *, is_bilevel: bool) -> _Halves:
    """Choose places of a form's print that cover it more densely than flat pages need."""
    key = prepared.template.fingerprint, dpi, is_bilevel
    if key not in _PLACES:
        reference = to_bilevel(whole) if is_bilevel else whole
        side, distance, most = _FINE_SIDE, _FINE_DISTANCE, _MOST_FINE
        if dpi == COARSE_DPI:
            side, distance, most = _COARSE_SIDE, _COARSE_DISTANCE, _MOST_COARSE
            height, width = _coarse_size(prepared.template.aligned_size)
            reference = reduce_picture(reference, height, width)
        near = near_fields(prepared.template)
        places = choose_places(reference, near, side=side, distance=distance, most=most)
        is_fitted = np.arange(len(places.corners)) % 2 == 0
        _PLACES[key] = _Halves(_part(places, is_fitted), _part(places, ~is_fitted))
    return _PLACES[key]


def find_dense_places(prepared: PreparedTemplate) -> PrintPlaces:
    """Return the places of a form's print at ``ALIGNED_DPI`` at which warps are verified."""
    if prepared.reference is None:
        return PrintPlaces(np.zeros((0, 2), np.int64), np.zeros((0, 1, 1), np.uint8), np.zeros(0, np.bool_))
    return _find_places(prepared, prepared.reference, ALIGNED_DPI, is_bilevel=False).verified


def _part(places: PrintPlaces, chosen: NDArray[np.bool_]) -> PrintPlaces:
    return PrintPlaces(places.corners[chosen], places.windows[chosen], places.is_near_field[chosen])


def _view(
    picture: Grey,
    from_picture: Homography,
    bend: _Bend,
    size: tuple[int, int],
    page: tuple[int, int],
    *,
    paper: int,
    sharp: bool = False,
) -> Grey:
    homography = np.linalg.inv(from_picture) @ bend.to_scan
    return warp_bent_picture(picture, homography, bend.warp, size, page=page, paper=paper, sharp=sharp)


def _measure(
    scan: Scan, view: Grey, places: PrintPlaces, bend: _Bend, page: tuple[int, int], reach: int
) -> Measurements:
    """Measure the print on a view of the page. Shifts are in pixels of the view."""
    to_page = scaling(page[1] / view.shape[1], page[0] / view.shape[0])
    height, width = scan.image.shape
    outside = np.zeros(len(places.corners), dtype=bool)
    for corner in np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) * places.side:
        points = (places.corners + corner) * np.diag(to_page)[:2]
        found = map_to_scan(bend.to_scan, bend.warp, points)
        outside |= ((found < 0) | (found > (width, height))).any(axis=1)
    return measure_places(view, places, outside, reach)


def _improve(
    bend: _Bend,
    places: PrintPlaces,
    measured: Measurements,
    page: tuple[int, int],
    view: tuple[int, ...],
    loose_px: float,
) -> _Bend:
    """Fit the warp again, to where the print was found."""
    found, scale = measured.is_found, np.array([page[1] / view[1], page[0] / view[0]])
    points = places.middles[found] * scale
    moved = bend.warp.move(points + measured.shifts[found] * scale)
    homography, warp = separate_homography(
        fit_warp(points, moved, measured.likeness[found], page, loose_px), page
    )
    return _Bend(bend.to_scan @ homography, warp)


def _measure_shared(checked: Measurements, places: PrintPlaces) -> float:
    """Return the 95th percentile of the displacements that neighbouring print shares, in pixels."""
    found = checked.is_found
    if found.sum() <= _SHARED_BY:
        return float("inf")
    shared = usual_nearby(places.middles[found], checked.shifts[found], _SHARED_BY)
    return float(np.percentile(np.hypot(*shared.T), _SHARED_PERCENTILE))


def _is_plausible(warp: Warp, size: tuple[int, int]) -> bool:
    """Return whether a sheet of paper can look like this. Paper does not stretch, and it does not tear."""
    down, across = (np.linspace(0, side, 60) for side in size)
    shifts = warp.on_grid(across, down)
    if np.hypot(shifts[..., 0], shifts[..., 1]).max() > _MOST_BEND_MM / MM_PER_INCH * ALIGNED_DPI:
        return False
    strains = np.stack([np.gradient(shifts, across, axis=1), np.gradient(shifts, down, axis=0)])
    return bool(np.abs(strains).max() <= _MOST_STRAIN)
