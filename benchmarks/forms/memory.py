"""Peak memory of ingesting many pages, in the command and in its worker processes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from lenet_pipeline.forms.page import Grey

SHARES = (0.1, 0.5, 1.0)

_SAMPLE_S = 0.25
_PAGES_A_DOCUMENT = 25
_STAMP_PX = 8  # size of each bit of the page number in the corner; identical pages would be stored only once
_BITS = 12


@dataclass(frozen=True)
class Memory:
    """The peak resident size in MiB of a command and of its largest worker process, after ``pages`` pages."""

    pages: int
    parent_mib: float
    worker_mib: float


@dataclass(frozen=True)
class Sample:
    at: float
    parent_mib: float
    worker_mib: float


def measure_memory(template: Path, pictures: Sequence[Grey], dpi: int, pages: int) -> list[Memory]:
    """Ingest pages with the command and two processes; report memory after a tenth, half and all of them.

    A sample's page count is derived from the time since reading began, because all pages take equally long.

    Args:
        template: YAML file of the form.
        pictures: scans of the form; a stamp makes each page different.
        dpi: resolution of the scans.
        pages: number of pages.

    Returns:
        The peaks; empty if not on Linux, because only ``/proc`` shows the size of other processes.
    """
    if not Path("/proc/self/status").exists():
        return []
    with tempfile.TemporaryDirectory() as scratch:
        inbox = Path(scratch) / "inbox"
        inbox.mkdir()
        write_documents(inbox, pictures, dpi, pages)
        command = [sys.executable, "-m", "lenet_pipeline.cli", "ingest", "forms", str(inbox)]
        command += ["--template", str(template), "--name", "timed/all", "--processes", "2"]
        command += ["--home", f"{scratch}/home"]
        return summarise_samples(_sample(command, Path(scratch) / "log"), pages)


def write_documents(folder: Path, pictures: Sequence[Grey], dpi: int, pages: int) -> None:
    """Write PDFs of scanned pages, all different."""
    for first in range(0, pages, _PAGES_A_DOCUMENT):
        stamped = [
            Image.fromarray(_stamp(pictures[number % len(pictures)], number))
            for number in range(first, min(first + _PAGES_A_DOCUMENT, pages))
        ]
        path = folder / f"document-{first:05}.pdf"
        stamped[0].save(path, save_all=True, append_images=stamped[1:], resolution=dpi, quality=75)


def _stamp(picture: Grey, number: int) -> Grey:
    bits = [255 * (number >> bit & 1) for bit in range(_BITS)]
    stamped = picture.copy()
    stamped[:_STAMP_PX, : _BITS * _STAMP_PX] = np.repeat(np.array(bits, np.uint8), _STAMP_PX)
    return stamped


def summarise_samples(samples: Sequence[Sample], pages: int) -> list[Memory]:
    """Return the peaks up to each share of the reading time."""
    reading = [sample for sample in samples if sample.worker_mib]
    if not reading:
        return []
    start, stop = reading[0].at, reading[-1].at
    figures = []
    for share in SHARES:
        until = [sample for sample in reading if sample.at <= start + share * (stop - start)]
        figures.append(
            Memory(
                round(share * pages),
                max(sample.parent_mib for sample in until),
                max(sample.worker_mib for sample in until),
            )
        )
    return figures


def _sample(command: Sequence[str], log: Path) -> list[Sample]:
    """Run a command, and sample the peak sizes of it and its worker processes until it ends."""
    samples = []
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603 - our own command
        while process.poll() is None:
            workers = [size for child in _children(process.pid) if (size := _largest_mib(child))]
            samples.append(
                Sample(time.monotonic(), _largest_mib(str(process.pid)) or 0.0, max(workers, default=0.0))
            )
            time.sleep(_SAMPLE_S)
    if process.returncode:
        raise SystemExit(f"the ingest failed: {log.read_text(errors='replace')[-2000:]}")
    return samples


def _children(parent: int) -> Iterator[str]:
    """Yield the worker processes that multiprocessing started for a command."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            is_child = f"PPid:\t{parent}\n" in status.read_text()
            if is_child and b"spawn_main" in status.with_name("cmdline").read_bytes():
                yield status.parent.name
        except OSError:  # the process has ended
            continue


def _largest_mib(process: str) -> float | None:
    try:
        for line in (Path("/proc") / process / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return None
