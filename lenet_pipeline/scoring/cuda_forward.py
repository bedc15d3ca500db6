"""The forward pass on a CUDA device, which computes one batch while copying the next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from lenet_pipeline.schema import IMAGE_SIDE, Floats, Images
from lenet_pipeline.scoring.torch_forward import TorchNetwork

_BATCH_SIZE = 16_384  # needs half a GB for feature maps; large enough to make launch overhead negligible
_SMALLEST_BATCH = 256
_WARM_UP = 3  # runs before recording a graph, as PyTorch advises: libraries select their kernels in them
_COLUMNS = 11


class CudaForward:
    """A network on a GPU, which scores images in batches of a fixed size.

    The last batch is padded with blank images. If the device runs out of memory, the batch size is halved
    permanently. With ``is_fast``, it computes in bfloat16.
    """

    def __init__(
        self, network: TorchNetwork, device: torch.device, *, is_fast: bool, batch_size: int | None
    ) -> None:
        self._network, self._device, self._is_fast = network, device, is_fast
        self.batch_size = batch_size or _BATCH_SIZE
        self._slots: list[_Slot] = []
        self._lock = threading.Lock()  # several threads score shards, but there is only one device

    @property
    def description(self) -> str:
        """The device, the precision and the batch size, as the database records them."""
        kind = "bfloat16" if self._is_fast else "float32"
        return f"{torch.cuda.get_device_name(self._device)}: {kind}, {self.batch_size:,} images at a time"

    def score(self, images: Images, advance: Callable[[int], None]) -> tuple[Floats, Floats | None]:
        """Return probabilities, float32 (n, 10), and not_a_digit, float32 (n,) or None."""
        with self._lock:
            return self._network.split(self._columns(images, advance))

    def _columns(self, images: Images, advance: Callable[[int], None]) -> Floats:
        results = np.empty((len(images), _COLUMNS), np.float32)
        done = 0
        while done < len(images):
            is_short = False
            try:
                for rows in self._fill(images, results, done):
                    advance(rows)
                    done += rows
            except torch.cuda.OutOfMemoryError:
                if self.batch_size <= _SMALLEST_BATCH:
                    raise
                is_short = True
            if is_short:  # outside the except block, so that the error no longer holds any memory
                self._slots = []
                torch.cuda.empty_cache()
                self.batch_size //= 2
        return results

    @torch.inference_mode()
    def raw_scores(self, images: Images) -> Floats:
        """Return log scores, float32 (n, 10); slower than ``score``, for the few images of calibration."""
        results = np.empty((len(images), 10), np.float32)
        with self._lock, exact_products(self._is_fast):
            for start in range(0, len(images), self.batch_size):
                rows = slice(start, start + self.batch_size)
                batch = torch.from_numpy(np.require(images[rows], requirements=["C", "W"]))
                results[rows] = self._network.scores(batch.to(self._device)).cpu().numpy()
        return results

    def _fill(self, images: Images, results: Floats, first: int) -> Iterator[int]:
        """Fill the results from row ``first`` on; yield the number of rows after each batch."""
        if not self._slots:
            self._slots = [_Slot(self._network, self._device, self.batch_size, self._is_fast) for _ in (0, 1)]
        waiting: list[tuple[_Slot, slice]] = []
        for number, start in enumerate(range(first, len(images), self.batch_size)):
            rows = slice(start, min(start + self.batch_size, len(images)))
            if len(waiting) == len(self._slots):
                yield _collect(*waiting.pop(0), results)
            slot = self._slots[number % len(self._slots)]
            slot.start(images[rows])
            waiting.append((slot, rows))
        for slot, rows in waiting:
            yield _collect(slot, rows, results)


def _collect(slot: _Slot, rows: slice, results: Floats) -> int:
    count: int = rows.stop - rows.start
    results[rows] = slot.finish()[:count]
    return count


class _Slot:
    """The resources for one batch on the device: page-locked buffers, a stream, and a recorded graph."""

    def __init__(self, network: TorchNetwork, device: torch.device, batch_size: int, is_fast: bool) -> None:
        self._network, self._is_fast = network, is_fast
        shape = (batch_size, IMAGE_SIDE, IMAGE_SIDE)
        self._images = torch.zeros(shape, dtype=torch.uint8, pin_memory=True)
        self._columns = torch.zeros((batch_size, _COLUMNS), dtype=torch.float32, pin_memory=True)
        self._on_device = torch.zeros(shape, dtype=torch.uint8, device=device)
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._graph = self._record()

    def start(self, images: Images) -> None:
        """Start a batch, without waiting for it."""
        self._images[: len(images)].numpy()[:] = images
        self._images[len(images) :].zero_()
        with torch.cuda.stream(self._stream):
            self._graph.replay()

    def finish(self) -> Floats:
        """Wait for the started batch; return its columns, float32 (batch_size, 11).

        The next batch overwrites them.
        """
        self._stream.synchronize()
        columns: Floats = self._columns.numpy()
        return columns

    def _record(self) -> torch.cuda.CUDAGraph:
        """Record the copies and the arithmetic, so that a batch takes one call instead of forty."""
        self._stream.wait_stream(torch.cuda.current_stream(self._on_device.device))
        with torch.cuda.stream(self._stream):
            for _ in range(_WARM_UP):
                self._compute()
        self._stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._stream):
            self._compute()
        return graph

    @torch.inference_mode()
    def _compute(self) -> None:
        self._on_device.copy_(self._images, non_blocking=True)
        with exact_products(self._is_fast):
            self._columns.copy_(self._network.columns(self._on_device), non_blocking=True)


@contextmanager
def exact_products(is_fast: bool) -> Iterator[None]:
    """Compute in IEEE 754 float32, or in bfloat16 with ``is_fast``.

    By default, cuDNN rounds float32 products to TF32, which has a mantissa of only 10 bits.
    """
    with (
        torch.autocast("cuda", torch.bfloat16, enabled=is_fast, cache_enabled=False),
        torch.backends.cudnn.flags(enabled=True, allow_tf32=False, deterministic=True),
    ):
        yield
