"""Ingest UNIPEN: draw the trajectories of its writers into the lake."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic.dataclasses import dataclass as validated

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest import (
    draw_trajectories,
    is_unreadable_file,
    list_trajectory_files,
    read_trajectories,
    split_writers,
)
from lenet_pipeline.jobs.appending import Ingested, append_to_dataset, log_ingested
from lenet_pipeline.jobs.ingest_journal import IngestJournal
from lenet_pipeline.jobs.rejects import record_rejects, refuse_too_many_rejects
from lenet_pipeline.jobs.run_form import RUN_FORM
from lenet_pipeline.lake import validate_dataset
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer, usable_cores

_DRAWINGS_PER_PROCESS = 2_000  # drawing fewer takes less time than starting a process


@validated(frozen=True, config=RUN_FORM)
class UnipenJob:
    """Which trajectories to draw.

    Attributes:
        root: the folder of UNIPEN, with ``data`` and ``include``.
        name: the datasets are ``name/train`` and ``name/test``, which share no writer.
        drawings: number of drawings of each digit for training; test digits are drawn once.
        seed: seed of the pens, the sizes and the scans.
        varied: whether every second drawing for training varies the shape of its digit, as other hands would.
    """

    root: Path
    name: str = "unipen"
    drawings: int = 4
    seed: int = 0
    varied: bool = True


def ingest_unipen(settings: Settings, job: UnipenJob, observer: Observer = SILENT) -> list[Ingested]:
    """Draw the digits of UNIPEN with different pens, scan them, and add the new ones to the lake.

    Raises:
        IngestError: the folder has no files of digits, too many of them cannot be read, no digit is usable,
            or a process ended while drawing.
        LakeError: the lake cannot be read or written.
    """
    validate_dataset(f"{job.name}/train")
    outcome = observer.step(f"store-{job.name}", _store_unipen, job, settings, observer)
    log_ingested(outcome, observer)
    return outcome


def _store_unipen(job: UnipenJob, settings: Settings, observer: Observer) -> list[Ingested]:
    """Read trajectories, record the rejects, and draw the digits of each split into its dataset."""
    files = list_trajectory_files(job.root)
    with observer.progress("Reading trajectories", len(files)) as advance:
        found, rejects = read_trajectories(job.root, max_bytes=settings.image_max_bytes, advance=advance)
    journal = IngestJournal("unipen", str(job.root), settings, observer)
    sides = {f"{job.name}/{split}": digits for split, digits in split_writers(found).items() if digits}
    # A file that cannot be read has no writer, so all rejects go to the first dataset.
    first = next(iter(sides), f"{job.name}/train")
    journal.start(first)
    record_rejects(first, rejects, settings, observer)
    journal.add(first, rejected=len(rejects))
    unreadable = sum(map(is_unreadable_file, rejects))
    refuse_too_many_rejects(unreadable, len(files), f"files in {job.root}", "no digit was drawn", settings)
    if not sides:
        raise IngestError(f"no digit in {job.root} is usable; list the reasons with `lenet audit rejects`")
    outcome = []
    for dataset, digits in sides.items():
        if dataset != first:
            journal.start(dataset)
        for_test = dataset.endswith("/test")
        drawings = 1 if for_test else job.drawings
        total = drawings * len(digits)
        with observer.progress(f"Drawing {dataset}", total) as advance:
            tables = draw_trajectories(
                digits,
                drawings=drawings,
                seed=job.seed,
                varied=job.varied and not for_test,
                processes=min(usable_cores(), total // _DRAWINGS_PER_PROCESS),
                advance=advance,
            )
            outcome.append(append_to_dataset(settings, dataset, tables, observer, journal))
    journal.finish()
    return [replace(outcome[0], rejects=outcome[0].rejects + len(rejects)), *outcome[1:]]
