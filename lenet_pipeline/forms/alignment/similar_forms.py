"""Find similar forms: editions of one form, or forms with the same letterhead.

A page of one form may contain all the print of another, and its key points may match only the other one.
Therefore, if a page fits a form, the forms that contain that form's print are tried at the same place.
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
    choose_likeliest,
    collect_candidates,
    finish_candidate,
    is_certain,
    is_fitting,
)
from lenet_pipeline.forms.alignment.features import Guess
from lenet_pipeline.forms.alignment.homographies import Homography
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate
from lenet_pipeline.forms.alignment.refinement import Scan

_SOURCES: tuple[Source, ...] = ("orb", "sift", "layouts")

# Keyed by the fingerprints of both templates, and by whether the first uses its bilevel landmarks. Locating a
# pair takes about as long as aligning a page, and the result holds for all pages.
_LOCATED: dict[tuple[str, str, bool], Homography | None] = {}


def choose_candidate(
    scan: Scan, finished: Sequence[Candidate], prepared: Sequence[PreparedTemplate]
) -> Candidate | None:
    """Return the candidate that a page fits best, or None if it fits none."""
    fitting = [one for one in finished if is_fitting(one)]
    if not fitting:
        return None
    best = choose_likeliest(fitting)
    unseen = [one for one in prepared if all(one is not other.prepared for other in fitting)]
    return choose_likeliest([best, *find_similar_forms(scan, best, unseen)])


def find_similar_forms(
    scan: Scan, found: Candidate, others: Sequence[PreparedTemplate]
) -> Iterator[Candidate]:
    """Yield finished candidates of other forms that certainly fit the page at the place of this one.

    Args:
        scan: the scanned page.
        found: the finished candidate that fits.
        others: the templates to try.
    """
    for other in others:
        if other.landmarks is None:
            continue
        to_other = _locate_print(found.prepared, other)
        if to_other is None:
            continue
        guess = Guess(found.alignment.to_scan @ np.linalg.inv(to_other), support=0)
        for candidate in align_guesses(scan, other, [guess]):
            if candidate.share >= LEAST_PROMISE:
                finished = finish_candidate(scan, candidate)
                if is_certain(finished):
                    yield finished


def _locate_print(one: PreparedTemplate, other: PreparedTemplate) -> Homography | None:
    """Return the homography from one blank form to the same print on the other, or None if it is absent."""
    pair = one.template.fingerprint, other.template.fingerprint, one.landmarks is one.bilevel
    if pair not in _LOCATED:
        _LOCATED[pair] = _find_print(one, other)
    return _LOCATED[pair]


def _find_print(one: PreparedTemplate, other: PreparedTemplate) -> Homography | None:
    if other.reference is None:
        return None
    scan = Scan(other.reference)
    for source in _SOURCES:
        candidates = collect_candidates(scan, [one], source)
        best = max(candidates, key=lambda candidate: candidate.share, default=None)
        if best is not None and best.share >= LEAST_SHARE:
            return best.alignment.to_scan
    return None
