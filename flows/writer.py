"""One writer per home: a flow that writes waits until no other flow writes to the same home.

A lock on a file in the home decides who writes. The system releases it at once when a flow is killed. The
writer also holds a slot of a global concurrency limit, which Prefect's pages show. After a kill, the slot
comes free when its lease expires. But a Prefect server that is killed too forgets its leases and would never
free the slot, so the next writer frees it: it holds the lock, so the owner of the slot is dead.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from flows.context import terminal_observer
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import try_lock

_LEASE_S = 60.0  # the shortest that Prefect allows; it is renewed every 45 s
_LOCK = "writer.lock"
_TRY_EVERY_S = 0.5

_is_writer: ContextVar[bool] = ContextVar("is_writer", default=False)


class HomeBusyError(Exception):
    """Another flow writes to the home, and the caller does not wait."""


def home_key(home: Path) -> str:
    """Return the name of a home's concurrency limit, such as ``lenet-invoices-1a2b3c``."""
    name = re.sub(r"[^a-z0-9]+", "-", home.name.lower()).strip("-")
    return f"lenet-{name}-{hashlib.sha256(str(home).encode()).hexdigest()[:6]}"


@contextmanager
def one_writer(settings: Settings, *, waits: bool = True) -> Iterator[None]:
    """Let no other flow write to the home in the ``with`` block.

    A flow that another flow of the same process calls belongs to the same writer.

    Args:
        settings: of the home.
        waits: whether to wait while another flow writes, which can take hours.

    Raises:
        HomeBusyError: another flow writes, and this one does not wait.
        PipelineError: the home cannot be written.
    """
    if _is_writer.get():
        yield
        return
    token = _is_writer.set(True)
    try:
        with _locked(settings.home, waits=waits), _slot(home_key(settings.home)):
            yield
    finally:
        _is_writer.reset(token)


@contextmanager
def _locked(home: Path, *, waits: bool) -> Iterator[None]:
    for attempt in itertools.count():
        with try_lock(home / _LOCK) as is_held:
            if is_held:
                yield
                return
        if not waits:
            raise HomeBusyError(f"another flow writes to {home}")
        if not attempt:
            message = f"waiting for the flow that writes to {home}"
            get_run_logger().info(message)
            terminal_observer().warn(message)
        time.sleep(_TRY_EVERY_S)


@contextmanager
def _slot(limit: str) -> Iterator[None]:
    """Hold the slot of a limit. The caller holds the lock, so a taken slot belongs to a killed flow."""
    with get_client(sync_client=True) as client:
        if create_limit(client, limit):
            get_run_logger().info("releasing the concurrency slot %s, held by a killed flow", limit)
            client.update_global_concurrency_limit(limit, GlobalConcurrencyLimitUpdate(active_slots=0))
    with concurrency(limit, lease_duration=_LEASE_S, strict=False, raise_on_lease_renewal_failure=False):
        yield


def create_limit(client: SyncPrefectClient, name: str) -> int:
    """Create a concurrency limit of one, unless it exists, and return the number of its slots in use.

    A limit that a person deactivated stays so.
    """
    try:
        return client.read_global_concurrency_limit_by_name(name).active_slots
    except ObjectNotFound:
        with suppress(ObjectAlreadyExists):
            client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=1))
        return 0
