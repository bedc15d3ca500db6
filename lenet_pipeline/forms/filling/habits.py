"""The habits of people who fill in forms."""

from __future__ import annotations

from dataclasses import dataclass, field

from lenet_pipeline.errors import IngestError


@dataclass(frozen=True)
class MarkHabits:
    """How people mark boxes and bubbles. Rates are from 0 to 1.

    Attributes:
        blank_rate: the share of choices without a mark.
        many_rate: the share of options that are marked where people may mark many.
        faint_rate: the share of marks that are pale.
        erased_rate: the share of choices with a wrong mark that was erased.
        blackened_rate: the share of choices with a wrong mark that was blackened, next to the right one.
        stray_rate: the share of choices with a stray stroke at an option that is not marked.
        slip_rate: the share of numbers with a wrong bubble, unlike the handwritten digits that they check.
    """

    blank_rate: float = 0.05
    many_rate: float = 0.35
    faint_rate: float = 0.02
    erased_rate: float = 0.02
    blackened_rate: float = 0.02
    stray_rate: float = 0.02
    slip_rate: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            IngestError: a rate is out of range.
        """
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise IngestError(f"the habit {name} is {value}; expected a number from 0 to 1")


@dataclass(frozen=True)
class Habits:
    """How people fill in forms. Rates are from 0 to 1. Pairs are ranges of a uniform distribution.

    Attributes:
        size: the height of a digit relative to its cell or box.
        pen: the grey level of the ink, drawn once per page. Each digit varies a little.
        blank_rate: the share of optional fields that are left blank.
        void_rate: the share of blank fields that are struck through instead of left empty.
        crossed_out_rate: the share of digits with a first attempt that is crossed out, in a cell of its own
            before the digit. It is not part of the value, and only happens if there are cells left.
        unmarked_rate: the share of unused cells that are left empty although the form asks for a mark.
        right_aligned_rate: the share of values that end in the last cell instead of starting in the first.
        over_line_rate: the share of digits that extend beyond the edge of their cell.
        gap: the gap between the digits in a box, in heights of a digit, drawn once per value. Each gap
            varies.
        touching_rate: the share of neighbouring digits in a box whose ink touches.
        comma_rate: the share of values of two or more digits with a decimal comma, which the form does not
            ask for. In cells, it is low on the line between two cells.
        minus_rate: the share of values in boxes with a minus, which the form does not ask for.
        strike_rate: the share of values in which a stroke or a cross strikes one digit through. The digit
            stays part of the value.
        dash_rate: the share of unused cells with a dash, although the form does not ask for one.
        marks: how they mark boxes and bubbles.
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
    comma_rate: float = 0.0
    minus_rate: float = 0.0
    strike_rate: float = 0.0
    dash_rate: float = 0.0
    marks: MarkHabits = field(default_factory=MarkHabits)

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            IngestError: a rate or a range is invalid.
        """
        for name, value in vars(self).items():
            if name.endswith("_rate") and not 0 <= value <= 1:
                raise IngestError(f"the habit {name} is {value}; expected a number from 0 to 1")
        for name, highest in (("size", 1), ("pen", 255), ("gap", 10)):
            low, high = getattr(self, name)
            if not 0 <= low <= high <= highest or (name == "size" and low == 0):
                raise IngestError(
                    f"the habit {name} is {low} to {high}; expected a range within 0 to {highest}"
                )
