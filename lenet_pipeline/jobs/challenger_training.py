"""Train a challenger: its weights, its test results and its MLflow run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lenet_pipeline.errors import TrainingError
from lenet_pipeline.ingest import RUBBISH_IMAGES, draw_rubbish
from lenet_pipeline.jobs.held_out_tests import TestResult, evaluate_on_test_sets
from lenet_pipeline.lake import Manifest, fingerprint_parts, read_manifest
from lenet_pipeline.registry import ALL_DIGITS, TRAIN_SPLIT, ModelVersion, TrainingRun, training_run
from lenet_pipeline.scoring import load_network
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Observer, code_revision
from lenet_pipeline.training import (
    SPLITS,
    Epoch,
    LabelledDigits,
    Recipe,
    TrainingResult,
    draw_feature_maps,
    draw_filters,
    draw_learning_curves,
    join_digits,
    read_splits,
    train_network,
)


@dataclass(frozen=True)
class TrainingPlan:
    """A training job with its recipe: everything that determines the weights."""

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
        """The value of the version's tag ``trained_on``."""
        return ALL_DIGITS if self.all_digits else TRAIN_SPLIT

    def fingerprint(self, manifests: Sequence[Manifest]) -> str:
        """Return a sha256 over all that determines the weights: data, recipe and code."""
        parts = [
            *(manifest.fingerprint for manifest in manifests),
            *(f"{name}={value}" for name, value in self.recipe.parameters().items()),
            *(self.architecture, self.recipe.name, self.recipe.effort, self.trained_on),
            *(str(self.epochs), str(self.seed), code_revision()),
        ]
        return fingerprint_parts(parts)


@dataclass(frozen=True)
class Trained:
    """A registered challenger and the results of its training.

    Attributes:
        version: the model version.
        sizes: number of training, validation and gate digits.
        history: the epochs, in order.
        best_epoch: number of the epoch whose weights were kept, from 1.
        tests: one result per test set.
    """

    version: ModelVersion
    sizes: tuple[int, int, int]
    history: tuple[Epoch, ...]
    best_epoch: int
    tests: tuple[TestResult, ...]


def train_challenger(plan: TrainingPlan, settings: Settings, observer: Observer) -> Trained:
    """Train, log the run to MLflow, evaluate on the test sets, and register the challenger.

    Raises:
        TrainingError: the datasets hold too few labelled digits.
    """
    registry = settings.registry
    manifests = [read_manifest(settings.lake, dataset) for dataset in plan.datasets]
    fingerprint = fingerprint_parts(manifest.fingerprint for manifest in manifests)
    splits = read_splits(settings.lake, manifests)
    if not len(splits["gate"]):
        raise TrainingError(
            f"too few labelled digits in {', '.join(plan.datasets)}: the gate split is empty; ingest more "
            "digits, and those of more writers if the writers are known"
        )
    training, validation = _select_training_digits(splits, plan.all_digits)
    sizes = (len(training), len(validation) if validation else 0, len(splits["gate"]))
    epochs = plan.epochs or plan.recipe.passes(len(training))
    parameters = {**_parameters(plan, sizes), "epochs": epochs}
    tags = {"actor": settings.actor, "flow_run_id": str(observer.flow_run_id)}
    name, about = f"{plan.architecture}-{plan.recipe.name}", _describe(plan, sizes, settings, observer)
    with training_run(registry, name, parameters, tags, about) as run:
        for manifest in manifests:
            for context in ("train",) if plan.all_digits else SPLITS:
                run.log_dataset(manifest.dataset, manifest.fingerprint, context)
        result = _train(plan, epochs, training, validation, run, observer)
        best = result.epochs[result.best_epoch - 1]
        run.log_metrics({"best_epoch": best.number})
        if best.validation_accuracy is not None:
            run.log_metrics({"best_validation_accuracy": best.validation_accuracy})
        run.log_figure(draw_learning_curves(result.epochs), "learning-curves")
        network, example = load_network(result.model), (validation or splits["gate"]).images[0]
        run.log_figure(draw_filters(network), "c1-filters")
        run.log_figure(draw_feature_maps(network, result.model.preprocessing, example), "feature-maps")
        tests = evaluate_on_test_sets(plan.tests, plan.device, result, settings, run)
        version = run.register(
            result.model,
            tags={
                "architecture": plan.architecture,
                "recipe": plan.recipe.name,
                "effort": plan.recipe.effort,
                "trained_on": plan.trained_on,
                "datasets": ", ".join(plan.datasets),
                "actor": settings.actor,
                "training_fingerprint": fingerprint,
                "plan_fingerprint": plan.fingerprint(manifests),
                "code_revision": code_revision(),
            },
            examples=training.images[:3],
            description=f"{about}\n\n{_describe_tests(tests)}",
        )
    return Trained(version, sizes, result.epochs, result.best_epoch, tests)


def _select_training_digits(
    splits: dict[str, LabelledDigits], all_digits: bool
) -> tuple[LabelledDigits, LabelledDigits | None]:
    """Return the training digits, and the validation digits unless the model trains on all digits."""
    if not all_digits:
        return splits["train"], splits["validation"]
    return join_digits([splits[split] for split in SPLITS]), None


def _train(
    plan: TrainingPlan,
    epochs: int,
    training: LabelledDigits,
    validation: LabelledDigits | None,
    run: TrainingRun,
    observer: Observer,
) -> TrainingResult:
    def report(epoch: Epoch) -> None:
        metrics = {name: value for name, value in vars(epoch).items() if value is not None}
        metrics.pop("number")
        run.log_metrics(metrics, step=epoch.number)
        observer.log(_describe_epoch(epoch, epochs))

    per_epoch = len(training) // plan.recipe.batch_size * plan.recipe.batch_size
    rubbish = draw_rubbish(RUBBISH_IMAGES, training.images, plan.seed) if plan.recipe.rubbish else None
    with observer.progress(f"Training {plan.architecture}", epochs * per_epoch) as advance:
        return train_network(
            plan.architecture,
            plan.recipe,
            training,
            validation,
            seed=plan.seed,
            epochs=epochs,
            device=plan.device,
            rubbish=rubbish,
            advance=advance,
            report=report,
        )


def _describe_epoch(epoch: Epoch, epochs: int) -> str:
    accuracy = epoch.validation_accuracy
    validation = "" if accuracy is None else f", validation accuracy {accuracy:.2%}"
    return (
        f"epoch {epoch.number} of {epochs}: training loss {epoch.training_loss:.4f}{validation}, "
        f"{epoch.images_per_second:,.0f} digits per second"
    )


def _describe(plan: TrainingPlan, sizes: tuple[int, int, int], settings: Settings, observer: Observer) -> str:
    """Describe a training for MLflow's pages: the data, the recipe, who asked for it, and how."""
    held_out = "" if plan.all_digits else f", {sizes[1]:,} to validate and {sizes[2]:,} for the gate"
    how = (
        f"in Prefect's flow run `{observer.flow_run_id}`" if observer.flow_run_id else "with a direct command"
    )
    return (
        f"**{plan.architecture}**, recipe `{plan.recipe.name}`, effort {plan.recipe.effort}, from "
        f"{', '.join(plan.datasets)}: {sizes[0]:,} digits to learn from{held_out}.\n\n"
        f"Started by {settings.actor} {how}."
    )


def _describe_tests(tests: tuple[TestResult, ...]) -> str:
    """Describe the test results for MLflow's page of the version."""
    if not tests:
        return "Tested on no dataset."
    return "\n".join(
        f"- {test.dataset}: {test.correct:,} of {test.digits:,} digits right, {test.accuracy:.2%}"
        for test in tests
    )


def _parameters(plan: TrainingPlan, sizes: tuple[int, int, int]) -> dict[str, object]:
    return {
        "datasets": ", ".join(plan.datasets),
        "tests": ", ".join(plan.tests),
        "architecture": plan.architecture,
        "trained_on": plan.trained_on,
        "seed": plan.seed,
        "device": plan.device,
        "training_digits": sizes[0],
        "validation_digits": sizes[1],
        "gate_digits": sizes[2],
        **plan.recipe.parameters(),
    }
