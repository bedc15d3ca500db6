"""The drift reference: histograms of a model version's validation digits.

A model version stores how often each class, confidence, amount of ink and refusal occurred among its
validation digits. SQL compares a scoring run with these histograms, using the same bins (``sql/schema``,
macro ``confidence_bin``).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from lenet_pipeline.schema import Images
from lenet_pipeline.scoring.engine import Scores

CLASS, CONFIDENCE, INK, NOT_A_DIGIT = "class", "confidence", "ink", "not_a_digit"
# Whether a reading is doubtful: refused, or with a confidence below DOUBTFUL_BELOW. Where paper is a little
# harder to read than a policy's evidence, accepted errors grow with the doubts, long before the distribution
# of confidences looks different (`python -m benchmarks.confidence change`).
DOUBT = "doubt"
DOUBTFUL_BELOW = 0.98

# The lower ends of the bins. Ink is an image's mean grey relative to full ink; MNIST has 0.05 to 0.25.
LOWER_ENDS: Mapping[str, tuple[float, ...]] = {
    CLASS: tuple(float(label) for label in range(10)),
    CONFIDENCE: (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999),
    INK: (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.25, 0.3, 0.4, 0.6),
    NOT_A_DIGIT: (0.0, 0.5),
    DOUBT: (0.0, 1.0),
}
_INK_SAMPLE = 8_192  # evenly spaced images per shard; more would not change the result

Counts = Mapping[str, tuple[int, ...]]


def count_reference(images: Images, scores: Scores) -> Counts:
    """Count the digits in each bin, for digits that the version did not learn from.

    Args:
        images: The digits, uint8 (n, 28, 28).
        scores: The version's scores for them.

    Returns:
        The counts of each bin, by measure.
    """
    counts = {
        CLASS: _count(CLASS, scores.labels.astype(np.float32)),
        CONFIDENCE: _count(CONFIDENCE, scores.confidences),
        INK: count_ink(images),
    }
    if scores.not_a_digit is not None:
        counts[NOT_A_DIGIT] = _count(NOT_A_DIGIT, scores.not_a_digit)
    return counts


def count_evidence(images: Images, scores: Scores) -> Counts:
    """Count the digits of a policy's evidence, as ``count_reference`` does, and the doubts.

    Args:
        images: The digits, uint8 (n, 28, 28).
        scores: The version's scores for them.
    """
    is_doubtful = scores.confidences < np.float32(DOUBTFUL_BELOW)
    if scores.not_a_digit is not None:
        is_doubtful |= scores.not_a_digit >= np.float32(LOWER_ENDS[NOT_A_DIGIT][1])
    return {**count_reference(images, scores), DOUBT: _count(DOUBT, is_doubtful.astype(np.float32))}


def count_ink(images: Images) -> tuple[int, ...]:
    """Count images, uint8 (n, 28, 28), by their ink; of many images, count an evenly spaced sample."""
    step = max(1, len(images) // _INK_SAMPLE)
    sample = images[::step].reshape(-1, images.shape[1] * images.shape[2])
    return _count(INK, sample.mean(axis=1, dtype=np.float32) / np.float32(255))


def _count(measure: str, values: npt.NDArray[np.float32]) -> tuple[int, ...]:
    ends = np.array(LOWER_ENDS[measure], np.float32)
    bins = np.searchsorted(ends, values, side="right") - 1
    return tuple(int(number) for number in np.bincount(bins, minlength=len(ends)))
