"""``lenet up``: Prefect, the scheduled jobs, the verification pages and MLflow's pages with one command."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import print_line

if TYPE_CHECKING:
    from lenet_pipeline.settings import Settings
    from lenet_pipeline.system import Child


@command
def up_command(
    settings: Settings,
    host: Annotated[str, typer.Option(help="Loopback address to listen on")] = "127.0.0.1",
    prefect_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Prefect's pages")] = 4200,
    review_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the verification pages")] = 8765,
    mlflow_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of MLflow's pages")] = 5000,
) -> None:
    """Run everything until Ctrl-C: Prefect, the scheduled jobs, and all pages.

    Starts a Prefect server, the deployments of `lenet serve`, the verification pages and MLflow's pages, and
    restarts what dies. Only this machine can reach them. Logs are in the folder logs of the home. Uses the
    Prefect server at PREFECT_API_URL and the MLflow server at LENET_MLFLOW_URI, if set.
    """
    from lenet_pipeline.cli.commands.up_children import Addresses, children_of, has_people, servers_elsewhere
    from lenet_pipeline.lake import mask_url
    from lenet_pipeline.system import Supervisor, only_process

    with (
        _stop_signals() as received,
        only_process(settings.home / "up.lock", "lenet up", "use its addresses, or stop it first"),
    ):
        children = children_of(settings, Addresses(host, prefect_port, review_port, mlflow_port))
        logs = settings.home / "logs"
        print_line(f"Starting; logs are in {logs}")
        if not has_people(settings):
            print_line("No person can sign in on the verification pages yet. To invite one:")
            print_line(f"  lenet --home {shlex.quote(str(settings.home))} review invite NAME")
        print_line("Ctrl-C stops everything", style="dim")
        for name, address in servers_elsewhere(settings).items():
            _print_address(name, f"{mask_url(address)} (not started here)")
        Supervisor(children, logs, _print_child, _report).run(lambda: bool(received))
        print_line("stopped")
    raise typer.Exit(128 + received[0])


def _print_child(child: Child) -> None:
    _print_address(child.name, child.address)


def _print_address(name: str, address: str) -> None:
    print_line(f"  {address}", lead=f"  {name:<11}")


def _report(line: str) -> None:
    print_line(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC  {line}")


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Yield a list that receives the numbers of the signals that ask this process to stop."""
    received: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: received.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
