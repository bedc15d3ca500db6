"""Run ``lenet up`` with the demo's inbox: ``python -m benchmarks.up [--minutes 10]``.

Make a home with the demo and an inbox for its form, and start ``lenet up``.
Drop three batches of scans into the inbox, and kill each child once in between
with ``kill -9``. Then compare the rows in the database with the documents, and
print the time that each child took to come back and the memory of each process.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.machine import describe_machine

PAGES = 4
INBOX, FORM = "dropped", "delivery-note.yaml"
CHILDREN = ("prefect", "mlflow", "review", "deployments")
SAMPLE_S = 2.0
# How the command lines of the children differ.
_WORDS = {
    "guard": "guard.py",
    "prefect": "prefect server",
    "mlflow": "mlflow server",
    "review": "review serve",
    "deployments": "cli serve",
}

_LENET = (sys.executable, "-m", "lenet_pipeline.cli")


@dataclass
class Up:
    """A running ``lenet up``, what it printed, and the memory of its processes in MB."""

    process: subprocess.Popen[bytes]
    log: Path
    ports: Mapping[str, int]
    memory: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def child(self, name: str) -> psutil.Process:
        """Return the process of a child.

        Raises:
            LookupError: it does not run now.
        """
        for process in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):
                if _WORDS[name] in " ".join(process.cmdline()):
                    return process
        raise LookupError(name)

    def has_printed(self, line: str) -> bool:
        return re.search(line, self.log.read_text(encoding="utf-8"), re.MULTILINE) is not None

    def sample(self) -> None:
        """Note the memory that each process takes now, with its descendants.

        The runs that the deployments start come and go, so they are counted by themselves.
        """
        self.memory["lenet up"].append(_megabytes([psutil.Process(self.process.pid)]))
        for name in _WORDS:
            with suppress(LookupError, psutil.NoSuchProcess):
                child = self.child(name)
                below = child.children(recursive=True)
                if name == "deployments":
                    if below:
                        self.memory["runs"].append(_megabytes(below))
                    below = []
                self.memory[name].append(_megabytes([child, *below]))


@dataclass(frozen=True)
class Row:
    """One line of the table of events."""

    seconds: float
    event: str
    result: str


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="how long everything runs")
    parser.add_argument("--home", type=Path, help="folder that keeps the home for the next time")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.home or Path(scratch)).absolute()
        rows, up = run(folder, 60 * options.minutes)
        lines = [*event_table(rows), "", *memory_table(up.memory), ""]
        lines.append(f"processes left: {', '.join(processes_of(folder)) or 'none'}")
    print("\n".join(lines))  # noqa: T201 - a benchmark prints its figures
    if options.output:
        events = [asdict(row) for row in rows]
        record = {"machine": describe_machine(), "events": events, "memory_mb": up.memory}
        options.output.write_text(json.dumps(record, indent=1) + "\n")


def run(folder: Path, seconds: float) -> tuple[list[Row], Up]:
    """Run everything for some time; return the events and the processes' memory.

    Raises:
        SystemExit: a document has no final rows, a child did not come back, or a process was left.
    """
    home, inbox = folder / "home", folder / "scans"
    inbox.mkdir(parents=True, exist_ok=True)
    lenet(home, "demo")
    template = home / "forms" / FORM
    lenet(home, "inbox", "add", str(inbox), "--template", str(template), "--name", INBOX, "--settle", "2")
    rows: list[Row] = []
    with running(folder, home) as up:
        started = time.monotonic()
        wait_until(up, lambda: all(up.has_printed(rf"^  {name} +") for name in CHILDREN), 180)
        rows.append(Row(time.monotonic() - started, "every child answers", ""))
        # Evenly over the time. The drops after the kills show that the loop still works.
        acts: list[Callable[[], str]] = [
            lambda: drop(up, home, template, inbox),
            lambda: kill(up, "prefect"),
            lambda: kill(up, "deployments"),
            lambda: drop(up, home, template, inbox),
            lambda: kill(up, "mlflow"),
            lambda: kill(up, "review"),
            lambda: drop(up, home, template, inbox),
        ]
        for number, act in enumerate(acts):
            wait_until(up, lambda: time.monotonic() - started >= number * seconds / len(acts), seconds)  # noqa: B023
            at = time.monotonic() - started
            event, _, result = act().partition(": ")
            rows.append(Row(at, event, result))
        wait_until(up, lambda: time.monotonic() - started >= seconds, seconds)
        stopping = time.monotonic()
        up.process.send_signal(signal.SIGTERM)
        code = up.process.wait(timeout=30)
        took = time.monotonic() - stopping
        rows.append(Row(stopping - started, "SIGTERM", f"exit code {code} after {took:.1f} s"))
    return rows, up


@contextmanager
def running(folder: Path, home: Path) -> Iterator[Up]:
    """Run ``lenet up`` on free ports for the length of a block."""
    ports = {name: free_port() for name in CHILDREN[:3]}
    options = [part for name, port in ports.items() for part in (f"--{name}-port", str(port))]
    log = folder / "up.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*_LENET, "up", *options], env=environment(home), stdout=stream, stderr=stream
        )
    try:
        yield Up(process, log, ports)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)


def drop(up: Up, home: Path, template: Path, inbox: Path) -> str:
    """Put a batch of scans into the inbox, and wait until each of their fields has its final row.

    The deployment polls the inboxes every minute.
    """
    batch = len(list(inbox.parent.glob("filled-*")))  # a kept home has earlier ones
    filled = inbox.parent / f"filled-{batch}"
    where = ("--pages", str(PAGES), "--seed", str(100 + batch), "--output", str(filled))
    lenet(home, "forms", "fill", str(template), "--digits", "optdigits/test", *where)
    expected = {}
    with (filled / "truth.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            expected[f"{batch}-{Path(row['source']).name}", row["field"]] = row["value"]
    for source in {name for name, _ in expected}:
        shutil.copy(filled / source.partition("-")[2], inbox / source)
    dropped = time.monotonic()
    found: dict[tuple[str, str], dict[str, Any]] = {}

    def is_final() -> bool:
        found.update({(Path(row["source"]).name, row["field"]): row for row in final_rows(home)})
        return expected.keys() <= found.keys()

    wait_until(up, is_final, 300, every_s=2)
    took = time.monotonic() - dropped
    final = {key: found[key] for key in expected}
    accepted = {key: row for key, row in final.items() if row["decision"] == "accept"}
    wrong = sum((row["value"] or "") != expected[key] for key, row in accepted.items())
    return (
        f"{PAGES} scans dropped: {len(final)} of {len(expected)} fields final after {took:.0f} s; "
        f"{len(accepted)} accepted, {wrong} of them wrong, {len(final) - len(accepted)} for people"
    )


def kill(up: Up, name: str) -> str:
    """Kill a child with ``kill -9`` and wait until it answers again."""
    before = up.child(name)
    before.kill()
    killed = time.monotonic()
    wait_until(up, lambda: up.has_printed(rf"UTC  {name} is back"), 120)
    took = time.monotonic() - killed
    return f"kill -9 {name}: process {before.pid} came back as {up.child(name).pid} after {took:.0f} s"


def final_rows(home: Path) -> list[dict[str, Any]]:
    """Return the final values of the inbox's documents."""
    from lenet_pipeline.settings import read_settings
    from lenet_pipeline.warehouse import AsOf, run_select

    query = f"select source, field, value, decision from final_values where dataset like '{INBOX}/%'"  # noqa: S608
    rows: list[dict[str, Any]] = run_select(read_settings(home).warehouse, query, AsOf()).to_pylist()
    return rows


def wait_until(up: Up, is_so: Callable[[], bool], limit_s: float, every_s: float = 0.2) -> None:
    """Wait for a condition, and sample the memory meanwhile.

    Raises:
        SystemExit: the condition does not hold in time, or ``lenet up`` has ended.
    """
    deadline = time.monotonic() + limit_s
    due = time.monotonic()
    while not is_so():
        if time.monotonic() > deadline or up.process.poll() is not None:
            raise SystemExit(f"gave up after {limit_s:.0f} s:\n{up.log.read_text(encoding='utf-8')}")
        if time.monotonic() >= due and up.has_printed("^  deployments"):
            up.sample()
            due = time.monotonic() + SAMPLE_S
        time.sleep(every_s)


def lenet(home: Path, *arguments: str, **variables: str) -> None:
    """Run a command of ``lenet``.

    Raises:
        SystemExit: it failed.
    """
    done = subprocess.run(  # noqa: S603 - our own command
        [*_LENET, *arguments], env={**environment(home), **variables}, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"lenet {' '.join(arguments)}: {done.stderr}{done.stdout}")


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LENET_", "PREFECT_"))}
    return {**kept, "LENET_HOME": str(home), "LENET_ACTOR": "benchmark"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def event_table(rows: Sequence[Row]) -> list[str]:
    """Format the events, one a line."""
    return [f"{row.seconds:6.0f} s  {row.event:<22} {row.result}".rstrip() for row in rows]


def memory_table(memory: Mapping[str, Sequence[float]]) -> list[str]:
    """Format the memory of each process: the first, the last and the largest sample."""
    lines = [f"{'memory in MB':<14}{'first':>8}{'last':>8}{'largest':>9}{'samples':>9}"]
    for name, found in memory.items():
        lines.append(f"{name:<14}{found[0]:>8.0f}{found[-1]:>8.0f}{max(found):>9.0f}{len(found):>9}")
    return lines


def _megabytes(processes: Sequence[psutil.Process]) -> float:
    total = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total / 1e6


def processes_of(folder: Path) -> list[str]:
    """List the processes that use the home in a folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("LENET_HOME") == str(folder / "home"):
                found.append(" ".join(process.cmdline())[:80])
    return found


if __name__ == "__main__":
    main()
