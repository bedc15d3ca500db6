"""Random distortions of training images, computed for a whole batch on the training device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

_ELASTIC_NODES = 5  # displacements are drawn at 5x5 points and interpolated smoothly


@dataclass(frozen=True)
class Distortion:
    """How strongly training images are distorted; each image draws its own amounts.

    Attributes:
        rotation_degrees: The largest rotation, either way.
        shear: The largest shear, either way.
        scale: The largest relative change in size; width and height are drawn separately.
        shift_px: The largest shift, either way.
        elastic_px: The standard deviation of smooth local displacements.
        thickness: The largest thickening or thinning of strokes; 1 means one pixel on every side.
        fading: The largest share of the contrast to remove.
        noise: The largest standard deviation of scanner noise, as a share of the range from paper to ink.
        worn_share: The share of a batch to thicken or thin, fade and make noisy: its first images.
    """

    rotation_degrees: float = 0.0
    shear: float = 0.0
    scale: float = 0.0
    shift_px: float = 0.0
    elastic_px: float = 0.0
    thickness: float = 0.0
    fading: float = 0.0
    noise: float = 0.0
    worn_share: float = 0.5


def distort(
    images: Tensor, distortion: Distortion, paper: float, ink: float, generator: torch.Generator
) -> Tensor:
    """Distort each image at random.

    Args:
        images: float32 (n, 1, side, side), greys from ``paper`` to ``ink``, in random order.
        distortion: The bounds of the random amounts.
        paper: The grey of the background; areas that move in from outside get it.
        ink: The grey of full ink.
        generator: The random generator, on the device of the images.

    Returns:
        The distorted images, in the same shape and order.
    """
    grid = _sampling_grid(len(images), images.shape[-1], distortion, generator)
    moved = torch.nn.functional.grid_sample(images - paper, grid, align_corners=False)
    worn = math.ceil(distortion.worn_share * len(images))
    if worn and (distortion.thickness or distortion.fading or distortion.noise):
        moved[:worn] = _wear(moved[:worn], distortion, ink - paper, generator)
    return moved + paper


def _sampling_grid(count: int, side: int, distortion: Distortion, generator: torch.Generator) -> Tensor:
    """Return the source position of each pixel, float32 (count, side, side, 2): (x, y) from -1 to 1."""

    def draw(bound: float) -> Tensor:
        uniform = torch.rand(count, generator=generator, device=generator.device)
        return (uniform * 2 - 1) * bound

    to_unit = 2 / side
    angle, shear = draw(math.radians(distortion.rotation_degrees)), draw(distortion.shear)
    wide, high = 1 + draw(distortion.scale), 1 + draw(distortion.scale)
    right, down = draw(distortion.shift_px * to_unit), draw(distortion.shift_px * to_unit)
    cosine, sine = angle.cos(), angle.sin()
    planar = [
        cosine * wide,
        (cosine * shear - sine) * wide,
        right,
        sine * high,
        (sine * shear + cosine) * high,
        down,
    ]
    amounts = torch.stack(planar, dim=1).view(count, 2, 3)
    if distortion.elastic_px:
        shape = (count, 2, _ELASTIC_NODES**2)
        nodes = torch.randn(shape, generator=generator, device=generator.device)
        amounts = torch.cat([amounts, nodes * (distortion.elastic_px * to_unit)], dim=2)
    moves = _moves(side, generator.device)[: amounts.shape[2]]
    return (amounts @ moves).view(count, 2, side, side).permute(0, 2, 3, 1)


@lru_cache(maxsize=8)
def _moves(side: int, device: torch.device) -> Tensor:
    """Return how far one unit of each amount moves each pixel: float32 (3 + elastic nodes, side * side).

    The first three rows are the planar amounts: x, y and the shift.
    """
    centres = (torch.arange(side) * 2 + 1) / side - 1
    down, right = torch.meshgrid(centres, centres, indexing="ij")
    places = torch.linspace(-1, 1, _ELASTIC_NODES)
    spacing = 2 / (_ELASTIC_NODES - 1)
    near = torch.exp(-0.5 * ((centres[:, None] - places) / (0.7 * spacing)) ** 2)
    bumps = torch.einsum("yi,xj->ijyx", near, near).flatten(2).flatten(0, 1)
    # Each pixel adds up several bumps. Scale them so that its displacement has the nodes' standard deviation.
    bumps = bumps / bumps.square().sum(dim=0).sqrt()
    planar = torch.stack([right.flatten(), down.flatten(), torch.ones(side * side)])
    return torch.cat([planar, bumps]).to(device)


def _wear(images: Tensor, distortion: Distortion, span: float, generator: torch.Generator) -> Tensor:
    """Thicken or thin strokes, fade, and add noise. In the images, paper is 0 and ink is ``span``."""

    def draw(low: float, high: float) -> Tensor:
        shape = (len(images), 1, 1, 1)
        return torch.rand(shape, generator=generator, device=generator.device) * (high - low) + low

    if distortion.thickness:
        change = draw(-distortion.thickness, distortion.thickness)
        thick = torch.nn.functional.max_pool2d(images, 3, stride=1, padding=1)
        thin = -torch.nn.functional.max_pool2d(-images, 3, stride=1, padding=1)
        images = images + change.clamp(min=0) * (thick - images) + change.clamp(max=0) * (images - thin)
    if distortion.fading:
        images = images * draw(1 - distortion.fading, 1)
    if distortion.noise:
        grain = torch.randn(images.shape, generator=generator, device=generator.device)
        images = images + grain * draw(0, distortion.noise * span)
    return images
