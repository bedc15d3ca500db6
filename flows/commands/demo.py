"""``lenet demo``: the whole job on digits that ship with a dependency."""

from __future__ import annotations

from pathlib import Path

from flows.command import command_in
from lenet_pipeline.settings import Settings


@command_in(Path("lenet-demo"))
def demo_command(settings: Settings) -> None:
    """The whole job on embedded digits: ingest, train, register, gate, score, audit.

    It goes into ./lenet-demo unless --home or LENET_HOME says otherwise.
    """
    from flows.demo import run_demo

    run_demo(settings)
