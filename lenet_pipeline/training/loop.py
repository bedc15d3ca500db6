"""The training loop: from digits and a recipe to a trained model and the history of its epochs."""

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
from lenet_pipeline.schema import Floats, Images
from lenet_pipeline.scoring import (
    Engine,
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
from lenet_pipeline.training.training_sets import LabelledDigits

# Images are preprocessed and distorted in chunks of this size, even if batches are smaller. With small
# tensors, call overhead would take as long as the arithmetic.
_CHUNK = 512
_REFUSED_DIGITS = 0.001  # the share of validation digits that the fitted score may refuse
_ESTIMATE_PATTERNS = 500  # patterns for estimating the second derivatives before each pass (appendix C)


@dataclass(frozen=True)
class Epoch:
    """The results of one pass over the training digits.

    ``training_loss`` is the mean loss per digit, including that of rubbish images if the recipe uses them.
    Losses are in nats; ``validation_accuracy`` is 0 to 1. Both validation results are None if there are no
    validation digits.
    """

    number: int
    learning_rate: float
    training_loss: float
    validation_loss: float | None
    validation_accuracy: float | None
    images_per_second: float


@dataclass(frozen=True)
class TrainingResult:
    """A trained model, the history of its epochs, the number of the epoch it comes from, and the device."""

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
    """Train a network, and keep the epoch with the best validation accuracy; ties go to the lowest loss.

    Without validation digits, or if ``keep`` is ``last``, keep the last epoch and a temperature of 1. In the
    latter case, the validation digits are only measured. The same arguments give bit-identical weights on the
    same CPU with the same number of threads.

    Args:
        architecture: A name in ``ARCHITECTURES``.
        recipe: How to train.
        training: The digits to learn from.
        validation: The digits that select the epoch and the temperature, or None.
        seed: The seed for the initial weights, the order of the digits, and the distortions.
        epochs: The number of passes over the training digits; by default, the recipe's own.
        device: ``auto``, ``cpu`` or ``cuda``. A recipe with a batch size of 1 always runs on the CPU.
        keep: Which epoch to keep.
        rubbish: Images that are not digits, uint8 (m, 28, 28), from which the recipe draws. Without them, the
            model does not learn to recognise rubbish.
        advance: Called from time to time with the number of images learned since the last call.
        report: Called after each epoch.

    Raises:
        TrainingError: There are too few digits, or the loss is no longer a number.
        UnknownNameError: No architecture has this name.
        ScoringError: The device is not available.
    """
    _require_digits(training, validation, recipe)
    passes = recipe.passes(len(training)) if epochs is None else epochs
    if passes < 1:
        raise TrainingError("training needs at least one epoch; choose 1 or more")
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
        # The mean loss does not cover the last step, so check the weights and the validation loss too.
        is_finite = all(np.isfinite(values).all() for values in model.weights.values())
        if not is_finite or not np.isfinite(loss + (validation_loss or 0.0)):
            raise TrainingError(
                f"the loss is no longer a number in epoch {number}; use a lower learning rate"
            )
        history.append(Epoch(number, rate, loss, validation_loss, accuracy, speed))
        report(history[-1])
        merit = (accuracy or 0.0, -(validation_loss or 0.0))
        if not chooses or merit > best_merit:
            kept, best_epoch, best_merit = model, number, merit
    kept = replace(kept, preprocessing=replace(kept.preprocessing, views=recipe.views))
    if validation and chooses:
        kept = calibrate_model(kept, validation, device)
    return TrainingResult(kept, tuple(history), best_epoch, learner.device)


def calibrate_model(model: TrainedModel, validation: LabelledDigits, device: str = "auto") -> TrainedModel:
    """Return a model with the temperature, the score of 'not a digit' and the drift reference of some digits.

    Args:
        model: The trained model, with its views.
        validation: Digits that the model did not learn from.
        device: ``auto``, ``cpu`` or ``cuda``.
    """
    scores = Engine(model, device).raw_scores(validation.images)
    model = replace(model, temperature=fit_temperature(scores, validation.labels))
    if model.none_score is not None:
        model = replace(model, none_score=fit_none_score(scores[0], _REFUSED_DIGITS))
    found = Engine(model, device).score(validation.images)
    return replace(model, reference=count_reference(validation.images, found))


class _Learner:
    """The state of a training: the network, the optimizer and the random generator."""

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
        # With a batch size of 1, most of the time is overhead, and a GPU would only be slower.
        self._device = choose_device("cpu" if recipe.batch_size == 1 else device)
        self._images, self._labels = _on_device(training, self._device)
        self._generator = torch.Generator(self._device).manual_seed(seed)
        self._preprocessing = Preprocessing(
            recipe.paper, recipe.ink, find_architecture(architecture).padding_px
        )
        with torch.random.fork_rng(devices=[]):  # leaves the caller's random state unchanged
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed CUDA as well
            network = build_network(architecture)
            initialise(network, recipe.initial_weights)
        self._rubbish = None
        if rubbish is not None and recipe.rubbish:
            self._rubbish = torch.from_numpy(rubbish).to(self._device)
            if network.rubbish_score is None:  # any value works: the ten classes adapt to it
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
        """Pass over the digits once; return the mean loss, including rubbish, and the number of digits."""
        order = torch.randperm(len(self._labels), generator=self._generator, device=self._device)
        size = self._recipe.batch_size
        order = order[: len(order) // size * size]  # the remainder is skipped in this pass
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
        """Return a copy of the current model, with averaged weights if the recipe averages."""
        weights = self._average.weights() if self._average else network_weights(self._network)
        none_score = self._network.rubbish_score if self._rubbish is not None else None
        return TrainedModel(self._architecture, weights, self._preprocessing, none_score=none_score)

    def _draw_rubbish(self, digits: int) -> Tensor:
        """Draw and prepare the rubbish images that accompany a number of digits: (m, 1, height, width)."""
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
        """Take one step per batch of a chunk, with its share of the rubbish; return the sum of losses."""
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
        """Return the mean loss per digit, plus that of the rubbish, with equal weight for every image."""
        if not len(rubbish):
            return self._network.loss(self._forward(digits), labels)
        scores = self._forward(torch.cat([digits, rubbish]))
        return self._network.loss(scores[: len(digits)], labels) + (
            self._network.rubbish_loss(scores[len(digits) :]) * (len(rubbish) / len(digits))
        )

    def _learn_patterns(self, images: Tensor, labels: Tensor, single_pattern: SinglePattern) -> Tensor:
        """Take one step for each image of a chunk; return the sum of losses."""
        total = 0.0
        for image, label in zip(images.numpy(), labels.tolist(), strict=True):
            total += single_pattern.gradient(image, label)
            self._optimizer.step()
        return torch.tensor(total, dtype=torch.float64)


class _Average:
    """The exponential moving average of a network's weights, which is steadier than the last weights."""

    def __init__(self, network: DigitNetwork, kept_share: float) -> None:
        self._network, self._kept_share, self._steps = network, kept_share, 0
        self._parameters = [parameter.detach() for parameter in network.parameters()]
        self._averages = [parameter.clone() for parameter in self._parameters]

    def update(self) -> None:
        """Add the current weights. Early on, the average forgets faster, to discard the initial weights."""
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
        found = f"{len(training)} training digits"
        needed = f"{recipe.batch_size} training digits"
        if validation is not None:
            found += f" and {len(validation)} validation digits"
            needed += " and 1 validation digit"
        raise TrainingError(
            f"too few digits: found {found}, need at least {needed}; ingest more digits, and those of more "
            "writers if the writers are known"
        )


def _on_device(digits: LabelledDigits, device: torch.device) -> tuple[Tensor, Tensor]:
    """Copy all images, uint8 (n, 28, 28), and labels, int64 (n,), to a device; they fit on any."""
    writable = np.require(digits.images, requirements="W")  # torch warns about Arrow's read-only buffers
    labels = torch.tensor(digits.labels, dtype=torch.int64)
    return torch.from_numpy(writable).to(device), labels.to(device)


def _validate(model: TrainedModel, validation: LabelledDigits, device: str) -> tuple[float, float]:
    """Return the mean log loss in nats, NaN if the weights are not finite, and the accuracy, 0 to 1."""
    try:
        scores = Engine(model, device).score(validation.images)
    except ScoringError:  # the device and the shapes are valid, so the weights must be at fault
        return float("nan"), 0.0
    accuracy = float((scores.labels == validation.labels).mean())
    return mean_log_loss(scores.probabilities, validation.labels), accuracy
