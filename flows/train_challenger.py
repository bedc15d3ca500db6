"""One training: everything that decides a challenger's weights, its tests and its MLflow run."""

from __future__ import annotations

from dataclasses import dataclass

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE

from flows.models import open_registry
from flows.progress import progress_bar
from flows.test_sets import TestResult, evaluate_on_tests
from lenet_pipeline.engine import load_network
from lenet_pipeline.errors import TrainingError
from lenet_pipeline.figures import draw_learning_curves
from lenet_pipeline.fingerprints import fingerprint_parts
from lenet_pipeline.lake import read_manifest
from lenet_pipeline.network_figures import draw_feature_maps, draw_filters
from lenet_pipeline.recipes import Recipe
from lenet_pipeline.registry import ALL_DIGITS, TRAIN_SPLIT, ModelVersion, TrainingRun, training_run
from lenet_pipeline.revision import code_revision
from lenet_pipeline.settings import Settings
from lenet_pipeline.sources.intruders import draw_rubbish
from lenet_pipeline.training import Epoch, TrainingResult, train_network
from lenet_pipeline.training_sets import SPLITS, LabelledDigits, join_digits, read_splits

_RUBBISH = 8_000  # images of no digit: drawn in a second, and distorted anew each time


@dataclass(frozen=True)
class TrainingJob:
    """What to train: everything that decides the weights, and who asked."""

    datasets: tuple[str, ...]
    tests: tuple[str, ...]
    architecture: str
    recipe: Recipe
    all_digits: bool
    epochs: int | None
    seed: int
    device: str

    @property
    def trained_on(self) -> str:
        return ALL_DIGITS if self.all_digits else TRAIN_SPLIT


@dataclass(frozen=True)
class Trained:
    """A registered challenger and the figures of its training."""

    version: ModelVersion
    sizes: tuple[int, int, int]
    history: tuple[Epoch, ...]
    best_epoch: int
    tests: tuple[TestResult, ...]


@task(task_run_name="train-{job.architecture}", cache_policy=NO_CACHE)
def train_challenger(job: TrainingJob, settings: Settings) -> Trained:
    """Train, log everything to MLflow, evaluate on the test sets, and register the challenger."""
    registry = open_registry(settings)
    manifests = [read_manifest(settings.lake, dataset) for dataset in job.datasets]
    fingerprint = fingerprint_parts(manifest.fingerprint for manifest in manifests)
    splits = read_splits(settings.lake, manifests)
    if not len(splits["gate"]):
        raise TrainingError(f"too few labelled digits in {', '.join(job.datasets)}: the gate has none")
    training, validation = _choose_digits(splits, job.all_digits)
    sizes = (len(training), len(validation) if validation else 0, len(splits["gate"]))
    passes = job.epochs or job.recipe.passes(len(training))
    parameters = {**_parameters(job, sizes), "epochs": passes}
    tags = {"actor": settings.actor, "flow_run_id": str(runtime.flow_run.id)}
    with training_run(registry, f"{job.architecture}-{job.recipe.name}", parameters, tags) as run:
        for manifest in manifests:
            for context in ("train",) if job.all_digits else SPLITS:
                run.log_dataset(manifest.dataset, manifest.fingerprint, context)
        result = _train(job, passes, training, validation, run)
        best = result.epochs[result.best_epoch - 1]
        run.log_metrics({"best_epoch": best.number})
        if best.validation_accuracy is not None:
            run.log_metrics({"best_validation_accuracy": best.validation_accuracy})
        run.log_figure(draw_learning_curves(result.epochs), "learning-curves")
        network, example = load_network(result.model), (validation or splits["gate"]).images[0]
        run.log_figure(draw_filters(network), "c1-filters")
        run.log_figure(draw_feature_maps(network, result.model.preprocessing, example), "feature-maps")
        tests = evaluate_on_tests(job.tests, job.device, result, settings, run)
        version = run.register(
            result.model,
            tags={
                "architecture": job.architecture,
                "recipe": job.recipe.name,
                "effort": job.recipe.effort,
                "trained_on": job.trained_on,
                "datasets": ", ".join(job.datasets),
                "actor": settings.actor,
                "training_fingerprint": fingerprint,
                "code_revision": code_revision(),
            },
            examples=training.images[:3],
        )
    return Trained(version, sizes, result.epochs, result.best_epoch, tests)


def _choose_digits(
    splits: dict[str, LabelledDigits], all_digits: bool
) -> tuple[LabelledDigits, LabelledDigits | None]:
    """Return what to learn from and what to validate with, if anything is left for that."""
    if not all_digits:
        return splits["train"], splits["validation"]
    return join_digits([splits[split] for split in SPLITS]), None


def _train(
    job: TrainingJob,
    passes: int,
    training: LabelledDigits,
    validation: LabelledDigits | None,
    run: TrainingRun,
) -> TrainingResult:
    def report(epoch: Epoch) -> None:
        figures = {name: value for name, value in vars(epoch).items() if value is not None}
        figures.pop("number")
        run.log_metrics(figures, step=epoch.number)

    per_epoch = len(training) // job.recipe.batch_size * job.recipe.batch_size
    rubbish = draw_rubbish(_RUBBISH, job.seed) if job.recipe.rubbish else None
    with progress_bar(f"Training {job.architecture}", passes * per_epoch) as advance:
        return train_network(
            job.architecture,
            job.recipe,
            training,
            validation,
            seed=job.seed,
            epochs=passes,
            device=job.device,
            rubbish=rubbish,
            advance=advance,
            report=report,
        )


def _parameters(job: TrainingJob, sizes: tuple[int, int, int]) -> dict[str, object]:
    return {
        "datasets": ", ".join(job.datasets),
        "tests": ", ".join(job.tests),
        "architecture": job.architecture,
        "trained_on": job.trained_on,
        "seed": job.seed,
        "device": job.device,
        "training_digits": sizes[0],
        "validation_digits": sizes[1],
        "gate_digits": sizes[2],
        **job.recipe.parameters(),
    }
