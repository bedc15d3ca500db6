"""The packaged model: a trained model that ships with this release, so that scans can be read at once.

The folder ``packaged`` has the two files of a model version, ``training-record.json`` and ``MODEL_CARD.md``.
The command ``python -m benchmarks.packaged_model`` writes them. A home registers them as one of its versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lenet_pipeline.errors import RegistryError
from lenet_pipeline.registry.model_files import PACKAGED_FOLDER, files_sha256, read_model
from lenet_pipeline.registry.store import Registry
from lenet_pipeline.registry.training_file import PackagedTraining, find_training
from lenet_pipeline.registry.training_runs import training_run
from lenet_pipeline.registry.versions import PACKAGED, SOURCE_TAG, ModelVersion, list_versions
from lenet_pipeline.scoring import TrainedModel

CARD = "MODEL_CARD.md"


@dataclass(frozen=True)
class PackagedModel:
    """The model that ships with this release: the folder of its files, the model and its training."""

    folder: Path
    model: TrainedModel
    training: PackagedTraining


def read_packaged_model(folder: Path = PACKAGED_FOLDER) -> PackagedModel:
    """Read the packaged model.

    Raises:
        RegistryError: A file of the package is missing or malformed.
    """
    training = find_training(folder)
    if training is None:
        raise RegistryError(f"the package lacks its model in {folder}; install lenet-pipeline again")
    return PackagedModel(folder, read_model(folder), training)


def find_packaged_version(registry: Registry, packaged: PackagedModel) -> ModelVersion | None:
    """Return the version that has the files of the packaged model, or None.

    Raises:
        RegistryError: MLflow cannot be read.
    """
    digest = files_sha256(packaged.folder)
    versions = list_versions(registry)
    return next((each for each in versions if each.is_packaged and each.files_sha256 == digest), None)


def register_packaged_model(
    registry: Registry, packaged: PackagedModel, actor: str, flow_run_id: str | None = None
) -> ModelVersion:
    """Register the packaged model as a new version, without an alias.

    Its figures become metrics of an MLflow run, and all its files artifacts, the model card among them.

    Raises:
        RegistryError: MLflow cannot store the version.
    """
    model, training = packaged.model, packaged.training
    datasets = ", ".join(source.dataset for source in training.sources)
    parameters = {
        **training.parameters,
        "datasets": datasets,
        "architecture": model.architecture,
        "trained_on": training.trained_on,
        "seed": training.seed,
        "epochs": training.epochs,
        "training_digits": training.training_digits,
        "validation_digits": training.validation_digits,
    }
    run_tags = {SOURCE_TAG: PACKAGED, "actor": actor, "flow_run_id": str(flow_run_id)}
    about = _describe(packaged)
    with training_run(registry, PACKAGED, parameters, run_tags, about) as run:
        for source in training.sources:
            run.log_dataset(source.dataset, source.fingerprint, "train")
        run.log_metrics(_metrics(training))
        run.log_file(packaged.folder / CARD)
        return run.register_files(
            packaged.folder,
            tags={
                SOURCE_TAG: PACKAGED,
                "architecture": model.architecture,
                "recipe": PACKAGED,  # so that an auditor sees it in the database; the run names the real one
                "effort": training.effort,
                "trained_on": training.trained_on,
                "datasets": datasets,
                "actor": actor,
                "training_fingerprint": training.training_fingerprint,
                "code_revision": training.release,
            },
            description=about,
        )


def _metrics(training: PackagedTraining) -> dict[str, float]:
    """Return the figures under the names that trainings here give to theirs."""
    metrics: dict[str, float] = {"best_epoch": training.best_epoch}
    for figures in training.figures:
        values = {
            "accuracy": figures.correct / figures.digits,
            "correct": figures.correct,
            "digits": figures.digits,
            "ece": figures.calibration_error,
            "sure": figures.sure,
            "sure_wrong": figures.sure_wrong,
        }
        metrics |= {f"{figures.dataset}/{name}": value for name, value in values.items()}
    correct = sum(figures.correct for figures in training.figures)
    digits = sum(figures.digits for figures in training.figures)
    return {**metrics, "test_accuracy": correct / digits, "test_correct": correct, "test_digits": digits}


def _describe(packaged: PackagedModel) -> str:
    """Describe the packaged model for MLflow's pages."""
    training = packaged.training
    sources = ", ".join(source.title for source in training.sources)
    results = "\n".join(
        f"- {figures.title}: {figures.correct:,} of {figures.digits:,} digits right, "
        f"{figures.correct / figures.digits:.2%}"
        for figures in training.figures
    )
    return (
        f"**{packaged.model.architecture}**, packaged with lenet-pipeline {training.release} and not trained "
        f"here. It learned from {training.training_digits:,} digits of {sources}; `{CARD}` has more.\n\n"
        f"{results}"
    )
