"""A trained model as two files: ``weights.safetensors`` and ``model.json``. Neither is a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from lenet_pipeline.errors import RegistryError
from lenet_pipeline.lake import fingerprint_parts
from lenet_pipeline.scoring import Engine, Preprocessing, TrainedModel
from lenet_pipeline.system import file_digest

WEIGHTS = "weights.safetensors"
RECORD = "model.json"
PACKAGED_FOLDER = Path(__file__).with_name("packaged")


def write_model(folder: Path, model: TrainedModel) -> None:
    """Write a model's two files into ``folder``."""
    save_file(dict(model.weights), folder / WEIGHTS)
    record = {
        "architecture": model.architecture,
        "preprocessing": asdict(model.preprocessing),
        "temperature": model.temperature,
        "none_score": model.none_score,
        "reference": dict(model.reference) if model.reference else None,
    }
    (folder / RECORD).write_text(json.dumps(record, indent=1))


def read_model(folder: Path) -> TrainedModel:
    """Read a model's two files from ``folder``.

    Raises:
        RegistryError: A file is missing, truncated or malformed.
    """
    try:
        record = json.loads((folder / RECORD).read_text())
        return TrainedModel(
            architecture=record["architecture"],
            weights=load_file(folder / WEIGHTS),
            preprocessing=Preprocessing(**record["preprocessing"]),
            temperature=float(record["temperature"]),
            none_score=record.get("none_score"),
            reference=_read_reference(record.get("reference")),
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as exc:
        raise RegistryError(
            f"cannot read the model in {folder} ({exc}); restore its files from a backup, or train again"
        ) from exc


def load_engine(folder: Path) -> Engine:
    """Read a model's two files from ``folder`` and load it, ready to score.

    Raises:
        RegistryError: A file is missing, truncated or malformed.
        ScoringError: The weights are damaged or do not fit the architecture.
    """
    return Engine(read_model(folder))


def load_packaged_engine() -> Engine:
    """Load the packaged network for one thread of the CPU. This does not import MLflow.

    Raises:
        RegistryError: A file of the package is missing or malformed.
    """
    return Engine(read_model(PACKAGED_FOLDER), "cpu", threads=1)


def _read_reference(record: Mapping[str, list[int]] | None) -> dict[str, tuple[int, ...]] | None:
    return {name: tuple(counts) for name, counts in record.items()} if record else None


def weights_sha256(folder: Path) -> str:
    """Return the sha256 of a model's weights file; the audit trail records it for each version."""
    return file_digest(folder / WEIGHTS, "sha256")


def files_sha256(folder: Path) -> str:
    """Return a sha256 over both files of a model; it shows whether a copy of them is complete."""
    return fingerprint_parts(file_digest(folder / name, "sha256") for name in (WEIGHTS, RECORD))
