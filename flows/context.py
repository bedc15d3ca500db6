"""The context of a flow: its settings, and its observer at the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.system import SILENT, Observer

_context: ContextVar[tuple[Settings, Observer] | None] = ContextVar("flow_context", default=None)


@contextmanager
def flow_context(settings: Settings, observer: Observer = SILENT) -> Iterator[None]:
    """Set the settings and the terminal observer of flows that run in the ``with`` block."""
    token = _context.set((settings, observer))
    try:
        yield
    finally:
        _context.reset(token)


def flow_settings() -> Settings:
    """Return the settings of the context; in a deployment, those of the environment.

    Raises:
        SettingsError: a LENET_* variable has an invalid value.
    """
    context = _context.get()
    return context[0] if context else read_settings()


def terminal_observer() -> Observer:
    """Return the terminal observer of the context; in a deployment, a silent one."""
    context = _context.get()
    return context[1] if context else SILENT
