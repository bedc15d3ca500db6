"""Training runs: log a training to MLflow, then register its model as a version."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import numpy as np
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from lenet_pipeline.errors import RegistryError
from lenet_pipeline.lake import fingerprint_parts
from lenet_pipeline.registry.model_files import files_sha256, weights_sha256, write_model
from lenet_pipeline.registry.store import REGISTRY_FAILURES, Registry
from lenet_pipeline.registry.versions import FILES_TAG, ModelVersion, resolve_version
from lenet_pipeline.schema import Images
from lenet_pipeline.scoring import TrainedModel

if TYPE_CHECKING:
    import matplotlib.figure

# Without a type for the inputs, MLflow passes requests on as they are. With one, it would cast each request
# first: 0.9 becomes 0 as an uint8, and the model could not refuse it.
_SIGNATURE = ModelSignature(
    outputs=Schema(
        [
            ColSpec("long", "label"),
            ColSpec("double", "confidence"),
            ColSpec("double", "not_a_digit", required=False),
        ]
    )
)
# MLflow runs this file to load a version. Importing it here would set it as the model of this process.
_SERVED_MODEL = Path(__file__).with_name("served_model.py")
_ABOUT_MODEL = (
    "Reads single handwritten digits for lenet-pipeline. The alias champion marks the version that scores, "
    "and challenger the newest one. Move them with `lenet models promote`, which records who did it and why."
)
_BLANK = np.zeros((2, 28, 28), np.uint8)  # MLflow fixes the batch to 1 if the example has one image
_DIGEST_LENGTH = 36  # the longest digest that MLflow's database holds; a tag keeps the full one


@dataclass(frozen=True)
class TrainingRun:
    """An open MLflow run."""

    registry: Registry
    run_id: str

    def log_dataset(self, dataset: str, fingerprint: str, context: str) -> None:
        """Log a dataset input: its name, the fingerprint of its content, and its use.

        ``context`` is ``train``, ``validation``, ``gate`` or ``test``. MLflow identifies an input by name
        and digest alone. The digest therefore covers the context, so that each split is a separate input.
        """
        source = CodeDatasetSource(tags={"dataset": dataset, "fingerprint": fingerprint})
        digest = fingerprint_parts([fingerprint, context])[:_DIGEST_LENGTH]
        mlflow.log_input(
            MetaDataset(source, name=dataset, digest=digest),  # type: ignore[abstract]  # as in MLflow's docs
            context=context,
            tags={"fingerprint": fingerprint},
        )

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics; ``step`` is the epoch that they belong to, if any."""
        mlflow.log_metrics(dict(metrics), step=step)

    def log_figure(self, figure: matplotlib.figure.Figure, name: str) -> None:
        """Log a figure as ``figures/NAME.png``."""
        mlflow.log_figure(figure, f"figures/{name}.png")

    def log_file(self, path: Path) -> None:
        """Log a file under its name."""
        mlflow.log_artifact(str(path))

    def register(
        self, model: TrainedModel, tags: Mapping[str, str], examples: Images, description: str = ""
    ) -> ModelVersion:
        """Register a model as a new version, without an alias.

        Args:
            model: The trained model.
            tags: The version's tags: architecture, recipe, actor, fingerprints.
            examples: Two or more images, uint8 (n, 28, 28), stored as the input example.
            description: Text for people, shown on MLflow's page of the version.

        Raises:
            RegistryError: The new version cannot be read back.
        """
        with tempfile.TemporaryDirectory() as scratch:
            write_model(Path(scratch), model)
            return self.register_files(Path(scratch), tags, description, examples)

    def register_files(
        self, folder: Path, tags: Mapping[str, str], description: str, examples: Images | None = None
    ) -> ModelVersion:
        """Register the files of a model as a new version, without an alias.

        Args:
            folder: The folder of the model's two files. Any others are stored with them.
            tags: As for ``register``.
            description: As for ``register``.
            examples: As for ``register``; by default, blank images.

        Raises:
            RegistryError: The new version cannot be read back.
        """
        name = self.registry.model_name
        digests = {"weights_sha256": weights_sha256(folder), FILES_TAG: files_sha256(folder)}
        with tempfile.TemporaryDirectory() as scratch:
            logged = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(_SERVED_MODEL),
                # MLflow stores a folder under its own name, and scoring looks for "model".
                artifacts={"model": str(shutil.copytree(folder, Path(scratch) / "model"))},
                signature=_SIGNATURE,
                input_example=_BLANK if examples is None else examples,
                pip_requirements=["lenet-pipeline"],
            )
        client = self.registry.client()
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name, description=_ABOUT_MODEL)
        version = client.create_model_version(
            name,
            logged.model_uri,
            self.run_id,
            tags={**tags, **digests},
            description=description or None,
            model_id=logged.model_id,
        )
        return resolve_version(self.registry, f"{name}/{version.version}")


@contextmanager
def training_run(
    registry: Registry,
    name: str,
    parameters: Mapping[str, object],
    tags: Mapping[str, str],
    description: str = "",
) -> Iterator[TrainingRun]:
    """Open an MLflow run for one training; mark it as failed if the block raises.

    MLflow samples the machine's load until the run ends.

    Args:
        registry: where to record the run.
        name: the kind of training; the run's name adds the time (UTC).
        parameters: of the training.
        tags: of the run.
        description: text for people, shown on MLflow's page of the run.

    Raises:
        RegistryError: MLflow cannot store something that the block logged.
    """
    registry.client()
    try:
        mlflow.set_experiment(registry.experiment)
        with mlflow.start_run(
            run_name=f"{name} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
            tags=dict(tags),
            description=description or None,
            log_system_metrics=True,
        ) as run:
            mlflow.log_params(dict(parameters))
            yield TrainingRun(registry, run.info.run_id)
    except REGISTRY_FAILURES as exc:
        raise RegistryError(f"cannot record the training run in MLflow: {registry.explain(exc)}") from exc
