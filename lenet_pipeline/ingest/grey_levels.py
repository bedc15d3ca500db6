"""Convert a decoded image of any mode to grey levels from 0 to 255."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lenet_pipeline.ingest.colour import read_grey
from lenet_pipeline.ingest.normalisation import Pixels
from lenet_pipeline.schema import Floats

# Depths whose levels are found in 16-bit files; 14 bits are bright enough as they are.
_SENSOR_BITS = (8, 10, 12)


def read_grey_levels(image: Image.Image, *, choose_channel: bool) -> Pixels:
    """Return the grey levels of a decoded image in any mode.

    Args:
        image: the image.
        choose_channel: choose the channel of a coloured image in which its ink stands out most.

    Returns:
        Grey levels (height, width), 0 to 255, uint8 or float32.
    """
    if image.mode.startswith("I;16"):
        return _scale_sixteen_bits(np.asarray(image))
    if image.mode in ("I", "F"):
        return _stretch_range(np.asarray(image, dtype=np.float64))
    if image.has_transparency_data:
        with_alpha = image.convert("RGBA")
        if with_alpha.getchannel("A").getextrema() == (255, 255):
            return read_grey_levels(with_alpha.convert("RGB"), choose_channel=choose_channel)
        return _composite(with_alpha)
    if image.mode == "LAB":
        return np.asarray(image.getchannel("L"))
    if image.mode not in ("1", "L", "RGB"):
        image = image.convert("RGB")
    if choose_channel and image.mode == "RGB":
        return read_grey(image)
    return np.asarray(image.convert("L"))


def _scale_sixteen_bits(levels: NDArray[np.uint16]) -> Floats:
    """Scale 16-bit levels to 0 to 255.

    Cameras and scanners with fewer bits often store their levels as they are: white is 1023 or 4095 of 65535.
    A picture without any level above 4095 is such a picture, because it would be black otherwise.
    """
    brightest = int(levels.max())
    white = next((2**bits - 1 for bits in _SENSOR_BITS if brightest < 2**bits), 2**16 - 1)
    return levels.astype(np.float32) / np.float32(white / 255)


def _stretch_range(values: NDArray[np.float64]) -> Floats:
    """Scale 32-bit values, which have no defined white, from their own range to 0 to 255."""
    if not np.isfinite(values).all():
        raise ValueError("some pixels are infinite or not a number")
    low, high = values.min(), values.max()
    scaled: NDArray[np.float64] = (values - low) * (255 / max(high - low, 1e-30))
    return scaled.astype(np.float32)


def _composite(image: Image.Image) -> Floats:
    """Place an RGBA image on a background that contrasts with its ink.

    Usually the opaque pixels are ink, and the background is the opposite: white for dark ink, else black.
    If most of the image is opaque and contains both light and dark, it includes the paper. Then the
    background has the median level of the opaque pixels.
    """
    grey = np.asarray(image.convert("L"), dtype=np.float32)
    alpha = np.asarray(image.getchannel("A"), dtype=np.float32) / 255
    opaque = grey[alpha >= 0.5]
    if not opaque.size:
        opaque = grey[alpha > 0]
    middle = float(np.median(opaque)) if opaque.size else 0.0
    holds_paper = opaque.size > 0.6 * grey.size and float(np.ptp(opaque)) > 64
    background = middle if holds_paper else (255.0 if middle < 128 else 0.0)
    return (grey * alpha + background * (1 - alpha)).astype(np.float32, copy=False)
