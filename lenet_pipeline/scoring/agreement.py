"""The agreement of a fast precision with float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lenet_pipeline.schema import Images
from lenet_pipeline.scoring.engine import Engine

SAMPLE = 10_000
SAMPLE_BATCH = 4_096  # small, because another engine occupies the GPU's memory at the same time


@dataclass(frozen=True)
class Agreement:
    """The agreement of two precisions on ``digits`` digits.

    ``same_labels`` counts equal labels. ``largest_difference`` is the largest difference between two
    probabilities of the same digit and class, 0 to 1.
    """

    digits: int
    same_labels: int
    largest_difference: float


def measure_agreement(probabilities: npt.NDArray[np.float32], images: Images, exact: Engine) -> Agreement:
    """Compare probabilities with those of float32, for the first ten thousand images.

    Args:
        probabilities: The probabilities to compare, float32 (n, 10), as computed in any precision.
        images: The scored images, uint8 (n, 28, 28).
        exact: An engine with the same model in float32.
    """
    found, expected = probabilities[:SAMPLE], exact.score(images[:SAMPLE])
    return Agreement(
        digits=len(found),
        same_labels=int((found.argmax(axis=1) == expected.labels).sum()),
        largest_difference=float(np.abs(found - expected.probabilities).max(initial=0.0)),
    )
