"""The reproduce flow: train what the literature reports, and set published and ours side by side."""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
from matplotlib.figure import Figure
from prefect import flow, runtime, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import Field

from flows.models import open_registry
from flows.progress import progress_bar
from lenet_pipeline.engine import choose_device
from lenet_pipeline.lake import Manifest
from lenet_pipeline.machine import describe_machine
from lenet_pipeline.published import PUBLISHED, PublishedResult, choose_published, quick_epochs
from lenet_pipeline.recipes import find_recipe
from lenet_pipeline.registry import TrainingRun, training_run
from lenet_pipeline.reproduction import (
    ComparedRow,
    RowPlan,
    TrainedRow,
    compare_rows,
    read_mnist_manifests,
    read_trained_row,
    write_file,
    write_trained_row,
)
from lenet_pipeline.reproduction_report import describe_in_markdown, draw_reproduction
from lenet_pipeline.revision import code_revision
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.training import Epoch, TrainingResult, train_network
from lenet_pipeline.training_sets import LabelledDigits, read_labelled

REPORT, CURVES = "reproduction", "learning-curves"


@dataclass(frozen=True)
class ReproductionReport:
    """The rows that were asked for, which of them were trained just now, and where the report lies.

    ``code_revision`` is this code's: a row that was kept has the one that trained it.
    """

    rows: tuple[ComparedRow, ...]
    trained_now: tuple[str, ...]
    is_quick: bool
    folder: Path
    code_revision: str


@flow(name="reproduce", flow_run_name="reproduce-seed-{seed}", validate_parameters=True)
def reproduce(
    rows: list[str] | None = None,
    quick: bool = False,
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0,
    device: str = "auto",
    again: bool = False,
    home: Path | None = None,
    actor: str | None = None,
) -> ReproductionReport:
    """Train what the literature reports and save published beside ours; what was trained here is kept.

    Each row learns from all of MNIST's training digits. Its test digits are read after each epoch to
    watch, as in figure 5 of the 1998 paper: nothing is chosen by them, and the last epoch counts. A row
    that this home trained before from the same digits, with the same recipe, epochs and seed, is read
    from where it was kept, so that a job that was cut off goes on with the next row. Which code trained
    it decides nothing: the report names the rows that other code trained, and ``again`` is for them.

    Args:
        rows: names in ``published.PUBLISHED``; all where None.
        quick: train a fifth of the epochs, and report in a folder of its own.
        seed: of initial weights, order and distortions; each but 0 has its report in a folder of its own.
        device: ``auto``, ``cpu`` or ``cuda``.
        again: train the rows anew, even those that were kept.
        home: the pipeline's home, where not the settings'.
        actor: who does it, where not the settings'.

    Raises:
        UnknownNameError: the literature has no such row.
        TrainingError: MNIST is not in the lake, or a training failed.
    """
    settings = read_settings(home, actor)
    chosen = choose_published(rows or [])
    choose_device(device)
    manifests = read_mnist_manifests(settings.lake)
    kept = settings.home / "reproduction" / "rows"
    plans = [_plan(result, quick, seed, manifests) for result in PUBLISHED.values()]
    trained_now = []
    for plan in plans:
        if plan.published in chosen and (again or read_trained_row(plan.path(kept)) is None):
            write_trained_row(plan.path(kept), train_row(plan, manifests, device, settings))
            trained_now.append(plan.published.name)
    known = [row for plan in plans if (row := read_trained_row(plan.path(kept)))]
    compared = compare_rows(known)
    folder = _report_folder(kept.parent, quick, seed)
    save_report(compared, folder, quick)
    asked_for = tuple(row for row in compared if row.published in chosen)
    return ReproductionReport(asked_for, tuple(trained_now), quick, folder, code_revision())


@task(task_run_name="train-{plan.published.name}", cache_policy=NO_CACHE)
def train_row(
    plan: RowPlan, manifests: tuple[Manifest, Manifest], device: str, settings: Settings
) -> TrainedRow:
    """Train one row and log it to MLflow; it becomes no version, for the test digits have been seen."""
    training, test = (read_labelled(settings.lake, [manifest]) for manifest in manifests)
    tags = {"actor": settings.actor, "flow_run_id": str(runtime.flow_run.id)}
    name = plan.published.name
    with training_run(open_registry(settings), f"reproduce-{name}", _parameters(plan, device), tags) as run:
        for manifest, context in zip(manifests, ("train", "test"), strict=True):
            run.log_dataset(manifest.dataset, manifest.fingerprint, context)
        started = time.perf_counter()
        result = _train(plan, training, test, device, run)
        row = TrainedRow(
            row=name,
            accuracies_pct=tuple(_accuracy_pct(epoch) for epoch in result.epochs),
            training_digits=len(training),
            test_digits=len(test),
            seed=plan.seed,
            seconds=time.perf_counter() - started,
            images_per_second=float(np.median([epoch.images_per_second for epoch in result.epochs])),
            device=result.device,
            machine=describe_machine(),
            training_run_id=run.run_id,
            code_revision=code_revision(),
            trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
            actor=settings.actor,
        )
        run.log_metrics({"test_error_pct": row.error_pct, "seconds": row.seconds})
        run.log_figure(draw_reproduction([row]), CURVES)
    return row


@task(task_run_name="report", cache_policy=NO_CACHE)
def save_report(rows: list[ComparedRow], folder: Path, is_quick: bool) -> None:
    """Write the report of every row that this home has trained: Markdown, JSON and learning curves."""
    markdown = describe_in_markdown(rows, is_quick, code_revision())
    picture = f"\n![learning curves]({CURVES}.png)\n"
    write_file(folder / f"{REPORT}.md", (markdown + picture).encode())
    records = {"is_quick": is_quick, "rows": [row.record() for row in rows]}
    write_file(folder / f"{REPORT}.json", json.dumps(records, indent=1, ensure_ascii=False).encode())
    write_file(folder / f"{CURVES}.png", _png(draw_reproduction([row.trained for row in rows])))
    create_markdown_artifact(markdown, key="reproduce", description="Published results, trained again")


def _report_folder(folder: Path, is_quick: bool, seed: int) -> Path:
    """Return where a report lies: no seed's overwrites another's, nor a quick one a full one."""
    of_seed = folder / f"seed-{seed}" if seed else folder
    return of_seed / "quick" if is_quick else of_seed


def _plan(
    result: PublishedResult, is_quick: bool, seed: int, manifests: tuple[Manifest, Manifest]
) -> RowPlan:
    epochs = quick_epochs(result) if is_quick else result.epochs
    training, test = manifests
    return RowPlan(result, epochs, seed, training.fingerprint, test.fingerprint)


def _train(
    plan: RowPlan, training: LabelledDigits, test: LabelledDigits, device: str, run: TrainingRun
) -> TrainingResult:
    recipe = find_recipe(plan.published.recipe)

    def report(epoch: Epoch) -> None:
        figures = {"training_loss": epoch.training_loss, "test_accuracy": _accuracy_pct(epoch) / 100}
        run.log_metrics({**figures, "images_per_second": epoch.images_per_second}, step=epoch.number)

    per_epoch = len(training) // recipe.batch_size * recipe.batch_size
    with progress_bar(f"Training {plan.published.name}", plan.epochs * per_epoch) as advance:
        return train_network(
            plan.published.architecture,
            recipe,
            training,
            test,
            seed=plan.seed,
            epochs=plan.epochs,
            device=device,
            keep="last",
            advance=advance,
            report=report,
        )


def _accuracy_pct(epoch: Epoch) -> float:
    """Return an epoch's accuracy on the test digits in per cent, free of binary rounding."""
    return round(100 * (epoch.validation_accuracy or 0.0), 6)


def _parameters(plan: RowPlan, device: str) -> dict[str, object]:
    published = plan.published
    return {
        "architecture": published.architecture,
        "published_accuracy_pct": published.accuracy_pct,
        "published_epochs": published.epochs,
        "epochs": plan.epochs,
        "seed": plan.seed,
        "device": device,
        **find_recipe(published.recipe).parameters(),
    }


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    return content.getvalue()
