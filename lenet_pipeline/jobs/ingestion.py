"""Ingest: digits from MNIST, scikit-learn, image files or fonts into the lake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic.dataclasses import dataclass as validated

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest import (
    ListedImage,
    Reject,
    download_mnist,
    is_damaged,
    list_images,
    print_digits,
    read_font_folder,
    read_images,
    read_mnist,
    read_optdigits,
    read_shipped_fonts,
    split_fonts,
)
from lenet_pipeline.jobs.rejects import record_rejects
from lenet_pipeline.lake import append_digits, find_manifest, validate_dataset
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer, usable_cores

Source = Literal["optdigits", "mnist", "images"]

_DIGITS_A_PROCESS = 2_000  # fewer are printed before another process has started


@dataclass(frozen=True)
class Ingested:
    """What one ingest did to one dataset; ``unrecognised`` files are no images by name nor content."""

    dataset: str
    rows: int
    added: int
    skipped: int
    rejects: int = 0
    unrecognised: int = 0


@validated(frozen=True)
class IngestJob:
    """Which digits to put into the lake.

    Attributes:
        source: where the digits come from.
        path: MNIST's folder (downloaded if None), or the folder, CSV or file of the images.
        name: the dataset ``name/split`` that receives all digits; named after the source if None.
    """

    source: Source
    path: Path | None = None
    name: str | None = None


@validated(frozen=True)
class PrintingJob:
    """Which digits to print and scan.

    Attributes:
        fonts: a folder of .ttf and .otf files; the fonts that ship with matplotlib and Pillow if None.
        name: the datasets are ``name/train`` and ``name/test``, which share no font family.
        degradation: how bad the scan is: none, light, medium or heavy.
        per_font: digits per font.
        seed: another seed gives other digits.
    """

    fonts: Path | None = None
    name: str = "printed"
    degradation: str = "medium"
    per_font: int = 2000
    seed: int = 0


def ingest(settings: Settings, job: IngestJob, observer: Observer = SILENT) -> list[Ingested]:
    """Add digits that the lake does not have yet. Inputs that cannot be read become rejects.

    Raises:
        IngestError: the source could not be read, or too many inputs were rejected.
        LakeError: the lake could not be read or written.
    """
    if job.name is not None:
        validate_dataset(job.name)
    if job.source == "images":
        if job.path is None:
            raise IngestError("ingesting images needs a path: a folder, a CSV of path,label, or one file")
        outcome = _ingest_images(job.path, job.name or default_dataset(job.path), settings, observer)
    else:
        outcome = observer.step(
            f"store-{job.source}", _store_known_digits, job.source, job.path, job.name, settings, observer
        )
    _log(outcome, observer)
    return outcome


def ingest_printed(settings: Settings, job: PrintingJob, observer: Observer = SILENT) -> list[Ingested]:
    """Print digits in fonts, scan them with the given degradation, and add those that the lake lacks.

    Raises:
        IngestError: the folder could not be read, too many of its fonts are damaged, all fonts belong to
            the same split, or a process ended while printing.
        UnknownNameError: there is no such degradation.
        LakeError: the lake could not be read or written.
    """
    validate_dataset(f"{job.name}/train")
    outcome = observer.step(f"store-{job.name}", _store_printed, job, settings, observer)
    _log(outcome, observer)
    return outcome


def _log(outcome: Sequence[Ingested], observer: Observer) -> None:
    for part in outcome:
        observer.log(
            f"{part.dataset}: {part.added:,} digits added, {part.skipped:,} already there, "
            f"{part.rejects:,} rejects; {part.rows:,} digits in all"
        )


def _store_printed(job: PrintingJob, settings: Settings, observer: Observer) -> list[Ingested]:
    """Read fonts, record the rejects, and print the digits of each split into its dataset."""
    folder, name = job.fonts, job.name
    if folder is None:
        found, rejects = read_shipped_fonts(), list[Reject]()
    else:
        found, rejects = read_font_folder(folder, max_bytes=settings.image_max_bytes)
    # A font that cannot be read belongs to no split; its reject is found under the first.
    record_rejects(f"{name}/train", rejects, settings, observer)
    if rejects:
        damaged, tried = sum(map(is_damaged, rejects)), len(found) + len(rejects)
        refuse_too_many_rejects(damaged, tried, f"fonts in {folder}", "no digit was printed", settings)
    outcome = []
    for split, fonts in split_fonts(found).items():
        total = job.per_font * len(fonts)
        with observer.progress(f"Printing {split}", total) as advance:
            digits = print_digits(
                fonts,
                degradation=job.degradation,
                per_font=job.per_font,
                seed=job.seed,
                vary_designs=split == "train",  # what is tested is printed as it is
                processes=min(usable_cores(), total // _DIGITS_A_PROCESS),
                advance=advance,
            )
            outcome.append(append_to_dataset(settings, f"{name}/{split}", digits, observer))
    return [replace(outcome[0], rejects=outcome[0].rejects + len(rejects)), *outcome[1:]]


def _store_known_digits(
    source: Source, path: Path | None, name: str | None, settings: Settings, observer: Observer
) -> list[Ingested]:
    """Read a published set of digits and append each of its splits to its dataset."""
    is_mnist = source == "mnist"
    splits = read_mnist(path or download_mnist(settings.downloads)) if is_mnist else read_optdigits()
    return [
        _store(settings, name or f"{source}/{split}", digits, f"Storing {split}", observer)
        for split, digits in splits.items()
    ]


def _store_images(
    number: int, listed: Sequence[ListedImage], dataset: str, settings: Settings, observer: Observer
) -> Ingested:
    """Read one shard's worth of image files, append the digits and record the rejects."""
    with observer.progress(f"Reading images, part {number}", len(listed)) as advance:
        batch = read_images(
            listed, max_pixels=settings.image_max_pixels, max_bytes=settings.image_max_bytes, advance=advance
        )
    record_rejects(dataset, batch.rejects, settings, observer)
    if len(batch.digits):
        stored = _store(settings, dataset, batch.digits, "Storing", observer)
    else:
        before = find_manifest(settings.lake, dataset)
        stored = Ingested(dataset, before.rows if before else 0, added=0, skipped=0)
    rejects = len(batch.rejects) + stored.rejects
    return Ingested(dataset, stored.rows, stored.added, stored.skipped, rejects, batch.unrecognised)


def default_dataset(path: Path) -> str:
    """Name the dataset that images go to where nobody named one: after their folder or file."""
    stem = path.resolve().stem.lower()
    clean = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in stem).strip("-")
    return f"{clean or 'images'}/all"


def _ingest_images(path: Path, dataset: str, settings: Settings, observer: Observer) -> list[Ingested]:
    validate_dataset(dataset)
    parts = [
        observer.step(f"store-images-{number}", _store_images, number, part, dataset, settings, observer)
        for number, part in enumerate(_parts(list_images(path), settings.shard_rows), start=1)
    ]
    total = Ingested(
        dataset,
        rows=parts[-1].rows,
        added=sum(part.added for part in parts),
        skipped=sum(part.skipped for part in parts),
        rejects=sum(part.rejects for part in parts),
        unrecognised=sum(part.unrecognised for part in parts),
    )
    kept = total.added + total.skipped
    tried = kept + total.rejects
    if not tried:
        raise IngestError(f"no file in {path} is an image, by name or content ({total.unrecognised} files)")
    refuse_too_many_rejects(total.rejects, tried, f"images in {path}", f"the other {kept} are kept", settings)
    return [total]


def refuse_too_many_rejects(rejects: int, tried: int, inputs: str, rest: str, settings: Settings) -> None:
    share = 100 * rejects / tried
    if share > settings.reject_limit_pct:
        raise IngestError(
            f"{rejects} of {tried} {inputs} were rejected ({share:.0f} %, the limit is "
            f"{settings.reject_limit_pct:g} %); {rest}. See `lenet audit rejects`; LENET_REJECT_LIMIT_PCT "
            "raises the limit"
        )


def _store(
    settings: Settings, dataset: str, digits: pa.Table, description: str, observer: Observer
) -> Ingested:
    """Append digits to a dataset and report progress."""

    def watched() -> Iterator[pa.Table]:
        with observer.progress(description, len(digits)) as advance:
            for start in range(0, len(digits), settings.shard_rows):
                part = digits.slice(start, settings.shard_rows)
                yield part
                advance(len(part))

    return append_to_dataset(settings, dataset, watched(), observer)


def append_to_dataset(
    settings: Settings,
    dataset: str,
    batches: Iterable[pa.Table],
    observer: Observer,
    may_be_empty: bool = False,
) -> Ingested:
    """Append tables of digits to a dataset and record those that came with another label."""
    append = append_digits(
        settings.lake,
        dataset,
        batches,
        shard_rows=settings.shard_rows,
        actor=settings.actor,
        may_be_empty=may_be_empty,
    )
    relabelled = [_relabelled(digit) for digit in append.relabelled.to_pylist()]
    record_rejects(dataset, relabelled, settings, observer)
    return Ingested(dataset, append.manifest.rows, append.added, append.skipped, len(relabelled))


def _relabelled(digit: Mapping[str, Any]) -> Reject:
    reason = (
        f"labelled {digit['label']}, but the dataset has this very digit with another label or none, which "
        "stays; correct the label, or ingest into a new dataset"
    )
    return Reject(digit["source"], "conflicting_label", reason, digit["source_sha256"], digit["page"])


def _parts(listed: Sequence[ListedImage], size: int) -> Iterator[Sequence[ListedImage]]:
    for start in range(0, len(listed), size):
        yield listed[start : start + size]
