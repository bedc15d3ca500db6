"""How to train, by name; and how training images are distorted."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from lenet_pipeline.errors import UnknownNameError
from lenet_pipeline.lenet5 import C3_CONNECTIONS, LeNet5, LeNet5Softmax
from lenet_pipeline.recipes import RECIPES, Distortion, distort, find_recipe, initialise

PAPER = -0.1
STILL = Distortion(rotation_degrees=0, shear=0, scale=0, shift_px=0)


def blots(count: int = 64) -> Tensor:
    """Return images of one bright 6x6 blot in the middle of 32x32 paper."""
    images = torch.full((count, 1, 32, 32), PAPER)
    images[:, :, 13:19, 13:19] = 1.0
    return images


def centres(images: Tensor) -> Tensor:
    """Return each image's centre of ink as (n, 2): row, column, in pixels from the middle."""
    ink = (images[:, 0] - PAPER).double()
    places = torch.arange(32.0, dtype=torch.float64) - 15.5
    total = ink.sum(dim=(1, 2))
    return torch.stack([(ink.sum(2) * places).sum(1) / total, (ink.sum(1) * places).sum(1) / total], dim=1)


def test_each_recipe_is_found_by_its_name():
    assert {name: find_recipe(name).name for name in RECIPES} == {name: name for name in RECIPES}
    assert "modern" in RECIPES


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_says_only_what_training_knows(recipe):
    assert recipe.optimizer in ("adam", "sgd")
    assert recipe.schedule in ("one-cycle", "constant")
    assert recipe.initial_weights in ("paper", "unit-variance")
    assert recipe.epochs > 0 < recipe.batch_size


def test_an_unknown_recipe_names_those_there_are():
    with pytest.raises(UnknownNameError) as caught:
        find_recipe("secret")
    assert str(caught.value) == "there is no recipe 'secret'; there is: keras-adam, keras-sgd, modern"


def test_the_papers_weights_are_those_a_network_was_built_with():
    network = LeNet5()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    initialise(network, "paper")
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_unit_variance_weights_spread_as_one_over_the_root_of_the_fan_in():
    network = LeNet5().requires_grad_(False)
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


def test_unit_variance_reaches_every_layer_of_the_other_architecture():
    network = LeNet5Softmax()
    before = {name: value.clone() for name, value in network.state_dict().items() if name.endswith("weight")}
    initialise(network, "unit-variance")
    assert before
    assert all(not torch.equal(network.state_dict()[name], value) for name, value in before.items())


def test_no_distortion_leaves_images_as_they_are():
    images = torch.rand(5, 1, 32, 32)
    found = distort(images, STILL, PAPER, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, images, rtol=0, atol=1e-4)


def test_a_seed_means_the_same_distortions_and_another_seed_others():
    bounds = RECIPES["modern"].distortion
    first, again, other = (
        distort(blots(), bounds, PAPER, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == (64, 1, 32, 32)
    assert first.dtype == torch.float32


def test_each_image_has_its_own_distortion():
    found = distort(blots(), RECIPES["modern"].distortion, PAPER, torch.Generator().manual_seed(0))
    assert len({image.numpy().tobytes() for image in found}) == 64


def test_what_comes_in_at_the_edges_is_paper():
    images = torch.full((64, 1, 32, 32), PAPER)
    shift = Distortion(rotation_degrees=45, shear=0.5, scale=0.5, shift_px=10)
    torch.testing.assert_close(distort(images, shift, PAPER, torch.Generator().manual_seed(0)), images)


def test_an_image_is_shifted_by_no_more_than_the_bound():
    bounds = Distortion(rotation_degrees=0, shear=0, scale=0, shift_px=1.5)
    moved = centres(distort(blots(), bounds, PAPER, torch.Generator().manual_seed(0))).abs()
    assert float(moved.max()) <= 1.5 + 1e-4
    assert float(moved.max()) > 1.3


def test_an_image_is_scaled_by_no_more_than_the_bound():
    bounds = Distortion(rotation_degrees=0, shear=0, scale=0.1, shift_px=0)
    found = distort(blots(), bounds, PAPER, torch.Generator().manual_seed(0))
    area = (found - PAPER).sum(dim=(1, 2, 3)) / (blots() - PAPER).sum(dim=(1, 2, 3))
    assert 1 / 1.1**2 - 0.03 < float(area.min()) < 0.9
    assert 1.1 < float(area.max()) < 1 / 0.9**2 + 0.03
    assert float(centres(found).abs().max()) < 1e-4


def test_an_image_is_turned_by_no_more_than_the_bound():
    bar = torch.full((64, 1, 32, 32), PAPER)
    bar[:, :, 15:17, 6:26] = 1.0
    bounds = Distortion(rotation_degrees=8, shear=0, scale=0, shift_px=0)
    ink = (distort(bar, bounds, PAPER, torch.Generator().manual_seed(0))[:, 0] - PAPER).double()
    places = torch.arange(32.0, dtype=torch.float64) - 15.5
    across = (ink * places[:, None] * places).sum(dim=(1, 2)) / (ink * places**2).sum(dim=(1, 2))
    degrees = torch.rad2deg(torch.atan(across)).abs()
    assert 7 < float(degrees.max()) < 8.3
