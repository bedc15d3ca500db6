"""Prepare a template for alignment. A process does this once per template."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.alignment.features import FEATURE_DPI, FeatureKind, Features, find_features
from lenet_pipeline.forms.alignment.homographies import (
    half_turn,
    reduce_picture,
    scaling,
    shifting,
    warp_picture,
)
from lenet_pipeline.forms.alignment.illumination import even_illumination, soften_print
from lenet_pipeline.forms.alignment.layouts import LAYOUT_DPI, Layout, find_layout
from lenet_pipeline.forms.alignment.legibility import Gauge, make_gauge
from lenet_pipeline.forms.alignment.markers import Markers, find_markers
from lenet_pipeline.forms.alignment.print_places import (
    PrintPlaces,
    choose_places,
    locate_overview,
    measure_places,
    saturate_ink,
)
from lenet_pipeline.forms.alignment.self_similarity import SelfMatch, find_self_matches
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey
from lenet_pipeline.forms.templates.model import Rectangle, Template
from lenet_pipeline.forms.templates.references import render_reference

OVERVIEW_REACH = 30  # pixels at LAYOUT_DPI: 15 mm, a row or two of boxes
COARSE_DPI = 100

_FINE_SIDE, _FINE_DISTANCE, _MOST_FINE = 41, 40, 180
_COARSE_SIDE, _COARSE_DISTANCE, _MOST_COARSE = 27, 20, 120
_FEWEST_PLACES = 8
_BILEVEL_LEVEL = 128
_PALE_SHARE = 0.03  # of the print
_UPSIDE_DOWN_REACH = 6  # pixels at COARSE_DPI
_SIMILAR_SHARE = 0.25  # of the print that coincides with other print upside down
_AROUND_FIELDS_MM = 8.0


@dataclass(frozen=True)
class Landmarks:
    """The parts of a blank form that scans are compared with.

    Attributes:
        layout: all of its ink.
        self_matches: shifts that hardly change the layout.
        coarse: places of print at ``COARSE_DPI``.
        fine: places of print at ``ALIGNED_DPI``.
        features: key points in pixels of the aligned page, by kind.
        markers: its corner markers in pixels of the aligned page, if it has any.
        is_similar_upside_down: whether the form can be mistaken for itself upside down.
    """

    layout: Layout
    self_matches: tuple[SelfMatch, ...]
    coarse: PrintPlaces
    fine: PrintPlaces
    features: dict[FeatureKind, Features]
    markers: Markers | None
    is_similar_upside_down: bool


@dataclass(frozen=True)
class PreparedTemplate:
    """A template with its rendered blank form.

    Attributes:
        template: the template.
        reference: the blank form, uint8 of ``template.aligned_size``, or None if the template has none.
        landmarks: the landmarks of the reference, or None if the template has none.
        bilevel: the landmarks that remain in black-and-white scans, or None if all of them remain.
        gauge: the places at which to measure legibility, or None if the form has too little print.
    """

    template: Template
    reference: Grey | None
    landmarks: Landmarks | None
    bilevel: Landmarks | None = None
    gauge: Gauge | None = None


def prepare_template(template: Template) -> PreparedTemplate:
    """Render the blank form of a template and find its landmarks.

    Raises:
        IngestError: the reference is unreadable, or the template's alignment method needs a reference, more
            print or corner markers.
    """
    # Render at twice the size and average, because PDFium snaps thin lines to whole pixels.
    large = render_reference(template, 2 * ALIGNED_DPI)
    if large is None:
        if template.alignment != "scale":
            raise IngestError(
                f"template {template.form!r} aligns pages by {template.alignment}, but has no reference; add "
                "a blank form as its reference, or set register: scale"
            )
        return PreparedTemplate(template, None, None)
    return prepare_reference(template, _align_reference(large, template))


def prepare_reference(template: Template, reference: Grey) -> PreparedTemplate:
    """Find the landmarks of a template's blank form.

    Args:
        template: the template; its ``reference`` is ignored.
        reference: the blank form, uint8 of ``template.aligned_size``.

    Raises:
        IngestError: the template's alignment method needs more print or corner markers.
    """
    near = near_fields(template)
    landmarks = _find_landmarks(reference, near)
    _check_landmarks(template, landmarks)
    ink = saturate_ink(reference) > 0
    is_dark = reference < _BILEVEL_LEVEL
    bilevel = None
    # The pale edges of dark strokes vanish too, so only count pale print away from them.
    if is_dark.any() and (ink & ~_grow(is_dark)).sum() > _PALE_SHARE * ink.sum():
        bilevel = _find_landmarks(to_bilevel(reference), near)
    gauge = make_gauge(reference, template.placed)
    return PreparedTemplate(template, reference, landmarks, bilevel, gauge)


def to_bilevel(reference: Grey) -> Grey:
    """Return a blank form as a black-and-white scan shows it, without its pale print."""
    return np.where(reference < _BILEVEL_LEVEL, np.uint8(0), np.uint8(255))


def _grow(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Grow a mask by two pixels."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)


def _align_reference(large: Grey, template: Template) -> Grey:
    """Return the blank form at exactly ``ALIGNED_DPI``. Its last pixels may be partly off the page."""
    height, width = (side / MM_PER_INCH * ALIGNED_DPI for side in (template.height, template.width))
    to_large = scaling(large.shape[1] / width, large.shape[0] / height)
    return warp_picture(large, to_large, template.aligned_size, paper=255)


def near_fields(template: Template) -> Grey:
    """Return a mask of the aligned page: 255 on and around fields, 0 elsewhere."""
    near = np.zeros(template.aligned_size, dtype=np.uint8)
    for place in field_places(template):
        left, top, right, bottom = place.pixels()
        around = _AROUND_FIELDS_MM / MM_PER_INCH * ALIGNED_DPI
        rows = slice(max(round(top - around), 0), max(round(bottom + around), 0))
        near[rows, max(round(left - around), 0) : max(round(right + around), 0)] = 255
    return near


def field_places(template: Template) -> tuple[Rectangle, ...]:
    """Return all cells, writing boxes and bubbles of a template, in millimetres."""
    return tuple(place for field in template.placed for place in field.rectangles())


def _find_landmarks(reference: Grey, near: Grey) -> Landmarks:
    height, width = reference.shape

    def at(dpi: int) -> Grey:
        return reduce_picture(reference, round(height * dpi / ALIGNED_DPI), round(width * dpi / ALIGNED_DPI))

    features = {
        kind: find_features(even_illumination(at(dpi)), kind, ALIGNED_DPI / dpi)
        for kind, dpi in FEATURE_DPI.items()
    }
    coarse = choose_places(
        at(COARSE_DPI), near, side=_COARSE_SIDE, distance=_COARSE_DISTANCE, most=_MOST_COARSE
    )
    ink = saturate_ink(at(LAYOUT_DPI))
    return Landmarks(
        layout=find_layout(ink),
        self_matches=find_self_matches(ink),
        coarse=coarse,
        fine=choose_places(reference, near, side=_FINE_SIDE, distance=_FINE_DISTANCE, most=_MOST_FINE),
        features=features,
        markers=find_markers(reference),
        is_similar_upside_down=_is_similar_upside_down(at(COARSE_DPI), at(LAYOUT_DPI), coarse),
    )


def _is_similar_upside_down(coarse: Grey, overview: Grey, places: PrintPlaces) -> bool:
    """Return whether much of a form's print coincides with other print when it is upside down."""
    reach, ink = OVERVIEW_REACH, saturate_ink(overview)
    upside_down = np.pad(np.rot90(ink, 2), reach)
    x, y = locate_overview(upside_down, ink, reach)
    factor = COARSE_DPI / LAYOUT_DPI
    half_turned = half_turn(*coarse.shape) @ shifting(x * factor, y * factor)
    view = soften_print(warp_picture(coarse, half_turned, (coarse.shape[0], coarse.shape[1]), paper=255))
    nowhere = np.zeros(len(places.corners), dtype=bool)
    return measure_places(view, places, nowhere, _UPSIDE_DOWN_REACH).share >= _SIMILAR_SHARE


def _check_landmarks(template: Template, landmarks: Landmarks) -> None:
    if template.alignment == "markers" and landmarks.markers is None:
        raise IngestError(
            f"template {template.form!r} aligns pages by markers, but its reference lacks four equal discs, "
            "squares or crosses near its corners; set register: features"
        )
    places = len(landmarks.fine.corners)
    if template.alignment == "features" and places < _FEWEST_PLACES:
        raise IngestError(
            f"template {template.form!r} aligns pages by features, but its reference has only {places} "
            f"places with print and needs at least {_FEWEST_PLACES}; check the page of the reference, or set "
            "register: scale"
        )
