"""The forward pass in PyTorch, for processors that the compiled network does not support."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lenet_pipeline.network import DigitNetwork, fuse_forward
from lenet_pipeline.schema import Floats, Images

_BATCH_SIZE = 256  # large enough for efficient library calls, small enough for the caches


@dataclass(frozen=True)
class TorchNetwork:
    """A network on its device, with its preprocessing and its temperature.

    ``prepare`` preprocesses uint8 (n, 28, 28) tensors.
    """

    network: DigitNetwork
    prepare: Callable[[Tensor], Tensor]
    temperature: float

    @property
    def has_rubbish(self) -> bool:
        return self.network.rubbish_score is not None

    def scores(self, images: Tensor) -> Tensor:
        """Return log scores, float32 (n, 10)."""
        return fuse_forward(self.network)(self.prepare(images)).float()

    def columns(self, images: Tensor) -> Tensor:
        """Return probabilities and not_a_digit as one tensor, float32 (n, 11).

        Without a rubbish class, the last column has no meaning.
        """
        scores = self.scores(images)
        probabilities = torch.softmax(scores / self.temperature, dim=1)
        # Without the temperature, which is fitted only on digits.
        with_rubbish = torch.softmax(self.network.scores_with_rubbish(scores), dim=1)
        return torch.cat([probabilities, with_rubbish[:, -1:]], dim=1)

    def split(self, columns: Floats) -> tuple[Floats, Floats | None]:
        """Split the result of ``columns`` into probabilities (n, 10) and not_a_digit (n,) or None."""
        rubbish = np.ascontiguousarray(columns[:, 10]) if self.has_rubbish else None
        return np.ascontiguousarray(columns[:, :10]), rubbish


class TorchForward:
    """A network on the CPU, which scores images in batches of a fixed size.

    The last batch is padded with blank images. With another batch size, libraries add in a different order,
    and the result for an image would depend on the number of images next to it.
    """

    description = f"PyTorch on the processor: float32, {_BATCH_SIZE} images at a time"

    def __init__(self, network: TorchNetwork) -> None:
        self._network = network
        self._lock = threading.Lock()  # PyTorch distributes each batch among its own threads

    def score(self, images: Images, advance: Callable[[int], None]) -> tuple[Floats, Floats | None]:
        """Return probabilities, float32 (n, 10), and not_a_digit, float32 (n,) or None."""
        with self._lock:
            return self._network.split(_in_batches(self._network.columns, images, 11, advance))

    def raw_scores(self, images: Images) -> Floats:
        """Return log scores, float32 (n, 10)."""
        with self._lock:
            return _in_batches(self._network.scores, images, 10, lambda _: None)


@torch.inference_mode()
def _in_batches(
    compute: Callable[[Tensor], Tensor], images: Images, columns: int, advance: Callable[[int], None]
) -> Floats:
    results = np.empty((len(images), columns), np.float32)
    batch = np.zeros((_BATCH_SIZE, *images.shape[1:]), np.uint8)
    for start in range(0, len(images), _BATCH_SIZE):
        taken = images[start : start + _BATCH_SIZE]
        batch[: len(taken)], batch[len(taken) :] = taken, 0
        results[start : start + len(taken)] = compute(torch.from_numpy(batch)).numpy()[: len(taken)]
        advance(len(taken))
    return results
