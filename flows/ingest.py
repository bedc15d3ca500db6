"""The ingest flows: digits from MNIST, scikit-learn, image files or printed in fonts into the lake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from flows.progress import progress_bar
from flows.rejects import record_rejects
from lenet_pipeline.appending import append_digits
from lenet_pipeline.errors import IngestError
from lenet_pipeline.lake import find_manifest, validate_dataset
from lenet_pipeline.processes import usable_cores
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.sources.batch import Reject
from lenet_pipeline.sources.folder import ListedImage, list_images, read_images
from lenet_pipeline.sources.fonts import is_damaged, read_font_folder, read_shipped_fonts, split_fonts
from lenet_pipeline.sources.mnist import download_mnist, read_mnist
from lenet_pipeline.sources.optdigits import read_optdigits
from lenet_pipeline.sources.printed import print_digits

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


@flow(name="ingest", flow_run_name="ingest-{source}", validate_parameters=True)
def ingest(
    source: Source,
    path: Path | None = None,
    name: str | None = None,
    home: Path | None = None,
    actor: str | None = None,
) -> list[Ingested]:
    """Put digits that the lake does not have yet into it; what cannot be read becomes a reject.

    Args:
        source: where the digits come from.
        path: MNIST's folder (downloaded where None), or the images' folder, CSV or file.
        name: the dataset ``name/split`` that takes all digits, where not the source's own.
        home: the pipeline's home, where not the settings'.
        actor: who does it, where not the settings'.

    Raises:
        IngestError: the source could not be read, or too much of it was rejected.
        LakeError: the lake refused.
    """
    settings = read_settings(home, actor)
    if name is not None:
        validate_dataset(name)
    if source == "images":
        if path is None:
            raise IngestError("ingesting images needs a path: a folder, a CSV of path,label, or one file")
        outcome = _ingest_images(path, name or default_dataset(path), settings)
    else:
        outcome = store_known_digits(source, path, name, settings)
    create_table_artifact(table=[vars(row) for row in outcome], key="ingest", description="Digits ingested")
    return outcome


@flow(name="ingest-printed", flow_run_name="ingest-{name}", validate_parameters=True)
def ingest_printed(
    fonts: Path | None = None,
    name: str = "printed",
    degradation: str = "medium",
    per_font: int = 2000,
    seed: int = 0,
    home: Path | None = None,
    actor: str | None = None,
) -> list[Ingested]:
    """Print digits in fonts, scan them badly, and put those that the lake does not have yet into it.

    Args:
        fonts: a folder of .ttf and .otf files; the fonts that matplotlib and Pillow ship where None.
        name: of the datasets ``name/train`` and ``name/test``, which share no family of fonts.
        degradation: how bad the scan is: none, light, medium or heavy.
        per_font: how many digits of each font.
        seed: another one gives other digits.
        home: the pipeline's home, where not the settings'.
        actor: who does it, where not the settings'.

    Raises:
        IngestError: the folder could not be read, too many of its fonts are damaged, all are for the same
            split, or a process was ended while printing.
        UnknownNameError: there is no such degradation.
        LakeError: the lake refused.
    """
    settings = read_settings(home, actor)
    validate_dataset(f"{name}/train")
    outcome = store_printed(fonts, name, degradation, per_font, seed, settings)
    create_table_artifact(table=[vars(row) for row in outcome], key="ingest", description="Digits ingested")
    return outcome


@task(task_run_name="store-{name}", cache_policy=NO_CACHE)
def store_printed(
    folder: Path | None, name: str, degradation: str, per_font: int, seed: int, settings: Settings
) -> list[Ingested]:
    """Read fonts, record the rejects, and print the digits of each split into its dataset."""
    if folder is None:
        found, rejects = read_shipped_fonts(), list[Reject]()
    else:
        found, rejects = read_font_folder(folder, max_bytes=settings.image_max_bytes)
    # A font that cannot be read belongs to no split; its reject is found under the first.
    record_rejects(f"{name}/train", rejects, settings)
    if rejects:
        damaged, tried = sum(map(is_damaged, rejects)), len(found) + len(rejects)
        refuse_too_many_rejects(damaged, tried, f"fonts in {folder}", "no digit was printed", settings)
    outcome = []
    for split, fonts in split_fonts(found).items():
        total = per_font * len(fonts)
        with progress_bar(f"Printing {split}", total) as advance:
            digits = print_digits(
                fonts,
                degradation=degradation,
                per_font=per_font,
                seed=seed,
                vary_designs=split == "train",  # what is tested is printed as it is
                processes=min(usable_cores(), total // _DIGITS_A_PROCESS),
                advance=advance,
            )
            outcome.append(append_to_dataset(settings, f"{name}/{split}", digits))
    return [replace(outcome[0], rejects=outcome[0].rejects + len(rejects)), *outcome[1:]]


@task(task_run_name="store-{source}", cache_policy=NO_CACHE)
def store_known_digits(
    source: Source, path: Path | None, name: str | None, settings: Settings
) -> list[Ingested]:
    """Read a published set of digits and append each of its splits to its dataset."""
    is_mnist = source == "mnist"
    splits = read_mnist(path or download_mnist(settings.downloads)) if is_mnist else read_optdigits()
    return [
        _store(settings, name or f"{source}/{split}", digits, f"Storing {split}")
        for split, digits in splits.items()
    ]


@task(task_run_name="store-images-{number}", cache_policy=NO_CACHE)
def store_images(number: int, listed: Sequence[ListedImage], dataset: str, settings: Settings) -> Ingested:
    """Read one shard's worth of image files, append the digits and record the rejects."""
    with progress_bar(f"Reading images, part {number}", len(listed)) as advance:
        batch = read_images(
            listed, max_pixels=settings.image_max_pixels, max_bytes=settings.image_max_bytes, advance=advance
        )
    record_rejects(dataset, batch.rejects, settings)
    if len(batch.digits):
        stored = _store(settings, dataset, batch.digits, "Storing")
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


def _ingest_images(path: Path, dataset: str, settings: Settings) -> list[Ingested]:
    validate_dataset(dataset)
    parts = [
        store_images(number, part, dataset, settings)
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
        raise IngestError(f"{path} holds no image: {total.unrecognised} files are none by name nor content")
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


def _store(settings: Settings, dataset: str, digits: pa.Table, description: str) -> Ingested:
    """Append digits to a dataset with a progress bar."""

    def watched() -> Iterator[pa.Table]:
        with progress_bar(description, len(digits)) as advance:
            for start in range(0, len(digits), settings.shard_rows):
                part = digits.slice(start, settings.shard_rows)
                yield part
                advance(len(part))

    return append_to_dataset(settings, dataset, watched())


def append_to_dataset(
    settings: Settings, dataset: str, batches: Iterable[pa.Table], may_be_empty: bool = False
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
    record_rejects(dataset, relabelled, settings)
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
