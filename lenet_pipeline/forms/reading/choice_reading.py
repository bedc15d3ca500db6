"""Read the choices of an aligned page: which boxes and bubbles are marked, and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.warps import Warp
from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.reading.option_ink import OptionInk, measure_options
from lenet_pipeline.forms.reading.option_states import OptionVerdict, judge_options
from lenet_pipeline.forms.reading.page_reading import locate_in_scan
from lenet_pipeline.forms.templates.model import Choice, Option, Template
from lenet_pipeline.ingest import Box

UNKNOWN = "?"
_SIMILAR_MM = 0.5  # boxes whose sizes differ by less are marked in the same way


@dataclass(frozen=True)
class OptionReading:
    """One box or bubble of a page.

    Attributes:
        option: the option.
        ink: the ink in it.
        verdict: whether it is marked.
        box: its place in pixels of the aligned page.
        source_box: the same in pixels of the original scan.
    """

    option: Option
    ink: OptionInk
    verdict: OptionVerdict
    box: Box
    source_box: Box


@dataclass(frozen=True)
class ChoiceReading:
    """One choice of a page, with its options in order."""

    choice: Choice
    options: tuple[OptionReading, ...]

    @property
    def value_read(self) -> str | None:
        """Return the digits or the marked options, with ``?`` for what is unknown; None if nothing is marked.

        The view ``choice_values`` has the same rule.
        """
        if self.choice.kind == "digits":
            positions = range(1 + max(each.option.position for each in self.options))
            bubbles = [[each for each in self.options if each.option.position == n] for n in positions]
            return "".join(self._sign(each) for each in bubbles) or None
        marked = [each.option.name for each in self.options if each.verdict.state == "marked"]
        if self.choice.kind == "one" and len(marked) > 1:
            return UNKNOWN
        return ", ".join(marked) or (UNKNOWN if self._has_doubts else None)

    @property
    def is_doubtful(self) -> bool:
        """Return whether the ink of an option, or the number of marked options, is a doubt."""
        if self._has_doubts:
            return True
        value = self.value_read
        if self.choice.kind != "digits" or value is None:
            return value == UNKNOWN
        filled = sorted({each.option.position for each in self.options if each.verdict.state == "marked"})
        has_gap = filled[-1] - filled[0] + 1 > len(filled)
        return UNKNOWN in value or has_gap or len(filled) < self.choice.fewest

    @property
    def _has_doubts(self) -> bool:
        return any(each.verdict.state == "doubtful" for each in self.options)

    @staticmethod
    def _sign(bubbles: Sequence[OptionReading]) -> str:
        """Return the digit of one position of a number."""
        marked = [each.option.name for each in bubbles if each.verdict.state == "marked"]
        if len(marked) == 1:
            return marked[0]
        is_blank = not marked and all(each.verdict.state == "empty" for each in bubbles)
        return "" if is_blank else UNKNOWN


def read_choices(
    page: Grey,
    reference: Grey | None,
    template: Template,
    to_scan: NDArray[np.float64],
    warp: Warp | None = None,
) -> list[ChoiceReading]:
    """Read every choice of an aligned page, in order.

    Args:
        page: uint8 (height, width), at ``ALIGNED_DPI``.
        reference: the blank form at the same size, or None.
        template: the template of the form.
        to_scan: the homography from pixels of the aligned page to pixels of the original scan.
        warp: the displacement of the aligned page before the homography, if the paper was bent.
    """
    if not template.choices:
        return []
    inks = [ink for choice in measure_options(page, reference, template) for ink in choice]
    verdicts = judge_options(inks, _group_options(template))
    boxes = [place.pixel_box() for choice in template.choices for place in choice.rectangles()]
    found = iter(zip(inks, verdicts, boxes, locate_in_scan(boxes, to_scan, warp), strict=True))
    return [
        ChoiceReading(choice, tuple(OptionReading(option, *next(found)) for option in choice.options))
        for choice in template.choices
    ]


def _group_options(template: Template) -> list[int | None]:
    """Return a number for each option that boxes of similar size share, and None for bubbles of numbers."""
    numbers: dict[tuple[int, int], int] = {}
    return [
        None
        if choice.kind == "digits"
        else numbers.setdefault(
            (round(option.place.width / _SIMILAR_MM), round(option.place.height / _SIMILAR_MM)), len(numbers)
        )
        for choice in template.choices
        for option in choice.options
    ]
