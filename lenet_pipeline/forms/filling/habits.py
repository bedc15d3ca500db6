"""Habits: how people fill forms."""

from __future__ import annotations

from dataclasses import dataclass

from lenet_pipeline.errors import IngestError


@dataclass(frozen=True)
class Habits:
    """How people fill forms. Rates are shares, 0 to 1; a pair is a range drawn from evenly.

    Attributes:
        size: height of a digit, as a share of its cell's or box's.
        pen: grey level of the ink, drawn for a page; each digit varies a little.
        blank_rate: fields left blank, of those that may be.
        void_rate: blank fields that are struck through instead of left empty.
        crossed_out_rate: digits that were wrong first: crossed out, and written again in the next cell,
            where there are cells left. The crossed-out one is no part of the value.
        unmarked_rate: unused cells left empty though the form wants a mark in them.
        right_aligned_rate: values that end in the last cell instead of beginning in the first.
        over_line_rate: digits that run over their cell's edge.
        gap: between the digits of a run in a box, in heights of a digit, drawn for a run; each gap varies.
        touching_rate: gaps in a run that are none: the ink of both digits touches.
    """

    size: tuple[float, float] = (0.6, 0.8)
    pen: tuple[float, float] = (15.0, 85.0)
    blank_rate: float = 0.05
    void_rate: float = 0.0
    crossed_out_rate: float = 0.0
    unmarked_rate: float = 0.0
    right_aligned_rate: float = 0.0
    over_line_rate: float = 0.0
    gap: tuple[float, float] = (0.1, 0.35)
    touching_rate: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            IngestError: a rate is no share, or a range is none.
        """
        for name, value in vars(self).items():
            if name.endswith("_rate") and not 0 <= value <= 1:
                raise IngestError(f"{name} of filled forms is {value}; expected 0 to 1")
        for name, highest in (("size", 1), ("pen", 255), ("gap", 10)):
            low, high = getattr(self, name)
            if not 0 <= low <= high <= highest or (name == "size" and low == 0):
                raise IngestError(
                    f"{name} of filled forms is {low} to {high}; expected a range in 0 to {highest}"
                )
