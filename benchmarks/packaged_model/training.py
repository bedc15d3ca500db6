"""Train the packaged model and measure it. The same sources always give the same bits.

This holds for one type of processor and the same versions of the libraries, which the result names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks.packaged_model.sources import Source
from lenet_pipeline import system
from lenet_pipeline.ingest import RUBBISH_IMAGES, draw_rubbish
from lenet_pipeline.lake import Manifest, fingerprint_parts, read_manifest, read_shard
from lenet_pipeline.registry import TRAIN_SPLIT
from lenet_pipeline.registry.training_file import SURE, PackagedTraining, SourceFigures, TrainingSource
from lenet_pipeline.scoring import Engine, TrainedModel
from lenet_pipeline.settings import Settings
from lenet_pipeline.training import (
    TrainingResult,
    find_recipe,
    measure_reliability,
    read_labelled,
    read_splits,
    train_network,
)

_LIBRARIES = ("torch", "numpy", "scipy", "opencv-python-headless", "pillow", "safetensors")


@dataclass(frozen=True)
class Plan:
    """How the packaged model is trained.

    Attributes:
        release: the first release that ships the model.
        architecture: a name that `lenet architectures` lists.
        recipe: a recipe of `lenet train`.
        effort: ``quick`` or ``best``.
        seed: of the weights, the order of the digits, the distortions and the images that are not digits.
        epochs: number of passes over the training digits; the recipe decides if None.
        note: what a reader of the card must know about the model, if anything.
    """

    release: str
    architecture: str
    recipe: str
    effort: str
    seed: int
    epochs: int | None
    note: str = ""


PLAN = Plan(
    release="0.3.0",
    architecture="lenet5",
    recipe="modern-views",
    effort="quick",
    seed=0,
    epochs=20,
)


def ingest_sources(settings: Settings, folders: Mapping[Source, Path]) -> None:
    """Put the digits of each source into the lake of a home."""
    for source, folder in folders.items():
        source.ingest(settings, folder)


def train_packaged_model(
    settings: Settings, sources: Sequence[Source], plan: Plan = PLAN
) -> tuple[TrainedModel, PackagedTraining]:
    """Train on the sources in a home's lake, measure the model, and return both."""
    torch.set_num_threads(1)  # the number of threads changes the order of additions, and so the bits
    manifests = {
        source: [read_manifest(settings.lake, dataset) for dataset in source.training] for source in sources
    }
    everything = [manifest for each in manifests.values() for manifest in each]
    recipe = find_recipe(plan.recipe, plan.effort)
    splits = read_splits(settings.lake, everything)
    result = train_network(
        plan.architecture,
        recipe,
        splits["train"],
        splits["validation"],
        seed=plan.seed,
        epochs=plan.epochs,
        device="cpu",
        rubbish=draw_rubbish(RUBBISH_IMAGES, splits["train"].images, plan.seed),
    )
    training = PackagedTraining(
        release=plan.release,
        recipe=plan.recipe,
        effort=plan.effort,
        trained_on=TRAIN_SPLIT,
        seed=plan.seed,
        epochs=len(result.epochs),
        best_epoch=result.best_epoch,
        training_digits=len(splits["train"]),
        validation_digits=len(splits["validation"]),
        training_fingerprint=fingerprint_parts(manifest.fingerprint for manifest in everything),
        parameters={name: str(value) for name, value in recipe.parameters().items()},
        libraries=_describe_libraries(),
        sources=tuple(
            _describe_source(settings, source, manifest)
            for source, each in manifests.items()
            for manifest in each
        ),
        figures=tuple(
            measure(settings, result, dataset, title) for source in sources for dataset, title in source.tests
        ),
        note=plan.note,
    )
    return result.model, training


def measure(settings: Settings, result: TrainingResult, dataset: str, title: str) -> SourceFigures:
    """Measure a model on a dataset that it did not learn from."""
    digits = read_labelled(settings.lake, [read_manifest(settings.lake, dataset)])
    scores = Engine(result.model, "cpu").score(digits.images)
    is_right, is_sure = scores.labels == digits.labels, scores.confidences >= SURE
    return SourceFigures(
        dataset=dataset,
        title=title,
        digits=len(digits),
        correct=int(is_right.sum()),
        calibration_error=measure_reliability(scores.confidences, is_right).expected_error,
        sure=int(is_sure.sum()),
        sure_wrong=int((is_sure & ~is_right).sum()),
    )


def _describe_source(settings: Settings, source: Source, manifest: Manifest) -> TrainingSource:
    files = {
        digest
        for shard in manifest.shards
        for digest in read_shard(settings.lake, manifest.dataset, shard)["source_sha256"].unique().to_pylist()
    }
    return TrainingSource(
        dataset=manifest.dataset,
        title=source.title,
        licence=source.licence,
        origin=source.origin,
        fingerprint=manifest.fingerprint,
        digits=manifest.rows,
        files=tuple(sorted(files)),
    )


def _describe_libraries() -> dict[str, str]:
    machine = system.describe_machine()
    kept = {name: machine[name] for name in ("processor", "python")}
    return kept | {name: version(name) for name in _LIBRARIES}
