"""Kin: forms that have much of another's print too, as a form's editions do, and forms of one letterhead.

A page of the larger form shows all that the smaller one has, and key points may tell the smaller one alone.
So where a page fits a form, those that have its print are tried as well, in the same place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lenet_pipeline.forms.alignment.candidates import (
    LEAST_PROMISE,
    LEAST_SHARE,
    Candidate,
    Source,
    align_guesses,
    ask_source,
    finish_candidate,
    is_certain,
)
from lenet_pipeline.forms.alignment.features import Guess
from lenet_pipeline.forms.alignment.homographies import Homography
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate
from lenet_pipeline.forms.alignment.refinement import Scan

_SOURCES: tuple[Source, ...] = ("orb", "sift", "layouts")

# By the fingerprints of two templates, and whether the first is as bilevel scans show it. A pair takes about
# as long as a page, and is the same for all pages.
_LAID: dict[tuple[str, str, bool], Homography | None] = {}


def fitting_kin(scan: Scan, found: Candidate, others: Sequence[PreparedTemplate]) -> Iterator[Candidate]:
    """Yield, finished, those of other forms that a page certainly fits where it fits this one."""
    for other in others:
        if other.landmarks is None:
            continue
        to_other = _lay_over(found.prepared, other)
        if to_other is None:
            continue
        guess = Guess(found.alignment.to_scan @ np.linalg.inv(to_other), support=0)
        for candidate in align_guesses(scan, other, [guess]):
            if candidate.share >= LEAST_PROMISE:
                finished = finish_candidate(scan, candidate)
                if is_certain(finished):
                    yield finished


def _lay_over(one: PreparedTemplate, other: PreparedTemplate) -> Homography | None:
    """Return where one form's print is on the other blank form, from pixel to pixel; None where it is not."""
    pair = one.template.fingerprint, other.template.fingerprint, one.landmarks is one.bilevel
    if pair not in _LAID:
        _LAID[pair] = _find_print(one, other)
    return _LAID[pair]


def _find_print(one: PreparedTemplate, other: PreparedTemplate) -> Homography | None:
    if other.reference is None:
        return None
    scan = Scan(other.reference)
    for source in _SOURCES:
        candidates = ask_source(scan, [one], source)
        best = max(candidates, key=lambda candidate: candidate.share, default=None)
        if best is not None and best.share >= LEAST_SHARE:
            return best.alignment.to_scan
    return None
