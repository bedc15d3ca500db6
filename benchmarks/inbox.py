"""Poll an inbox of many known files with a few new ones.

The home and the inbox are built in a temporary folder. Every known file is small and has a row in the
database. The new files are one-page forms.

    python -m benchmarks.inbox --files 100000 --new 10
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from benchmarks.machine import describe_machine
from lenet_pipeline.forms import SEVERITIES, read_template
from lenet_pipeline.jobs import (
    FillingJob,
    IngestJob,
    TrainingJob,
    declare_inbox,
    fill_forms,
    ingest,
    look,
    retrain,
)
from lenet_pipeline.schema import INBOX_DOCUMENTS
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.warehouse import record_inbox_documents

NAME = "slips"
_FILES_PER_FOLDER = 1000
_TEMPLATE = """
form: slip
page: {width: 100, height: 50}
register: scale
fields:
  - name: number
    cells: {x: 6, y: 6, width: 6, height: 8, pitch: 6, count: 4}
  - name: total
    cells: {x: 56, y: 26, width: 6, height: 8, pitch: 6, count: 3}
"""


@dataclass(frozen=True)
class Figures:
    """Seconds, medians over the rounds.

    Attributes:
        look_s: a look at the folder that compares it with the known files, in a running process.
        idle_poll_s: the command ``lenet inbox poll`` with nothing new.
        poll_s: the command with new forms, which are ingested and scored.
    """

    look_s: float
    idle_poll_s: float
    poll_s: float


def build_inbox(folder: Path, known: int, new: int) -> Settings:
    """Build a home with a champion, and an inbox of known files; write ``new`` forms next to it."""
    settings = read_settings(folder / "home", "benchmark")
    ingest(settings, IngestJob("optdigits"))
    retrain(settings, TrainingJob(("optdigits/train",), ("optdigits/test",), epochs=2))
    template = folder / "slip.yaml"
    template.write_text(_TEMPLATE)
    form = read_template(template)
    fill_forms(settings, FillingJob(form, "optdigits/test", new, 1, SEVERITIES["light"], folder / "new"))
    inbox = folder / "inbox"
    inbox.mkdir()
    declare_inbox(settings, NAME, str(inbox), (template,))
    fill_folder(settings, inbox, known)
    return settings


def fill_folder(settings: Settings, inbox: Path, known: int) -> None:
    """Write small files, and record each as taken."""
    rows = []
    now = datetime.now(UTC)
    for number in range(known):
        path = f"{number // _FILES_PER_FOLDER:03}/scan-{number:06}.png"
        file = inbox / path
        if number % _FILES_PER_FOLDER == 0:
            file.parent.mkdir()
        file.write_bytes(b"known")
        state = file.stat()
        rows.append(
            {
                "inbox": NAME,
                "path": path,
                "size_bytes": state.st_size,
                "modified_ns": state.st_mtime_ns,
                "source_sha256": f"{number:064x}",
                "status": "taken",
                "dataset": f"{NAME}/2026-01-01",
                "source": str(file),
                "original_path": None,
                "taken_at": now,
                "actor": "benchmark",
                "flow_run_id": None,
            }
        )
    record_inbox_documents(settings.warehouse, pa.Table.from_pylist(rows, schema=INBOX_DOCUMENTS))


def measure(folder: Path, settings: Settings, new: int, rounds: int) -> Figures:
    """Measure looks and polls. Each round drops copies of the new forms whose content differs."""
    looks, idle, polls = list[float](), list[float](), list[float]()
    forms = sorted(path for path in (folder / "new").iterdir() if path.suffix != ".csv")
    for number in range(rounds):
        for form in forms[:new]:
            target = folder / "inbox" / f"round-{number}-{form.name}"
            # Readers of PNG and JPEG ignore what follows the end of the image.
            target.write_bytes(form.read_bytes() + f"round {number}".encode())
        time.sleep(6)  # until the new files are complete
        started = time.perf_counter()
        seen = look(settings, NAME)
        looks.append(time.perf_counter() - started)
        if len(seen.documents) != new:
            raise SystemExit(f"expected {new} new documents, found {len(seen.documents)}")
        polls.append(_poll(settings))
        idle.append(_poll(settings))
    return Figures(*(statistics.median(each) for each in (looks, idle, polls)))


def _poll(settings: Settings) -> float:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LENET_", "PREFECT_"))}
    started = time.perf_counter()
    subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "lenet_pipeline.cli", "inbox", "poll", NAME, "--format", "json"],
        env={**kept, "LENET_HOME": str(settings.home)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - started


def main(arguments: Sequence[str] | None = None) -> None:
    """Build an inbox, measure, and print the figures and the machine."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=100_000, help="known files in the inbox")
    parser.add_argument("--new", type=int, default=10, help="new forms in each round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; figures are medians")
    parser.add_argument("--folder", type=Path, help="where to build (default: the temporary folder)")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        folder = Path(scratch)
        settings = build_inbox(folder, options.files, options.new)
        figures = measure(folder, settings, options.new, options.rounds)
    if options.format == "json":
        print(json.dumps({"machine": describe_machine(), **vars(options), **asdict(figures)}, default=str))  # noqa: T201
        return
    lines = [
        f"{options.files:,} known files, {options.new} new forms; seconds, medians of {options.rounds}",
        f"look at the folder                 {figures.look_s:>7.2f}",
        f"lenet inbox poll, nothing new      {figures.idle_poll_s:>7.2f}",
        f"lenet inbox poll, new forms        {figures.poll_s:>7.2f}",
        *(f"{name}: {value}" for name, value in describe_machine().items()),
    ]
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    main()
