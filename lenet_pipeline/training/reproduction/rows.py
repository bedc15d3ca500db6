"""Reproduced rows: published results that we trained, stored in files so that each is trained only once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lenet_pipeline.errors import TrainingError
from lenet_pipeline.lake import AnyPlace, Manifest, find_manifest, fingerprint_record
from lenet_pipeline.system import describe_os_error, written_whole
from lenet_pipeline.training.recipes import find_recipe
from lenet_pipeline.training.reproduction.published import (
    PUBLISHED,
    Comparison,
    PublishedResult,
    compare_with_published,
)

TRAINING_SET, TEST_SET = "mnist/train", "mnist/test"


@dataclass(frozen=True)
class RowPlan:
    """A plan to train a published row: everything that determines its weights."""

    published: PublishedResult
    epochs: int
    seed: int
    training_fingerprint: str
    test_fingerprint: str

    @property
    def fingerprint(self) -> str:
        """The sha256 over the datasets, architecture, recipe, epochs and seed."""
        recipe = asdict(find_recipe(self.published.recipe))
        recipe.pop("summary")
        return fingerprint_record(
            {
                "training": self.training_fingerprint,
                "test": self.test_fingerprint,
                "architecture": self.published.architecture,
                "recipe": recipe,
                "epochs": self.epochs,
                "seed": self.seed,
            }
        )

    def path(self, folder: Path) -> Path:
        """Return the path of the file that stores the trained row."""
        return folder / f"{self.published.name}-{self.fingerprint[:16]}.json"


@dataclass(frozen=True)
class TrainedRow:
    """A row that we trained; ``accuracies_pct`` is the test accuracy after each epoch, in per cent."""

    row: str
    accuracies_pct: tuple[float, ...]
    training_digits: int
    test_digits: int
    seed: int
    seconds: float
    images_per_second: float
    device: str
    machine: Mapping[str, str]
    training_run_id: str
    code_revision: str
    trained_at: str
    actor: str

    @property
    def published(self) -> PublishedResult:
        return PUBLISHED[self.row]

    @property
    def accuracy_pct(self) -> float:
        return self.accuracies_pct[-1]

    @property
    def error_pct(self) -> float:
        return round(100 - self.accuracy_pct, 6)


@dataclass(frozen=True)
class ComparedRow:
    """A trained row and its comparison with the published result."""

    trained: TrainedRow
    comparison: Comparison

    @property
    def published(self) -> PublishedResult:
        return self.trained.published

    def record(self) -> dict[str, Any]:
        """Return one flat record of plain values."""
        trained, published = self.trained, self.published
        return {
            "row": trained.row,
            "architecture": published.architecture,
            "recipe": published.recipe,
            "source": published.source,
            "published_accuracy_pct": published.accuracy_pct,
            "published_above": published.above,
            "accuracy_pct": trained.accuracy_pct,
            "error_pct": trained.error_pct,
            "difference_points": self.comparison.difference_points,
            "is_reproduced": self.comparison.is_reproduced,
            "reason": self.comparison.reason,
            "differs": published.differs,
            "published_epochs": published.epochs,
            "epochs": len(trained.accuracies_pct),
            "published_accuracies_pct": list(published.accuracies_pct),
            "accuracies_pct": list(trained.accuracies_pct),
            "training_digits": trained.training_digits,
            "test_digits": trained.test_digits,
            "seed": trained.seed,
            "seconds": trained.seconds,
            "images_per_second": trained.images_per_second,
            "device": trained.device,
            "machine": dict(trained.machine),
            "training_run_id": trained.training_run_id,
            "code_revision": trained.code_revision,
            "trained_at": trained.trained_at,
            "actor": trained.actor,
        }


def read_mnist_manifests(lake: AnyPlace) -> tuple[Manifest, Manifest]:
    """Return the manifests of MNIST's training and test digits.

    Raises:
        TrainingError: The lake lacks one of them.
    """
    training, test = find_manifest(lake, TRAINING_SET), find_manifest(lake, TEST_SET)
    if training is None or test is None:
        raise TrainingError(
            f"{lake} does not hold both {TRAINING_SET} and {TEST_SET}; run `lenet ingest mnist` first"
        )
    return training, test


def compare_rows(trained: Sequence[TrainedRow]) -> list[ComparedRow]:
    """Compare each row with the published result, and with another row that it must exceed, if trained."""
    reached = {(row.row, len(row.accuracies_pct)): row.accuracy_pct for row in trained}

    def compare(row: TrainedRow) -> Comparison:
        other_pct = reached.get((row.published.above or "", len(row.accuracies_pct)))
        return compare_with_published(row.published, row.accuracies_pct, other_pct, row.training_digits)

    return [ComparedRow(row, compare(row)) for row in trained]


def read_trained_row(path: Path) -> TrainedRow | None:
    """Read a trained row from its file; return None if the file is missing or damaged."""
    try:
        record = json.loads(path.read_text())
        row = TrainedRow(**{**record, "accuracies_pct": tuple(record["accuracies_pct"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None  # the row is simply trained again
    return row if row.accuracies_pct else None


def describe_other_code(rows: Sequence[ComparedRow], revision: str) -> list[str]:
    """Describe which rows were trained with another code revision, one line per revision."""
    names: dict[str, list[str]] = {}
    for row in rows:
        names.setdefault(row.trained.code_revision, []).append(row.trained.row)
    return [
        f"trained with code revision {other}, not the current {revision}: {', '.join(trained)}"
        for other, trained in names.items()
        if other != revision
    ]


def write_trained_row(path: Path, row: TrainedRow) -> None:
    """Store a trained row in its file.

    Raises:
        TrainingError: The file cannot be written.
    """
    write_file(path, json.dumps(asdict(row), indent=1).encode())


def write_file(path: Path, content: bytes) -> None:
    """Write a file of the reproduction atomically.

    Raises:
        TrainingError: The file cannot be written.
    """
    try:
        with written_whole(path) as temporary:
            temporary.write_bytes(content)
    except OSError as exc:
        raise TrainingError(f"cannot write {path}: {describe_os_error(exc)}") from exc
