"""``lenet demo``: the whole job on digits that ship with a dependency."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lenet_pipeline.cli.command import command_in

if TYPE_CHECKING:
    from lenet_pipeline.settings import Settings


@command_in(Path("lenet-demo"))
def demo_command(settings: Settings) -> None:
    """The whole job on embedded digits: ingest, train, register, gate, score, audit.

    It goes into ./lenet-demo unless --home or LENET_HOME says otherwise.
    """
    from lenet_pipeline.cli.commands.demo_steps import run_demo

    run_demo(settings)
