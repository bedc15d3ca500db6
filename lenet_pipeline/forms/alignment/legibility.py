"""Measure legibility: whether an aligned page shows its form's print clearly enough to trust its digits.

On a very blurred, noisy or faded scan, a model still returns digits, and with high confidence. The form's
print is known, so it shows the quality of the scan before any digit is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.illumination import paper_level
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey
from lenet_pipeline.forms.templates.model import Choice, Field
from lenet_pipeline.schema import Floats, Mask

Places = NDArray[np.int64]

_PAPER_WINDOW = 15  # in units of 8 pixels, wider than any letter
_DARK = 100  # grey levels below white: the blank form's print is darker than this
_AWAY_MM = 1.5  # bare paper is at least this far from print and fields
_EDGE_MM = 0.3  # the edges of print are within this distance
_SMOOTH_PX = 1.0  # keeps grain from counting as edges
_ONE_DEVIATION = (15.87, 84.13)  # percentiles of a normal distribution, one deviation below and above
_SMOOTH_PAPER_PX = 3.0  # the smoothed level that grain is measured against
_SPECK_OUTLINE = (2, 40)  # pixels along the outline of a speck
_ENOUGH_PLACES = 50_000
_DARKEST = 90  # the percentile for the darkness of print, because blur fades thin lines but not thick ones
_FEWEST_PIXELS = 500  # of print or bare paper, for a meaningful measurement

# Reading starts to fail at these limits (benchmarks/forms.py severity). They leave room for worn forms.
_LEAST_CONTRAST = 0.12
_LEAST_SHARPNESS = 0.17
_MOST_GRAIN = 0.12
_MOST_SPECKS = 75.0


@dataclass(frozen=True)
class Legibility:
    """How clearly a page shows its form's print.

    Attributes:
        contrast: the darkness of the print relative to the blank form's.
        sharpness: the steepness of its edges relative to the blank form's at the same contrast.
        grain: the standard deviation of bare paper relative to the print's darkness.
        specks: the number of dark spots per square inch of bare paper.
    """

    contrast: float
    sharpness: float
    grain: float
    specks: float

    @property
    def fault(self) -> str | None:
        """Return what makes the page illegible and what to do, or None if it is legible."""
        faults = (
            (
                self.contrast < _LEAST_CONTRAST,
                f"its print is too pale: it has {self.contrast:.0%} of the blank form's darkness and needs "
                f"at least {_LEAST_CONTRAST:.0%}; scan it darker",
            ),
            (
                self.sharpness < _LEAST_SHARPNESS,
                f"it is blurred: its edges are {self.sharpness:.0%} as sharp as the blank form's and need at "
                f"least {_LEAST_SHARPNESS:.0%}; scan it in focus, at 150 pixels per inch or more",
            ),
            (
                self.grain > _MOST_GRAIN,
                f"its paper is too noisy: the grain reaches {self.grain:.1%} of the print's darkness; the "
                f"limit is {_MOST_GRAIN:.1%}; scan it with more light or at a higher resolution",
            ),
            (
                self.specks > _MOST_SPECKS,
                f"it has too many specks: {self.specks:.0f} per square inch of bare paper, and the limit is "
                f"{_MOST_SPECKS:.0f}; clean the scanner's glass",
            ),
        )
        return next((text for is_fault, text in faults if is_fault), None)


@dataclass(frozen=True, eq=False)
class Gauge:
    """The places of a blank form at which its pages are measured.

    Places are int64 indices into the flattened page.

    Attributes:
        solid: places inside print.
        edges: places at the edges of print.
        bare: the mask of paper away from print and fields, bool (height, width).
        sampled: places on bare paper.
        darkness: the darkness of the print in grey levels.
        steepness: the steepness of its edges relative to ``darkness``.
    """

    solid: Places
    edges: Places
    bare: Mask
    sampled: Places
    darkness: float
    steepness: float


def make_gauge(reference: Grey, fields: tuple[Field | Choice, ...]) -> Gauge | None:
    """Find the places to measure a form's pages at, or return None if print or bare paper is too scarce.

    Args:
        reference: the blank form, uint8 (height, width), at ``ALIGNED_DPI``.
        fields: the fields and choices, which are excluded because people write there.
    """
    print_darkness = np.uint8(255) - reference
    written = _field_mask(fields, reference.shape)
    is_solid = cv2.erode((print_darkness > _DARK).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    is_solid &= ~written
    bare = ~_grown(print_darkness > _DARK / 4, _AWAY_MM) & ~_grown(written, _AWAY_MM)
    if min(is_solid.sum(), bare.sum()) < _FEWEST_PIXELS:
        return None
    solid, around = np.flatnonzero(is_solid), np.flatnonzero(_grown(is_solid, _EDGE_MM))
    darkness = float(np.percentile(print_darkness.ravel()[solid], _DARKEST))
    steep = _steepness(print_darkness, around)
    is_edge = steep > np.percentile(steep, 75)
    return Gauge(
        solid=_thin_out(solid),
        edges=_thin_out(around[is_edge]),
        bare=bare,
        sampled=_thin_out(np.flatnonzero(bare)),
        darkness=darkness,
        steepness=float(np.median(steep[is_edge])) / darkness,
    )


def _thin_out(places: Places) -> Places:
    """Return an even sample of places, at most ``_ENOUGH_PLACES``."""
    # Use an odd step, because patterns on pages often repeat at even ones.
    return places[:: -(-len(places) // _ENOUGH_PLACES) | 1]


def measure_legibility(page: Grey, gauge: Gauge) -> Legibility:
    """Measure how clearly an aligned page, uint8 (height, width), shows its form's print."""
    darkness = cv2.subtract(paper_level(page, _PAPER_WINDOW), page)
    dark = max(float(np.percentile(darkness.ravel()[gauge.solid], _DARKEST)), 1.0)
    return Legibility(
        contrast=dark / gauge.darkness,
        sharpness=float(np.median(_steepness(page, gauge.edges))) / dark / gauge.steepness,
        grain=_grain(page, gauge.sampled) / dark,
        specks=_count_specks(np.asarray(darkness, np.uint8), dark / 2, gauge.bare),
    )


def _steepness(picture: Grey, places: Places) -> Floats:
    """Return the gradient of a smoothed picture at some places, in grey levels."""
    smooth = cv2.GaussianBlur(picture, (0, 0), _SMOOTH_PX)
    across, down = (
        cv2.Sobel(smooth, cv2.CV_16S, *axis).ravel()[places].astype(np.float32) for axis in ((1, 0), (0, 1))
    )
    return np.asarray(np.hypot(across, down), np.float32)


def _grain(picture: Grey, sampled: Places) -> float:
    """Return the standard deviation of bare paper from its smoothed level. Specks do not affect it."""
    levels = picture.astype(np.float32)  # integers would round the grain to whole levels
    rough = (levels - cv2.GaussianBlur(levels, (0, 0), _SMOOTH_PAPER_PX)).ravel()[sampled]
    low, high = np.percentile(rough, _ONE_DEVIATION)
    return float(high - low) / 2


def _count_specks(darkness: Grey, least: float, bare: Mask) -> float:
    """Return the number of small dark spots per square inch of bare paper."""
    dark = (darkness > least) & bare
    outlines, _ = cv2.findContours(dark.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    low, high = _SPECK_OUTLINE
    inches = float(bare.sum()) / ALIGNED_DPI**2
    return sum(low <= len(outline) <= high for outline in outlines) / inches


def _field_mask(fields: tuple[Field | Choice, ...], shape: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    for field in fields:
        left, top, right, bottom = (max(0, round(edge)) for edge in field.outline.pixels())
        mask[top:bottom, left:right] = True
    return mask


def _grown(mask: Mask, distance_mm: float) -> Mask:
    radius = max(1, round(distance_mm / MM_PER_INCH * ALIGNED_DPI))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((2 * radius + 1,) * 2, np.uint8)) > 0)
