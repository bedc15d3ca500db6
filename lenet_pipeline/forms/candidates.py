"""Candidates: templates that a page may be, and ways it may lie under them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lenet_pipeline.forms.alignment import Alignment, Scan, align_coarsely, align_finely
from lenet_pipeline.forms.blank_pages import is_blank
from lenet_pipeline.forms.features import Guess, guess_from_features
from lenet_pipeline.forms.homographies import half_turn, map_points
from lenet_pipeline.forms.likelier import is_likelier
from lenet_pipeline.forms.markers import MARKER_DPI, guess_from_markers
from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.prepared_template import Landmarks, PreparedTemplate
from lenet_pipeline.forms.template import RegistrationMethod

LEAST_SHARE = 0.3  # of the form's print, and of that near its fields

_Source = Literal["orb", "sift", "markers"]
_SOURCES: dict[RegistrationMethod, tuple[_Source, ...]] = {
    "features": ("orb", "sift", "markers"),
    "markers": ("markers", "orb", "sift"),
}
_MOST_GUESSES = 3  # of one template from one source that are tried
_LEAST_SUPPORT = 0.25  # of the best supported guess of all templates
_RIVAL_SUPPORT = 0.5  # of a template that is sure, what others need to be tried after it
_SURE = 0.6  # the share of the print found, from where on no other source is asked
_MOST_FINE = 3  # alignments that are finished
_NEARLY = 0.6  # of the best share, what others must have to be finished
_FEWEST_FOUND = 6
_LEAST_SEEN = 0.5  # of the places, that lie on the scan
_SAME_PX = 20.0
_IN_PLACE_PX = 2.0  # at COARSE_DPI or REGISTERED_DPI: what the fit leaves


@dataclass(frozen=True)
class Candidate:
    """A template, a way the page lies under it, and the page so registered once it has been finished."""

    prepared: PreparedTemplate
    landmarks: Landmarks
    reference: Grey
    alignment: Alignment
    image: Grey | None = None

    @property
    def share(self) -> float:
        """Return the share of the print that was found in its place."""
        return self.alignment.measured.share_within(_IN_PLACE_PX)


def locate_candidates(scan: Scan, prepared: Sequence[PreparedTemplate]) -> list[Candidate]:
    """Return how the page may lie under which template, the likeliest few, finished."""
    return [_finish(scan, candidate) for candidate in _nearest(_search(scan, prepared))]


def _search(scan: Scan, prepared: Sequence[PreparedTemplate]) -> list[Candidate]:
    """Return how the page may lie under which template, roughly; ask further sources until one is sure."""
    candidates: list[Candidate] = []
    for turn in range(len(_SOURCES["features"])):
        guesses = {
            number: _guess(scan, one, turn)
            for number, one in enumerate(prepared)
            if one.landmarks is not None
        }
        support = {
            number: max((guess.support for guess in some), default=0) for number, some in guesses.items()
        }
        least = _LEAST_SUPPORT * max(support.values(), default=0)
        for number in sorted(guesses, key=lambda number: -support[number]):
            likely = [guess for guess in guesses[number] if guess.support >= least]
            found = list(_align(scan, prepared[number], likely))
            candidates += found
            if any(candidate.share >= _SURE for candidate in found):
                least = max(least, _RIVAL_SUPPORT * support[number])
        if any(candidate.share >= _SURE for candidate in candidates) or (turn == 0 and is_blank(scan.image)):
            break
    return candidates


def _guess(scan: Scan, prepared: PreparedTemplate, turn: int) -> list[Guess]:
    """Return the best supported guesses of one template's first, second or third source."""
    template, landmarks = prepared.template, prepared.landmarks
    assert landmarks is not None  # noqa: S101 - the caller's choice
    source = _SOURCES[template.registration][turn]
    size, scale = template.registered_size, scan.expected_scale(template)
    if source == "markers":
        if landmarks.markers is None:
            return []
        picture, from_picture = scan.flat(template, MARKER_DPI)
        return guess_from_markers(landmarks.markers, picture, from_picture, size=size, expected_scale=scale)
    features = scan.features(template, source)
    guesses = guess_from_features(landmarks.features[source], features, size=size, expected_scale=scale)
    return sorted(guesses, key=lambda guess: -guess.support)[:_MOST_GUESSES]


def _align(scan: Scan, prepared: PreparedTemplate, guesses: Iterable[Guess]) -> Iterator[Candidate]:
    """Yield one template's guesses, improved, until one is sure; then, where it is alike, upside down."""
    landmarks, reference = prepared.landmarks, prepared.reference
    if landmarks is None or reference is None:
        return
    for guess in guesses:
        alignment = align_coarsely(scan, prepared.template, landmarks, guess.to_scan)
        yield Candidate(prepared, landmarks, reference, alignment)
        if landmarks.is_alike_turned and alignment.measured.share_within(_IN_PLACE_PX) >= LEAST_SHARE:
            turned = alignment.to_scan @ half_turn(*prepared.template.registered_size)
            alignment = align_coarsely(scan, prepared.template, landmarks, turned)
            yield Candidate(prepared, landmarks, reference, alignment)
        if alignment.measured.share_within(_IN_PLACE_PX) >= _SURE:
            return


def _nearest(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the few candidates that most of the print was found for, each way to lie once."""
    chosen: list[Candidate] = []
    for one in sorted(candidates, key=lambda candidate: -candidate.share):
        if len(chosen) == _MOST_FINE or one.share < _NEARLY * max(
            candidate.share for candidate in candidates
        ):
            break
        if not any(_is_same(one, other) for other in chosen):
            chosen.append(one)
    return chosen


def _is_same(one: Candidate, other: Candidate) -> bool:
    """Tell whether two candidates put the corners of one template within a few pixels of each other."""
    if one.prepared is not other.prepared:
        return False
    height, width = one.prepared.template.registered_size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    between = np.linalg.inv(one.alignment.to_scan) @ other.alignment.to_scan
    return bool(np.abs(map_points(between, corners) - corners).max() < _SAME_PX)


def _finish(scan: Scan, candidate: Candidate) -> Candidate:
    """Return the candidate with its page registered and measured."""
    template, landmarks = candidate.prepared.template, candidate.landmarks
    image, alignment = align_finely(scan, template, landmarks, candidate.alignment.to_scan)
    return replace(candidate, alignment=alignment, image=image)


def is_fitting(candidate: Candidate) -> bool:
    """Tell whether a finished candidate is the form at all.

    A form that shares only a letterhead with this one has none of the print near its fields; but writing
    and strokes may hide that too, and then nearly all of the other print must be there.
    """
    measured, near = candidate.alignment.measured, candidate.landmarks.fine.is_near_field
    if measured.is_found.sum() < _FEWEST_FOUND or measured.is_seen.mean() < _LEAST_SEEN:
        return False
    near_fields, elsewhere = measured.among(near), measured.among(~near)
    if near_fields.is_seen.sum() < _FEWEST_FOUND:
        return candidate.share >= LEAST_SHARE
    return min(candidate.share, near_fields.share) >= LEAST_SHARE or (
        bool(elsewhere.is_seen.sum() >= _FEWEST_FOUND) and elsewhere.share >= _SURE
    )


def choose_likeliest(fitting: Sequence[Candidate]) -> Candidate:
    """Return the likeliest of the candidates that fit."""
    best = fitting[0]
    for other in fitting[1:]:
        if best.image is not None and not is_likelier(
            best.image, best.reference, best.alignment.to_scan, other.reference, other.alignment.to_scan
        ):
            best = other
    return best
