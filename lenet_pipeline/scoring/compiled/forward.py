"""Run a compiled network: distribute images among threads, each with its own working memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from lenet_pipeline.network import DigitNetwork
from lenet_pipeline.schema import Floats, Images
from lenet_pipeline.scoring.compiled.plan import Scaling, plan_network
from lenet_pipeline.scoring.compiled.program import Processor, Program, aligned, compile_plan

BATCH_SIZE = 4_096  # images that a thread takes at a time, about 10 ms of work


class CompiledForward:
    """A network compiled to machine code for this processor, with its weights.

    With ``is_fast``, it multiplies in bfloat16 if the processor supports that; sums stay float32.

    Raises:
        UnplannedError: The network cannot be compiled.
    """

    def __init__(
        self,
        network: DigitNetwork,
        scaling: Scaling,
        temperature: float,
        *,
        processor: Processor,
        threads: int,
        batch_size: int | None = None,
        is_fast: bool = False,
    ) -> None:
        is_paired = is_fast and processor.has_pairs
        plan, weights = plan_network(network, scaling, temperature, is_paired=is_paired)
        self._weights = aligned(weights)
        self._program: Program = compile_plan(plan, processor)
        self._has_rubbish = plan.has_rubbish
        self.batch_size = batch_size or BATCH_SIZE
        self._idle_scratch: list[Floats] = []  # working memory that any thread may take
        self._threads = threads
        kind = "bfloat16" if is_paired else "float32"
        self.description = f"{kind} compiled for {processor.name}: {processor.lanes} images at once"

    def score(self, images: Images, advance: Callable[[int], None]) -> tuple[Floats, Floats | None]:
        """Return probabilities, float32 (n, 10), and not_a_digit, float32 (n,) or None."""
        probabilities, rubbish = np.empty((len(images), 10), np.float32), np.empty(len(images), np.float32)
        self._share_out(self._program.score, images, (probabilities, rubbish), advance)
        return probabilities, rubbish if self._has_rubbish else None

    def raw_scores(self, images: Images) -> Floats:
        """Return log scores, float32 (n, 10)."""
        scores = np.empty((len(images), 10), np.float32)
        self._share_out(self._program.raw_scores, images, (scores,), lambda _: None)
        return scores

    def _share_out(
        self,
        fill: Callable[..., None],
        images: Images,
        results: tuple[Floats, ...],
        advance: Callable[[int], None],
    ) -> None:
        batches = [
            slice(start, min(start + self.batch_size, len(images)))
            for start in range(0, len(images), self.batch_size)
        ]
        for batch in self._in_threads(partial(self._fill_batch, fill, images, results), batches):
            advance(batch.stop - batch.start)

    def _in_threads(self, work: Callable[[slice], slice], batches: list[slice]) -> Iterator[slice]:
        if self._threads == 1 or len(batches) < 2:
            yield from map(work, batches)
            return
        with ThreadPoolExecutor(self._threads) as threads:
            yield from threads.map(work, batches)

    def _fill_batch(
        self, fill: Callable[..., None], images: Images, results: tuple[Floats, ...], batch: slice
    ) -> slice:
        scratch = self._take_scratch()
        try:
            taken = np.ascontiguousarray(images[batch])
            whole = len(taken) // self._program.block * self._program.block
            rows = tuple(result[batch] for result in results)
            if whole:
                fill(taken[:whole], self._weights, scratch, *(row[:whole] for row in rows))
            if whole < len(taken):
                self._fill_rest(fill, taken[whole:], tuple(row[whole:] for row in rows), scratch)
        finally:
            self._idle_scratch.append(scratch)
        return batch

    def _take_scratch(self) -> Floats:
        try:
            return self._idle_scratch.pop()
        except IndexError:
            return self._program.scratch()

    def _fill_rest(
        self, fill: Callable[..., None], images: Images, rows: tuple[Floats, ...], scratch: Floats
    ) -> None:
        """Score fewer images than a block, padded with blank ones; lanes do not affect each other."""
        block = np.zeros((self._program.block, *images.shape[1:]), np.uint8)
        block[: len(images)] = images
        results = tuple(np.empty((len(block), *row.shape[1:]), np.float32) for row in rows)
        fill(block, self._weights, scratch, *results)
        for row, result in zip(rows, results, strict=True):
            row[:] = result[: len(images)]
