"""Where a flow runs: the settings of its home, and who watches it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.system import SILENT, Observer

_given: ContextVar[tuple[Settings, Observer] | None] = ContextVar("given", default=None)


@contextmanager
def flow_context(settings: Settings, observer: Observer = SILENT) -> Iterator[None]:
    """Give the flows that the ``with`` block calls their settings, and an observer at the terminal."""
    token = _given.set((settings, observer))
    try:
        yield
    finally:
        _given.reset(token)


def flow_settings() -> Settings:
    """Return the settings that were given; in a deployment, those of the environment.

    Raises:
        SettingsError: a LENET_* variable has a value that its setting cannot take.
    """
    given = _given.get()
    return given[0] if given else read_settings()


def terminal_observer() -> Observer:
    """Return the observer at the terminal; in a deployment, one that is silent."""
    given = _given.get()
    return given[1] if given else SILENT
