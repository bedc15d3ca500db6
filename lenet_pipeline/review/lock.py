"""One server per home: reservations are in the memory of the server, so two would give work out twice."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from lenet_pipeline.system import only_process


def only_server(home: Path) -> AbstractContextManager[None]:
    """Hold the lock of a home's server. The system frees it when the process ends in any way.

    Raises:
        PipelineError: another server runs on this home, or the home cannot be written.
    """
    return only_process(home / "review.lock", "lenet review serve", "use its address, or stop it first")
