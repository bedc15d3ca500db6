"""Align a scanned page with its template.

The first guess at the alignment comes from key points, corner markers or all ink. Refinement then looks for
small windows of the blank form's print on the page, and fits a homography to their places. The same windows
show whether the page is this form at all, and how accurate the alignment is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lenet_pipeline.forms.alignment.aligned_pages import AlignedPage, Unaligned, conclude
from lenet_pipeline.forms.alignment.blank_pages import is_blank
from lenet_pipeline.forms.alignment.candidates import (
    LEAST_SHARE,
    Candidate,
    locate_candidates,
)
from lenet_pipeline.forms.alignment.flattening import may_be_bent, prefer_flattened, read_bent
from lenet_pipeline.forms.alignment.homographies import quarter_turns
from lenet_pipeline.forms.alignment.legibility import measure_legibility
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate
from lenet_pipeline.forms.alignment.refinement import Scan
from lenet_pipeline.forms.alignment.scaled_pages import Undecided, choose_scaled_page
from lenet_pipeline.forms.alignment.similar_forms import choose_candidate
from lenet_pipeline.forms.page import Page


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
        best = choose_candidate(scan, finished, some)
        if best is not None:
            found = conclude(scan, best)
            return prefer_flattened(scan, best, found, some) if may_be_bent(best) else found
    if is_blank(scan.image):
        return Unaligned("blank_page", "the page is blank, apart from specks and shadows at its edges")
    bent = read_bent(scan, finished, tried)
    if bent is not None:
        return bent
    scaled = choose_scaled_page(scan, [one for one in prepared if one.template.alignment == "scale"])
    if scaled is None:
        return _unmatched(finished)
    if isinstance(scaled, Undecided):
        return _undecided(scaled)
    turn = quarter_turns(scaled.to_scan, *scaled.prepared.template.aligned_size)
    return AlignedPage(scaled.prepared, scaled.image, scaled.to_scan, turn, residual_px=None, score=None)


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
