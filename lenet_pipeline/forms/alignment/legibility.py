"""Legibility: whether a aligned page shows its own form's print well enough to trust what is read from it.

Past some blur, noise or fading a reader still gives answers, and sure ones. The form's print, which is known,
tells how good the scan is before anything unknown is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.illumination import paper_level
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey
from lenet_pipeline.forms.templates.model import Field

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Places = NDArray[np.int64]

_PAPER_WINDOW = 15  # eighths of pixels, wider than any letter
_DARK = 100  # grey levels below white, from which the blank form's print counts
_AWAY_MM = 1.5  # from print and fields, where paper must be bare
_EDGE_MM = 0.3  # around print, where its edges are
_SMOOTH_PX = 1.0  # so that grain is no edge
_ONE_DEVIATION = (15.87, 84.13)  # percentiles of a normal distribution, a deviation below and above
_SMOOTH_PAPER_PX = 3.0  # what grain is measured against
_SPECK_OUTLINE = (2, 40)  # pixels along its edge
_ENOUGH_PLACES = 50_000
_DARKEST = 90  # percentile of print that its darkness is taken from: blur fades thin lines, not thick ones
_FEWEST_PIXELS = 500  # of print or of bare paper, to measure anything by


# Set where reading begins to go wrong (benchmarks/forms.py severity), with room for worn forms.
_LEAST_CONTRAST = 0.12
_LEAST_SHARPNESS = 0.17
_MOST_GRAIN = 0.12
_MOST_SPECKS = 75.0


@dataclass(frozen=True)
class Legibility:
    """How a page shows its form's print.

    ``contrast`` is its darkness as a share of the blank form's. ``sharpness`` is the steepness of its edges,
    as a share of the blank form's at the same contrast. ``grain`` is the standard deviation of bare paper as
    a share of the print's darkness. ``specks`` are dark spots on bare paper, for a square inch.
    """

    contrast: float
    sharpness: float
    grain: float
    specks: float

    @property
    def fault(self) -> str | None:
        """Say what makes the page too bad to read; None where it is good enough."""
        faults = (
            (
                self.contrast < _LEAST_CONTRAST,
                f"its print is too pale ({self.contrast:.0%} of the form's darkness, of at least "
                f"{_LEAST_CONTRAST:.0%}); scan it darker",
            ),
            (
                self.sharpness < _LEAST_SHARPNESS,
                f"it is blurred (its edges are {self.sharpness:.0%} as sharp as the form's, of at least "
                f"{_LEAST_SHARPNESS:.0%}); scan it in focus, at 150 pixels an inch or more",
            ),
            (
                self.grain > _MOST_GRAIN,
                f"its paper is too noisy (grain of {self.grain:.1%} of the print's darkness, of at most "
                f"{_MOST_GRAIN:.1%}); scan it with more light or at a higher resolution",
            ),
            (
                self.specks > _MOST_SPECKS,
                f"it has too many specks ({self.specks:.0f} a square inch of bare paper, of at most "
                f"{_MOST_SPECKS:.0f}); clean the scanner's glass",
            ),
        )
        return next((text for is_fault, text in faults if is_fault), None)


@dataclass(frozen=True, eq=False)
class Gauge:
    """Where a blank form has print and where it is bare: what pages of it are measured at.

    ``bare`` is paper away from print and fields, bool (height, width). The others are places, as they are
    counted along the rows, int64: ``solid`` in print, ``edges`` of print, ``sampled`` on bare paper.
    ``darkness`` is the print's, in grey levels, and ``steepness`` that of its edges.
    """

    solid: Places
    edges: Places
    bare: Mask
    sampled: Places
    darkness: float
    steepness: float


def make_gauge(reference: Grey, fields: tuple[Field, ...]) -> Gauge | None:
    """Find where pages of a form can be measured; None where it has too little print or bare paper.

    Args:
        reference: the blank form, uint8 (height, width), at the aligned page's resolution.
        fields: whose places are left out: what is written there is not the form's.
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
    """Return places evenly out of all, few enough to be quick and enough to be sure."""
    # An odd step: pages repeat themselves in even ones.
    return places[:: -(-len(places) // _ENOUGH_PLACES) | 1]


def measure_legibility(registered: Grey, gauge: Gauge) -> Legibility:
    """Measure how a aligned page, uint8 (height, width), shows the print of its form."""
    darkness = cv2.subtract(paper_level(registered, _PAPER_WINDOW), registered)
    dark = max(float(np.percentile(darkness.ravel()[gauge.solid], _DARKEST)), 1.0)
    return Legibility(
        contrast=dark / gauge.darkness,
        sharpness=float(np.median(_steepness(registered, gauge.edges))) / dark / gauge.steepness,
        grain=_grain(registered, gauge.sampled) / dark,
        specks=_count_specks(np.asarray(darkness, np.uint8), dark / 2, gauge.bare),
    )


def _steepness(picture: Grey, places: Places) -> Floats:
    """Return how steep a picture is at places, in grey levels, of edges alike in light and dark."""
    smooth = cv2.GaussianBlur(picture, (0, 0), _SMOOTH_PX)
    across, down = (
        cv2.Sobel(smooth, cv2.CV_16S, *axis).ravel()[places].astype(np.float32) for axis in ((1, 0), (0, 1))
    )
    return np.asarray(np.hypot(across, down), np.float32)


def _grain(picture: Grey, sampled: Places) -> float:
    """Return the standard deviation of bare paper around its own smooth level, whatever specks it has."""
    levels = picture.astype(np.float32)  # or grain would be counted in whole levels
    rough = (levels - cv2.GaussianBlur(levels, (0, 0), _SMOOTH_PAPER_PX)).ravel()[sampled]
    low, high = np.percentile(rough, _ONE_DEVIATION)
    return float(high - low) / 2


def _count_specks(darkness: Grey, least: float, bare: Mask) -> float:
    """Return how many small dark spots a square inch of bare paper has."""
    dark = (darkness > least) & bare
    outlines, _ = cv2.findContours(dark.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    low, high = _SPECK_OUTLINE
    inches = float(bare.sum()) / ALIGNED_DPI**2
    return sum(low <= len(outline) <= high for outline in outlines) / inches


def _field_mask(fields: tuple[Field, ...], shape: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    for field in fields:
        left, top, right, bottom = (max(0, round(edge)) for edge in field.outline.pixels())
        mask[top:bottom, left:right] = True
    return mask


def _grown(mask: Mask, distance_mm: float) -> Mask:
    radius = max(1, round(distance_mm / MM_PER_INCH * ALIGNED_DPI))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((2 * radius + 1,) * 2, np.uint8)) > 0)
