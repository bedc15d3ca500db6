"""Build the blank form from filled copies of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.alignment.aligned_pages import Unaligned
from lenet_pipeline.forms.alignment.homographies import reduce_picture
from lenet_pipeline.forms.blanks.merging import merge_copies
from lenet_pipeline.forms.blanks.registration import (
    Advance,
    choose_reference,
    count_comparisons,
    prepare_copy,
    register_copies,
    usual_scale,
)
from lenet_pipeline.forms.blanks.straightening import straighten
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey, Page

FEWEST_COPIES, MOST_COPIES = 3, 25  # more add nothing but time
_LONGEST_SIDE = 3600  # pixels: A4 at 300 per inch; the blank form has fewer

_REASONS = {
    "blank_page": "it is a blank page",
    "unmatched_page": "its print is that of another form, or too poor",
    "poor_registration": "its print is out of place: it is bent, cropped or another edition of the form",
    "poor_scan": "it is too poor to read",
}


@dataclass(frozen=True)
class BuiltBlank:
    """A blank form made from filled copies.

    Attributes:
        image: uint8 (height, width), white paper, level, at ``ALIGNED_DPI``.
        used: the indices of the copies in it.
        rejected: the reason for each other copy, by its index.
        remnants: places in millimetres (x, y) where writing may remain, because many copies have ink there.
    """

    image: Grey
    used: tuple[int, ...]
    rejected: dict[int, str]
    remnants: tuple[tuple[float, float], ...]


def count_blank_steps(copies: int) -> int:
    """Return how often ``build_blank`` advances."""
    return count_comparisons(copies) + 2 * copies


def reduce_copy(copy: Page) -> Page:
    """Shrink a copy to the resolution that the blank form needs, because all copies are in memory at once."""
    factor = _LONGEST_SIDE / max(copy.image.shape)
    if factor >= 1:
        return copy
    height, width = (max(round(side * factor), 1) for side in copy.image.shape)
    return replace(copy, image=reduce_picture(copy.image, height, width))


def build_blank(copies: Sequence[Page], size: tuple[float, float], advance: Advance) -> BuiltBlank:
    """Build the blank form from filled copies of it.

    Args:
        copies: the scans, in any rotation. Pages of other forms are left out.
        size: width and height of the paper in millimetres.
        advance: receives the number of finished steps, ``count_blank_steps`` in total.

    Raises:
        IngestError: fewer than three copies show the same form.
    """
    reference = choose_reference(copies, size, "blank", advance)
    if reference is None:
        raise _too_few(len(copies), 1)
    registered, rejected = register_copies(copies, reference, advance)
    if len(registered) < FEWEST_COPIES:
        raise _too_few(len(copies), len(registered))
    merged = merge_copies([one.image for one in registered], [one.is_seen for one in registered])
    scale = usual_scale(registered, copies)
    template = reference.template
    level = prepare_copy(straighten(merged.blank, scale), (template.width, template.height), "blank")
    if level is not None:
        registered, rejected = register_copies(copies, level, advance)
    if len(registered) < FEWEST_COPIES:
        raise _too_few(len(copies), len(registered))
    merged = merge_copies([one.image for one in registered], [one.is_seen for one in registered])
    millimetres = MM_PER_INCH / ALIGNED_DPI
    return BuiltBlank(
        image=merged.blank,
        used=tuple(one.index for one in registered),
        rejected={index: _explain(found) for index, found in rejected.items()},
        remnants=tuple((x * millimetres, y * millimetres) for x, y in merged.remnants),
    )


def _explain(found: Unaligned) -> str:
    share = "" if found.score is None else f" ({found.score:.0%} of the print found)"
    return _REASONS[found.kind] + share


def _too_few(copies: int, fitting: int) -> IngestError:
    if fitting == copies:
        found = (
            f"{copies} scan{'' if copies == 1 else 's'} of the form {'is' if copies == 1 else 'are'} too few"
        )
    else:
        found = f"of {copies} scans, only {fitting} show{'s' if fitting == 1 else ''} the same form"
    return IngestError(
        f"{found}: a blank form needs at least {FEWEST_COPIES}; give more filled copies of one form, five or "
        "more if possible"
    )
