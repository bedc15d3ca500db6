"""What scores a run's shards: threads of this process, or a Dask cluster."""

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
    """What scores a run's shards, and how.

    ``address`` is a Dask cluster's, such as ``dask://HOST:PORT``, or None for this process.
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
    """Score shards side by side in threads of this process."""
    if not work:
        return
    # As many threads as shards at a time; fewer shards share all threads out among them.
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
    """Score shards on a Dask cluster. ``on_waiting`` is called if the cluster has no worker yet."""
    from lenet_pipeline.scoring.dask_runner import score_on_dask  # Dask is an extra

    assert runner.address  # noqa: S101 - narrows
    address = runner.address

    def report_waiting() -> None:
        on_waiting(f"{address} has no worker yet; waiting for one")

    scoring = score_on_dask(address, model, runner.device, precision, work, on_waiting=report_waiting)
    with contextlib.closing(scoring) as results:
        for each, outcome in results:
            advance(each.shard.rows)
            yield each.shard, _as_seen_from_here(each, outcome, runner)


def _as_seen_from_here(
    work: ShardWork, outcome: ScoredShard | Exception, runner: Runner
) -> ScoredShard | Exception:
    """Tell a shard at fault, or a file that is nowhere, from workers that see other disks than we do."""
    remedy = "LENET_LAKE and LENET_PREDICTIONS must name places that all workers reach, such as s3://…"
    if isinstance(outcome, ShardError):
        try:
            read_shard(work.lake, work.dataset, work.shard)
        except ShardError as exc:
            return exc
        return ScoringError(
            f"workers of {runner.address} cannot read what is in order here ({outcome}); {remedy}"
        )
    if isinstance(outcome, ScoredShard) and not outcome.path.exists():
        return ScoringError(
            f"workers of {runner.address} wrote {outcome.path} where it is not seen here; {remedy}"
        )
    return outcome
