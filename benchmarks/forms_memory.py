"""Memory: the largest an ingest of many pages grows to, in its command and in the processes that read."""

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
_STAMP_PX = 8  # of each bit of a page's number, in its corner: pages that are the same are not stored twice
_BITS = 12


@dataclass(frozen=True)
class Memory:
    """The largest resident size so far, in MiB, of a command and of any of its processes."""

    pages: int
    parent_mib: float
    worker_mib: float


@dataclass(frozen=True)
class Sample:
    at: float
    parent_mib: float
    worker_mib: float


def measure_memory(template: Path, pictures: Sequence[Grey], dpi: int, pages: int) -> list[Memory]:
    """Ingest so many pages by the command, with two processes; report after a tenth, half and all of them.

    Which page a sample was taken at is told by the time since reading began: pages are alike.

    Args:
        template: YAML file of the form that the pages are of.
        pictures: scans of it, which are stamped to make pages that differ.
        dpi: of the scans.
        pages: how many.

    Returns:
        Nothing where the system is not Linux, which alone tells the size of other processes.
    """
    if not Path("/proc/self/status").exists():
        return []
    with tempfile.TemporaryDirectory() as scratch:
        inbox = Path(scratch) / "inbox"
        inbox.mkdir()
        write_documents(inbox, pictures, dpi, pages)
        command = [sys.executable, "-m", "flows", "ingest", "forms", str(inbox), "--template", str(template)]
        command += ["--name", "timed/all", "--processes", "2", "--home", f"{scratch}/home"]
        return summarise_samples(_sample(command, Path(scratch) / "log"), pages)


def write_documents(folder: Path, pictures: Sequence[Grey], dpi: int, pages: int) -> None:
    """Write PDFs of scanned pages, no two of them the same."""
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
    """Return the largest sizes at each share of the time that processes were reading."""
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
    """Run a command and sample the largest sizes of it and of its processes until it ends."""
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
        raise SystemExit(f"the ingest to measure failed: {log.read_text(errors='replace')[-2000:]}")
    return samples


def _children(parent: int) -> Iterator[str]:
    """Yield the processes that read for a command: those that multiprocessing started."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            is_child = f"PPid:\t{parent}\n" in status.read_text()
            if is_child and b"spawn_main" in status.with_name("cmdline").read_bytes():
                yield status.parent.name
        except OSError:  # it has ended
            continue


def _largest_mib(process: str) -> float | None:
    try:
        for line in (Path("/proc") / process / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return None
