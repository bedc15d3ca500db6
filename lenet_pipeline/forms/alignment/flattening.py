"""Read bent and folded pages: flatten them, and test the flat page like a scan of flat paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lenet_pipeline.forms.alignment.aligned_pages import (
    AlignedPage,
    Unaligned,
    field_corners,
    find_fault,
    find_field_off_scan,
)
from lenet_pipeline.forms.alignment.bent_pages import FlatPage, flatten_page
from lenet_pipeline.forms.alignment.candidates import Candidate, locate_candidates
from lenet_pipeline.forms.alignment.homographies import quarter_turns
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate
from lenet_pipeline.forms.alignment.refinement import Scan
from lenet_pipeline.forms.alignment.self_similarity import LEAST_LEAD
from lenet_pipeline.forms.alignment.similar_forms import choose_candidate
from lenet_pipeline.forms.alignment.warps import map_to_scan
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH

_MOST_BENT = 2  # candidates to flatten
# A homography may fit one part of bent paper so well that the rest counts as missing. The residual shows it:
# flat scans have 0.1 to 0.7.
_BENT_PX = 0.8  # root mean square
_BENT_FIELD_MM = 0.5  # how far a warp must move a field to make a difference


def may_be_bent(candidate: Candidate) -> bool:
    """Return whether any of the print is out of place in a way that flat paper never shows."""
    alignment = candidate.alignment
    return alignment.displaced > 0 or alignment.measured.residual_px > _BENT_PX or candidate.lead < LEAST_LEAD


def prefer_flattened(
    scan: Scan, best: Candidate, found: AlignedPage | Unaligned, prepared: Sequence[PreparedTemplate]
) -> AlignedPage | Unaligned:
    """Return a page flattened, or as it was found if that fails or makes no difference to its fields.

    Without fields, a filled copy is registered with another one, and writing on both passes for bent print.
    """
    if isinstance(found, AlignedPage) and not found.prepared.template.placed:
        return found
    bent = read_bent(scan, [best], prepared)
    if bent is None:
        return found
    if isinstance(bent, Unaligned):
        return bent if isinstance(found, AlignedPage) else found
    template = bent.prepared.template
    if isinstance(found, AlignedPage) and found.prepared is bent.prepared:
        corners = np.concatenate([field_corners(field) for field in template.placed])
        apart = map_to_scan(bent.to_scan, bent.warp, corners) - map_to_scan(found.to_scan, None, corners)
        least = _BENT_FIELD_MM / MM_PER_INCH * ALIGNED_DPI * scan.expected_scale(template)
        if np.hypot(*apart.T).max() < least:
            return found
    return bent


def read_bent(
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
        if find_fault(Scan(flat.image), best) or find_field_off_scan(scan, template, flat.to_scan, flat.warp):
            continue
        turn = quarter_turns(flat.to_scan, *template.aligned_size)
        return AlignedPage(
            candidate.prepared, flat.image, flat.to_scan, turn, flat.residual_px, flat.share, flat.warp
        )
    return refused


def _match_flattened(flat: FlatPage, prepared: Sequence[PreparedTemplate]) -> Candidate | None:
    """Return the form that a flattened page fits best, or None."""
    scan = Scan(flat.image)
    return choose_candidate(scan, locate_candidates(scan, prepared), prepared)


def _refuse_edition(candidate: Candidate, other: Candidate) -> Unaligned:
    """Return a bent page that shares its print with one form, but belongs to another one."""
    one, form = candidate.prepared.template.form, other.prepared.template.form
    reason = (
        f"the page is bent; a part of it fits form {one!r}, but it is more likely form {form!r}; flatten the "
        "page and scan it again"
    )
    return Unaligned("poor_registration", reason, form)
