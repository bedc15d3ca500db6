"""Training is deterministic, keeps the best epoch, and refuses unusable input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lenet_pipeline.errors import ScoringError, TrainingError, UnknownNameError
from lenet_pipeline.network.architectures import ARCHITECTURES, build_network
from lenet_pipeline.scoring.engine import Engine, Preprocessing, TrainedModel
from lenet_pipeline.training.distortions import Distortion
from lenet_pipeline.training.evaluation import mean_log_loss
from lenet_pipeline.training.loop import Epoch, TrainingResult, _Average, train_network
from lenet_pipeline.training.recipes import RECIPES, Recipe
from lenet_pipeline.training.training_sets import LabelledDigits
from tests.digit_builders import labelled_digits

QUICK = Recipe(
    name="quick",
    summary="for tests",
    epochs=2,
    batch_size=16,
    optimizer="adam",
    learning_rate=5e-3,
    schedule="constant",
    initial_weights="unit-variance",
)
TRAINING, VALIDATION = labelled_digits(160, seed=1), labelled_digits(40, seed=2)


def train(
    recipe: Recipe = QUICK,
    *,
    architecture: str = "lenet5-softmax",
    training: LabelledDigits = TRAINING,
    validation: LabelledDigits = VALIDATION,
    seed: int = 0,
    epochs: int | None = None,
) -> TrainingResult:
    return train_network(architecture, recipe, training, validation, seed=seed, epochs=epochs, device="cpu")


def same_weights(one: TrainedModel, other: TrainedModel) -> bool:
    assert one.weights.keys() == other.weights.keys()
    return all(one.weights[name].tobytes() == other.weights[name].tobytes() for name in one.weights)


def accuracy(model: TrainedModel, digits: LabelledDigits) -> float:
    return float((Engine(model, "cpu").score(digits.images).labels == digits.labels).mean())


# Learning


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_easy_digits_are_learned(architecture):
    result = train(architecture=architecture, epochs=5)
    unseen = labelled_digits(100, seed=3)
    assert accuracy(result.model, unseen) > 0.9
    assert result.epochs[-1].training_loss < result.epochs[0].training_loss / 2


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_lowers_the_loss(name):
    recipe = replace(RECIPES[name], batch_size=16)
    result = train(recipe, epochs=4)
    assert result.epochs[-1].training_loss < result.epochs[0].training_loss


def test_the_model_has_everything_that_scoring_needs():
    model = train().model
    assert model.architecture == "lenet5-softmax"
    assert model.preprocessing == Preprocessing()
    assert 0.1 <= model.temperature <= 10
    assert all(values.dtype == np.float32 for values in model.weights.values())


def test_read_only_arrays_are_accepted():
    frozen = [LabelledDigits(each.images.copy(), each.labels.copy()) for each in (TRAINING, VALIDATION)]
    for digits in frozen:
        digits.images.flags.writeable = digits.labels.flags.writeable = False
    found = train(training=frozen[0], validation=frozen[1], epochs=1)
    assert same_weights(found.model, train(epochs=1).model)


def test_each_architecture_gets_its_own_padding():
    preprocessing = train(architecture="lenet5-28", epochs=1).model.preprocessing
    assert preprocessing == Preprocessing(padding_px=0)
    keras = replace(RECIPES["keras-sgd"], batch_size=16)
    assert train(keras, epochs=1).model.preprocessing == Preprocessing(paper=0.0, ink=1.0)


def test_views_change_the_confidences_and_not_the_weights():
    plain, viewed = train(epochs=2).model, train(replace(QUICK, views=3), epochs=2).model
    assert same_weights(plain, viewed)
    assert (plain.preprocessing.views, viewed.preprocessing.views) == (1, 3)
    found = [Engine(model, "cpu").score(VALIDATION.images).probabilities for model in (plain, viewed)]
    assert not np.array_equal(*found)


# Without validation


def test_without_validation_digits_the_last_epoch_is_kept_at_temperature_one():
    result = train_network("lenet5-softmax", QUICK, TRAINING, None, epochs=3, device="cpu")
    assert result.best_epoch == 3
    assert result.model.temperature == 1.0
    assert {(epoch.validation_loss, epoch.validation_accuracy) for epoch in result.epochs} == {(None, None)}
    assert same_weights(result.model, train(epochs=3).model) == (train(epochs=3).best_epoch == 3)


def test_with_keep_last_validation_digits_select_nothing():
    contrary = LabelledDigits(VALIDATION.images, ((VALIDATION.labels + 1) % 10).astype(np.uint8))
    watched = train_network("lenet5-softmax", QUICK, TRAINING, contrary, epochs=4, device="cpu", keep="last")
    alone = train_network("lenet5-softmax", QUICK, TRAINING, None, epochs=4, device="cpu")
    assert watched.epochs[-1].validation_accuracy is not None
    assert (watched.best_epoch, watched.model.temperature) == (4, 1.0)
    assert same_weights(watched.model, alone.model)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_papers_procedure_learns_one_pattern_at_a_time(architecture):
    results = [
        train_network(architecture, RECIPES["paper"], TRAINING, None, seed=3, epochs=5, device="cpu")
        for _ in range(2)
    ]
    assert accuracy(results[0].model, labelled_digits(100, seed=3)) > 0.9
    assert same_weights(results[0].model, results[1].model)
    rates = [epoch.learning_rate for epoch in results[0].epochs]
    assert rates == [RECIPES["paper"].pass_rates[place] for place in (0, 4, 8, 12, 16)]


def test_averaged_weights_lag_behind_by_the_share_kept():
    network = build_network("lenet5-softmax").requires_grad_(False)
    average = _Average(network, 0.5)
    first = network.output.bias.clone()
    network.output.bias += 1.0
    average.update()
    torch.testing.assert_close(torch.tensor(average.weights()["output.bias"]), first + 10 / 11)
    for _ in range(20):
        network.output.bias += 1.0
        average.update()
    behind = network.output.bias - torch.tensor(average.weights()["output.bias"])
    assert behind.tolist() == pytest.approx([1.0] * 10, abs=1e-3)


# The same again


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_same_seed_gives_bit_identical_weights(architecture):
    distorted = replace(QUICK, distortion=Distortion(8, 0.1, 0.1, 1.5), schedule="one-cycle")
    first, second = (train(distorted, architecture=architecture, seed=5) for _ in range(2))
    assert same_weights(first.model, second.model)
    assert first.model.temperature == second.model.temperature
    losses = [[epoch.training_loss for epoch in result.epochs] for result in (first, second)]
    assert losses[0] == losses[1]


def test_different_seeds_give_different_weights():
    assert not same_weights(train(seed=1, epochs=1).model, train(seed=2, epochs=1).model)


def test_training_neither_uses_nor_changes_the_global_random_state():
    expected = train(epochs=1)
    torch.manual_seed(99)
    torch.rand(1000)
    state = torch.get_rng_state()
    assert same_weights(train(epochs=1).model, expected.model)
    assert torch.equal(torch.get_rng_state(), state)


# Epochs


def test_the_best_epoch_is_kept_even_if_it_is_not_the_last():
    # Each validation label is wrong in the same way: the better the network, the worse it does here.
    contrary = LabelledDigits(VALIDATION.images, ((VALIDATION.labels + 1) % 10).astype(np.uint8))
    slow = replace(QUICK, learning_rate=3e-4)
    result = train(slow, validation=contrary, epochs=8)
    merits = [(epoch.validation_accuracy, -epoch.validation_loss) for epoch in result.epochs]
    assert merits[result.best_epoch - 1] == max(merits)
    assert result.best_epoch < 8
    until_then = train(slow, validation=contrary, epochs=result.best_epoch)
    assert same_weights(result.model, until_then.model)
    assert not same_weights(result.model, train(slow, epochs=8).model)


def test_the_kept_weights_reproduce_the_reported_validation_results():
    result = train(epochs=3)
    best = result.epochs[result.best_epoch - 1]
    scores = Engine(replace(result.model, temperature=1.0), "cpu").score(VALIDATION.images)
    assert float((scores.labels == VALIDATION.labels).mean()) == best.validation_accuracy
    assert mean_log_loss(scores.probabilities, VALIDATION.labels) == best.validation_loss


def test_epochs_and_batches_are_reported_as_they_finish():
    reported: list[Epoch] = []
    learned: list[int] = []
    result = train_network(
        "lenet5-softmax",
        QUICK,
        TRAINING,
        VALIDATION,
        device="cpu",
        advance=learned.append,
        report=reported.append,
    )
    assert tuple(reported) == result.epochs
    assert [epoch.number for epoch in reported] == [1, 2]
    assert sum(learned) == 2 * 160
    assert all(epoch.images_per_second > 0 for epoch in reported)


def test_a_recipes_number_of_epochs_can_be_overridden():
    assert len(train().epochs) == 2
    assert len(train(epochs=1).epochs) == 1


@pytest.mark.parametrize("epochs", [0, -1])
@pytest.mark.parametrize("schedule", ["constant", "one-cycle"])
def test_fewer_than_one_epoch_is_refused(epochs, schedule):
    with pytest.raises(TrainingError, match="at least one epoch"):
        train(replace(QUICK, schedule=schedule), epochs=epochs)


def test_a_one_cycle_schedule_rises_and_falls():
    result = train(replace(QUICK, schedule="one-cycle"), epochs=6)
    rates = [epoch.learning_rate for epoch in result.epochs]
    assert rates[0] < max(rates) <= QUICK.learning_rate
    assert rates[-1] < max(rates) / 2
    assert [epoch.learning_rate for epoch in train(epochs=3).epochs] == [QUICK.learning_rate] * 3


# What cannot be trained


@pytest.mark.parametrize(("digits", "validating"), [(15, 40), (0, 40), (160, 0)])
def test_too_few_digits_are_refused_with_the_counts(digits, validating):
    few = [each.where(np.arange(len(each)) < n) for each, n in ((TRAINING, digits), (VALIDATION, validating))]
    with pytest.raises(TrainingError) as caught:
        train(training=few[0], validation=few[1])
    assert f"found {digits} training digits and {validating} validation digits" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_batch_and_one_validation_digit_are_enough():
    result = train(
        training=TRAINING.where(np.arange(160) < 16), validation=VALIDATION.where(np.arange(40) < 1), epochs=1
    )
    assert len(result.epochs) == 1


def test_a_loss_that_is_no_longer_a_number_stops_the_training():
    absurd = replace(QUICK, optimizer="sgd", learning_rate=1e38)
    with pytest.raises(TrainingError, match="no longer a number in epoch 1; use a lower learning rate"):
        train(absurd)


def test_a_network_that_diverges_in_its_last_step_is_not_kept():
    one_step = TRAINING.where(np.arange(160) < 16)
    absurd = replace(QUICK, optimizer="sgd", learning_rate=1e38)
    with pytest.raises(TrainingError, match="no longer a number in epoch 1"):
        train(absurd, architecture="lenet5", training=one_step, epochs=1)


def test_an_unknown_architecture_or_device_is_refused_by_name():
    with pytest.raises(UnknownNameError, match="no architecture 'lenet6'"):
        train(architecture="lenet6")
    with pytest.raises(ScoringError, match="no device 'tpu'"):
        train_network("lenet5", QUICK, TRAINING, VALIDATION, device="tpu")


def test_a_recipes_parameters_are_single_values():
    modern, paper = RECIPES["modern"].parameters(), RECIPES["paper"].parameters()
    assert modern["recipe_distortion_shear"] == RECIPES["modern"].distortion.shear
    assert paper["recipe_pass_rates"].startswith("0.0005, 0.0005, 0.0002")
    for parameters in (modern, paper):
        assert all(isinstance(value, str | int | float | bool) for value in parameters.values())
        assert "" not in parameters.values()


# What is no digit


def blots(count: int) -> np.ndarray:
    """Return images that are no digit of these: patches of grey in the corners."""
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, :8, :8] = images[:, 20:, 20:] = np.random.default_rng(3).integers(80, 255, (count, 1, 1))
    return images


@pytest.mark.parametrize("architecture", ["lenet5", "lenet5-relu"])
def test_learned_rubbish_is_distinguished_from_digits(architecture):
    recipe = replace(QUICK, rubbish=0.25)
    result = train_network(
        architecture, recipe, TRAINING, VALIDATION, epochs=5, device="cpu", rubbish=blots(40)
    )
    engine = Engine(result.model, "cpu")
    assert accuracy(result.model, VALIDATION) > 0.9
    assert (engine.score(blots(10)).not_a_digit > 0.5).all()
    # The score is fitted so that next to none of the validation digits is refused: one of forty at most.
    assert (engine.score(VALIDATION.images).not_a_digit >= 0.5).sum() <= 1


def test_without_rubbish_images_no_rubbish_class_is_learned():
    with_share = train_network(
        "lenet5", replace(QUICK, rubbish=0.25), TRAINING, VALIDATION, device="cpu", rubbish=None
    )
    without = train_network("lenet5", QUICK, TRAINING, VALIDATION, device="cpu", rubbish=blots(40))
    assert same_weights(with_share.model, without.model)
    assert (with_share.model.none_score, without.model.none_score) == (None, None)


def test_weights_depend_on_the_rubbish_images():
    recipe = replace(QUICK, rubbish=0.25)

    def learned(rubbish: np.ndarray) -> TrainedModel:
        return train_network("lenet5", recipe, TRAINING, VALIDATION, device="cpu", rubbish=rubbish).model

    assert same_weights(learned(blots(40)), learned(blots(40)))
    assert not same_weights(learned(blots(40)), learned(255 - blots(40)))
