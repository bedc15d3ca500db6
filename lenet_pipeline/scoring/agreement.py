"""How nearly a fast precision reads the same as float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lenet_pipeline.schema import Images
from lenet_pipeline.scoring.engine import Engine

SAMPLE = 10_000
SAMPLE_BATCH = 4_096  # a GPU has another engine in its memory meanwhile


@dataclass(frozen=True)
class Agreement:
    """Of ``digits`` that both precisions read: how many labels are the same, and what differs most.

    ``largest_difference`` is of any one probability, 0 to 1.
    """

    digits: int
    same_labels: int
    largest_difference: float


def measure_agreement(probabilities: npt.NDArray[np.float32], images: Images, exact: Engine) -> Agreement:
    """Compare probabilities with those of float32, for the first ten thousand images.

    Args:
        probabilities: float32 (n, 10), in whatever precision the model computed them.
        images: uint8 (n, 28, 28), what they are of.
        exact: the same model in float32.
    """
    found, expected = probabilities[:SAMPLE], exact.score(images[:SAMPLE])
    return Agreement(
        digits=len(found),
        same_labels=int((found.argmax(axis=1) == expected.labels).sum()),
        largest_difference=float(np.abs(found - expected.probabilities).max(initial=0.0)),
    )
