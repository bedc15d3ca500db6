"""What resolution a scan has: what its file says where that makes sense, or what its size as paper gives."""

from __future__ import annotations

import math

from lenet_pipeline.forms.page import MM_PER_INCH

_LEAST_DPI, _MOST_DPI = 50.0, 2400.0
_LONGEST_SIDE_MM = 600.0  # A2: nothing longer goes over a scanner's glass or through its feeder
# What programs write where they know nothing.
_PLACEHOLDERS = (72.0, 96.0)
_SCANNER_DPI = (72, 75, 96, 100, 120, 150, 200, 240, 250, 300, 400, 500, 600, 800, 1200)
_PAPERS_MM = ((210.0, 297.0), (215.9, 279.4), (215.9, 355.6), (148.0, 210.0), (297.0, 420.0))
_TOLERANCE = 0.01


def judge_resolution(width: int, height: int, stated: float | None) -> float | None:
    """Return the resolution of a scan of so many pixels, in pixels an inch; None where it is unknown.

    What the file states is believed unless its paper would be longer than A2, or it is 72 or 96, which
    programs write for want of better. Then a size that is A3, A4, A5, Letter or Legal at a resolution that
    scanners have, on both sides to 1 %, tells it.
    """
    if stated is not None and _is_sensible(width, height, stated):
        return round(stated, 2)
    short, long = sorted((width, height))
    for dpi in _SCANNER_DPI:
        for paper in _PAPERS_MM:
            sides = (side * dpi / MM_PER_INCH for side in paper)
            if all(
                abs(side - found) <= _TOLERANCE * side
                for side, found in zip(sides, (short, long), strict=True)
            ):
                return float(dpi)
    return None


def _is_sensible(width: int, height: int, stated: float) -> bool:
    """Tell whether to believe what a file states."""
    if not math.isfinite(stated) or not _LEAST_DPI <= stated <= _MOST_DPI:
        return False
    if any(abs(stated - placeholder) < 1 for placeholder in _PLACEHOLDERS):
        return False
    return max(width, height) * MM_PER_INCH / stated <= _LONGEST_SIDE_MM
