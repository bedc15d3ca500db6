"""The forward pass on a CUDA device: one batch is computed while the next one is copied."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from lenet_pipeline.schema import IMAGE_SIDE, Floats, Images
from lenet_pipeline.scoring.torch_forward import TorchNetwork

_BATCH_SIZE = 16_384  # half a GB of maps, and so much work that starting it costs little
_SMALLEST_BATCH = 256
_WARM_UP = 3  # runs before a graph is recorded, as PyTorch advises: libraries choose their ways in them
_COLUMNS = 11


class CudaForward:
    """A network on a GPU, in batches that are always of one size.

    The last is filled up with blank images. A device that is short of memory gets batches of half the size,
    for good. ``is_fast``: in bfloat16.
    """

    def __init__(
        self, network: TorchNetwork, device: torch.device, *, is_fast: bool, batch_size: int | None
    ) -> None:
        self._network, self._device, self._is_fast = network, device, is_fast
        self.batch_size = batch_size or _BATCH_SIZE
        self._slots: list[_Slot] = []
        self._lock = threading.Lock()  # shards are scored side by side, and there is one device

    @property
    def description(self) -> str:
        """What computes, how, and how many images at a time."""
        kind = "bfloat16" if self._is_fast else "float32"
        return f"{torch.cuda.get_device_name(self._device)}: {kind}, {self.batch_size:,} images at a time"

    def score(self, images: Images, advance: Callable[[int], None]) -> tuple[Floats, Floats | None]:
        """Return probabilities, float32 (n, 10), and not_a_digit, float32 (n,), or None."""
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
            if is_short:  # only here has the error let go of what it held
                self._slots = []
                torch.cuda.empty_cache()
                self.batch_size //= 2
        return results

    @torch.inference_mode()
    def raw_scores(self, images: Images) -> Floats:
        """Return log scores, float32 (n, 10); for calibration, on thousands of images, not millions."""
        results = np.empty((len(images), 10), np.float32)
        with self._lock, exact_products(self._is_fast):
            for start in range(0, len(images), self.batch_size):
                rows = slice(start, start + self.batch_size)
                batch = torch.from_numpy(np.require(images[rows], requirements=["C", "W"]))
                results[rows] = self._network.scores(batch.to(self._device)).cpu().numpy()
        return results

    def _fill(self, images: Images, results: Floats, first: int) -> Iterator[int]:
        """Fill the results from row ``first`` on; yield how many more are done."""
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
    """One batch's way through the device: page-locked memory either side, a stream, a recorded graph."""

    def __init__(self, network: TorchNetwork, device: torch.device, batch_size: int, is_fast: bool) -> None:
        self._network, self._is_fast = network, is_fast
        shape = (batch_size, IMAGE_SIDE, IMAGE_SIDE)
        self._images = torch.zeros(shape, dtype=torch.uint8, pin_memory=True)
        self._columns = torch.zeros((batch_size, _COLUMNS), dtype=torch.float32, pin_memory=True)
        self._on_device = torch.zeros(shape, dtype=torch.uint8, device=device)
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._graph = self._record()

    def start(self, images: Images) -> None:
        """Begin with a batch; returns at once."""
        self._images[: len(images)].numpy()[:] = images
        self._images[len(images) :].zero_()
        with torch.cuda.stream(self._stream):
            self._graph.replay()

    def finish(self) -> Floats:
        """Wait for the batch that was begun; return its columns, which the next one overwrites."""
        self._stream.synchronize()
        columns: Floats = self._columns.numpy()
        return columns

    def _record(self) -> torch.cuda.CUDAGraph:
        """Record copies and arithmetic once, so that a batch is one call and not forty."""
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
            self._columns.copy_(self._network.answers(self._on_device), non_blocking=True)


@contextmanager
def exact_products(is_fast: bool) -> Iterator[None]:
    """Compute in float32 as IEEE 754 has it, or in bfloat16 where it may be fast.

    What cuDNN calls float32 has 10 bits after the point unless it is told otherwise.
    """
    with (
        torch.autocast("cuda", torch.bfloat16, enabled=is_fast, cache_enabled=False),
        torch.backends.cudnn.flags(enabled=True, allow_tf32=False, deterministic=True),
    ):
        yield
