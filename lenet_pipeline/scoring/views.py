"""Views of an image: the image itself, and the image moved by one pixel to each side.

A misreading often depends on a pixel, so the mean of the probabilities of several views is wrong less often,
above all where it is sure. Each view costs as much time as the first (measured in docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lenet_pipeline.schema import Floats, Images

Shift = tuple[int, int]  # pixels down and to the right
SHIFTS: tuple[Shift, ...] = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
MOST_VIEWS = len(SHIFTS)

_IMAGES_AT_A_TIME = 65_536  # copies of 51 MB; whole batches of every device

_Score = Callable[[Images, Callable[[int], None]], tuple[Floats, Floats | None]]


def shift_images(images: Images, shift: Shift) -> Images:
    """Move images, uint8 (n, 28, 28), over a background of 0; ink that leaves the image is lost."""
    if shift == (0, 0):
        return images
    moved = np.zeros_like(images)
    target, source = zip(*(_overlap(by) for by in shift), strict=True)
    moved[:, target[0], target[1]] = images[:, source[0], source[1]]
    return moved


def score_views(
    score: _Score, images: Images, shifts: Sequence[Shift], advance: Callable[[int], None]
) -> tuple[Floats, Floats | None]:
    """Return the mean probabilities, float32 (n, 10), and not_a_digit of the first view, (n,) or None.

    The views are added in their order, so the result for an image does not depend on other images.

    Args:
        score: computes probabilities and not_a_digit of images, and reports progress.
        images: uint8 (n, 28, 28).
        shifts: how each view is moved; the first is the image itself.
        advance: called from time to time with the number of images scored since the last call.
    """
    if len(shifts) == 1:
        return score(images, advance)
    means, refusals = [], []
    for start in range(0, len(images), _IMAGES_AT_A_TIME):
        part = images[start : start + _IMAGES_AT_A_TIME]
        total, refused = score(part, _ignore)
        for shift in shifts[1:]:
            total += score(shift_images(part, shift), _ignore)[0]
        means.append(total / np.float32(len(shifts)))
        refusals.append(refused)
        advance(len(part))
    if not means:
        return score(images, advance)
    known = [refused for refused in refusals if refused is not None]
    return np.concatenate(means), np.concatenate(known) if known else None


def _ignore(_: int) -> None:
    pass


def _overlap(by: int) -> tuple[slice, slice]:
    """Return the rows or columns to which a move by some pixels takes an image, and those they come from."""
    if by >= 0:
        return slice(by, None), slice(None, -by or None)
    return slice(None, by), slice(-by, None)
