"""Measure the time and processor time of short commands.

    python -m benchmarks.startup [--checkout DIR] [--before DIR] [--rounds 5]

Run each command in a fresh process on a small home, without a configured
Prefect server. Print the median wall time and the median processor time, which
is user plus system time of the process and of the child processes that it
waits for. With ``--before``, measure another revision too, in alternating
order, and print both. The interpreter is the same for both revisions.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from benchmarks.machine import describe_machine

IMAGES = 20
LIMIT_S = 600.0

_CHECKOUT = Path(__file__).parents[1]
_TRAINING = ("train", "optdigits/train", "--epochs", "1")
_PREPARATION = (("ingest", "optdigits"), _TRAINING, ("score", "optdigits/train"))
_INBOX = "inbox"  # folder of images, in the folder that the commands run in
COMMANDS = {
    "lenet --help": ("--help",),
    'lenet sql "select 1"': ("sql", "select 1"),
    "lenet audit runs": ("audit", "runs"),
    "lenet models": ("models",),
    "lenet datasets": ("datasets",),
    "lenet score, already scored": ("score", "optdigits/train"),
    "lenet score, 351 new digits": ("score", "optdigits/test"),
    f"lenet ingest images, {IMAGES} images": ("ingest", "images", _INBOX, "--name", "inbox/all"),
    "lenet train --epochs 1": _TRAINING,
}


@dataclass(frozen=True)
class Usage:
    """Wall time of a command, and processor time of it and its child processes, in seconds."""

    wall_s: float
    processor_s: float


@dataclass(frozen=True)
class Revision:
    """A checkout of the project with a home to measure it on."""

    checkout: Path
    folder: Path

    @property
    def module(self) -> str:
        """The module that runs the commands: ``flows`` in revisions without the room ``cli``."""
        return "lenet_pipeline.cli" if (self.checkout / "lenet_pipeline" / "cli").is_dir() else "flows"

    def prepare(self) -> None:
        """Check that Python imports this checkout, then fill the home and keep a copy of it.

        Raises:
            SystemExit: Python imports another checkout, or a command failed.
        """
        self.folder.mkdir(parents=True)
        write_images(self.folder / _INBOX, IMAGES)
        find = f"import importlib.util as u; print(u.find_spec({self.module!r}).origin)"
        found = Path(self._run([sys.executable, "-c", find])[1].strip())
        if not found.is_relative_to(self.checkout):
            raise SystemExit(f"cannot measure {self.checkout}: Python imports {found}")
        for arguments in _PREPARATION:
            self.measure(arguments)
        shutil.copytree(self.folder / "home", self.folder / "prepared")

    def restore(self) -> None:
        """Put the home back into its prepared state."""
        shutil.rmtree(self.folder / "home")
        shutil.copytree(self.folder / "prepared", self.folder / "home")

    def measure(self, arguments: Sequence[str]) -> Usage:
        """Run one command of ``lenet`` in a fresh process.

        Raises:
            SystemExit: the command failed.
        """
        return self._run([sys.executable, "-m", self.module, *arguments])[0]

    def _run(self, command: Sequence[str]) -> tuple[Usage, str]:
        return run_measured(command, self.folder, self._environment())

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("LENET_", "PREFECT_"))
        }
        return {
            **kept,
            "PYTHONPATH": str(self.checkout),
            "LENET_HOME": str(self.folder / "home"),
            "PREFECT_HOME": str(self.folder / "prefect"),  # a user's profile could configure a server
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure one or two revisions and print the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--checkout", type=Path, default=_CHECKOUT, help="checkout to measure (default: this)"
    )
    parser.add_argument("--before", type=Path, help="checkout of another revision to compare with")
    parser.add_argument("--rounds", type=int, default=5, help="runs per command; figures are medians")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    options = parser.parse_args(arguments)
    chosen = {"before": options.before} if options.before else {}
    chosen["after"] = options.checkout
    for checkout in chosen.values():
        if not (checkout / "lenet_pipeline").is_dir():
            parser.error(f"{checkout} is not a checkout of the project: it has no folder lenet_pipeline")
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    with tempfile.TemporaryDirectory() as scratch:
        revisions = {
            name: Revision(checkout.resolve(), Path(scratch).resolve() / name)
            for name, checkout in chosen.items()
        }
        usages = measure_revisions(revisions, options.rounds)
    if options.format == "json":
        record = {
            "machine": describe_machine(),
            "rounds": options.rounds,
            "checkouts": {name: str(checkout) for name, checkout in chosen.items()},
            "commands": {
                command: {name: [asdict(each) for each in runs] for name, runs in found.items()}
                for command, found in usages.items()
            },
        }
        print(json.dumps(record, indent=1))  # noqa: T201 - a benchmark prints its figures
    else:
        print("\n".join(startup_table(usages, options.rounds)))  # noqa: T201


def measure_revisions(revisions: dict[str, Revision], rounds: int) -> dict[str, dict[str, list[Usage]]]:
    """Run every command in every round, with the revisions in alternating order.

    Returns:
        The usages by command, then by the revision's name, one for each round.
    """
    for name, revision in revisions.items():
        show_progress(f"preparing a home ({name})")
        revision.prepare()
    usages: dict[str, dict[str, list[Usage]]] = {
        command: {name: [] for name in revisions} for command in COMMANDS
    }
    for number in range(rounds):
        ordered = list(revisions.items())
        for command, arguments in COMMANDS.items():
            for name, revision in ordered if number % 2 == 0 else reversed(ordered):
                show_progress(f"round {number + 1} of {rounds}: {command} ({name})")
                revision.restore()
                usages[command][name].append(revision.measure(arguments))
    show_progress("")
    return usages


def run_measured(
    command: Sequence[str], folder: Path, environment: dict[str, str], limit_s: float = LIMIT_S
) -> tuple[Usage, str]:
    """Run a command in a folder; return its usage and its standard output.

    Raises:
        SystemExit: the command failed, or took longer than ``limit_s``.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=errors
        )
        limit = threading.Timer(limit_s, process.kill)
        limit.start()
        try:
            _, status, resources = os.wait4(process.pid, 0)
        except BaseException:
            with suppress(ProcessLookupError):
                process.terminate()
            raise
        finally:
            limit.cancel()
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            last = errors.read().decode(errors="replace").strip()[-2_000:]
            raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}: {last}")
        printed = output.read().decode(errors="replace")
    return Usage(seconds, resources.ru_utime + resources.ru_stime), printed


def write_images(folder: Path, count: int) -> None:
    """Write handwritten digits as PNG files of 64x64 pixels, dark ink on white."""
    folder.mkdir(parents=True)
    for number, image in enumerate(load_digits().images[:count]):
        pixels = np.kron(255 - np.minimum(image * 16, 255), np.ones((8, 8))).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"digit-{number:02}.png")


def show_progress(text: str) -> None:
    """Show what runs now on standard error, on one line at a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
    elif text:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def startup_table(usages: dict[str, dict[str, list[Usage]]], rounds: int) -> list[str]:
    """Format the medians as lines of at most 80 columns; a comparison ends with the ratios."""
    names = list(next(iter(usages.values())))
    is_comparison = len(names) == 2
    lines = [f"seconds, medians of {rounds} rounds; CPU: user and system time with child processes"]
    heads = f"{'wall':>9}{'CPU':>7}" * len(names)
    if is_comparison:
        lines.append(f"{'':<32}" + "".join(f"{name:>16}" for name in [*names, "after/before"]))
        heads += f"{'wall':>9}{'CPU':>7}"
    lines.append(f"{'':<32}{heads}")
    for command, found in usages.items():
        medians = [_median(found[name]) for name in names]
        if is_comparison:
            before, after = medians
            ratio = Usage(after.wall_s / before.wall_s, after.processor_s / before.processor_s)
            medians.append(ratio)
        columns = "".join(f"{each.wall_s:>9.2f}{each.processor_s:>7.2f}" for each in medians)
        lines.append(f"{command:<32}{columns}")
    return lines


def _median(usages: Sequence[Usage]) -> Usage:
    return Usage(
        statistics.median(each.wall_s for each in usages),
        statistics.median(each.processor_s for each in usages),
    )


if __name__ == "__main__":
    main()
