"""Place ink in 28x28 as MNIST did: scaled to 20x20, centred by its centre of mass."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lenet_pipeline.schema import IMAGE_SIDE, Floats, Images

_DIGIT_SIDE = 20  # the box that the ink is scaled into
_CENTRE = IMAGE_SIDE / 2  # of MNIST's centres of mass in pixels, measured on its 60,000 images


def place_ink(ink: Floats) -> Images:
    """Scale a tight crop of ink to 20x20 and place it in 28x28 by its centre of mass.

    Args:
        ink: (height, width), 0 for paper to 1 for full ink.

    Returns:
        uint8 (28, 28), bright ink on a dark background, with a maximum of 255.
    """
    scale = _DIGIT_SIDE / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    levels = Image.fromarray(np.rint(ink * 255).astype(np.uint8))
    scaled = np.asarray(levels.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)
    # Scaling down makes thin strokes pale, but the brightest pixel in MNIST is always 254 or 255.
    scaled = np.rint(scaled * (255 / max(1.0, float(scaled.max()))))
    top, left = _centred_corner(scaled)
    image = np.zeros((IMAGE_SIDE, IMAGE_SIDE), dtype=np.uint8)
    image[top : top + height, left : left + width] = scaled
    return image


def _centred_corner(scaled: Floats) -> tuple[int, int]:
    """Return the (top, left) that centres the ink by its centre of mass and keeps it inside the field."""
    corner = []
    for axis, side in enumerate(scaled.shape):
        along = scaled.sum(axis=1 - axis)
        centre = float((along * np.arange(side)).sum() / along.sum())
        corner.append(min(max(0, round(_CENTRE - centre)), IMAGE_SIDE - side))
    return corner[0], corner[1]
