"""Registration: from a scanned page to the page as its template sees it.

A first guess at how the page lies, by key points, corner markers or all ink, is improved on the print itself:
windows of the blank form are looked for on the page, and the homography is fitted to where they are. The
same windows then tell whether this is the form at all, and how far from their places they still are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lenet_pipeline.forms.alignment.blank_pages import is_blank
from lenet_pipeline.forms.alignment.candidates import (
    LEAST_SHARE,
    Candidate,
    choose_likeliest,
    is_fitting,
    locate_candidates,
)
from lenet_pipeline.forms.alignment.homographies import Homography, map_points, quarter_turns
from lenet_pipeline.forms.alignment.legibility import measure_legibility
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate, prepare_template
from lenet_pipeline.forms.alignment.refinement import Scan, scale_page
from lenet_pipeline.forms.alignment.self_similarity import LEAST_LEAD
from lenet_pipeline.forms.alignment.similar_forms import fitting_kin
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey, Page

__all__ = ["AlignedPage", "PreparedTemplate", "Unaligned", "align_page", "prepare_template"]

_MOST_DISPLACED = 0.09  # of the print found: 0 to 0.07 on good scans, 0.1 or more where paper bends by 0.5 mm
_OFF_SCAN_MM = 1.0  # how far a field may stick out of the scan


@dataclass(frozen=True)
class AlignedPage:
    """A page as its template sees it.

    ``image`` is uint8 of ``template.aligned_size``, paper bright. ``to_scan`` takes aligned pixels
    to those of the page's own image, points as in ``homographies``: continuous, (0, 0) the corner of the
    first pixel. ``rotation`` is how the scan had to be turned clockwise: 0, 90, 180 or 270 degrees.
    ``residual_px`` is the root mean square, in aligned pixels, of how far the print is from its place, by
    where it was found and the last correction; ``score`` is the share of the print's checked places at which
    it was found. Both are None where a page was only scaled: nothing was checked.
    """

    prepared: PreparedTemplate
    image: Grey
    to_scan: Homography
    rotation: int
    residual_px: float | None
    score: float | None


@dataclass(frozen=True)
class Unaligned:
    """A page that is not read, and why.

    ``reason`` is one line with figures; ``nearest`` the form that it is most like, with the share of that
    form's print and the residual in aligned pixels, where any was found.
    """

    kind: Literal["blank_page", "unmatched_page", "poor_registration", "poor_scan"]
    reason: str
    nearest: str | None = None
    residual_px: float | None = None
    score: float | None = None


def align_page(page: Page, prepared: Sequence[PreparedTemplate]) -> AlignedPage | Unaligned:
    """Find the template that a page fits, and register it; refuse it where it is too bad to be read.

    Args:
        page: turned in any way and of any resolution; ``page.dpi`` is not relied on.
        prepared: the templates it may fit; those that only scale are tried last.
    """
    found = _lay_page(page, prepared)
    if isinstance(found, Unaligned) or found.prepared.gauge is None:
        return found
    fault = measure_legibility(found.image, found.prepared.gauge).fault
    if fault is None:
        return found
    form = found.prepared.template.form
    reason = f"the page is form {form!r}, but {fault}"
    return Unaligned("poor_scan", reason, form, found.residual_px, found.score)


def _lay_page(page: Page, prepared: Sequence[PreparedTemplate]) -> AlignedPage | Unaligned:
    """Lay a page under the template that it fits, however well it can be read."""
    scan = Scan(page.image)
    tried = [one for one in prepared if one.template.alignment != "scale"]
    rounds = [tried]
    if scan.is_bilevel and any(one.bilevel is not None for one in tried):
        rounds.insert(0, [replace(one, landmarks=one.bilevel or one.landmarks) for one in tried])
    finished: list[Candidate] = []
    for some in rounds:
        finished = locate_candidates(scan, some)
        fitting = [one for one in finished if is_fitting(one)]
        if fitting:
            best = choose_likeliest(fitting)
            unseen = [one for one in some if all(one is not other.prepared for other in fitting)]
            return _conclude(scan, choose_likeliest([best, *fitting_kin(scan, best, unseen)]))
    if is_blank(scan.image):
        return Unaligned("blank_page", "the page has no ink on it but specks and shadows at its edges")
    for one in prepared:
        if one.template.alignment == "scale" and (scaled := scale_page(scan, one.template)) is not None:
            image, to_scan = scaled
            turn = quarter_turns(to_scan, *one.template.aligned_size)
            return AlignedPage(one, image, to_scan, turn, residual_px=None, score=None)
    return _explain(finished)


def _conclude(scan: Scan, candidate: Candidate) -> AlignedPage | Unaligned:
    """Return the registration of the chosen candidate, or why it is not good enough to read from."""
    template, measured, to_scan = (
        candidate.prepared.template,
        candidate.alignment.measured,
        candidate.alignment.to_scan,
    )
    residual, share = measured.residual_px, measured.share
    fault = ""
    if residual > template.max_residual_px:
        fault = (
            f"its print lies {residual:.2f} px from its places (root mean square), of at most "
            f"{template.max_residual_px:g}; scan it again, flat, or raise the template's limit"
        )
    elif candidate.alignment.displaced > _MOST_DISPLACED:
        fault = (
            f"{candidate.alignment.displaced:.0%} of the print found lies more than 0.5 mm from its place, "
            f"of at most {_MOST_DISPLACED:.0%}; scan it again, flat"
        )
    elif candidate.lead < LEAST_LEAD:
        fault = (
            f"it fits only {candidate.lead:.2f} better there than where its rows or cells repeat, of at "
            f"least {LEAST_LEAD:g}; scan the whole page again, clearly"
        )
    elif off := _field_off_scan(scan, candidate):
        fault = f"field {off!r} lies off the scan; scan the whole page"
    if fault or candidate.image is None:
        reason = f"the page is form {template.form!r}, but {fault}"
        return Unaligned("poor_registration", reason, template.form, residual, share)
    turn = quarter_turns(to_scan, *template.aligned_size)
    return AlignedPage(candidate.prepared, candidate.image, to_scan, turn, residual, share)


def _field_off_scan(scan: Scan, candidate: Candidate) -> str | None:
    """Return the first field that the scan does not show the whole of."""
    height, width = scan.image.shape
    template = candidate.prepared.template
    slack = _OFF_SCAN_MM / MM_PER_INCH * ALIGNED_DPI * scan.expected_scale(template)
    for field in template.fields:
        places = field.place.rectangles()
        edges = np.array([place.pixels() for place in places])
        corners = np.concatenate([edges[:, [0, 1]], edges[:, [2, 1]], edges[:, [2, 3]], edges[:, [0, 3]]])
        points = map_points(candidate.alignment.to_scan, corners)
        if (points < -slack).any() or (points > (width + slack, height + slack)).any():
            return field.name
    return None


def _explain(finished: Sequence[Candidate]) -> Unaligned:
    """Say what an unmatched page is most like."""
    hint = "it is a page of another form, or too badly scanned"
    if not finished:
        return Unaligned("unmatched_page", f"the page has no likeness to any template's print; {hint}")
    best = max(finished, key=lambda one: one.share)
    form, measured = best.prepared.template.form, best.alignment.measured
    residual = measured.residual_px if np.isfinite(measured.residual_px) else None
    return Unaligned(
        "unmatched_page",
        f"the page fits no template; of form {form!r}, the nearest, {measured.share:.0%} of the print was "
        f"found, of at least {LEAST_SHARE:.0%}, there and near its fields; {hint}",
        form,
        residual,
        measured.share,
    )
