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

# On 400 generated pages of four severities (`python -m benchmarks.forms.choices --seed 101`), clean bubbles
# have a coverage of 0.00, specks and stray strokes up to 0.10, and the smallest marks, which are dots and
# slashes, from 0.13.
_EMPTY_COVERAGE, _MARKED_COVERAGE = 0.02, 0.1
# Ink of pens and pencils is from 0.43 of black, pale pencil up to 0.28.
_LEAST_DARKNESS = 0.3
_LEAST_OF_USUAL = 0.45  # of the usual darkness of the marks on the page, which have one pen
_MOST_TONE_SCORE = 7.0  # standard deviations: the tone of clean bubbles is less than this above the median
_LEAST_TONE = 0.008  # of black, 2 grey levels: a bubble that is not darker than this is clean
_LEAST_INSIDE = 0.3  # of a stroke: a tick has half of its ink in its box, a line through a row much less
_FULL = 0.95  # coverage of a blackened box; hatching leaves gaps
_MOST_STROKES = 0.7  # coverage by ticks and crosses; filled boxes have more
_MAD = 1.4826  # standard deviations in a median absolute deviation

# The probability of a mark by the tone of a box, fitted on the same pages.
_EVEN_TONE = 0.045  # of black
_TONE_SPREAD = 0.25  # of the logarithm
_MOST_CERTAIN = 0.9995  # the pages do not show rarer errors


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
    scores = _score_tones(inks)
    doubts = [_find_doubt(ink, score, faint) for ink, score in zip(inks, scores, strict=True)]
    marked = [is_covered and doubt is None for is_covered, doubt in zip(covered, doubts, strict=True)]
    for group in set(groups) - {None}:
        own = [number for number, each in enumerate(groups) if each == group and marked[number]]
        full = [number for number in own if inks[number].coverage >= _FULL]
        others = [inks[number].coverage for number in own if inks[number].coverage < _FULL]
        # People who fill boxes to mark them take nothing back in this way: the others have to be strokes.
        if others and float(np.median(others)) < _MOST_STROKES:
            for number in full:
                doubts[number] = "blackened"
    return [
        _verdict(ink, is_marked, doubt) for ink, is_marked, doubt in zip(inks, marked, doubts, strict=True)
    ]


def _score_tones(inks: Sequence[OptionInk]) -> list[float]:
    """Return how much darker each option is than the usual clean one, in standard deviations."""
    clean = [ink.tone for ink in inks if ink.coverage + ink.foreign < _EMPTY_COVERAGE]
    usual = float(np.median(clean)) if clean else 0.0
    spread = _MAD * float(np.median(np.abs(np.array(clean) - usual))) if clean else 0.0
    return [
        (ink.tone - usual) / max(spread, ink.tone_noise) if ink.tone - usual > _LEAST_TONE else 0.0
        for ink in inks
    ]


def _find_doubt(ink: OptionInk, score: float, faint: float) -> Doubt | None:
    if ink.coverage >= _MARKED_COVERAGE:
        if ink.inside < _LEAST_INSIDE:
            return "line"
        return "faint" if ink.darkness < faint else None
    if ink.foreign >= _MARKED_COVERAGE:
        return "line"
    if ink.coverage >= _EMPTY_COVERAGE:
        return "touch"
    # The end of a tick in the next box is no mark. It darkens the box, so its tone says nothing.
    return "faint" if ink.foreign == 0 and score > _MOST_TONE_SCORE else None


def _verdict(ink: OptionInk, is_marked: bool, doubt: Doubt | None) -> OptionVerdict:
    tone = max(ink.tone, 1e-4) if ink.foreign == 0 or is_marked else 1e-4
    probability = 1 / (1 + math.exp(-(math.log(tone) - math.log(_EVEN_TONE)) / _TONE_SPREAD))
    if doubt is None:
        confidence = probability if is_marked else 1 - probability
        return OptionVerdict("marked" if is_marked else "empty", is_marked, min(confidence, _MOST_CERTAIN))
    if doubt == "blackened":  # the ink shows that it was marked, and not what was meant
        return OptionVerdict("doubtful", False, 0.5, doubt)
    likelier = probability >= 0.5
    confidence = min(probability if likelier else 1 - probability, _MOST_CERTAIN)
    return OptionVerdict("doubtful", likelier, confidence, doubt)
