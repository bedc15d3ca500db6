"""``lenet demo``: the whole pipeline on bundled digits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lenet_pipeline.cli.command import command_in

if TYPE_CHECKING:
    from lenet_pipeline.settings import Settings


@command_in(Path("lenet-demo"))
def demo_command(settings: Settings) -> None:
    """Run the whole pipeline on bundled digits.

    Ingest, train, score and audit 1,797 digits. Then fill in and scan a form, and read it with the
    packaged model. Everything is written to ./lenet-demo unless --home or LENET_HOME is set.
    """
    from lenet_pipeline.cli.commands.demo_steps import run_demo

    run_demo(settings)
