"""Training: digits and a recipe in, a trained model and the history of its epochs out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lenet_pipeline.calibration import fit_temperature
from lenet_pipeline.engine import Engine, Preprocessing, TrainedModel, choose_device, network_weights
from lenet_pipeline.errors import TrainingError
from lenet_pipeline.evaluation import mean_log_loss
from lenet_pipeline.lenet5 import DigitNetwork, build_network
from lenet_pipeline.recipes import Recipe, distort, initialise
from lenet_pipeline.training_sets import LabelledDigits

@dataclass(frozen=True)
class Epoch:
    """What one pass over the training digits did."""

    number: int
    learning_rate: float
    training_loss: float
    validation_loss: float
    validation_accuracy: float
    images_per_second: float


@dataclass(frozen=True)
class TrainingResult:
    """A trained model, the history of its epochs, and the epoch whose weights it has."""

    model: TrainedModel
    epochs: tuple[Epoch, ...]
    best_epoch: int


def train_network(
    architecture: str,
    recipe: Recipe,
    training: LabelledDigits,
    validation: LabelledDigits,
    *,
    seed: int = 0,
    epochs: int | None = None,
    device: str = "auto",
    advance: Callable[[int], None] = lambda _: None,
    report: Callable[[Epoch], None] = lambda _: None,
) -> TrainingResult:
    """Train a network; keep the epoch with the best validation accuracy, then the lowest loss.

    The same arguments give the same weights, to the bit, on the same CPU with as many threads.

    Args:
        architecture: a name in ``lenet5.ARCHITECTURES``.
        recipe: how to train.
        training: the digits to learn from.
        validation: the digits that choose the epoch and the temperature.
        seed: of initial weights, order and distortions.
        epochs: passes over the training digits, where not the recipe's own.
        device: ``auto``, ``cpu`` or ``cuda``.
        advance: called with the number of images learned after each batch.
        report: called after each epoch.

    Raises:
        TrainingError: there are too few digits, or the loss is no longer a number.
        UnknownNameError: no architecture has this name.
        ScoringError: the device is not there.
    """
    if len(training) < recipe.batch_size or not len(validation):
        raise TrainingError(
            f"{len(training)} digits to train on and {len(validation)} to validate with are too few; "
            f"ingest more: at least {recipe.batch_size} to train on are needed"
        )
    place = choose_device(device)
    preprocessing = Preprocessing()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(architecture)
        initialise(network, recipe.initial_weights)
    network.to(place)
    generator = torch.Generator().manual_seed(seed)
    optimizer = _optimizer(network, recipe)
    passes = epochs or recipe.epochs
    scheduler = _scheduler(optimizer, recipe, passes * (len(training) // recipe.batch_size))

    def model(temperature: float = 1.0) -> TrainedModel:
        return TrainedModel(architecture, network_weights(network), preprocessing, temperature)

    history: list[Epoch] = []
    best: tuple[tuple[float, float], int, TrainedModel] | None = None
    for number in range(1, passes + 1):
        started, total = time.perf_counter(), 0.0
        learning_rate = optimizer.param_groups[0]["lr"]
        network.train()
        for images, labels in _batches(training, recipe.batch_size, generator):
            batch = preprocessing.apply(images.to(place))
            if recipe.distortion:
                batch = distort(batch, recipe.distortion, preprocessing.paper, generator)
            loss = network.loss(network(batch), labels.to(place))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item() * len(labels)
            advance(len(labels))
        seconds = time.perf_counter() - started
        if not np.isfinite(total):
            raise TrainingError(f"the loss is no longer a number in epoch {number}; lower the learning rate")
        seen = len(training) // recipe.batch_size * recipe.batch_size
        loss_there, accuracy = _validate(model(), validation, device)
        history.append(Epoch(number, learning_rate, total / seen, loss_there, accuracy, seen / seconds))
        report(history[-1])
        merit = (accuracy, -loss_there)
        if best is None or merit > best[0]:
            best = (merit, number, model())
    if best is None:
        raise TrainingError("a training job needs at least one epoch")
    _, best_epoch, kept = best
    temperature = fit_temperature(Engine(kept, device).raw_scores(validation.images), validation.labels)
    calibrated = TrainedModel(kept.architecture, kept.weights, kept.preprocessing, temperature)
    return TrainingResult(calibrated, tuple(history), best_epoch)


def _batches(digits: LabelledDigits, size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (images uint8 (size, 28, 28), labels int64 (size,)) in a new order; a short rest waits."""
    order = torch.randperm(len(digits), generator=generator)
    images, labels = torch.from_numpy(digits.images), torch.from_numpy(digits.labels).long()
    for start in range(0, len(digits) - size + 1, size):
        chosen = order[start : start + size]
        yield images[chosen], labels[chosen]


def _validate(model: TrainedModel, validation: LabelledDigits, device: str) -> tuple[float, float]:
    scores = Engine(model, device).score(validation.images)
    accuracy = float((scores.labels == validation.labels).mean())
    return mean_log_loss(scores.probabilities, validation.labels), accuracy


def _optimizer(network: DigitNetwork, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(network.parameters(), lr=recipe.learning_rate)
    return torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)


def _scheduler(
    optimizer: torch.optim.Optimizer, recipe: Recipe, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    if recipe.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=steps, pct_start=0.2)
