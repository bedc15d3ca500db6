"""One grey picture to one digit in the format of MNIST."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lenet_pipeline.ingest.batch import Box
from lenet_pipeline.ingest.normalisation.ink import LEAST_CONTRAST, isolate_ink
from lenet_pipeline.ingest.normalisation.placing import place_ink
from lenet_pipeline.ingest.normalisation.polarity import background_is_bright
from lenet_pipeline.schema import BRIGHT_ON_DARK, DARK_ON_BRIGHT, Floats, Images

Pixels = NDArray[np.uint8] | NDArray[np.float32]  # (height, width), grey levels 0 to 255

_ANALYSED_SIDE = 512  # larger pictures are reduced first, because finer detail does not survive 20x20


@dataclass(frozen=True)
class NormalisedDigit:
    """One digit in the format of MNIST.

    Attributes:
        image: uint8 (28, 28), bright ink on a dark background.
        polarity: ``bright_on_dark`` or ``dark_on_bright``, as in the original picture.
        ink: the box of the ink in pixels of the original picture.
    """

    image: Images
    polarity: str
    ink: Box


def normalise_digit(grey: Pixels) -> NormalisedDigit | None:
    """Find the ink in a picture of one digit and normalise it; return None if there is no ink.

    Args:
        grey: (height, width), 0 to 255, ink of either polarity.
    """
    picture, factor = _average_down(grey)
    if np.ptp(picture) < LEAST_CONTRAST:
        return None
    dark_on_bright = background_is_bright(picture)
    darkness = -picture if dark_on_bright else picture
    ink = isolate_ink(darkness)
    if ink is None:
        return None
    strokes, box = ink
    return NormalisedDigit(
        image=place_ink(strokes),
        polarity=DARK_ON_BRIGHT if dark_on_bright else BRIGHT_ON_DARK,
        ink=_scale_box(box, factor, height=grey.shape[0], width=grey.shape[1]),
    )


def _average_down(grey: Pixels) -> tuple[Floats, int]:
    """Reduce a large picture by an integer factor; return it as float32, with the factor."""
    factor = -(-max(grey.shape) // _ANALYSED_SIDE)
    small = np.asarray(Image.fromarray(grey).reduce(factor)) if factor > 1 else grey
    return small.astype(np.float32), factor


def _scale_box(box: Box, factor: int, *, height: int, width: int) -> Box:
    """Convert a box of the reduced picture to pixels of the original one."""
    right, bottom = min(width, (box.x + box.width) * factor), min(height, (box.y + box.height) * factor)
    left, top = box.x * factor, box.y * factor
    return Box(x=left, y=top, width=right - left, height=bottom - top)
