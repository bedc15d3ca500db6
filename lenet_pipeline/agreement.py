"""How nearly a fast precision reads the same as float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lenet_pipeline.engine import FLOAT32, Engine, Images, TrainedModel

SAMPLE = 10_000


@dataclass(frozen=True)
class Agreement:
    """Of ``digits`` that both precisions read: how many labels are the same, and what differs most.

    ``largest_difference`` is of any one probability, 0 to 1.
    """

    digits: int
    same_labels: int
    largest_difference: float


def measure_agreement(engine: Engine, model: TrainedModel, images: Images) -> Agreement:
    """Compare an engine with one of the same model and device in float32.

    Args:
        engine: of any precision.
        model: the model that it is of.
        images: uint8 (n, 28, 28); the first ten thousand are read.
    """
    sample = images[:SAMPLE]
    found = engine.score(sample)
    exact = Engine(model, engine.device.type, precision=FLOAT32).score(sample)
    differences = np.abs(found.probabilities - exact.probabilities)
    return Agreement(
        digits=len(sample),
        same_labels=int((found.labels == exact.labels).sum()),
        largest_difference=float(differences.max(initial=0.0)),
    )
