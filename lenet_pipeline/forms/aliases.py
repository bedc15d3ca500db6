"""Aliases: shifts by which a form with rows of equal boxes comes to lie on itself, all but a row.

A page registered a row off has nearly all of its print in its places, and every value in the wrong field.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.homographies import reduce_picture
from lenet_pipeline.forms.light import flatten_light
from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.print_places import locate_vertex, saturate_ink

# 0.5 and more on pages with writing in every cell, 0.2 on those of a form changed since; a row off at most
# 0.05, where black around the page lies on a title, and mostly -0.3 and less.
LEAST_LEAD = 0.1

_LEAST_ALIKE = 0.4  # of the form's ink
_MOST_ALIASES = 6
_LEAST_SHIFT_PX = 4  # 2 mm
_BLUR_PX = 1.5  # of what a registered page may be off, and a shift may be between pixels
_LEAST_DIFFERENCE = 0.3  # of the strongest ink: less is what interpolation makes of lines that both have
_LEAST_STRENGTH = 0.3  # of the print that both have

_Floats = NDArray[np.float32]
# (aliases, 2): x and y in pixels of the layout; the opposite shifts are meant too.
Aliases = NDArray[np.float64]


def find_aliases(ink: Grey) -> Aliases:
    """Find the shifts by which a form is most like itself.

    Args:
        ink: the form's layout, uint8 (height, width).
    """
    height, width = ink.shape
    size = tuple(cv2.getOptimalDFTSize(2 * side) for side in ink.shape)
    padded = np.zeros(size, dtype=np.float32)
    padded[:height, :width] = _blur(ink)
    spectrum = cv2.dft(padded)
    product = cv2.mulSpectrums(spectrum, spectrum, 0, conjB=True)
    overlap = np.fft.fftshift(cv2.idft(product))
    middle_y, middle_x = size[0] // 2, size[1] // 2
    likeness = np.asarray(overlap / max(float(overlap[middle_y, middle_x]), 1e-6), dtype=np.float64)
    highest = np.asarray(cv2.dilate(likeness, np.ones((2 * _LEAST_SHIFT_PX - 1,) * 2, np.uint8)))
    y, x = np.nonzero((likeness == highest) & (likeness >= _LEAST_ALIKE))
    is_one_way = (y > middle_y) | ((y == middle_y) & (x > middle_x))
    y, x = y[is_one_way], x[is_one_way]
    strongest = np.argsort(-likeness[y, x], kind="stable")[:_MOST_ALIASES]
    # Pitches are no whole pixels: half a pixel off, all rows would tell the alias from the form.
    shifts = [
        (
            column - middle_x + locate_vertex(*likeness[row, column - 1 : column + 2].tolist()),
            row - middle_y + locate_vertex(*likeness[row - 1 : row + 2, column].tolist()),
        )
        for column, row in zip(x[strongest].tolist(), y[strongest].tolist(), strict=True)
    ]
    return np.array(shifts, dtype=np.float64).reshape(-1, 2)


def measure_lead(page: Grey, ink: Grey, aliases: Aliases) -> float:
    """Return by how much a registered page is more like its form than like the form shifted by any alias.

    Only where the form and the shifted form differ is looked: it is the share found of the print that only
    the form has there, at most 1, less the share of that which only the shifted form has. So 1 where all of
    the one and nothing of the other is there, 0 where the page tells nothing, -1 on a page a row off.

    Args:
        page: registered, uint8.
        ink: the form's layout, uint8 (height, width).
        aliases: of that form; without any the lead is 1.
    """
    height, width = ink.shape
    ours = _blur(ink)
    found = _blur(saturate_ink(flatten_light(reduce_picture(page, height, width)))) if len(aliases) else ours
    least = _LEAST_DIFFERENCE * float(ours.max())
    lead = 1.0
    for x, y in np.concatenate([aliases, -aliases]).astype(np.float32):
        shift = np.array([[1, 0, x], [0, 1, y]], dtype=np.float32)
        theirs = np.asarray(cv2.warpAffine(ours, shift, (width, height)), dtype=np.float32)
        strength = _share(found, np.minimum(ours, theirs), np.zeros_like(ours))
        only_ours, only_theirs = (np.where(one >= least, one, 0) for one in (ours - theirs, theirs - ours))
        # At most 1: the dark bed around a page may lie on print that is not there.
        share = min(_share(found, only_ours, theirs) / max(strength, _LEAST_STRENGTH), 1.0)
        lead = min(lead, share - _share(found, only_theirs, ours) / max(strength, _LEAST_STRENGTH))
    return lead


def _share(found: _Floats, wanted: _Floats, there: _Floats) -> float:
    """Return how much of wanted ink is found, beside that which is there anyway."""
    return float((wanted * (found - there)).sum()) / max(float((wanted * wanted).sum()), 1e-6)


def _blur(ink: Grey) -> _Floats:
    return np.asarray(cv2.GaussianBlur(ink.astype(np.float32), (0, 0), _BLUR_PX), dtype=np.float32)
