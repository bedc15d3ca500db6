"""Aligned pages, pages that cannot be aligned, and the faults that make an alignment too poor to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lenet_pipeline.forms.alignment.candidates import Candidate
from lenet_pipeline.forms.alignment.homographies import Homography, Points, quarter_turns
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate
from lenet_pipeline.forms.alignment.refinement import Scan
from lenet_pipeline.forms.alignment.self_similarity import LEAST_LEAD
from lenet_pipeline.forms.alignment.warps import Warp, map_to_scan
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey
from lenet_pipeline.forms.templates.model import Choice, Field, Template

_MOST_DISPLACED = 0.09  # of the print found: 0 to 0.07 on good scans, 0.1 or more where paper bends by 0.5 mm
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


def conclude(scan: Scan, candidate: Candidate) -> AlignedPage | Unaligned:
    """Return the chosen candidate as an aligned page, or the reason why its alignment is too poor to read."""
    template, measured, to_scan = (
        candidate.prepared.template,
        candidate.alignment.measured,
        candidate.alignment.to_scan,
    )
    residual, share = measured.residual_px, measured.share
    fault = find_fault(scan, candidate)
    if fault or candidate.image is None:
        reason = f"the page is form {template.form!r}, but {fault}"
        return Unaligned(
            "poor_registration", reason, template.form, residual, share, candidate.prepared, to_scan
        )
    turn = quarter_turns(to_scan, *template.aligned_size)
    return AlignedPage(candidate.prepared, candidate.image, to_scan, turn, residual, share)


def find_fault(scan: Scan, candidate: Candidate) -> str:
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
    if off := find_field_off_scan(scan, template, candidate.alignment.to_scan):
        return f"field {off!r} extends beyond the scan; scan the whole page"
    return ""


def find_field_off_scan(
    scan: Scan, template: Template, to_scan: Homography, warp: Warp | None = None
) -> str | None:
    """Return the first field that the scan does not show completely."""
    height, width = scan.image.shape
    slack = _OFF_SCAN_MM / MM_PER_INCH * ALIGNED_DPI * scan.expected_scale(template)
    for field in template.placed:
        points = map_to_scan(to_scan, warp, field_corners(field))
        if (points < -slack).any() or (points > (width + slack, height + slack)).any():
            return field.name
    return None


def field_corners(field: Field | Choice) -> Points:
    """Return the corners of a field's cells, box or bubbles in pixels of the aligned page, (corners, 2)."""
    edges = np.array([place.pixels() for place in field.rectangles()])
    return np.concatenate([edges[:, [0, 1]], edges[:, [2, 1]], edges[:, [2, 3]], edges[:, [0, 3]]])
