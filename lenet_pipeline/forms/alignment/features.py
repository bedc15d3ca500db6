"""Find key points in a form's print, and guess a page's alignment from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.homographies import Homography, Points, local_scales
from lenet_pipeline.forms.page import Grey

# ORB takes a tenth of SIFT's time and aligns most pages. SIFT aligns nearly all of the others.
FeatureKind = Literal["orb", "sift"]
Found = tuple[Sequence[cv2.KeyPoint], NDArray[Any] | None]  # key points, and a descriptor for each
FEATURE_DPI: dict[FeatureKind, int] = {"orb": 100, "sift": 60}

_MOST_FEATURES = 1500
_DETECTED = 10_000
_LEAST_SIDE = 64
_BUCKETS = 24  # along each side of a page, so that a QR code's corners do not crowd out the print's
_NEIGHBOURS = 2  # matches per key point, because print may repeat
_TURN_BIN = 10  # degrees
_MOST_TURNS = 3
_TURN_TOLERANCE = 20.0
_SIZE_TOLERANCE = 1.6
_FIT_TOLERANCE_PX = 6.0  # of the aligned page at 200 dpi
_FEWEST_MATCHES = 6
_SCALES = (0.6, 1.8)  # the scale of a page relative to the expected scale
_SLANT = 1.15


@dataclass(frozen=True)
class Features:
    """Key points and their descriptors.

    Attributes:
        points: x and y in pixels, (n, 2).
        angles: in degrees clockwise, (n,).
        sizes: the diameters in the same pixels, (n,).
        descriptors: uint8 (n, 32) for ORB, float32 (n, 128) for SIFT.
    """

    points: Points
    angles: NDArray[np.float64]
    sizes: NDArray[np.float64]
    descriptors: NDArray[Any]


@dataclass(frozen=True)
class Guess:
    """A first guess at a page's alignment.

    ``to_scan`` maps pixels of the aligned page to pixels of the scan. ``support`` is the number of key points
    that agree, or another measure, comparable only within one source.
    """

    to_scan: Homography
    support: int


def find_features(picture: Grey, kind: FeatureKind, scale: float) -> Features:
    """Find the key points of a picture.

    Args:
        picture: evenly lit, uint8 (height, width).
        kind: ORB or SIFT.
        scale: the factor to multiply points and sizes by.
    """
    # OpenCV fails on pictures too small for its pyramid, and returns None if it finds no key points.
    found: Sequence[cv2.KeyPoint] = ()
    table: NDArray[Any] | None = None
    if min(picture.shape) >= _LEAST_SIDE:
        found, table = _DETECTED_BY[kind](picture)
    rows = np.array([(*key.pt, key.angle, key.size) for key in found]).reshape(-1, 4)
    kept_type = np.uint8 if kind == "orb" else np.float32
    descriptors = np.asarray(np.zeros((0, 0)) if table is None else table, dtype=kept_type)
    return Features((rows[:, :2] + 0.5) * scale, rows[:, 2], rows[:, 3] * scale, descriptors)


def _find_orb(picture: Grey) -> Found:
    found = _orb().detect(picture, None)
    kept = _spread_out(found, picture.shape)
    return _orb().compute(picture, [found[number] for number in kept]) if len(kept) else ((), None)


def _find_sift(picture: Grey) -> Found:
    # Detect and compute in one call, because both need the pyramid, which takes most of the time.
    found, descriptors = _sift().detectAndCompute(picture, None)
    kept = _spread_out(found, picture.shape)
    return [found[number] for number in kept], None if descriptors is None else descriptors[kept]


_DETECTED_BY: dict[FeatureKind, Callable[[Grey], Found]] = {"orb": _find_orb, "sift": _find_sift}


@cache
def _orb() -> cv2.ORB:
    return cv2.ORB.create(nfeatures=_DETECTED, fastThreshold=12)


@cache
def _sift() -> cv2.SIFT:
    return cv2.SIFT.create(nfeatures=_DETECTED)


def _spread_out(found: Sequence[cv2.KeyPoint], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the indices of the strongest key points, spread over the picture, at most _MOST_FEATURES."""
    rows = np.array([(*key.pt, key.response) for key in found]).reshape(-1, 3)
    height, width = shape
    across = (rows[:, 0] * _BUCKETS / width).astype(np.int64)
    down = (rows[:, 1] * _BUCKETS / height).astype(np.int64)
    bucket = down * _BUCKETS + across
    order = np.lexsort((-rows[:, 2], bucket))
    starts = np.r_[True, np.diff(bucket[order]) != 0] if len(order) else np.zeros(0, dtype=bool)
    first = np.flatnonzero(starts)
    rank = np.arange(len(order)) - first[np.cumsum(starts) - 1] if len(order) else order
    # Take the strongest in every bucket, then the second strongest in every bucket, and so on.
    return np.asarray(order[np.lexsort((-rows[order, 2], rank))][:_MOST_FEATURES], dtype=np.int64)


def guess_from_features(
    reference: Features, page: Features, *, size: tuple[int, int], expected_scale: float
) -> Iterator[Guess]:
    """Yield guesses at a page's alignment, each for a different rotation.

    Every match of two key points implies a rotation of the page. Matches that agree on the rotation are
    fitted together: first with a similarity, which repeated print misleads least, then with a homography.

    Args:
        reference: the key points of the blank form, in pixels of the aligned page.
        page: the key points of the scan, in its pixels.
        size: height and width of the aligned page.
        expected_scale: scan pixels per pixel of the aligned page, if the scan shows exactly the whole page.
    """
    matches = _match(reference, page)
    reference_indices, page_indices = matches[:, 0], matches[:, 1]
    turns = (page.angles[page_indices] - reference.angles[reference_indices]) % 360
    growth = page.sizes[page_indices] / reference.sizes[reference_indices] / expected_scale
    is_size = (growth > _SCALES[0] / _SIZE_TOLERANCE) & (growth < _SCALES[1] * _SIZE_TOLERANCE)
    for turn in _common_turns(turns[is_size]):
        chosen = is_size & (np.abs((turns - turn + 180) % 360 - 180) <= _TURN_TOLERANCE)
        source, target = reference.points[reference_indices[chosen]], page.points[page_indices[chosen]]
        yield from _fit(source, target, size=size, expected_scale=expected_scale)


def _match(reference: Features, page: Features) -> NDArray[np.int64]:
    """Return the indices of matching key points in both sets, (n, 2)."""
    if not len(reference.points) or not len(page.points):
        return np.zeros((0, 2), dtype=np.int64)
    norm = cv2.NORM_HAMMING if reference.descriptors.dtype == np.uint8 else cv2.NORM_L2
    found = cv2.BFMatcher(norm).knnMatch(reference.descriptors, page.descriptors, k=_NEIGHBOURS)
    pairs = [(match.queryIdx, match.trainIdx) for matches in found for match in matches]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _common_turns(turns: NDArray[np.float64]) -> list[float]:
    """Return the most common rotations in degrees, the most common first."""
    bins = 360 // _TURN_BIN
    counts = np.bincount((turns / _TURN_BIN).astype(np.int64) % bins, minlength=bins).astype(np.float64)
    counts += (np.roll(counts, 1) + np.roll(counts, -1)) / 2
    common: list[float] = []
    for number in np.argsort(-counts, kind="stable"):
        turn = (number + 0.5) * _TURN_BIN
        if all(abs((turn - other + 180) % 360 - 180) > 2 * _TURN_BIN for other in common):
            common.append(turn)
        if len(common) == _MOST_TURNS:
            break
    return common


def _fit(source: Points, target: Points, *, size: tuple[int, int], expected_scale: float) -> Iterator[Guess]:
    """Yield the similarity that most pairs of points agree on, or else the homography, if it is sane."""
    if len(source) < _FEWEST_MATCHES:
        return
    tolerance = _FIT_TOLERANCE_PX * expected_scale
    similarity, inliers = cv2.estimateAffinePartial2D(
        source, target, ransacReprojThreshold=tolerance, maxIters=4000, confidence=0.999
    )
    if similarity is not None:
        whole = np.vstack([similarity, (0.0, 0.0, 1.0)])
        if int(inliers.sum()) >= _FEWEST_MATCHES and is_sane(whole, size, expected_scale):
            yield Guess(whole, int(inliers.sum()))
            return
    # A photograph has perspective.
    homography, inliers = cv2.findHomography(source, target, cv2.USAC_MAGSAC, tolerance, maxIters=4000)
    if homography is not None and homography[2, 2]:
        whole = homography / homography[2, 2]
        if int(inliers.sum()) >= 2 * _FEWEST_MATCHES and is_sane(whole, size, expected_scale):
            yield Guess(whole, int(inliers.sum()))


def is_sane(to_scan: Homography, size: tuple[int, int], expected_scale: float) -> bool:
    """Return whether a homography is plausible for a sheet of paper on a scanner or in front of a camera."""
    scales = local_scales(to_scan, *size)
    if scales.min() < _SCALES[0] * expected_scale or scales.max() > _SCALES[1] * expected_scale:
        return False
    return bool((scales[:, 1] <= _SLANT * scales[:, 0]).all())
