"""The training of a packaged model as a file: what it learned from, how, and what it was measured on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lenet_pipeline.errors import RegistryError

TRAINING = "training-record.json"


@dataclass(frozen=True)
class TrainingSource:
    """A dataset that a packaged model learned from.

    Attributes:
        dataset: its name, as ``lenet ingest`` gives it.
        title: its name for people.
        licence: under which it may be used.
        origin: its authors, and where it comes from.
        fingerprint: of its manifest.
        digits: number of digits, with those for validation and for the gate.
        files: the sha256 of each file that digits came from, as the column ``source_sha256`` has it.
    """

    dataset: str
    title: str
    licence: str
    origin: str
    fingerprint: str
    digits: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class SourceFigures:
    """The results of a packaged model on digits that it did not learn from.

    Attributes:
        dataset: a name such as ``mnist/test``.
        title: which digits these are, for people.
        digits: number of digits.
        correct: number of digits read correctly.
        calibration_error: the expected calibration error, 0 to 1.
        sure: number of digits with a confidence of at least ``SURE``.
        sure_wrong: number of sure digits that are read wrongly.
    """

    dataset: str
    title: str
    digits: int
    correct: int
    calibration_error: float
    sure: int
    sure_wrong: int


@dataclass(frozen=True)
class PackagedTraining:
    """Everything recorded about the training of a packaged model.

    Attributes:
        release: the first release that ships the model.
        recipe: the recipe of ``lenet train`` that it used.
        effort: ``quick`` or ``best``.
        trained_on: which digits of the sources it learned from, such as ``train split``.
        seed: of the weights, the order of the digits and the distortions.
        epochs: number of passes over the training digits.
        best_epoch: number of the epoch whose weights were kept, from 1.
        training_digits: number of digits that it learned from.
        validation_digits: number of digits that chose the epoch and the temperature.
        training_fingerprint: over the fingerprints of all sources.
        parameters: the settings of the recipe, as MLflow records them for other versions.
        libraries: versions of the libraries that decide about the bits of the weights, and the processor.
        sources: the datasets that it learned from.
        figures: the results on digits that it did not learn from.
        note: what a reader of the card must know, if anything.
    """

    release: str
    recipe: str
    effort: str
    trained_on: str
    seed: int
    epochs: int
    best_epoch: int
    training_digits: int
    validation_digits: int
    training_fingerprint: str
    parameters: Mapping[str, str]
    libraries: Mapping[str, str]
    sources: tuple[TrainingSource, ...]
    figures: tuple[SourceFigures, ...]
    note: str = ""

    @property
    def learned_files(self) -> frozenset[str]:
        """The sha256 of every file whose digits the model learned from."""
        return frozenset(digest for source in self.sources for digest in source.files)


SURE = 0.9  # the confidence from which on a wrong reading counts as ``sure_wrong``


def write_training(folder: Path, training: PackagedTraining) -> None:
    """Write ``training-record.json`` into a folder. The same training always gives the same bytes."""
    (folder / TRAINING).write_text(json.dumps(asdict(training), indent=1, ensure_ascii=False) + "\n", "utf-8")


def find_training(folder: Path) -> PackagedTraining | None:
    """Read ``training-record.json`` from a model's folder; return None for a model that was trained here.

    Raises:
        RegistryError: The file is malformed.
    """
    path = folder / TRAINING
    if not path.exists():
        return None
    try:
        record: dict[str, Any] = json.loads(path.read_text("utf-8"))
        sources = [{**source, "files": tuple(source["files"])} for source in record.pop("sources")]
        figures = record.pop("figures")
        return PackagedTraining(
            **record,
            sources=tuple(TrainingSource(**source) for source in sources),
            figures=tuple(SourceFigures(**figure) for figure in figures),
        )
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise RegistryError(
            f"cannot read {path} ({exc}); restore it from a backup, or install the package again"
        ) from exc
