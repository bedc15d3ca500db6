"""Training: digits and a recipe in, a trained model and the history of its epochs out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from lenet_pipeline.errors import ScoringError, TrainingError
from lenet_pipeline.network import DigitNetwork, SinglePattern, build_network, find_architecture, fuse_forward
from lenet_pipeline.scoring import (
    Engine,
    Floats,
    Preprocessing,
    TrainedModel,
    choose_device,
    count_reference,
    network_weights,
)
from lenet_pipeline.training.calibration import fit_none_score, fit_temperature
from lenet_pipeline.training.distortions import distort
from lenet_pipeline.training.evaluation import mean_log_loss
from lenet_pipeline.training.levenberg_marquardt import DiagonalLevenbergMarquardt
from lenet_pipeline.training.optimizers import build_optimizer, learning_rate, set_learning_rate
from lenet_pipeline.training.recipes import Recipe, initialise
from lenet_pipeline.training.training_sets import Images, LabelledDigits

# Images are preprocessed and distorted this many at a time, whatever the batch: small tensors cost as
# much in calls as in arithmetic.
_CHUNK = 512
_REFUSED_DIGITS = 0.001  # of the validation digits, that the fitted score refuses: one in a thousand
_ESTIMATE_PATTERNS = 500  # appendix C: what the second derivatives are estimated on, before each pass


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training digits did; validation is None where no digit validates.

    ``training_loss`` is a digit's, with its share of rubbish where the recipe learns any.
    """

    number: int
    learning_rate: float
    training_loss: float
    validation_loss: float | None
    validation_accuracy: float | None
    images_per_second: float


@dataclass(frozen=True)
class TrainingResult:
    """A trained model, the history of its epochs, the epoch it is from, and the device it was trained on."""

    model: TrainedModel
    epochs: tuple[Epoch, ...]
    best_epoch: int
    device: str


def train_network(
    architecture: str,
    recipe: Recipe,
    training: LabelledDigits,
    validation: LabelledDigits | None,
    *,
    seed: int = 0,
    epochs: int | None = None,
    device: str = "auto",
    keep: Literal["best", "last"] = "best",
    rubbish: Images | None = None,
    advance: Callable[[int], None] = lambda _: None,
    report: Callable[[Epoch], None] = lambda _: None,
) -> TrainingResult:
    """Train a network; keep the epoch with the best validation accuracy, then the lowest loss.

    Without digits to validate with, keep the last epoch, and 1 as temperature; also where ``keep`` is
    ``last``: then the validation digits only watch. The same arguments give the same weights, to the
    bit, on the same CPU with as many threads.

    Args:
        architecture: a name in ``lenet5.ARCHITECTURES``.
        recipe: how to train.
        training: the digits to learn from.
        validation: the digits that choose the epoch and the temperature, or None.
        seed: of initial weights, order and distortions.
        epochs: passes over the training digits, where not the recipe's own.
        device: ``auto``, ``cpu`` or ``cuda``; a recipe of one pattern at a time runs on the CPU all the same.
        keep: which epoch.
        rubbish: images of no digit, uint8 (m, 28, 28), that the recipe's share is drawn from; without any,
            none is learned.
        advance: called with the number of images learned, now and then.
        report: called after each epoch.

    Raises:
        TrainingError: there are too few digits, or the loss is no longer a number.
        UnknownNameError: no architecture has this name.
        ScoringError: the device is not there.
    """
    _require_digits(training, validation, recipe)
    passes = recipe.passes(len(training)) if epochs is None else epochs
    if passes < 1:
        raise TrainingError("a training job needs at least one epoch")
    learner = _Learner(architecture, recipe, training, passes, seed, device, rubbish)
    chooses = validation is not None and keep == "best"
    history: list[Epoch] = []
    kept, best_epoch, best_merit = learner.model(), 0, (-1.0, 0.0)
    for number in range(1, passes + 1):
        started, rate = time.perf_counter(), learner.learning_rate
        loss, seen = learner.learn(advance)
        speed = seen / (time.perf_counter() - started)
        model = learner.model()
        validation_loss, accuracy = _validate(model, validation, device) if validation else (None, None)
        # The very last step shows in the weights, and in what they do, alone.
        is_finite = all(np.isfinite(values).all() for values in model.weights.values())
        if not is_finite or not np.isfinite(loss + (validation_loss or 0.0)):
            raise TrainingError(f"the loss is no longer a number in epoch {number}; lower the learning rate")
        history.append(Epoch(number, rate, loss, validation_loss, accuracy, speed))
        report(history[-1])
        merit = (accuracy or 0.0, -(validation_loss or 0.0))
        if not chooses or merit > best_merit:
            kept, best_epoch, best_merit = model, number, merit
    if validation and chooses:
        scores = Engine(kept, device).raw_scores(validation.images)
        kept = replace(kept, temperature=fit_temperature(scores, validation.labels))
        if kept.none_score is not None:
            kept = replace(kept, none_score=fit_none_score(scores, _REFUSED_DIGITS))
        found = Engine(kept, device).score(validation.images)
        kept = replace(kept, reference=count_reference(validation.images, found))
    return TrainingResult(kept, tuple(history), best_epoch, learner.device)


class _Learner:
    """A network that is being trained: its weights, its optimizer and its random draws."""

    def __init__(
        self,
        architecture: str,
        recipe: Recipe,
        training: LabelledDigits,
        passes: int,
        seed: int,
        device: str,
        rubbish: Images | None,
    ) -> None:
        self._architecture, self._recipe = architecture, recipe
        # One pattern at a time is bookkeeping more than arithmetic: a GPU would only be slower.
        self._device = choose_device("cpu" if recipe.batch_size == 1 else device)
        self._images, self._labels = _on_device(training, self._device)
        self._generator = torch.Generator(self._device).manual_seed(seed)
        self._preprocessing = Preprocessing(
            recipe.paper, recipe.ink, find_architecture(architecture).padding_px
        )
        with torch.random.fork_rng(devices=[]):  # a caller's own random numbers stay theirs
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed CUDA as well
            network = build_network(architecture)
            initialise(network, recipe.initial_weights)
        self._rubbish = None
        if rubbish is not None and recipe.rubbish:
            self._rubbish = torch.from_numpy(rubbish).to(self._device)
            if network.rubbish_score is None:  # any would do: the ten learn where they stand to it
                network.rubbish_score = 0.0
        self._network = network.to(self._device).train()
        self._forward = fuse_forward(network)
        self._single_pattern = SinglePattern(network) if recipe.batch_size == 1 else None
        self._optimizer = build_optimizer(network, recipe)
        self._average = _Average(network, recipe.averaging) if recipe.averaging else None
        self._seen, self._total = 0, passes * len(training)

    @property
    def device(self) -> str:
        return self._device.type

    @property
    def learning_rate(self) -> float:
        return learning_rate(self._recipe, self._seen / self._total)

    def learn(self, advance: Callable[[int], None]) -> tuple[float, int]:
        """Pass over the digits once; return the mean loss, rubbish with it, and how many digits were seen."""
        order = torch.randperm(len(self._labels), generator=self._generator, device=self._device)
        size = self._recipe.batch_size
        order = order[: len(order) // size * size]  # what is left over waits for another pass's order
        if isinstance(self._optimizer, DiagonalLevenbergMarquardt):
            patterns = self._images[order[:_ESTIMATE_PATTERNS]]
            self._optimizer.estimate(self._network, self._preprocessing.apply(patterns))
        loss = torch.zeros((), dtype=torch.float64, device=self._device)
        for chosen in torch.split(order, max(size, _CHUNK // size * size)):
            set_learning_rate(self._optimizer, self.learning_rate)
            images, labels = self._prepare(self._images[chosen]), self._labels[chosen]
            if self._single_pattern:
                loss += self._learn_patterns(images, labels, self._single_pattern)
            else:
                loss += self._learn_batches(images, labels, self._draw_rubbish(len(chosen)))
            self._seen += len(chosen)
            advance(len(chosen))
        return loss.item() / len(order), len(order)

    def model(self) -> TrainedModel:
        """Copy what was learned so far: the averaged weights where the recipe averages."""
        weights = self._average.weights() if self._average else network_weights(self._network)
        none_score = self._network.rubbish_score if self._rubbish is not None else None
        return TrainedModel(self._architecture, weights, self._preprocessing, none_score=none_score)

    def _draw_rubbish(self, digits: int) -> Tensor:
        """Draw and prepare the images of no digit that so many digits are learned with."""
        if self._rubbish is None:
            return self._images.new_empty((0, 1, 1, 1), dtype=torch.float32)
        count = round(digits * self._recipe.rubbish)
        drawn = torch.randint(len(self._rubbish), (count,), generator=self._generator, device=self._device)
        return self._prepare(self._rubbish[drawn])

    def _prepare(self, chosen: Tensor) -> Tensor:
        images = self._preprocessing.apply(chosen)
        if self._recipe.distortion is None:
            return images
        return distort(images, self._recipe.distortion, self._recipe.paper, self._recipe.ink, self._generator)

    def _learn_batches(self, images: Tensor, labels: Tensor, rubbish: Tensor) -> Tensor:
        """Take one step for each batch of a chunk, its share of rubbish with it; return the sum of losses."""
        total = torch.zeros((), dtype=torch.float64, device=self._device)
        size = self._recipe.batch_size
        batches = len(labels) // size
        shares = torch.tensor_split(rubbish, batches)
        for batch, truth, share in zip(
            torch.split(images, size), torch.split(labels, size), shares, strict=True
        ):
            loss = self._loss(batch, truth, share)
            self._optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            self._optimizer.step()
            if self._average:
                self._average.update()
            total += loss.detach() * size
        return total

    def _loss(self, digits: Tensor, labels: Tensor, rubbish: Tensor) -> Tensor:
        """Return the mean loss of digits, and with it that of the rubbish, each image of equal weight."""
        if not len(rubbish):
            return self._network.loss(self._forward(digits), labels)
        scores = self._forward(torch.cat([digits, rubbish]))
        return self._network.loss(scores[: len(digits)], labels) + (
            self._network.rubbish_loss(scores[len(digits) :]) * (len(rubbish) / len(digits))
        )

    def _learn_patterns(self, images: Tensor, labels: Tensor, single_pattern: SinglePattern) -> Tensor:
        """Do the same where a batch is one pattern."""
        total = 0.0
        for image, label in zip(images.numpy(), labels.tolist(), strict=True):
            total += single_pattern.gradient(image, label)
            self._optimizer.step()
        return torch.tensor(total, dtype=torch.float64)


class _Average:
    """The exponential moving average of a network's weights: steadier than the last step's."""

    def __init__(self, network: DigitNetwork, kept_share: float) -> None:
        self._network, self._kept_share, self._steps = network, kept_share, 0
        self._parameters = [parameter.detach() for parameter in network.parameters()]
        self._averages = [parameter.clone() for parameter in self._parameters]

    def update(self) -> None:
        """Take in the present weights; early on the average forgets faster, to lose the first ones."""
        self._steps += 1
        kept = min(self._kept_share, self._steps / (self._steps + 10))
        torch._foreach_lerp_(self._averages, self._parameters, 1 - kept)

    def weights(self) -> dict[str, Floats]:
        names = [name for name, _ in self._network.named_parameters()]
        return {
            name: average.to("cpu", torch.float32).numpy().copy()
            for name, average in zip(names, self._averages, strict=True)
        }


def _require_digits(training: LabelledDigits, validation: LabelledDigits | None, recipe: Recipe) -> None:
    if len(training) < recipe.batch_size or (validation is not None and not len(validation)):
        to_validate = "" if validation is None else f" and {len(validation)} to validate with"
        raise TrainingError(
            f"{len(training)} digits to train on{to_validate} are too few; "
            f"ingest more: at least {recipe.batch_size} to train on are needed"
        )


def _on_device(digits: LabelledDigits, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return all images uint8 (n, 28, 28) and labels int64 (n,) on a device: small enough for any."""
    writable = np.require(digits.images, requirements="W")  # torch warns of Arrow's read-only buffers
    labels = torch.tensor(digits.labels, dtype=torch.int64)
    return torch.from_numpy(writable).to(device), labels.to(device)


def _validate(model: TrainedModel, validation: LabelledDigits, device: str) -> tuple[float, float]:
    """Return mean log loss, not a number where the weights are none, and accuracy."""
    try:
        scores = Engine(model, device).score(validation.images)
    except ScoringError:  # the device and the shapes are right: only the weights can be at fault
        return float("nan"), 0.0
    accuracy = float((scores.labels == validation.labels).mean())
    return mean_log_loss(scores.probabilities, validation.labels), accuracy
