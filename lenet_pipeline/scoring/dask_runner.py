"""Scoring on a Dask cluster: one task per shard; each worker receives the model once.

Workers read the lake and write the predictions directly, so all of them must reach both, on a shared file
system or in an object store. Dask may run a task twice if it loses a worker. That is harmless: a predictions
file is named after its shard score and written atomically, and its content does not depend on the worker (in
``fast``, as far as devices agree).

The scheduler and the workers need dask, distributed, torch, numpy, pyarrow and this package. This module
imports nothing that takes long to load, because the scheduler imports it too.
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
_POLL_S = 0.02  # much shorter than the tasks in flight take
_WORKER_CHECK_S = 1.0
_TASKS_PER_THREAD = 3  # one that runs and two that wait, so that no thread is ever idle
_REGISTRATIONS = 5
_RETRIES = 2  # for temporary failures, such as a store that does not respond; lost workers do not count


def score_on_dask(
    address: str,
    model: TrainedModel,
    device: str,
    precision: str,
    work: Sequence[ShardWork],
    workers_within_s: float = 300.0,
    on_waiting: Callable[[], None] = lambda: None,
) -> Generator[tuple[ShardWork, ScoredShard | Exception], None, None]:
    """Score shards on an existing Dask cluster, and yield each one as soon as it is done.

    Only a few tasks per worker thread are in flight at a time. If a worker is lost, another one scores its
    shards. A failed shard is yielded with its error, and the others continue. If you may stop early, such as
    on Ctrl-C, close the iterator (``with contextlib.closing(...)``) to cancel the waiting tasks.

    Args:
        address: The scheduler: ``dask://HOST:PORT``, ``tcp://HOST:PORT`` or ``tls://HOST:PORT``.
        model: The trained model.
        device: The device on each worker: ``auto``, ``cpu`` or ``cuda``.
        precision: The precision of the engine.
        work: The shards. All workers must reach the lake and the predictions under the same names.
        workers_within_s: How long to wait for the first worker if the cluster has none, in seconds.
        on_waiting: Called each time that the cluster has no worker left.

    Yields:
        Each shard's work with its predictions, or with its error: a ``ShardError`` if the shard does not
        match its manifest, otherwise the ``PipelineError`` that remained after all retries.

    Raises:
        ScoringError: There is no cluster, it has no worker, or it was lost.
    """
    if not work:
        return
    lost = f"lost the Dask cluster at {address}, or it cancelled the tasks; rerun the command to resume"
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
    """Keep a few tasks in flight until all are done; at the end, cancel the rest."""
    futures: dict[Future[Any], ShardWork] = {}
    completed = as_completed(loop=client.loop, with_results=True, raise_errors=False)

    def fill_up() -> None:
        most = max(1, sum(client.nthreads().values())) * _TASKS_PER_THREAD  # workers come and go
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
    """Score one shard on a worker; return a ShardError as a result, so that Dask does not retry it."""
    from lenet_pipeline.scoring.shards import score_shard

    loan = get_worker().plugins[run]
    assert isinstance(loan, _ModelLoan)  # noqa: S101 - narrows Dask's type
    try:
        return score_shard(loan.engine(), work.lake, work.dataset, work.shard, work.destination)
    except ShardError as exc:
        return exc
    except PipelineError as exc:
        raise ScoringError(str(exc)) from exc  # some subclasses cannot be unpickled from their message


class _ModelLoan(WorkerPlugin):
    """A model on every worker, including workers that join later, for the duration of one run.

    Each worker process loads the model once. Dask runs one task per worker thread, so each forward pass uses
    a single thread.
    """

    def __init__(self, name: str, model: TrainedModel, device: str, precision: str) -> None:
        self.name = name
        self._model = (model, device, precision)
        self._engine: Engine | None = None

    def setup(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's signature
        """Prepare the worker; the first task loads the engine."""
        self._lock = threading.Lock()

    def engine(self) -> Engine:
        """Return the engine; the first thread that needs it loads it."""
        with self._lock:
            if self._engine is None:
                self._engine = _load_engine(*self._model)
            return self._engine


def _load_engine(model: TrainedModel, device: str, precision: str) -> Engine:
    """Load an engine that uses one thread per forward pass."""
    from lenet_pipeline.scoring.engine import Engine

    return Engine(model, device, precision=precision, threads=1)


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    """Connect to a running scheduler, and disconnect in any case.

    Raises:
        ScoringError: No scheduler answers.
    """
    address = _resolve_address(address)
    try:
        client = Client(address, timeout=_CONNECT_S, set_as_default=False, name="lenet-score")
    except (OSError, TimeoutError, ValueError) as exc:
        raise _no_cluster(address, exc) from exc
    with client:
        yield client


def _resolve_address(address: str) -> str:
    """Return the address in Dask's form, after checking that something listens there.

    Dask's own check would take until its timeout and leave a thread behind.
    """
    resolved = address.replace("dask://", "tcp://", 1) if address.startswith("dask://") else address
    try:
        parts = urlsplit(resolved)
        if not (parts.scheme and parts.hostname and parts.port):
            raise ValueError("the address must have the form dask://HOST:PORT")
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
    """Send a model to every worker under a unique name, and remove it afterwards."""
    name = f"lenet-model-{uuid.uuid4().hex}"
    loan = _ModelLoan(name, model, device, precision)
    try:
        _register(client, loan)
    except ImportError as exc:
        raise ScoringError(
            f"the Dask cluster cannot import {exc.name}; install lenet-pipeline and torch on its scheduler "
            "and workers, in the same versions as on this machine"
        ) from exc
    try:
        yield name
    finally:
        if client.status == "running":
            with suppress(OSError):  # a worker may be lost at this moment
                client.unregister_worker_plugin(name)


def _register(client: Client, loan: _ModelLoan) -> None:
    """Register the plugin; retry if a worker is lost meanwhile, because that fails the whole registration."""
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
    """Yield tasks as they complete; give up if the cluster has no worker for too long.

    The tasks are submitted before the wait, because they make an adaptive cluster start workers.
    """
    seen = checked = time.monotonic()
    is_waiting = False
    while completed.count():
        if completed.has_ready():
            yield next(completed)
            seen = time.monotonic()
            continue
        time.sleep(_POLL_S)
        now = time.monotonic()
        if now - checked < _WORKER_CHECK_S:
            continue
        checked = now
        if client.nthreads():
            seen, is_waiting = now, False
            continue
        if not is_waiting:
            is_waiting = True
            on_waiting()
        if now - seen > workers_within_s:
            raise ScoringError(
                f"the Dask cluster at {address} has had no worker for {workers_within_s:g} s; start one with "
                "`dask worker HOST:PORT`, and rerun the command to resume"
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Stop Dask's client from logging tracebacks on Ctrl-C or when a connection is lost."""
    # Ctrl-C may cancel a call before it begins, and Dask's own callback then fails.
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
    """Convert a task's result to predictions or to one of the project's errors.

    Raises:
        CancelledError: The task was cancelled, by a user or because the cluster was lost.
    """
    from lenet_pipeline.scoring.shards import ScoredShard

    error = result[1] if isinstance(result, tuple) else result
    if isinstance(error, CancelledError):
        raise error
    if isinstance(error, ScoredShard | PipelineError):
        return error
    return ScoringError(
        f"Dask could not score shard {work.shard.file} of {work.dataset}: {first_line(error)}"
    )
