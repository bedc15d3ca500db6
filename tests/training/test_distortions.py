"""Random distortions of training images stay within their bounds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lenet_pipeline.training.distortions import Distortion, _sampling_grid, distort

PAPER = -0.1
INK = 1.175
STILL = Distortion()
EVERYTHING = Distortion(
    rotation_degrees=10,
    shear=0.1,
    scale=0.1,
    shift_px=1,
    elastic_px=0.5,
    thickness=0.5,
    fading=0.3,
    noise=0.1,
)


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


def test_no_distortion_leaves_images_unchanged():
    images = torch.rand(5, 1, 32, 32)
    found = distort(images, STILL, PAPER, INK, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, images, rtol=0, atol=1e-4)


def test_distortions_depend_only_on_the_seed():
    bounds = EVERYTHING
    first, again, other = (
        distort(blots(), bounds, PAPER, INK, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == (64, 1, 32, 32)
    assert first.dtype == torch.float32


def test_each_image_has_its_own_distortion():
    found = distort(blots(), EVERYTHING, PAPER, INK, torch.Generator().manual_seed(0))
    assert len({image.numpy().tobytes() for image in found}) == 64


def test_pixels_from_outside_the_image_are_paper():
    images = torch.full((64, 1, 32, 32), PAPER)
    shift = Distortion(rotation_degrees=45, shear=0.5, scale=0.5, shift_px=10)
    torch.testing.assert_close(distort(images, shift, PAPER, INK, torch.Generator().manual_seed(0)), images)


def test_an_image_is_shifted_by_at_most_the_bound():
    bounds = Distortion(shift_px=1.5)
    moved = centres(distort(blots(), bounds, PAPER, INK, torch.Generator().manual_seed(0))).abs()
    assert float(moved.max()) <= 1.5 + 1e-4
    assert float(moved.max()) > 1.3


def test_an_image_is_scaled_by_at_most_the_bound():
    bounds = Distortion(scale=0.1)
    found = distort(blots(), bounds, PAPER, INK, torch.Generator().manual_seed(0))
    area = (found - PAPER).sum(dim=(1, 2, 3)) / (blots() - PAPER).sum(dim=(1, 2, 3))
    assert 1 / 1.1**2 - 0.03 < float(area.min()) < 0.9
    assert 1.1 < float(area.max()) < 1 / 0.9**2 + 0.03
    assert float(centres(found).abs().max()) < 1e-4


def test_an_image_is_rotated_by_at_most_the_bound():
    bar = torch.full((64, 1, 32, 32), PAPER)
    bar[:, :, 15:17, 6:26] = 1.0
    bounds = Distortion(rotation_degrees=8)
    ink = (distort(bar, bounds, PAPER, INK, torch.Generator().manual_seed(0))[:, 0] - PAPER).double()
    places = torch.arange(32.0, dtype=torch.float64) - 15.5
    across = (ink * places[:, None] * places).sum(dim=(1, 2)) / (ink * places**2).sum(dim=(1, 2))
    degrees = torch.rad2deg(torch.atan(across)).abs()
    assert 7 < float(degrees.max()) < 8.3


def test_elastic_displacements_have_the_requested_deviation_and_are_smooth():
    grids = [_grid(Distortion(elastic_px=amount), 256) for amount in (0.0, 0.8)]
    moved = (grids[1] - grids[0]) * 16  # the grid spans 2, the image 32 pixels
    assert float(moved.std()) == pytest.approx(0.8, rel=0.05)
    assert float((moved[:, 1:] - moved[:, :-1]).std()) < 0.25


def test_strokes_become_thicker_or_thinner_by_less_than_a_pixel():
    found = distort(blots(256), Distortion(thickness=0.5, worn_share=1), PAPER, INK, _seeded())
    ink = (found - PAPER).sum(dim=(1, 2, 3)) / ((1.0 - PAPER) * 36)
    assert 1 - 0.5 * (36 - 16) / 36 <= float(ink.min()) < 0.8
    assert 1.3 < float(ink.max()) <= 1 + 0.5 * (64 - 36) / 36
    assert float((found[:, 0, 0, 0] - PAPER).abs().max()) < 1e-6


def test_fading_reduces_contrast_and_keeps_the_paper():
    found = distort(blots(256), Distortion(fading=0.4, worn_share=1), PAPER, INK, _seeded())
    strongest = (found.amax(dim=(1, 2, 3)) - PAPER) / (1.0 - PAPER)
    assert 0.6 <= float(strongest.min()) < 0.65
    assert 0.95 < float(strongest.max()) <= 1.0001
    assert float((found[:, 0, 0, 0] - PAPER).abs().max()) < 1e-6


def test_noise_has_at_most_the_requested_deviation():
    found = distort(
        torch.full((256, 1, 32, 32), PAPER), Distortion(noise=0.1, worn_share=1), PAPER, INK, _seeded()
    )
    deviation = found.std(dim=(1, 2, 3)) / (INK - PAPER)
    assert float(deviation.max()) == pytest.approx(0.1, abs=0.01)
    assert float(deviation.min()) < 0.01


def test_only_the_stated_share_of_images_is_worn():
    found = distort(blots(100), Distortion(fading=0.4, worn_share=0.25), PAPER, INK, _seeded())
    assert int((found.amax(dim=(1, 2, 3)) < 0.9999).sum()) == 25


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _grid(distortion: Distortion, count: int) -> Tensor:
    """Return where pixels are taken from, read off images whose greys are their own places."""
    return _sampling_grid(count, 32, distortion, _seeded())
