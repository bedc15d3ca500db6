"""Find candidates: templates that a page may match, each with a possible alignment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lenet_pipeline.forms.alignment.blank_pages import is_blank
from lenet_pipeline.forms.alignment.features import Guess, guess_from_features
from lenet_pipeline.forms.alignment.form_choice import fits_better
from lenet_pipeline.forms.alignment.homographies import half_turn, map_points
from lenet_pipeline.forms.alignment.layouts import guess_from_layouts
from lenet_pipeline.forms.alignment.markers import MARKER_DPI, guess_from_markers
from lenet_pipeline.forms.alignment.prepared_template import Landmarks, PreparedTemplate
from lenet_pipeline.forms.alignment.refinement import Alignment, Scan, align_coarsely, align_finely
from lenet_pipeline.forms.alignment.self_similarity import LEAST_LEAD, measure_lead
from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.templates.model import AlignmentMethod, Template

LEAST_SHARE = 0.3  # of the form's print, and of that near its fields

Source = Literal["markers", "orb", "sift", "layouts"]
_ALL_SOURCES: tuple[Source, ...] = ("markers", "orb", "sift")
_SOURCES: dict[AlignmentMethod, tuple[Source, ...]] = {
    "features": ("orb", "sift", "markers"),
    "markers": ("markers", "orb", "sift"),
}
_MOST_GUESSES = 3  # to try for one template from one source
_LEAST_SUPPORT = 0.25  # of the best supported guess among all templates
_RIVAL_SUPPORT = 0.5  # of the support of a sure template: the others need more to be tried after it
_SURE = 0.6  # share of the print found: from here on, no other alignment is tried
_MOST_FINE = 3  # alignments to finish after each source
LEAST_PROMISE = 0.15  # share of the print to finish a rough alignment; one row off it is mostly below 0.1
_NEARLY = 0.6  # of the best share: the others need more to be finished
_FEWEST_FOUND = 6
_LEAST_SEEN = 0.5  # share of the places that must be on the scan
_SAME_PX = 20.0
_IN_PLACE_PX = 2.0  # at COARSE_DPI or ALIGNED_DPI: the error that the fit leaves


@dataclass(frozen=True)
class Candidate:
    """A template with a possible alignment of the page.

    A finished candidate also has the aligned page as ``image``, and its ``lead``: how much better the page
    fits here than one row or cell away, at most 1.
    """

    prepared: PreparedTemplate
    landmarks: Landmarks
    reference: Grey
    alignment: Alignment
    image: Grey | None = None
    lead: float = 1.0

    @property
    def share(self) -> float:
        """Return the share of the form's print that was found in place."""
        return self.alignment.measured.share_within(_IN_PLACE_PX)


def locate_candidates(scan: Scan, prepared: Sequence[PreparedTemplate]) -> list[Candidate]:
    """Return the few most likely candidates, finished.

    Sources are used one after another until one gives a certain candidate. The caller then checks similar
    forms, which that source may have missed.
    """
    candidates: list[Candidate] = []
    finished: dict[int, Candidate] = {}
    for turn in range(len(_ALL_SOURCES)):
        # Collect each source separately: four markers support a guess as well as 400 key points.
        for source in _ALL_SOURCES:
            chosen = [one for one in prepared if _SOURCES[one.template.alignment][turn] == source]
            candidates += collect_candidates(scan, chosen, source)
        nearest = _nearest(candidates)
        finished = {
            id(one): finished.get(id(one)) or finish_candidate(scan, one)
            for one in nearest
            if one.share >= LEAST_PROMISE
        }
        if any(is_certain(one) for one in finished.values()) or (turn == 0 and is_blank(scan.image)):
            return list(finished.values())
    return [*finished.values(), *_candidates_from_layouts(scan, prepared, list(finished.values()))]


def _candidates_from_layouts(
    scan: Scan, prepared: Sequence[PreparedTemplate], known: Sequence[Candidate]
) -> Iterator[Candidate]:
    """Yield candidates from whole-page layouts. Rows of equal boxes have no part that identifies a place."""
    for candidate in _nearest(collect_candidates(scan, prepared, "layouts")):
        if candidate.share >= LEAST_PROMISE and not any(_is_same(candidate, one) for one in known):
            yield finish_candidate(scan, candidate)


def is_certain(finished: Candidate) -> bool:
    """Return whether a finished candidate fits, and is not one row or cell off."""
    return is_fitting(finished) and finished.lead >= LEAST_LEAD


def collect_candidates(scan: Scan, prepared: Sequence[PreparedTemplate], source: Source) -> list[Candidate]:
    """Return the candidates that one source gives for several templates, the best supported first."""
    guesses = [(one, _guess(scan, one.template, one.landmarks, source)) for one in prepared if one.landmarks]
    guesses = sorted((pair for pair in guesses if pair[1]), key=lambda pair: -pair[1][0].support)
    least = _LEAST_SUPPORT * guesses[0][1][0].support if guesses else 0.0
    candidates: list[Candidate] = []
    for one, some in guesses:
        found = list(align_guesses(scan, one, [guess for guess in some if guess.support >= least]))
        candidates += found
        if any(candidate.share >= _SURE for candidate in found):
            least = max(least, _RIVAL_SUPPORT * some[0].support)
    return candidates


def _guess(scan: Scan, template: Template, landmarks: Landmarks, source: Source) -> list[Guess]:
    """Return a source's guesses for one template, the best supported first."""
    size, scale = template.aligned_size, scan.expected_scale(template)
    if source == "markers":
        if landmarks.markers is None:
            return []
        picture, from_picture = scan.flat(template, MARKER_DPI)
        return guess_from_markers(landmarks.markers, picture, from_picture, size=size, expected_scale=scale)
    if source == "layouts":
        page, from_page = scan.layout(template)
        return guess_from_layouts(landmarks.layout, page, from_page, size=size)
    features = scan.features(template, source)
    guesses = guess_from_features(landmarks.features[source], features, size=size, expected_scale=scale)
    return sorted(guesses, key=lambda guess: -guess.support)[:_MOST_GUESSES]


def align_guesses(scan: Scan, prepared: PreparedTemplate, guesses: Iterable[Guess]) -> Iterator[Candidate]:
    """Yield a coarsely aligned candidate for each guess, until one is sure.

    If the form looks similar upside down, a candidate rotated by 180 degrees follows.
    """
    landmarks, reference = prepared.landmarks, prepared.reference
    if landmarks is None or reference is None:
        return
    for guess in guesses:
        alignment = align_coarsely(scan, prepared.template, landmarks, guess.to_scan)
        candidate = Candidate(prepared, landmarks, reference, alignment)
        yield candidate
        if landmarks.is_similar_upside_down and candidate.share >= LEAST_SHARE:
            turned = alignment.to_scan @ half_turn(*prepared.template.aligned_size)
            upside_down = align_coarsely(scan, prepared.template, landmarks, turned)
            yield Candidate(prepared, landmarks, reference, upside_down)
        if candidate.share >= _SURE:
            return


def _nearest(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the few candidates with the largest shares, without repeated alignments."""
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
    """Return whether two candidates place the corners of one template within a few pixels of each other."""
    if one.prepared is not other.prepared:
        return False
    height, width = one.prepared.template.aligned_size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    between = np.linalg.inv(one.alignment.to_scan) @ other.alignment.to_scan
    return bool(np.abs(map_points(between, corners) - corners).max() < _SAME_PX)


def finish_candidate(scan: Scan, candidate: Candidate) -> Candidate:
    """Align the page finely with a candidate's template, and measure the result."""
    template, landmarks = candidate.prepared.template, candidate.landmarks
    image, alignment = align_finely(scan, template, landmarks, candidate.alignment.to_scan)
    lead = measure_lead(image, landmarks.layout.ink.shape, landmarks.self_matches)
    return replace(candidate, alignment=alignment, image=image, lead=lead)


def is_fitting(candidate: Candidate) -> bool:
    """Return whether a finished candidate is a page of the form at all.

    A form that shares only a letterhead lacks the print near the fields. Handwriting may hide that print
    too; then most of the other print must be found.
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
    """Return the most likely of several fitting candidates."""
    best = fitting[0]
    for other in fitting[1:]:
        if best.image is not None and not fits_better(
            best.image, best.reference, best.alignment.to_scan, other.reference, other.alignment.to_scan
        ):
            best = other
    return best
