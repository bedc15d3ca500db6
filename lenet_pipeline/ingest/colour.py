"""Choose the colour channel in which the ink of a coloured picture stands out most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LEAST_CHROMA = 24  # difference of channels in grey levels, from which a picture counts as coloured
_COLOURED_SHARE = 0.05  # share of the pixels that must be coloured
_JUDGED_PIXELS = 20_000  # enough to compare channels
_INK_SHARE = 0.04  # the pixels that are surely ink: the darkest
_LEFT_OUT = 0.3  # share of the darkest pixels, which may be ink; the others are paper and print
_LEAST_GAIN = 1.1  # separation of a channel over that of the grey levels, to prefer it


def read_grey(image: Image.Image) -> NDArray[np.uint8]:
    """Convert a picture of one digit to grey levels, so that coloured print on the paper fades.

    A print in a pale colour is nearly as bright as white paper in one of the three channels, where dark ink
    stays dark. The best channel has the largest distance between ink and paper, relative to the variation of
    the paper.

    Args:
        image: in mode RGB.

    Returns:
        uint8 (height, width), the grey levels, or the red, green or blue channel.
    """
    grey, colours = np.asarray(image.convert("L")), np.asarray(image)
    step = max(1, grey.size // _JUDGED_PIXELS)
    levels, sample = grey.reshape(-1)[::step], colours.reshape(-1, 3)[::step]
    if (np.ptp(sample, axis=1) >= _LEAST_CHROMA).mean() < _COLOURED_SHARE:
        return grey
    order = np.argsort(levels, kind="stable")
    if np.median(levels) - levels[order[0]] < levels[order[-1]] - np.median(levels):
        order = order[::-1]  # bright ink on dark paper
    ink, paper = order[: max(1, round(_INK_SHARE * len(order)))], order[round(_LEFT_OUT * len(order)) :]
    separations = [_separation(channel, ink, paper) for channel in sample.T]
    best = int(np.argmax(separations))
    return colours[..., best] if separations[best] > _LEAST_GAIN * _separation(levels, ink, paper) else grey


def _separation(levels: NDArray[np.uint8], ink: NDArray[np.intp], paper: NDArray[np.intp]) -> float:
    """Return the distance between ink and paper, in standard deviations of the paper with its print."""
    return float(abs(levels[ink].mean() - levels[paper].mean()) / (levels[paper].std() + 1))
