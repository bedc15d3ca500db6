"""Decide which boxes and bubbles of a page are marked, from the ink in them.

Everything that a person cannot be sure about is a doubt: ink between the two thresholds, pale ink, a long
stroke through several boxes, and a box that was blackened to take a mark back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lenet_pipeline.forms.reading.option_ink import OptionInk

OptionState = Literal["marked", "empty", "doubtful"]
Doubt = Literal["touch", "faint", "line", "blackened"]

# Thresholds come from 160 generated pages (`python -m benchmarks.forms.choices --seed 101 --pages 40`). Clean
# bubbles have a coverage of 0.00, stray strokes up to 0.05, and 99 of 100 marks more than 0.10.
_EMPTY_COVERAGE, _MARKED_COVERAGE = 0.01, 0.08
# Marks have at least 0.49 of black, pale pencil up to 0.29.
_LEAST_DARKNESS = 0.35
_LEAST_OF_USUAL = 0.45  # of the usual darkness of the marks on the page, which have one pen
_MOST_UNSURE = 0.05  # a bubble without strokes is a doubt if a mark is more probable than this
_LEAST_SPREAD = 0.002  # of black: half a grey level
_SMALL_COVERAGE, _MOSTLY_INSIDE = 0.15, 0.5  # a small mark is in its box, a stray stroke only in part
_LEAST_INSIDE = 0.3  # of a stroke: a tick has half of its ink in its box, a line through a row much less
_FULL = 0.95  # of a blackened box is filled; hatching leaves gaps
_MOST_STROKES = 0.7  # of a box with a tick or a cross is filled; hatched boxes have more
_MAD = 1.4826  # standard deviations in a median absolute deviation

# Logistic regression of marks on the logarithms of tone and score, fitted on the same pages.
_WEIGHTS = (-1.47, 1.10, 2.17)
_LEAST_SEEN, _LEAST_COUNTED = 0.001, 0.3  # of tone and score
_MOST_CERTAIN = 0.9995  # the pages cannot show rarer errors


@dataclass(frozen=True)
class OptionVerdict:
    """Whether a box or bubble is marked.

    Attributes:
        state: ``marked``, ``empty`` or ``doubtful``.
        is_marked: the likelier of the two, also for a doubtful one.
        confidence: the probability of ``is_marked``.
        doubt: why it is doubtful: ``touch`` (a little ink), ``faint`` (pale ink), ``line`` (a stroke that is
            mostly outside) or ``blackened`` (filled completely, unlike the other marks). None otherwise.
    """

    state: OptionState
    is_marked: bool
    confidence: float
    doubt: Doubt | None = None


def judge_options(inks: Sequence[OptionInk], groups: Sequence[int | None]) -> list[OptionVerdict]:
    """Judge all options of a page together, because one person has marked them with one pen.

    Args:
        inks: the ink of each option.
        groups: a number for each option, which boxes that people mark in the same way share. None for the
            bubbles of numbers: blackening takes no mark back there.
    """
    covered = [ink.coverage >= _MARKED_COVERAGE for ink in inks]
    dark = [ink.darkness for ink, is_covered in zip(inks, covered, strict=True) if is_covered]
    usual = float(np.median([each for each in dark if each >= _LEAST_DARKNESS] or [0.0]))
    faint = max(_LEAST_DARKNESS, _LEAST_OF_USUAL * usual)
    clean = _measure_clean(inks)
    doubts = [_find_doubt(ink, clean, faint) for ink in inks]
    marked = [is_covered and doubt is None for is_covered, doubt in zip(covered, doubts, strict=True)]
    for group in set(groups) - {None}:
        own = [number for number, each in enumerate(groups) if each == group and marked[number]]
        full = [number for number in own if inks[number].filled >= _FULL]
        others = [inks[number].filled for number in own if inks[number].filled < _FULL]
        # People who fill boxes to mark them take nothing back in this way: the others have to be strokes.
        if others and float(np.median(others)) < _MOST_STROKES:
            for number in full:
                doubts[number] = "blackened"
    return [
        _verdict(ink, clean, is_marked, doubt)
        for ink, is_marked, doubt in zip(inks, marked, doubts, strict=True)
    ]


@dataclass(frozen=True)
class _Clean:
    """The tone of the clean options of a page: its median, and the standard deviation of its spread."""

    tone: float
    spread: float

    def excess(self, ink: OptionInk) -> float:
        """Return how much darker an option is than the usual clean one, relative to black."""
        return ink.tone - self.tone

    def deviation(self, ink: OptionInk) -> float:
        """Return the standard deviation of the excess of clean options."""
        return max(self.spread, ink.tone_noise, _LEAST_SPREAD)


def _measure_clean(inks: Sequence[OptionInk]) -> _Clean:
    tones = np.array([ink.tone for ink in inks if ink.coverage + ink.foreign < _EMPTY_COVERAGE])
    if not tones.size:
        return _Clean(0.0, 0.0)
    usual = float(np.median(tones))
    return _Clean(usual, _MAD * float(np.median(np.abs(tones - usual))))


def _find_doubt(ink: OptionInk, clean: _Clean, faint: float) -> Doubt | None:
    if ink.coverage >= _MARKED_COVERAGE:
        if ink.inside < _LEAST_INSIDE:
            return "line"
        if ink.coverage < _SMALL_COVERAGE and ink.inside < _MOSTLY_INSIDE:
            return "touch"
        return "faint" if ink.darkness < faint else None
    if ink.foreign >= _MARKED_COVERAGE:
        return "line"
    if ink.coverage >= _EMPTY_COVERAGE:
        return "touch"
    # The end of a tick in the next box is no mark. It darkens the box, so its tone says nothing.
    is_pale = ink.foreign == 0 and _probability(ink, clean, counts_ink=True) > _MOST_UNSURE
    return "faint" if is_pale else None


def _verdict(ink: OptionInk, clean: _Clean, is_marked: bool, doubt: Doubt | None) -> OptionVerdict:
    probability = _probability(ink, clean, counts_ink=is_marked or ink.foreign == 0)
    if doubt is None:
        confidence = probability if is_marked else 1 - probability
        return OptionVerdict("marked" if is_marked else "empty", is_marked, min(confidence, _MOST_CERTAIN))
    if doubt == "blackened":  # the ink shows that it was marked, and not what was meant
        return OptionVerdict("doubtful", False, 0.5, doubt)
    likelier = probability >= 0.5
    confidence = min(probability if likelier else 1 - probability, _MOST_CERTAIN)
    return OptionVerdict("doubtful", likelier, confidence, doubt)


def _probability(ink: OptionInk, clean: _Clean, *, counts_ink: bool) -> float:
    """Return the probability of a mark. Strokes of another option do not count."""
    # Ink over print does not count in the tone, but in the coverage.
    tone = max(clean.excess(ink), ink.coverage * ink.darkness) if counts_ink else 0.0
    score = tone / clean.deviation(ink)
    base, by_tone, by_score = _WEIGHTS
    odds = by_tone * math.log(max(tone, _LEAST_SEEN)) + by_score * math.log(max(score, _LEAST_COUNTED))
    return 1 / (1 + math.exp(-(base + odds)))
