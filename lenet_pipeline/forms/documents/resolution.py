"""Decide the resolution of a scan from its file's metadata or from standard paper sizes."""

from __future__ import annotations

import math

from lenet_pipeline.forms.page import MM_PER_INCH

_LEAST_DPI, _MOST_DPI = 50.0, 2400.0
_LONGEST_SIDE_MM = 600.0  # A2: office scanners take nothing longer
# Programs write these values when they do not know the resolution.
_PLACEHOLDERS = (72.0, 96.0)
_SCANNER_DPI = (72, 75, 96, 100, 120, 150, 200, 240, 250, 300, 400, 500, 600, 800, 1200)
_PAPERS_MM = ((210.0, 297.0), (215.9, 279.4), (215.9, 355.6), (148.0, 210.0), (297.0, 420.0))
_TOLERANCE = 0.01


def judge_resolution(width: int, height: int, stated: float | None) -> float | None:
    """Return the resolution of a scan in pixels per inch, or None if it is unknown.

    The stated resolution counts unless it is 72 or 96, which programs write as placeholders, or implies
    paper longer than A2. Otherwise the result is a common scanner resolution at which both sides match A3,
    A4, A5, Letter or Legal to within 1 %.

    Args:
        width: in pixels.
        height: in pixels.
        stated: the resolution in the file's metadata, or None.
    """
    if stated is not None and is_sensible(width, height, stated):
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


def is_sensible(width: int, height: int, stated: float) -> bool:
    """Return whether a stated resolution is plausible, and not what programs write if they know none."""
    if not math.isfinite(stated) or not _LEAST_DPI <= stated <= _MOST_DPI:
        return False
    if any(abs(stated - placeholder) < 1 for placeholder in _PLACEHOLDERS):
        return False
    return max(width, height) * MM_PER_INCH / stated <= _LONGEST_SIDE_MM
