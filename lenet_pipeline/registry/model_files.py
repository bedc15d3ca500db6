"""A trained model as two files: ``weights.safetensors`` and ``model.json``. Nothing is ever unpickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from lenet_pipeline.errors import RegistryError
from lenet_pipeline.scoring import Preprocessing, TrainedModel
from lenet_pipeline.system import file_digest

WEIGHTS = "weights.safetensors"
RECORD = "model.json"


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
        RegistryError: a file is missing, truncated or not what it should be.
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
            f"cannot read the model in {folder} ({exc}); restore its files or train again"
        ) from exc


def _read_reference(record: Mapping[str, list[int]] | None) -> dict[str, tuple[int, ...]] | None:
    return {name: tuple(counts) for name, counts in record.items()} if record else None


def weights_sha256(folder: Path) -> str:
    """Return the sha256 of a model's weights file: what the audit trail records of a version."""
    return file_digest(folder / WEIGHTS, "sha256")
