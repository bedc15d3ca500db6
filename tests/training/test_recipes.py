"""Recipes are found by name and initialise networks as described."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from lenet_pipeline.errors import UnknownNameError
from lenet_pipeline.network.architectures import build_network
from lenet_pipeline.network.layers import C3_CONNECTIONS
from lenet_pipeline.training.recipes import RECIPES, find_recipe, initialise


def test_each_recipe_is_found_by_its_name():
    assert {name: find_recipe(name).name for name in RECIPES} == {name: name for name in RECIPES}
    assert "modern" in RECIPES


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_recipes_use_only_known_options(recipe):
    assert recipe.optimizer in ("adam", "sgd", "levenberg-marquardt")
    assert recipe.schedule in ("one-cycle", "constant", "by-pass")
    assert recipe.initial_weights in ("paper", "unit-variance", "glorot")
    assert recipe.epochs > 0 < recipe.batch_size


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(UnknownNameError) as caught:
        find_recipe("secret")
    assert str(caught.value) == (
        "there is no recipe 'secret'; available: keras-adam, keras-sgd, modern, modern-views, paper, "
        "paper-distorted"
    )


def test_the_papers_learning_rates_are_those_of_section_three():
    rates = RECIPES["paper"].pass_rates
    assert rates[:13] == (5e-4, 5e-4, 2e-4, 2e-4, 2e-4, 1e-4, 1e-4, 1e-4, 5e-5, 5e-5, 5e-5, 5e-5, 1e-5)
    assert set(rates[12:]) == {1e-5}
    assert len(rates) == RECIPES["paper"].epochs == 20


def test_the_best_effort_is_a_variant_of_the_same_recipe():
    quick, best = find_recipe("modern"), find_recipe("modern", "best")
    assert (quick.effort, best.effort, best.name) == ("quick", "best", "modern")
    assert best.epochs > quick.epochs
    with pytest.raises(
        UnknownNameError, match="the recipe modern has no effort 'some'; available: best, quick"
    ):
        find_recipe("modern", "some")
    with pytest.raises(UnknownNameError, match="the recipe paper has no effort 'best'; available: quick"):
        find_recipe("paper", "best")


@pytest.mark.parametrize("effort", ["quick", "best"])
def test_the_recipe_with_views_differs_in_nothing_else(effort):
    plain, viewed = find_recipe("modern", effort), find_recipe("modern-views", effort)
    assert (plain.views, viewed.views) == (1, 3)
    assert replace(viewed, views=1, name=plain.name, summary=plain.summary) == plain


def test_the_papers_recipes_use_no_validation_digits():
    assert [name for name, recipe in RECIPES.items() if not recipe.validates] == ["paper", "paper-distorted"]


def test_few_digits_get_more_passes():
    modern = find_recipe("modern")
    assert modern.passes(60_000) == modern.epochs
    assert modern.passes(1_300) == 75
    assert 1_300 // modern.batch_size * 75 >= modern.fewest_steps
    assert modern.passes(3) == modern.fewest_steps
    assert RECIPES["paper"].passes(3) == 20


def test_glorot_weights_are_uniform_within_the_root_of_six_over_both_fans():
    network = build_network("lenet5-28").requires_grad_(False)
    initialise(network, "glorot")
    limit = math.sqrt(6 / (120 + 84))
    assert 0.98 * limit < float(network.f6.weight.abs().max()) <= limit
    assert not network.f6.bias.any()


def test_the_papers_weights_are_uniform_within_their_bounds():
    network = build_network("lenet5").requires_grad_(False)
    initialise(network, "paper")
    for layer, fan_in in ((network.c1, 25), (network.c5, 400), (network.f6, 120)):
        limit = 2.4 / math.sqrt(fan_in)
        assert 0.9 * limit < float(layer.weight.abs().max()) <= limit
        assert float(layer.weight.std()) == pytest.approx(limit / math.sqrt(3), rel=0.1)
        assert not layer.bias.any()
    kernels = iter(network.c3.weight)
    for seen in C3_CONNECTIONS:
        for _ in seen:
            limit = 2.4 / math.sqrt(25 * len(seen))
            assert 0.5 * limit < float(next(kernels).abs().max()) <= limit


def test_unit_variance_weights_have_a_deviation_of_one_over_root_fan_in():
    network = build_network("lenet5").requires_grad_(False)
    initialise(network, "unit-variance")
    for layer, fan_in in ((network.c5, 400), (network.f6, 120)):
        assert float(layer.weight.std()) == pytest.approx(1 / math.sqrt(fan_in), rel=0.05)
    kernels = list(network.c3.weight)
    seen_by = [len(seen) for seen in C3_CONNECTIONS for _ in seen]
    for count in (3, 4, 6):
        weights = torch.stack(
            [kernel for kernel, seen in zip(kernels, seen_by, strict=True) if seen == count]
        )
        assert float(weights.std()) == pytest.approx(1 / math.sqrt(25 * count), rel=0.2)
    assert network.s2.coefficient.tolist() == pytest.approx([0.3] * 6)


def test_unit_variance_applies_to_every_layer_of_a_variant():
    network = build_network("lenet5-softmax")
    before = {name: value.clone() for name, value in network.state_dict().items() if name.endswith("weight")}
    initialise(network, "unit-variance")
    assert before
    assert all(not torch.equal(network.state_dict()[name], value) for name, value in before.items())
