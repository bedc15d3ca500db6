"""Scoring on a Dask cluster: one shard a task, the model sent once to each worker.

Workers read the lake and write the predictions themselves, so both must lie where all of them can reach
them: a shared file system or an object store. A predictions file is named by its shard score, is whole or
absent, and has the same content whoever wrote it (with ``fast``, as nearly as devices agree): a task that
Dask runs twice, because a worker was lost, is harmless.

Scheduler and workers need dask, distributed, torch, numpy, pyarrow and this package; this module imports
nothing that a scheduler would have to load for long.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from distributed import Client, Future, Worker, WorkerPlugin, as_completed, get_worker

from lenet_pipeline.errors import PipelineError, ScoringError, ShardError
from lenet_pipeline.system import first_line

if TYPE_CHECKING:
    from lenet_pipeline.scoring.engine import Engine, TrainedModel
    from lenet_pipeline.scoring.shards import ScoredShard, ShardWork

_CONNECT_S = 5.0
_POLL_S = 0.02  # what is in flight meanwhile is many times as long
_ASK_EVERY_S = 1.0
_IN_FLIGHT_A_THREAD = 3  # one is scored and the next are at hand: no thread waits for us
_REGISTRATIONS = 5
_RETRIES = 2  # of what may pass, such as a store that did not answer; lost workers are not counted here


def score_on_dask(
    address: str,
    model: TrainedModel,
    device: str,
    precision: str,
    work: Sequence[ShardWork],
    workers_within_s: float = 300.0,
    on_waiting: Callable[[], None] = lambda: None,
) -> Generator[tuple[ShardWork, ScoredShard | Exception], None, None]:
    """Score shards on an existing Dask cluster, and yield each as it is done, in no order.

    A few shards a worker's thread are in flight at a time. A lost worker's shards are scored by another
    one. What fails comes back beside its work, and the others go on. Close the iterator (``with
    contextlib.closing(...)``) where you may leave it early, as on Ctrl-C: what waits is then taken back.

    Args:
        address: the scheduler's: ``dask://HOST:PORT``, ``tcp://HOST:PORT``, ``tls://HOST:PORT``.
        model: the trained model.
        device: ``auto``, ``cpu`` or ``cuda``, on each worker.
        precision: what the engine computes in.
        work: the shards; lake and predictions must be reachable by all workers under the same names.
        workers_within_s: how long a cluster that has no worker may take to start one.
        on_waiting: called when the cluster turns out to have no worker, once each time.

    Yields:
        The work, and its predictions; or a ``ShardError`` where the shard is not what its manifest says,
        else the ``PipelineError`` that was still there after retries.

    Raises:
        ScoringError: there is no cluster, it has no worker, or it was lost.
    """
    if not work:
        return
    lost = f"the Dask cluster at {address} was lost, or cancelled the scoring; run the same command again"
    with _quiet(), _connected(address) as client:
        try:
            with _loaned(client, model, device, precision) as run:
                yield from _results(client, run, iter(work), address, workers_within_s, on_waiting)
        except (OSError, CancelledError) as exc:
            raise ScoringError(lost) from exc


def _results(
    client: Client,
    run: str,
    waiting: Iterator[ShardWork],
    address: str,
    workers_within_s: float,
    on_waiting: Callable[[], None],
) -> Iterator[tuple[ShardWork, ScoredShard | Exception]]:
    """Keep a few tasks in flight until none waits; on the way out, take back those that do."""
    futures: dict[Future[Any], ShardWork] = {}
    completed = as_completed(loop=client.loop, with_results=True, raise_errors=False)

    def fill_up() -> None:
        most = max(1, sum(client.nthreads().values())) * _IN_FLIGHT_A_THREAD  # workers come and go
        for item in islice(waiting, max(0, most - len(futures))):
            key = f"score-{item.shard.file}-{uuid.uuid4().hex}"
            future = client.submit(_score, run, item, key=key, pure=False, retries=_RETRIES)
            futures[future] = item
            completed.add(future)

    try:
        fill_up()
        for future, result in _watched(client, completed, address, workers_within_s, on_waiting):
            done = futures.pop(future)
            yield done, _outcome(result, done)
            future.release()
            fill_up()
    finally:
        if futures and client.status == "running":
            client.cancel(list(futures), force=True)


def _score(run: str, work: ShardWork) -> ScoredShard | ShardError:
    """Score one shard on a worker; a shard at fault is a result, so that it is not tried again."""
    from lenet_pipeline.scoring.shards import score_shard

    loan = get_worker().plugins[run]
    assert isinstance(loan, _ModelLoan)  # noqa: S101 - narrows Dask's type
    try:
        return score_shard(loan.engine(), work.lake, work.dataset, work.shard, work.destination)
    except ShardError as exc:
        return exc
    except PipelineError as exc:
        raise ScoringError(str(exc)) from exc  # some kinds need more than a message to be unpickled


class _ModelLoan(WorkerPlugin):
    """A model on every worker, those that join later too, for the length of one run; loaded once a process.

    Dask runs as many tasks at once as a worker has threads, so that each forward pass takes one thread: all
    tasks together use the worker's share of the machine.
    """

    def __init__(self, name: str, model: TrainedModel, device: str, precision: str) -> None:
        self.name = name
        self._model = (model, device, precision)
        self._engine: Engine | None = None

    def setup(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's signature
        """Be ready on a worker; the engine is loaded by the first task."""
        self._lock = threading.Lock()

    def engine(self) -> Engine:
        """Return the engine, loaded by whichever thread comes first."""
        with self._lock:
            if self._engine is None:
                self._engine = _load_engine(*self._model)
            return self._engine


def _load_engine(model: TrainedModel, device: str, precision: str) -> Engine:
    """Load an engine with one thread a forward pass: the one place that knows how an engine is made."""
    from lenet_pipeline.scoring.engine import Engine

    return Engine(model, device, precision=precision, threads=1)


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    """Connect to a scheduler that is there, and take leave of it whatever happens."""
    address = _resolve_address(address)
    try:
        client = Client(address, timeout=_CONNECT_S, set_as_default=False, name="lenet-score")
    except (OSError, TimeoutError, ValueError) as exc:
        raise _no_cluster(address, exc) from exc
    with client:
        yield client


def _resolve_address(address: str) -> str:
    """Return Dask's form of an address, after a first knock at the door.

    Dask itself would try for as long, and leave a thread behind.
    """
    resolved = address.replace("dask://", "tcp://", 1) if address.startswith("dask://") else address
    try:
        parts = urlsplit(resolved)
        if not (parts.scheme and parts.hostname and parts.port):
            raise ValueError("it is not of the form dask://HOST:PORT")
        if parts.scheme in ("tcp", "tls"):
            socket.create_connection((parts.hostname, parts.port), timeout=_CONNECT_S).close()
    except (OSError, ValueError) as exc:
        raise _no_cluster(address, exc) from exc
    return resolved


def _no_cluster(address: str, reason: BaseException) -> ScoringError:
    return ScoringError(
        f"there is no Dask cluster at {address} ({first_line(reason)}); start one with `dask scheduler` and "
        "`dask worker HOST:PORT`, or correct the address"
    )


@contextmanager
def _loaned(client: Client, model: TrainedModel, device: str, precision: str) -> Iterator[str]:
    """Send a model to every worker under a name of its own, and take it back afterwards."""
    name = f"lenet-model-{uuid.uuid4().hex}"
    loan = _ModelLoan(name, model, device, precision)
    try:
        _register(client, loan)
    except ImportError as exc:
        raise ScoringError(
            f"the Dask cluster cannot import {exc.name}; install lenet-pipeline and torch on its scheduler "
            "and workers, in the versions of this machine"
        ) from exc
    try:
        yield name
    finally:
        if client.status == "running":
            with suppress(OSError):  # of a worker lost in this very moment
                client.unregister_worker_plugin(name)


def _register(client: Client, loan: _ModelLoan) -> None:
    """Register the plugin; again where a worker was lost in that very moment, which fails it for all."""
    for _ in range(_REGISTRATIONS - 1):
        with suppress(OSError):
            client.register_plugin(loan)
            return
    client.register_plugin(loan)


def _watched(
    client: Client,
    completed: as_completed,
    address: str,
    workers_within_s: float,
    on_waiting: Callable[[], None],
) -> Iterator[tuple[Future[Any], object]]:
    """Yield tasks as they complete; give up where there is no worker for a while.

    Work has been submitted already: it is what makes an adaptive cluster start workers.
    """
    seen = asked = time.monotonic()
    is_waiting = False
    while completed.count():
        if completed.has_ready():
            yield next(completed)
            seen = time.monotonic()
            continue
        time.sleep(_POLL_S)
        now = time.monotonic()
        if now - asked < _ASK_EVERY_S:
            continue
        asked = now
        if client.nthreads():
            seen, is_waiting = now, False
            continue
        if not is_waiting:
            is_waiting = True
            on_waiting()
        if now - seen > workers_within_s:
            raise ScoringError(
                f"the Dask cluster at {address} has had no worker for {workers_within_s:g} s; start one with "
                "`dask worker HOST:PORT`, and run the same command again"
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's client from logging tracebacks of a lost connection, told in one line, and of Ctrl-C."""
    # A call that Ctrl-C cuts off may be cancelled before it began, which Dask's own callback trips over.
    names = ("distributed.client", "distributed.utils", "tornado.application")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _outcome(result: object, work: ShardWork) -> ScoredShard | Exception:
    """Turn what Dask says of a task into predictions or one of the project's errors.

    Raises:
        CancelledError: the task was cancelled, by somebody or because the cluster was lost.
    """
    from lenet_pipeline.scoring.shards import ScoredShard

    error = result[1] if isinstance(result, tuple) else result
    if isinstance(error, CancelledError):
        raise error
    if isinstance(error, ScoredShard | PipelineError):
        return error
    return ScoringError(
        f"shard {work.shard.file} of {work.dataset} could not be scored on Dask: {first_line(error)}"
    )
