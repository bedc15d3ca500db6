"""Register filled copies of one form with each other.

Writing differs from copy to copy and print does not, so the print of one copy aligns all the others. The copy
that most others fit comes first. The blank form made from it then aligns all copies once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.alignment.aligned_pages import AlignedPage, Unaligned
from lenet_pipeline.forms.alignment.homographies import local_scales, warp_picture
from lenet_pipeline.forms.alignment.page_alignment import align_page
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate, prepare_reference
from lenet_pipeline.forms.page import Grey, Page
from lenet_pipeline.forms.templates.model import Template
from lenet_pipeline.schema import Mask

_MOST_CANDIDATES = 5  # copies to try as the first reference
_MOST_JUDGES = 8  # copies that each of them is compared with
_SLANT_STEP = 0.005  # differences in perspective below this are noise
_MAX_RESIDUAL_PX = 3.0

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Registered:
    """A copy in the frame of the reference.

    Attributes:
        index: the copy's place in the list of copies.
        image: uint8 (height, width), bright paper.
        is_seen: which pixels the scan shows, (height, width).
        found: how the copy was aligned.
    """

    index: int
    image: Grey
    is_seen: Mask
    found: AlignedPage


def prepare_copy(image: Grey, size: tuple[float, float], form: str) -> PreparedTemplate | None:
    """Prepare a picture of a form as the reference of others, or return None if it has too little print.

    Args:
        image: uint8 (height, width).
        size: width and height of the paper in millimetres.
        form: the name of the form in messages.
    """
    template = Template(form, *size, (), "features", _MAX_RESIDUAL_PX, form, "")
    height, width = template.aligned_size
    to_image = np.diag([image.shape[1] / width, image.shape[0] / height, 1.0])
    try:
        return prepare_reference(template, warp_picture(image, to_image, (height, width), paper=255))
    except IngestError:
        return None


def choose_reference(
    copies: Sequence[Page], size: tuple[float, float], form: str, advance: Advance
) -> PreparedTemplate | None:
    """Return the copy that most others fit, in their orientation and without perspective, or None.

    Args:
        copies: the scans.
        size: width and height of the paper in millimetres, as for an upright copy.
        form: the name of the form in messages.
        advance: receives the number of scans compared so far.
    """
    best: tuple[tuple[float, ...], PreparedTemplate | None] = (), None
    for candidate in _spread(len(copies), _MOST_CANDIDATES):
        copy = copies[candidate].image
        is_turned = (copy.shape[1] > copy.shape[0]) != (size[0] > size[1])
        prepared = prepare_copy(copy, size[::-1] if is_turned else size, form)
        judges = [index for index in _spread(len(copies), _MOST_JUDGES) if index != candidate]
        if prepared is None:
            advance(len(judges))
            continue
        found = []
        for index in judges:
            found.append(align_page(copies[index], [prepared]))
            advance(1)
        fits = [one for one in found if isinstance(one, AlignedPage)]
        score = _score(fits, prepared)
        if fits and score > best[0]:
            best = score, prepared
    return best[1]


def count_comparisons(copies: int) -> int:
    """Return how many scans ``choose_reference`` compares."""
    judges = _spread(copies, _MOST_JUDGES)
    return sum(len([j for j in judges if j != one]) for one in _spread(copies, _MOST_CANDIDATES))


def register_copies(
    copies: Sequence[Page], reference: PreparedTemplate, advance: Advance
) -> tuple[list[Registered], dict[int, Unaligned]]:
    """Align every copy with a reference. Return the fitting copies, and the others by their index."""
    registered, rejected = [], {}
    for index, copy in enumerate(copies):
        found = align_page(copy, [reference])
        advance(1)
        if isinstance(found, Unaligned):
            rejected[index] = found
            continue
        white = np.full(copy.image.shape, 255, np.uint8)
        seen = warp_picture(white, found.to_scan, reference.template.aligned_size, paper=0) == 255
        registered.append(Registered(index, found.image, seen, found))
    return registered, rejected


def usual_scale(registered: Sequence[Registered], copies: Sequence[Page]) -> float:
    """Return how much larger the copies are on their scans than the reference is on its own, as a median.

    Scanners and copiers stretch paper by up to a few percent. The median of several is nearer to the truth
    than one copy.
    """
    ratios = []
    for one in registered:
        template = one.found.prepared.template
        least, greatest = local_scales(one.found.to_scan, *template.aligned_size)[0]
        expected = max(copies[one.index].image.shape) / max(template.aligned_size)
        ratios.append(float(np.sqrt(least * greatest)) / expected)
    return float(np.median(ratios))


def _spread(count: int, most: int) -> list[int]:
    """Return at most this many indices, spread over a list."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))})


def _score(fits: Sequence[AlignedPage], prepared: PreparedTemplate) -> tuple[float, ...]:
    """Return a score for a reference, the larger the better."""
    upright = sum(one.rotation == 0 for one in fits)
    slants = [_slant(one, prepared) for one in fits]
    slant = round(float(np.median(slants)) / _SLANT_STEP) if slants else 0
    residual = float(np.median([one.residual_px or 0.0 for one in fits])) if fits else 0.0
    return upright, len(fits), -slant, -residual


def _slant(found: AlignedPage, prepared: PreparedTemplate) -> float:
    """Return how much more a page is stretched in one direction than in the other, at its worst place."""
    scales = local_scales(found.to_scan, *prepared.template.aligned_size)
    return float((scales[:, 1] / np.maximum(scales[:, 0], 1e-9)).max()) - 1.0
