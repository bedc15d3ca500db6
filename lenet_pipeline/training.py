"""Training: digits and a recipe in, a trained model and the history of its epochs out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lenet_pipeline.calibration import fit_temperature
from lenet_pipeline.engine import Engine, Preprocessing, TrainedModel, choose_device, network_weights
from lenet_pipeline.errors import ScoringError, TrainingError
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
    passes = recipe.epochs if epochs is None else epochs
    learner = _Learner(
        architecture, recipe, seed, device, steps=max(1, passes * (len(training) // recipe.batch_size))
    )
    history: list[Epoch] = []
    best: tuple[tuple[float, float], TrainedModel] | None = None
    best_epoch = 0
    for number in range(1, passes + 1):
        started, learning_rate = time.perf_counter(), learner.learning_rate
        loss, seen = learner.learn(training, advance)
        speed = seen / (time.perf_counter() - started)
        validation_loss, accuracy = _validate(learner.model(), validation, device)
        if not np.isfinite(loss + validation_loss):  # the very last step shows in the latter alone
            raise TrainingError(f"the loss is no longer a number in epoch {number}; lower the learning rate")
        history.append(Epoch(number, learning_rate, loss, validation_loss, accuracy, speed))
        report(history[-1])
        merit = (accuracy, -validation_loss)
        if best is None or merit > best[0]:
            best, best_epoch = (merit, learner.model()), number
    if best is None:
        raise TrainingError("a training job needs at least one epoch")
    kept = best[1]
    temperature = fit_temperature(Engine(kept, device).raw_scores(validation.images), validation.labels)
    return TrainingResult(replace(kept, temperature=temperature), tuple(history), best_epoch)


class _Learner:
    """A network that is being trained: its weights, its optimizer and its random draws."""

    def __init__(self, architecture: str, recipe: Recipe, seed: int, device: str, steps: int) -> None:
        self._architecture, self._recipe = architecture, recipe
        self._device = choose_device(device)
        self._preprocessing = Preprocessing()
        self._generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):  # a caller's own random numbers stay theirs
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed CUDA as well
            network = build_network(architecture)
            initialise(network, recipe.initial_weights)
        self._network = network.to(self._device)
        self._optimizer = _optimizer(self._network, recipe)
        self._scheduler = _scheduler(self._optimizer, recipe, steps)

    @property
    def learning_rate(self) -> float:
        return float(self._optimizer.param_groups[0]["lr"])

    def learn(self, training: LabelledDigits, advance: Callable[[int], None]) -> tuple[float, int]:
        """Pass over the digits once; return the mean loss and the number of digits seen."""
        self._network.train()
        total, seen = 0.0, 0
        for images, labels in _batches(training, self._recipe.batch_size, self._generator):
            total += self._step(images.to(self._device), labels.to(self._device)) * len(labels)
            seen += len(labels)
            advance(len(labels))
        return total / seen, seen

    def model(self) -> TrainedModel:
        """Copy what was learned so far."""
        return TrainedModel(self._architecture, network_weights(self._network), self._preprocessing)

    def _step(self, images: Tensor, labels: Tensor) -> float:
        batch = self._preprocessing.apply(images)
        if self._recipe.distortion:
            batch = distort(batch, self._recipe.distortion, self._preprocessing.paper, self._generator)
        loss = self._network.loss(self._network(batch), labels)
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self._optimizer.step()
        self._scheduler.step()
        return loss.item()


def _batches(
    digits: LabelledDigits, size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (images uint8 (size, 28, 28), labels int64 (size,)) in a new order; a short rest waits."""
    order = torch.randperm(len(digits), generator=generator)
    writable = np.require(digits.images, requirements="W")  # torch warns of Arrow's read-only buffers
    images, labels = torch.from_numpy(writable), torch.tensor(digits.labels, dtype=torch.int64)
    for start in range(0, len(digits) - size + 1, size):
        chosen = order[start : start + size]
        yield images[chosen], labels[chosen]


def _validate(model: TrainedModel, validation: LabelledDigits, device: str) -> tuple[float, float]:
    """Return mean log loss, not a number where the weights are none, and accuracy."""
    try:
        scores = Engine(model, device).score(validation.images)
    except ScoringError:  # the device and the shapes are right: only the weights can be at fault
        return float("nan"), 0.0
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
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=steps, pct_start=0.2
    )
