"""Scale pages to the size of their template, and tell templates of similar proportions apart by print."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lenet_pipeline.forms.alignment.candidates import (
    LEAST_PROMISE,
    Candidate,
    align_guesses,
    finish_candidate,
    is_fitting,
)
from lenet_pipeline.forms.alignment.features import Guess
from lenet_pipeline.forms.alignment.form_choice import measure_preference
from lenet_pipeline.forms.alignment.homographies import Homography, mean_scale, scaling, warp_picture
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate
from lenet_pipeline.forms.alignment.refinement import Scan
from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.templates.model import Template

_LONGER = 1.1  # the largest ratio between the proportions of a page and its template
_SIMILAR = 1.05  # between the proportions of two templates: twice the error of cropping by hand
_PLAIN_PREFERENCE = 0.1  # of 0.5: a page prefers its own form by 0.3 or more


@dataclass(frozen=True)
class ScaledPage:
    """A page scaled to a template's size, and the homography from its pixels to the scan."""

    prepared: PreparedTemplate
    image: Grey
    to_scan: Homography


@dataclass(frozen=True)
class Undecided:
    """The forms that a page may be, and whether it matches none of them or several."""

    forms: tuple[str, ...]
    matches_none: bool


def are_alike(one: Template, other: Template) -> bool:
    """Return whether the pages of two scaled templates have similar proportions, upright or sideways."""
    return min(
        abs(_stretch(one, other.width, other.height)), abs(_stretch(one, other.height, other.width))
    ) <= (math.log(_SIMILAR))


def choose_scaled_page(scan: Scan, prepared: Sequence[PreparedTemplate]) -> ScaledPage | Undecided | None:
    """Scale a page to the template whose proportions it has, or to the one of several whose print it has.

    The page is rotated by 90 degrees clockwise if it matches the template's proportions only then.

    Args:
        scan: the scanned page.
        prepared: the templates with ``register: scale``.

    Returns:
        The scaled page, the forms between which neither proportions nor print decide, or None if the page
        has the proportions of none.
    """
    height, width = scan.image.shape
    misfits = [(_misfit(one.template, width, height), number) for number, one in enumerate(prepared)]
    possible = [prepared[number] for misfit, number in sorted(misfits) if misfit <= math.log(_LONGER)]
    if not possible:
        return None
    rivals = [one for one in possible if are_alike(possible[0].template, one.template)]
    chosen = rivals[0] if len(rivals) == 1 else _choose_by_print(scan, rivals)
    return chosen if isinstance(chosen, Undecided) else _scale_page(scan, chosen)


def _stretch(template: Template, width: float, height: float) -> float:
    """Return the logarithm of the ratio between a template's proportions and those of a page."""
    return math.log(template.width / template.height * height / width)


def _misfit(template: Template, width: float, height: float) -> float:
    return min(abs(_stretch(template, width, height)), abs(_stretch(template, height, width)))


def _choose_by_print(scan: Scan, rivals: Sequence[PreparedTemplate]) -> PreparedTemplate | Undecided:
    """Return the template that clearly fits a page's print better than the others."""
    forms = tuple(one.template.form for one in rivals)
    if any(one.landmarks is None for one in rivals):
        return Undecided(forms, matches_none=False)
    fitting = [one for rival in rivals if (one := _fit_print(scan, rival)) is not None]
    for one in fitting:
        others = [other for other in fitting if other is not one]
        if all(_preference(one, other) >= _PLAIN_PREFERENCE for other in others):
            return one.prepared
    return Undecided(forms, matches_none=not fitting)


def _fit_print(scan: Scan, prepared: PreparedTemplate) -> Candidate | None:
    """Return the finished candidate near the scaled place of a template, or None if its print is absent."""
    guess = Guess(_scale_to_scan(scan, prepared.template), support=0)
    candidates = list(align_guesses(scan, prepared, [guess]))
    best = max(candidates, key=lambda one: one.share, default=None)
    if best is None or best.share < LEAST_PROMISE:
        return None
    finished = finish_candidate(scan, best)
    return finished if is_fitting(finished) else None


def _preference(one: Candidate, other: Candidate) -> float:
    """Return how clearly a page fits one form better, by the less clear of the two alignments."""
    return min(_preference_aligned(one, other), -_preference_aligned(other, one))


def _preference_aligned(one: Candidate, other: Candidate) -> float:
    if one.image is None:
        return 0.0
    return measure_preference(
        one.image, one.reference, one.alignment.to_scan, other.reference, other.alignment.to_scan
    )


def _scale_to_scan(scan: Scan, template: Template) -> Homography:
    """Return the homography from the scaled page to the scan."""
    height, width = scan.image.shape
    aligned_height, aligned_width = template.aligned_size
    if abs(_stretch(template, width, height)) <= abs(_stretch(template, height, width)):
        return scaling(width / aligned_width, height / aligned_height)
    # The left edge of the scan, from bottom to top, becomes the top edge of the page.
    turned = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, aligned_width], [0.0, 0.0, 1.0]])
    return np.asarray(scaling(width / aligned_height, height / aligned_width) @ turned, dtype=np.float64)


def _scale_page(scan: Scan, prepared: PreparedTemplate) -> ScaledPage:
    size, to_scan = prepared.template.aligned_size, _scale_to_scan(scan, prepared.template)
    scale = mean_scale(to_scan, *size)
    picture, from_picture = scan.reduced(scale)
    homography = np.linalg.inv(from_picture) @ to_scan
    image = warp_picture(picture, homography, size, paper=scan.paper, sharp=scale < 1)
    return ScaledPage(prepared, image, to_scan)
