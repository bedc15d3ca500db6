"""Ingest digits from MNIST, other IDX files, scikit-learn, image files or fonts into the lake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic.dataclasses import dataclass as validated

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest import (
    LEVELS,
    ListedImage,
    Reject,
    describe_label_folders,
    download_mnist,
    is_damaged,
    list_images,
    print_digits,
    read_font_folder,
    read_idx_digits,
    read_images,
    read_mnist,
    read_optdigits,
    read_shipped_fonts,
    split_fonts,
)
from lenet_pipeline.jobs.appending import Ingested, append_to_dataset, log_ingested, store_digits
from lenet_pipeline.jobs.dataset_names import default_dataset
from lenet_pipeline.jobs.ingest_journal import IngestJournal
from lenet_pipeline.jobs.rejects import record_rejects, refuse_too_many_rejects
from lenet_pipeline.jobs.run_form import RUN_FORM, choices
from lenet_pipeline.lake import StatedLabels, find_manifest, validate_dataset
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer, usable_cores

Source = Literal["optdigits", "mnist", "idx", "images"]

_DIGITS_PER_PROCESS = 2_000  # printing fewer takes less time than starting a process


@validated(frozen=True, config=RUN_FORM)
class IngestJob:
    """Which digits to put into the lake.

    Attributes:
        source: where the digits come from: scikit-learn (``optdigits``), ``mnist``, the IDX files of another
            set (``idx``), or image files.
        path: the folder of the MNIST files (downloaded if None), an IDX file of images, or a folder, CSV file
            or image file.
        name: the dataset ``name/split`` that receives all digits; named after the source if None.
        labels: the IDX file of the labels, for ``idx`` alone.
    """

    source: Source
    path: Path | None = None
    name: str | None = None
    labels: Path | None = None


@validated(frozen=True, config=RUN_FORM)
class PrintingJob:
    """Which digits to print and scan.

    Attributes:
        fonts: a folder of .ttf, .otf, .woff and .woff2 files; the fonts that ship with matplotlib and
            Pillow if None.
        name: the datasets are ``name/train`` and ``name/test``, which share no font family.
        degradation: how degraded the scans are.
        per_font: number of digits per font.
        seed: seed of the digits and their degradation.
    """

    fonts: Path | None = None
    name: str = "printed"
    degradation: Annotated[str, choices(LEVELS)] = "medium"
    per_font: int = 2000
    seed: int = 0


def ingest(settings: Settings, job: IngestJob, observer: Observer = SILENT) -> list[Ingested]:
    """Add digits that the lake does not have yet. Inputs that cannot be read become rejects.

    Images that the dataset already has get the label that they come with now. Their former labels stay in
    the table ``label_changes``. Digits of published sets keep their labels.

    Raises:
        IngestError: the source cannot be read, or too many inputs were rejected.
        LakeError: the lake cannot be read or written.
    """
    if job.name is not None:
        validate_dataset(job.name)
    if job.source == "images":
        if job.path is None:
            raise IngestError(
                "ingesting images needs a path: a folder, a CSV file with the columns path,label, or an image"
            )
        outcome = _ingest_images(job.path, job.name or default_dataset(job.path), settings, observer)
    elif job.source == "idx":
        outcome = observer.step("store-idx", _store_idx, job, settings, observer)
    else:
        outcome = observer.step(
            f"store-{job.source}", _store_published, job.source, job.path, job.name, settings, observer
        )
    log_ingested(outcome, observer)
    return outcome


def ingest_printed(settings: Settings, job: PrintingJob, observer: Observer = SILENT) -> list[Ingested]:
    """Print digits in fonts, scan them with the given degradation, and add the new ones to the lake.

    Raises:
        IngestError: the folder cannot be read, too many of its fonts are damaged, all fonts belong to the
            same split, or a process ended while printing.
        UnknownNameError: there is no such degradation.
        LakeError: the lake cannot be read or written.
    """
    validate_dataset(f"{job.name}/train")
    outcome = observer.step(f"store-{job.name}", _store_printed, job, settings, observer)
    log_ingested(outcome, observer)
    return outcome


def _store_printed(job: PrintingJob, settings: Settings, observer: Observer) -> list[Ingested]:
    """Read fonts, record the rejects, and print the digits of each split into its dataset."""
    folder, name = job.fonts, job.name
    if folder is None:
        found, rejects = read_shipped_fonts(), list[Reject]()
    else:
        found, rejects = read_font_folder(folder, max_bytes=settings.image_max_bytes)
    journal = IngestJournal("printed", str(folder or "bundled fonts"), settings, observer)
    # An unreadable font belongs to no split, so its reject goes to the first one.
    journal.start(f"{name}/train")
    record_rejects(f"{name}/train", rejects, settings, observer)
    journal.add(f"{name}/train", rejected=len(rejects))
    if rejects:
        damaged, tried = sum(map(is_damaged, rejects)), len(found) + len(rejects)
        refuse_too_many_rejects(damaged, tried, f"fonts in {folder}", "no digit was printed", settings)
    outcome = []
    for split, fonts in split_fonts(found).items():
        if split != "train":
            journal.start(f"{name}/{split}")
        total = job.per_font * len(fonts)
        with observer.progress(f"Printing {split}", total) as advance:
            digits = print_digits(
                fonts,
                degradation=job.degradation,
                per_font=job.per_font,
                seed=job.seed,
                vary_designs=split == "train",  # test digits are printed as designed
                processes=min(usable_cores(), total // _DIGITS_PER_PROCESS),
                advance=advance,
            )
            outcome.append(append_to_dataset(settings, f"{name}/{split}", digits, observer, journal))
    journal.finish()
    return [replace(outcome[0], rejects=outcome[0].rejects + len(rejects)), *outcome[1:]]


def _store_published(
    source: Source, path: Path | None, name: str | None, settings: Settings, observer: Observer
) -> list[Ingested]:
    """Read a published set of digits, and append each split to a dataset."""
    is_mnist = source == "mnist"
    splits = read_mnist(path or download_mnist(settings.downloads)) if is_mnist else read_optdigits()
    journal = IngestJournal(source, str(path or source), settings, observer)
    for dataset in [name] if name else [f"{source}/{split}" for split in splits]:
        journal.start(dataset)
    stored = [
        store_digits(settings, name or f"{source}/{split}", digits, f"Storing {split}", observer, journal)
        for split, digits in splits.items()
    ]
    journal.finish()
    return stored


def _store_idx(job: IngestJob, settings: Settings, observer: Observer) -> list[Ingested]:
    """Read the IDX files of a set other than MNIST, and append its digits to a dataset."""
    name = job.name or ""
    if job.path is None or not name or name.startswith("mnist/"):
        raise IngestError(
            "ingesting IDX files needs the file of the images and the name of a dataset that does not begin "
            "with mnist/, because that name means the original MNIST"
        )
    digits = read_idx_digits(job.path, job.labels)
    journal = IngestJournal("images", str(job.path), settings, observer)
    journal.start(name)
    stored = store_digits(settings, name, digits, f"Storing {name}", observer, journal, corrects_labels=True)
    journal.finish()
    return [stored]


def _store_images(
    number: int,
    listed: Sequence[ListedImage],
    dataset: str,
    labels: StatedLabels,
    journal: IngestJournal,
    settings: Settings,
    observer: Observer,
) -> Ingested:
    """Read enough image files for one shard, append the digits, and record the rejects."""
    with observer.progress(f"Reading images, part {number}", len(listed)) as advance:
        batch = read_images(
            listed, max_pixels=settings.image_max_pixels, max_bytes=settings.image_max_bytes, advance=advance
        )
    digits, conflicts = labels.settle(batch.digits)
    rejects = [*batch.rejects, *map(_contradiction, conflicts.to_pylist())]
    record_rejects(dataset, rejects, settings, observer)
    journal.add(dataset, rejected=len(rejects))
    if len(digits):
        stored = store_digits(settings, dataset, digits, "Storing", observer, journal, corrects_labels=True)
    else:
        before = find_manifest(settings.lake, dataset)
        stored = Ingested(dataset, before.rows if before else 0, added=0, labelled=0, skipped=0)
    return replace(stored, rejects=len(rejects), unrecognised=batch.unrecognised)


def _ingest_images(path: Path, dataset: str, settings: Settings, observer: Observer) -> list[Ingested]:
    validate_dataset(dataset)
    listed = list_images(path)
    journal, labels = IngestJournal("images", str(path), settings, observer), StatedLabels()
    journal.start(dataset)
    parts = [
        observer.step(
            f"store-images-{number}",
            _store_images,
            number,
            part,
            dataset,
            labels,
            journal,
            settings,
            observer,
        )
        for number, part in enumerate(_parts(listed, settings.shard_rows), start=1)
    ]
    total = Ingested(
        dataset,
        rows=parts[-1].rows,
        added=sum(part.added for part in parts),
        labelled=sum(part.labelled for part in parts),
        skipped=sum(part.skipped for part in parts),
        rejects=sum(part.rejects for part in parts),
        unrecognised=sum(part.unrecognised for part in parts),
        relabelled=sum(part.relabelled for part in parts),
        label_folders=describe_label_folders(listed),
    )
    kept = total.added + total.skipped + total.relabelled
    tried = kept + total.rejects
    if not tried:
        raise IngestError(f"no file in {path} is an image, by name or content ({total.unrecognised} files)")
    refuse_too_many_rejects(
        total.rejects, tried, f"images in {path}", f"the other {kept} were kept", settings
    )
    journal.finish()
    return [total]


def _contradiction(digit: Mapping[str, Any]) -> Reject:
    reason = (
        f"labelled {digit['label']}, but another file of this ingest has the same image with the label "
        f"{digit['stated_label']}; keep one of the two files"
    )
    return Reject(digit["source"], "conflicting_label", reason, digit["source_sha256"], digit["page"])


def _parts(listed: Sequence[ListedImage], size: int) -> Iterator[Sequence[ListedImage]]:
    for start in range(0, len(listed), size):
        yield listed[start : start + size]
