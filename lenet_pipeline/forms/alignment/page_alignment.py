"""Align a scanned page with its template.

The first guess at the alignment comes from key points, corner markers or all ink. Refinement then looks for
small windows of the blank form's print on the page, and fits a homography to their places. The same windows
show whether the page is this form at all, and how accurate the alignment is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lenet_pipeline.forms.alignment.bent_pages import FlatPage, flatten_page
from lenet_pipeline.forms.alignment.blank_pages import is_blank
from lenet_pipeline.forms.alignment.candidates import (
    LEAST_SHARE,
    Candidate,
    choose_likeliest,
    is_fitting,
    locate_candidates,
)
from lenet_pipeline.forms.alignment.homographies import Homography, Points, quarter_turns
from lenet_pipeline.forms.alignment.legibility import measure_legibility
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate
from lenet_pipeline.forms.alignment.refinement import Scan
from lenet_pipeline.forms.alignment.scaled_pages import Undecided, choose_scaled_page
from lenet_pipeline.forms.alignment.self_similarity import LEAST_LEAD
from lenet_pipeline.forms.alignment.similar_forms import find_similar_forms
from lenet_pipeline.forms.alignment.warps import Warp, map_to_scan
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey, Page
from lenet_pipeline.forms.templates.model import Choice, Field, Template

_MOST_DISPLACED = 0.09  # of the print found: 0 to 0.07 on good scans, 0.1 or more where paper bends by 0.5 mm
_MOST_BENT = 2  # candidates to flatten
# A homography may fit one part of bent paper so well that the rest counts as missing. The residual shows it:
# flat scans have 0.1 to 0.7.
_BENT_PX = 0.75  # root mean square
_LEAST_IN_PLACE = 0.5  # of the print, on a page with such a residual that cannot be flattened
_BENT_FIELD_MM = 0.5  # how far a warp must move a field to make a difference
_OFF_SCAN_MM = 1.0  # how far a field may extend beyond the scan


@dataclass(frozen=True)
class AlignedPage:
    """A page aligned with its template.

    Attributes:
        prepared: the template that the page matches.
        image: the aligned page, uint8 of ``template.aligned_size``, with bright paper.
        to_scan: maps pixels of the aligned page to pixels of the scan. Points are continuous, with (0, 0) at
            the corner of the first pixel, as in ``homographies``.
        rotation: the clockwise rotation that makes the scan upright: 0, 90, 180 or 270 degrees.
        residual_px: how far the print is from its place after the last correction, as a root mean square in
            pixels of the aligned page. None if the page was only scaled.
        score: the share of the checked places at which the print was found. None if the page was only
            scaled.
        warp: the displacement of the aligned page before ``to_scan``, on bent or folded paper. None if the
            homography alone fits.
    """

    prepared: PreparedTemplate
    image: Grey
    to_scan: Homography
    rotation: int
    residual_px: float | None
    score: float | None
    warp: Warp | None = None


@dataclass(frozen=True)
class Unaligned:
    """A page that was not aligned, and the reason.

    Attributes:
        kind: what is wrong with the page.
        reason: one line with figures and advice.
        nearest: the form that the page resembles most, if any of its print was found.
        residual_px: the residual for that form, in pixels of the aligned page.
        score: the share of that form's print that was found.
        prepared: the template that the page matches, or None if it matches none.
        to_scan: the alignment with that template, as in ``AlignedPage``.
    """

    kind: Literal["blank_page", "unmatched_page", "poor_registration", "poor_scan"]
    reason: str
    nearest: str | None = None
    residual_px: float | None = None
    score: float | None = None
    prepared: PreparedTemplate | None = None
    to_scan: Homography | None = None


def align_page(page: Page, prepared: Sequence[PreparedTemplate]) -> AlignedPage | Unaligned:
    """Find the template that a page matches, and align the page with it.

    Args:
        page: the scan, in any rotation and at any resolution. ``page.dpi`` is ignored.
        prepared: the templates to try, with ``register: scale`` templates last.

    Returns:
        The aligned page, or the reason why it is blank, matches no template, or is too poor to read.
    """
    found = _match_page(page, prepared)
    if isinstance(found, Unaligned) or found.prepared.gauge is None:
        return found
    fault = measure_legibility(found.image, found.prepared.gauge).fault
    if fault is None:
        return found
    form = found.prepared.template.form
    reason = f"the page is form {form!r}, but {fault}"
    return Unaligned("poor_scan", reason, form, found.residual_px, found.score, found.prepared, found.to_scan)


def _match_page(page: Page, prepared: Sequence[PreparedTemplate]) -> AlignedPage | Unaligned:
    """Align a page with the template that it matches, without checking its legibility."""
    scan = Scan(page.image)
    tried = [one for one in prepared if one.template.alignment != "scale"]
    rounds = [tried]
    if scan.is_bilevel and any(one.bilevel is not None for one in tried):
        rounds.insert(0, [replace(one, landmarks=one.bilevel or one.landmarks) for one in tried])
    finished: list[Candidate] = []
    for some in rounds:
        finished = locate_candidates(scan, some)
        best = _choose(scan, finished, some)
        if best is not None:
            found = _conclude(scan, best)
            return _flatten(scan, best, found, some) if _may_be_bent(best) else found
    if is_blank(scan.image):
        return Unaligned("blank_page", "the page is blank, apart from specks and shadows at its edges")
    bent = _read_bent(scan, finished, tried)
    if bent is not None:
        return bent
    scaled = choose_scaled_page(scan, [one for one in prepared if one.template.alignment == "scale"])
    if scaled is None:
        return _unmatched(finished)
    if isinstance(scaled, Undecided):
        return _undecided(scaled)
    turn = quarter_turns(scaled.to_scan, *scaled.prepared.template.aligned_size)
    return AlignedPage(scaled.prepared, scaled.image, scaled.to_scan, turn, residual_px=None, score=None)


def _may_be_bent(candidate: Candidate) -> bool:
    """Return whether any of the print is out of place in a way that flat paper never shows."""
    alignment = candidate.alignment
    return alignment.displaced > 0 or alignment.measured.residual_px > _BENT_PX or candidate.lead < LEAST_LEAD


def _flatten(
    scan: Scan, best: Candidate, found: AlignedPage | Unaligned, prepared: Sequence[PreparedTemplate]
) -> AlignedPage | Unaligned:
    """Return a page flattened, or as it was found if that fails or makes no difference to its fields."""
    bent = _read_bent(scan, [best], prepared)
    if bent is None:
        is_doubtful = isinstance(found, AlignedPage) and best.share < _LEAST_IN_PLACE
        return _refuse_bent(best) if is_doubtful else found
    if isinstance(bent, Unaligned):
        return bent if isinstance(found, AlignedPage) else found
    if isinstance(found, AlignedPage) and found.prepared is bent.prepared:
        template = found.prepared.template
        corners = np.concatenate([_field_corners(field) for field in template.placed])
        apart = map_to_scan(bent.to_scan, bent.warp, corners) - map_to_scan(found.to_scan, None, corners)
        least = _BENT_FIELD_MM / MM_PER_INCH * ALIGNED_DPI * scan.expected_scale(template)
        if np.hypot(*apart.T).max() < least:
            return found
    return bent


def _choose(
    scan: Scan, finished: Sequence[Candidate], prepared: Sequence[PreparedTemplate]
) -> Candidate | None:
    """Return the candidate that a page fits best, or None if it fits none."""
    fitting = [one for one in finished if is_fitting(one)]
    if not fitting:
        return None
    best = choose_likeliest(fitting)
    unseen = [one for one in prepared if all(one is not other.prepared for other in fitting)]
    return choose_likeliest([best, *find_similar_forms(scan, best, unseen)])


def _read_bent(
    scan: Scan, finished: Sequence[Candidate], prepared: Sequence[PreparedTemplate]
) -> AlignedPage | Unaligned | None:
    """Return a page of bent or folded paper, flattened, or None if no form's print can be flattened.

    The flattened page must pass every test that a scan of a flat page must pass. Only then does it belong to
    the form that it was flattened for. If it fits another edition better, it is flattened for that one, and
    refused if that fails, because the print that both have does not decide.
    """
    refused = None
    for candidate in sorted(finished, key=lambda one: -one.share)[:_MOST_BENT]:
        flat = flatten_page(scan, candidate)
        best = None if flat is None else _match_flattened(flat, prepared)
        if flat is None or best is None:
            continue
        if best.prepared is not candidate.prepared:
            refused = _refuse_edition(candidate, best)
            to_scan = flat.to_scan @ best.alignment.to_scan
            candidate = replace(best, alignment=replace(best.alignment, to_scan=to_scan))
            flat = flatten_page(scan, candidate)
            best = None if flat is None else _match_flattened(flat, prepared)
        if flat is None or best is None or best.prepared is not candidate.prepared:
            continue
        template = candidate.prepared.template
        if _fault(Scan(flat.image), best) or _field_off_scan(scan, template, flat.to_scan, flat.warp):
            continue
        turn = quarter_turns(flat.to_scan, *template.aligned_size)
        return AlignedPage(
            candidate.prepared, flat.image, flat.to_scan, turn, flat.residual_px, flat.share, flat.warp
        )
    return refused


def _match_flattened(flat: FlatPage, prepared: Sequence[PreparedTemplate]) -> Candidate | None:
    """Return the form that a flattened page fits best, or None."""
    scan = Scan(flat.image)
    return _choose(scan, locate_candidates(scan, prepared), prepared)


def _refuse_bent(candidate: Candidate) -> Unaligned:
    """Return a bent page that a homography fits only in part, and that cannot be flattened."""
    form, measured = candidate.prepared.template.form, candidate.alignment.measured
    reason = (
        f"the page is form {form!r}, but it is bent: only {candidate.share:.0%} of its print is in place "
        f"({_LEAST_IN_PLACE:.0%} is needed); flatten the page and scan it again"
    )
    return Unaligned(
        "poor_registration",
        reason,
        form,
        measured.residual_px,
        measured.share,
        candidate.prepared,
        candidate.alignment.to_scan,
    )


def _refuse_edition(candidate: Candidate, other: Candidate) -> Unaligned:
    """Return a bent page that shares its print with one form, but belongs to another one."""
    one, form = candidate.prepared.template.form, other.prepared.template.form
    reason = (
        f"the page is bent; a part of it fits form {one!r}, but it is more likely form {form!r}; flatten the "
        "page and scan it again"
    )
    return Unaligned("poor_registration", reason, form)


def _undecided(scaled: Undecided) -> Unaligned:
    """Return a page that several templates with ``register: scale`` may fit."""
    forms = " and ".join(repr(form) for form in scaled.forms)
    if scaled.matches_none:
        return Unaligned(
            "unmatched_page",
            f"the page has the proportions of the forms {forms}, but the print of none of them; it "
            "may belong to another form, or it is cropped more than 2 mm off",
        )
    return Unaligned(
        "poor_registration",
        f"the page may be any of the forms {forms}, which register: scale cannot tell apart by their "
        "proportions or print; ingest the pages of each form separately, or set register: features",
    )


def _conclude(scan: Scan, candidate: Candidate) -> AlignedPage | Unaligned:
    """Return the chosen candidate as an aligned page, or the reason why its alignment is too poor to read."""
    template, measured, to_scan = (
        candidate.prepared.template,
        candidate.alignment.measured,
        candidate.alignment.to_scan,
    )
    residual, share = measured.residual_px, measured.share
    fault = _fault(scan, candidate)
    if fault or candidate.image is None:
        reason = f"the page is form {template.form!r}, but {fault}"
        return Unaligned(
            "poor_registration", reason, template.form, residual, share, candidate.prepared, to_scan
        )
    turn = quarter_turns(to_scan, *template.aligned_size)
    return AlignedPage(candidate.prepared, candidate.image, to_scan, turn, residual, share)


def _fault(scan: Scan, candidate: Candidate) -> str:
    """Return what makes an alignment too poor to read, or ``""``."""
    template, residual = candidate.prepared.template, candidate.alignment.measured.residual_px
    if residual > template.max_residual_px:
        return (
            f"its print is {residual:.2f} px out of place (root mean square), and the limit is "
            f"{template.max_residual_px:g} px; flatten the page and scan it again, or raise max_residual_px "
            "in the template"
        )
    if candidate.alignment.displaced > _MOST_DISPLACED:
        return (
            f"{candidate.alignment.displaced:.0%} of its print is more than 0.5 mm out of place, and the "
            f"limit is {_MOST_DISPLACED:.0%}; flatten the page and scan it again"
        )
    if candidate.lead < LEAST_LEAD:
        return (
            "its position is ambiguous, because its rows or cells repeat: its lead over the next best "
            f"position is {candidate.lead:.2f} and must be at least {LEAST_LEAD:g}; scan the whole page "
            "again, clearly"
        )
    if off := _field_off_scan(scan, template, candidate.alignment.to_scan):
        return f"field {off!r} extends beyond the scan; scan the whole page"
    return ""


def _field_off_scan(
    scan: Scan, template: Template, to_scan: Homography, warp: Warp | None = None
) -> str | None:
    """Return the first field that the scan does not show completely."""
    height, width = scan.image.shape
    slack = _OFF_SCAN_MM / MM_PER_INCH * ALIGNED_DPI * scan.expected_scale(template)
    for field in template.placed:
        points = map_to_scan(to_scan, warp, _field_corners(field))
        if (points < -slack).any() or (points > (width + slack, height + slack)).any():
            return field.name
    return None


def _field_corners(field: Field | Choice) -> Points:
    """Return the corners of a field's cells, box or bubbles in pixels of the aligned page, (corners, 2)."""
    edges = np.array([place.pixels() for place in field.rectangles()])
    return np.concatenate([edges[:, [0, 1]], edges[:, [2, 1]], edges[:, [2, 3]], edges[:, [0, 3]]])


def _unmatched(finished: Sequence[Candidate]) -> Unaligned:
    """Return an unmatched page with the form that it resembles most."""
    hint = "it may belong to another form, or the scan may be too poor"
    if not finished:
        return Unaligned("unmatched_page", f"the page resembles none of the templates; {hint}")
    best = max(finished, key=lambda one: one.share)
    form, measured = best.prepared.template.form, best.alignment.measured
    residual = measured.residual_px if np.isfinite(measured.residual_px) else None
    return Unaligned(
        "unmatched_page",
        f"the page matches none of the templates; the nearest form is {form!r}, with {measured.share:.0%} of "
        f"its print found, and a match needs at least {LEAST_SHARE:.0%} overall and near the fields; {hint}",
        form,
        residual,
        measured.share,
    )
