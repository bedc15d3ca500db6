"""Runners: score the shards of a run in threads of this process or on a Dask cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from lenet_pipeline.errors import ScoringError, ShardError
from lenet_pipeline.lake import Shard, read_shard
from lenet_pipeline.scoring.engine import Engine, TrainedModel
from lenet_pipeline.scoring.shards import ScoredShard, ShardWork, score_shard, score_shards

Outcomes = Generator[tuple[Shard, ScoredShard | Exception], None, None]


@dataclass(frozen=True)
class Runner:
    """Where and how to score the shards of a run.

    ``address`` is the address of a Dask cluster, such as ``dask://HOST:PORT``, or None for this process.
    """

    address: str | None
    device: str
    batch_size: int | None
    threads: int


def run_here(
    runner: Runner,
    model: TrainedModel,
    precision: str,
    work: Sequence[ShardWork],
    advance: Callable[[int], None],
) -> Outcomes:
    """Score shards concurrently in threads of this process.

    Yields:
        Each shard with its predictions, or with a ``ShardError`` if it does not match its manifest.

    Raises:
        ScoringError: The engine cannot be loaded, or predictions cannot be written.
        StorageError: A store cannot be reached.
    """
    if not work:
        return
    # With at least as many shards as threads, each shard gets one thread. Otherwise the shards share them.
    threads = -(-runner.threads // min(runner.threads, len(work)))
    engine = Engine(model, runner.device, precision=precision, batch_size=runner.batch_size, threads=threads)

    def score_one(each: ShardWork) -> ScoredShard:
        return score_shard(engine, each.lake, each.dataset, each.shard, each.destination, advance)

    for each, outcome in score_shards(score_one, work, runner.threads):
        if isinstance(outcome, ShardError):
            advance(each.shard.rows)
        yield each.shard, outcome


def run_on_dask(
    runner: Runner,
    model: TrainedModel,
    precision: str,
    work: Sequence[ShardWork],
    advance: Callable[[int], None],
    on_waiting: Callable[[str], None] = lambda _message: None,
) -> Outcomes:
    """Score shards on a Dask cluster.

    ``on_waiting`` is called with a message if the cluster has no worker yet.

    Yields:
        Each shard with its predictions, or with the error that it failed with.

    Raises:
        ScoringError: There is no cluster, it has no worker, or it was lost.
    """
    from lenet_pipeline.scoring.dask_runner import score_on_dask  # Dask is an extra

    assert runner.address  # noqa: S101 - narrows
    address = runner.address

    def report_waiting() -> None:
        on_waiting(f"{address} has no worker yet; waiting for one")

    scoring = score_on_dask(address, model, runner.device, precision, work, on_waiting=report_waiting)
    with contextlib.closing(scoring) as results:
        for each, outcome in results:
            advance(each.shard.rows)
            yield each.shard, _check_outcome(each, outcome, runner)


def _check_outcome(
    work: ShardWork, outcome: ScoredShard | Exception, runner: Runner
) -> ScoredShard | Exception:
    """Check a worker's result on this machine, to detect workers that do not share its storage."""
    remedy = "set LENET_LAKE and LENET_PREDICTIONS to storage that all workers can reach, such as s3://…"
    if isinstance(outcome, ShardError):
        try:
            read_shard(work.lake, work.dataset, work.shard)
        except ShardError as exc:
            return exc
        return ScoringError(
            f"a worker of {runner.address} cannot read a shard that is readable here ({outcome}); {remedy}"
        )
    if isinstance(outcome, ScoredShard) and not outcome.path.exists():
        return ScoringError(
            f"a worker of {runner.address} wrote {outcome.path}, but it does not exist here; {remedy}"
        )
    return outcome
