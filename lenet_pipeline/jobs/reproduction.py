"""Reproduce published results: train them again, and compare."""

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
from pydantic import Field
from pydantic.dataclasses import dataclass as validated

from lenet_pipeline.audit import counted
from lenet_pipeline.jobs.run_form import DEVICE, RUN_FORM, choices
from lenet_pipeline.lake import Manifest
from lenet_pipeline.registry import TrainingRun, training_run
from lenet_pipeline.scoring import choose_device
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer, code_revision, describe_machine
from lenet_pipeline.training import (
    PUBLISHED,
    ComparedRow,
    Epoch,
    LabelledDigits,
    PublishedResult,
    RowPlan,
    TrainedRow,
    TrainingResult,
    choose_published,
    compare_rows,
    describe_in_markdown,
    draw_reproduction,
    find_recipe,
    quick_epochs,
    read_labelled,
    read_mnist_manifests,
    read_trained_row,
    train_network,
    write_file,
    write_trained_row,
)

REPORT, CURVES = "reproduction", "learning-curves"


@dataclass(frozen=True)
class ReproductionReport:
    """The result of a reproduction.

    Attributes:
        rows: the requested rows.
        trained_now: names of the rows that this job trained.
        is_quick: whether the rows have a fifth of the epochs.
        folder: where the report is.
        code_revision: of the running code. A row that was trained before has its own.
    """

    rows: tuple[ComparedRow, ...]
    trained_now: tuple[str, ...]
    is_quick: bool
    folder: Path
    code_revision: str

    @property
    def markdown(self) -> Path:
        """The Markdown file of the report."""
        return self.folder / f"{REPORT}.md"


@validated(frozen=True, config=RUN_FORM)
class ReproductionJob:
    """Which published results to train again.

    Attributes:
        rows: names of published results; all if empty.
        quick: train a fifth of the epochs, and report in a separate folder.
        seed: seed of the initial weights, the order of the digits and the distortions. Each seed but 0 has
            its own report folder.
        device: where to train; ``auto`` takes a GPU if there is one.
        again: also train rows that this home has trained before.
    """

    rows: tuple[Annotated[str, choices(PUBLISHED)], ...] = ()
    quick: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    device: Annotated[str, DEVICE] = "auto"
    again: bool = False


def reproduce(settings: Settings, job: ReproductionJob, observer: Observer = SILENT) -> ReproductionReport:
    """Train published results again and save a report that compares them with ours.

    Each row trains on all training digits of MNIST. Test accuracy is measured after each epoch, as in
    figure 5 of the 1998 paper, but selects nothing: the last epoch counts. Rows that this home trained before
    on the same digits, with the same recipe, epochs and seed, are read from disk, so that an interrupted job
    resumes with the next row. The report marks rows from another code revision; ``again`` trains them again.

    Raises:
        UnknownNameError: there is no such published result.
        TrainingError: MNIST is not in the lake, or a training failed.
    """
    quick, seed = job.quick, job.seed
    chosen = choose_published(list(job.rows))
    choose_device(job.device)
    manifests = read_mnist_manifests(settings.lake)
    rows_folder = settings.home / "reproduction" / "rows"
    plans = [_plan(result, quick, seed, manifests) for result in PUBLISHED.values()]
    trained_now = []
    for plan in plans:
        if plan.published in chosen and (job.again or read_trained_row(plan.path(rows_folder)) is None):
            name = plan.published.name
            row = observer.step(f"train-{name}", _train_row, plan, manifests, job.device, settings, observer)
            write_trained_row(plan.path(rows_folder), row)
            trained_now.append(plan.published.name)
    known = [found for plan in plans if (found := read_trained_row(plan.path(rows_folder)))]
    compared = compare_rows(known)
    folder = _report_folder(rows_folder.parent, quick, seed)
    observer.step("report", _save_report, compared, folder, quick)
    observer.log(
        f"{counted(len(trained_now), 'row')} trained; "
        f"the report {folder / REPORT}.md has {counted(len(compared), 'row')}"
    )
    requested = tuple(row for row in compared if row.published in chosen)
    return ReproductionReport(requested, tuple(trained_now), quick, folder, code_revision())


def _train_row(
    plan: RowPlan,
    manifests: tuple[Manifest, Manifest],
    device: str,
    settings: Settings,
    observer: Observer,
) -> TrainedRow:
    """Train one row and log it to MLflow. It is not registered, because test digits measured each epoch."""
    training, test = (read_labelled(settings.lake, [manifest]) for manifest in manifests)
    tags = {"actor": settings.actor, "flow_run_id": str(observer.flow_run_id)}
    name = plan.published.name
    about = f"A published result trained again: row `{name}`. Started by {settings.actor}."
    with training_run(settings.registry, f"reproduce-{name}", _parameters(plan, device), tags, about) as run:
        for manifest, context in zip(manifests, ("train", "test"), strict=True):
            run.log_dataset(manifest.dataset, manifest.fingerprint, context)
        started = time.perf_counter()
        result = _train(plan, training, test, device, run, observer)
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


def _save_report(rows: list[ComparedRow], folder: Path, is_quick: bool) -> None:
    """Write the report of all rows that this home has trained: Markdown, JSON and learning curves."""
    markdown = describe_in_markdown(rows, is_quick, code_revision())
    picture = f"\n![learning curves]({CURVES}.png)\n"
    write_file(folder / f"{REPORT}.md", (markdown + picture).encode())
    records = {"is_quick": is_quick, "rows": [row.record() for row in rows]}
    write_file(folder / f"{REPORT}.json", json.dumps(records, indent=1, ensure_ascii=False).encode())
    write_file(folder / f"{CURVES}.png", _png(draw_reproduction([row.trained for row in rows])))


def _report_folder(folder: Path, is_quick: bool, seed: int) -> Path:
    """Return the folder of a report. Each seed has its own, and so have quick reports."""
    seed_folder = folder / f"seed-{seed}" if seed else folder
    return seed_folder / "quick" if is_quick else seed_folder


def _plan(
    result: PublishedResult, is_quick: bool, seed: int, manifests: tuple[Manifest, Manifest]
) -> RowPlan:
    epochs = quick_epochs(result) if is_quick else result.epochs
    training, test = manifests
    return RowPlan(result, epochs, seed, training.fingerprint, test.fingerprint)


def _train(
    plan: RowPlan,
    training: LabelledDigits,
    test: LabelledDigits,
    device: str,
    run: TrainingRun,
    observer: Observer,
) -> TrainingResult:
    recipe = find_recipe(plan.published.recipe)

    def report(epoch: Epoch) -> None:
        metrics = {"training_loss": epoch.training_loss, "test_accuracy": _accuracy_pct(epoch) / 100}
        run.log_metrics({**metrics, "images_per_second": epoch.images_per_second}, step=epoch.number)

    per_epoch = len(training) // recipe.batch_size * recipe.batch_size
    with observer.progress(f"Training {plan.published.name}", plan.epochs * per_epoch) as advance:
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
    """Return an epoch's accuracy on the test digits in percent, rounded to hide binary fractions."""
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
