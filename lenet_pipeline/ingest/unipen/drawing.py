"""Draw trajectories as pens write them and scanners see them, and normalise the result.

Each drawing has its own pen, size, slant and scanner. Writing that is 3 to 8 mm high is scanned at 150 to 300
dots per inch, so a digit is 14 to 100 pixels high.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import ndimage

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest.batch import digits_table
from lenet_pipeline.ingest.normalisation import NormalisedDigit, normalise_digit
from lenet_pipeline.ingest.scanning import FINER, MARGIN, Scan, scan_ink
from lenet_pipeline.ingest.unipen.pens import PENS, Pen
from lenet_pipeline.ingest.unipen.trajectories import Stroke, WrittenDigit
from lenet_pipeline.schema import DIGITS, Floats, derive_digit_id
from lenet_pipeline.system import Done, ProcessLostError, work_in_processes

LARGEST_SEED = 100_000_000
MOST_DRAWINGS = 20  # fixed, because digit ids depend on page numbers; a page number has 31 bits

_DIGITS_A_TABLE = 500
_MM_PER_INCH = 25.4

_HEIGHT_MM = (2.5, 8.5)
_DPI = (150, 200, 200, 300, 300)
_HEIGHT_PX = (12.0, 100.0)
_WIDTHS = (1 / 25, 1 / 5.5)  # of a line, in heights of a digit: people write larger with a thicker pen
_NARROW = 0.5  # a digit that is wider than 1 / _NARROW of its height is drawn smaller
_SLOPE_DEG, _SLANT, _STRETCH = 4.0, 0.12, 0.08

_LEAST_RENDERED = 150  # height of a digit in pixels of the canvas, so that discs have smooth edges
_SMOOTHED = (0.012, 0.05)  # range of the smoothing's standard deviation, in heights of a digit
_PIECES = 4  # of a spline, between two points of a stroke
_CATMULL_ROM = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
_SUBPIXELS = 4  # OpenCV's fractional bits of coordinates and radii

# Office scanners, from clean to poor: the blur, the light, the grain and the file.
_SCANNERS = (
    Scan(blur_px=(0.3, 0.6), shade=4, grain=(0, 3), specks=0.05),
    Scan(blur_px=(0.4, 0.9), shade=10, grain=(1, 5), specks=0.1, jpeg_quality=(70, 95)),
    Scan(blur_px=(0.5, 1.1), shade=20, grain=(2, 8), specks=0.2, jpeg_quality=(45, 85)),
)
_BILEVEL = 0.12  # share of drawings whose file has two levels only, as of faxes and archives
_THRESHOLD = (0.35, 0.6)  # of the contrast between ink and paper

_Digits = Sequence[WrittenDigit]


def _ignore_progress(done: int) -> None:
    pass


def draw_trajectories(
    digits: Sequence[WrittenDigit],
    *,
    drawings: int,
    seed: int,
    processes: int = 1,
    advance: Callable[[int], None] = _ignore_progress,
) -> Iterator[pa.Table]:
    """Draw, scan and normalise digits; return an iterator of tables of schema ``DIGITS``.

    A drawing depends only on the digit, its own number and the seed, so more drawings add to the same ones.
    The page number of a digit combines the seed and the number of the drawing. Drawings without visible ink
    are omitted.

    Args:
        digits: the trajectories.
        drawings: the number of drawings of each digit, 1 to ``MOST_DRAWINGS``.
        seed: 0 to ``LARGEST_SEED``.
        processes: the number of processes, which does not affect the digits. With more than one, each
            process imports the main module again, so a script must keep its code under
            ``if __name__ == "__main__"``.
        advance: called with the number of drawings of each finished table.

    Raises:
        IngestError: ``seed`` or ``drawings`` is out of range; from the iterator, a process was killed.
    """
    if not 0 <= seed <= LARGEST_SEED or not 1 <= drawings <= MOST_DRAWINGS:
        raise IngestError(
            f"cannot draw each digit {drawings} times with seed {seed}; expected 1 to {MOST_DRAWINGS} "
            f"drawings and a seed from 0 to {LARGEST_SEED:,}"
        )
    starts = range(0, len(digits), _DIGITS_A_TABLE)
    parts = [digits[start : start + _DIGITS_A_TABLE] for start in starts]
    draw_part = partial(_draw_part, drawings=drawings, seed=seed)
    return _draw_parts(draw_part, parts, min(processes, len(parts)), drawings, advance)


def draw_digit(digit: WrittenDigit, drawing: int, seed: int) -> NormalisedDigit | None:
    """Draw, scan and normalise one digit; return None if the scan shows no ink.

    Args:
        digit: the trajectory.
        drawing: the number of the drawing, from 0.
        seed: 0 to ``LARGEST_SEED``.
    """
    return normalise_digit(scan_digit(digit, drawing, seed))


def scan_digit(digit: WrittenDigit, drawing: int, seed: int) -> NDArray[np.uint8]:
    """Draw a digit and scan it: uint8 (height, width), grey levels, dark ink on bright paper."""
    pen = choose_pen(digit, drawing, seed)
    rng = np.random.default_rng([seed, 1 + drawing, digit.position, int(digit.source_sha256, 16)])
    dpi = _DPI[rng.integers(len(_DPI))]
    height = float(np.clip(rng.uniform(*_HEIGHT_MM) * dpi / _MM_PER_INCH, *_HEIGHT_PX))
    ink = _draw_ink(digit.strokes, height, dpi / _MM_PER_INCH, pen, rng)
    spread = (pen.spread[0] * dpi / _MM_PER_INCH, pen.spread[1] * dpi / _MM_PER_INCH)
    scan = replace(
        _SCANNERS[rng.integers(len(_SCANNERS))],
        contrast=pen.contrast,
        spread_px=spread,
        unevenness=pen.unevenness * dpi / _MM_PER_INCH,
    )
    picture = scan_ink(ink, height, scan, rng)
    return _two_levels(picture, rng) if rng.random() < _BILEVEL else picture


def choose_pen(digit: WrittenDigit, drawing: int, seed: int) -> Pen:
    """Return the pen of a drawing. The first drawings of a digit have different places in ``PENS``."""
    rng = np.random.default_rng([seed, 0, digit.position, int(digit.source_sha256, 16)])
    return PENS[rng.permutation(len(PENS))[drawing % len(PENS)]]


def _two_levels(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    low, high = float(picture.min()), float(np.median(picture))
    threshold = high - rng.uniform(*_THRESHOLD) * (high - low)
    return np.where(picture < threshold, np.uint8(0), np.uint8(255))


def _draw_ink(
    strokes: Sequence[Stroke], height: float, px_per_mm: float, pen: Pen, rng: np.random.Generator
) -> Floats:
    """Draw strokes with a pen.

    Args:
        strokes: the strokes in any unit.
        height: the height of the digit in the scan, in pixels.
        px_per_mm: the resolution of the scan.
        pen: the pen.
        rng: the source of all random values.

    Returns:
        float32 (height, width), 0 for paper to 1 for full ink, on the finer grid of ``scan_ink``.
    """
    finer = max(1, round(_LEAST_RENDERED / (height * FINER)))  # pixels of the canvas to one of the finer grid
    scale = FINER * finer
    placed, digit_px = _place(strokes, height * scale, rng)
    width = float(np.clip(rng.uniform(*pen.width) * px_per_mm / height, *_WIDTHS)) * digit_px
    margin = round(rng.uniform(*MARGIN) * digit_px + width)
    points = np.concatenate(placed)
    corner = points.min(axis=0) - margin - rng.uniform(0, scale, 2)
    columns, rows = (-(-int(side) // scale) * scale for side in np.ceil(points.max(axis=0) - corner + margin))
    canvas = np.zeros((rows, columns), np.uint8)
    nib = None if pen.nib is None else (rng.uniform(*pen.nib), rng.uniform(np.pi / 6, np.pi / 3))
    flow, taper = rng.uniform(*pen.flow), rng.uniform(*pen.taper)
    marks = [
        _trace(stroke - corner, width, digit_px, pen.pressure, taper, flow, pen.gaps / len(placed), rng)
        for stroke in placed
    ]
    _stamp(canvas, np.concatenate(marks), nib)
    ink = cv2.resize(canvas, (columns // finer, rows // finer), interpolation=cv2.INTER_AREA)
    inked = ink.astype(np.float32) / np.float32(255)
    texture = rng.uniform(*pen.texture)
    if texture:
        inked *= np.float32(1) - np.float32(texture) * rng.random(inked.shape, np.float32)
    return inked


def _place(
    strokes: Sequence[Stroke], height: float, rng: np.random.Generator
) -> tuple[list[NDArray[np.float64]], float]:
    """Turn, slant and stretch strokes a little, and scale them to a height; return them and the height."""
    points = np.concatenate(strokes)
    width, tall = np.ptp(points, axis=0)
    scale = height / max(tall, _NARROW * width, 1e-9)
    angle, slant = np.deg2rad(rng.uniform(-_SLOPE_DEG, _SLOPE_DEG)), rng.uniform(-_SLANT, _SLANT)
    stretch = 1 + rng.uniform(-_STRETCH, _STRETCH)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    matrix = scale * np.array([[stretch, 0], [slant, 1]]) @ turn
    return [stroke @ matrix for stroke in strokes], height


def _trace(
    stroke: NDArray[np.float64],
    width: float,
    digit_px: float,
    pressure: float,
    taper: float,
    flow: float,
    gaps: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the marks of a pen along a stroke: x, y, radius and ink (0 to 1), float64 (n, 4)."""
    path, pace = _smooth_path(stroke, digit_px, max(1.0, 0.2 * width))
    count = len(path)
    # A pen that moves slowly presses harder; the hand is never quite even.
    wander = ndimage.gaussian_filter1d(rng.standard_normal(count), 0.12 * count + 1, mode="nearest")
    wander /= max(float(np.abs(wander).max()), 1e-9)
    radius = width / 2 * (1 + pressure * (0.6 * np.clip(1 - pace, -1, 1) + 0.4 * wander))
    along = np.arange(count) * max(1.0, 0.2 * width)
    end = np.minimum(along, 2 * (along[-1] - along))  # the beginning of a stroke tapers less than its end
    radius *= 1 - taper * np.exp(-end / width)
    ink = 1 - flow * np.abs(np.roll(wander, count // 3))
    for _ in range(rng.poisson(gaps)):
        middle, length = rng.uniform(0, along[-1]), rng.uniform(0.03, 0.12) * digit_px
        ink[np.abs(along - middle) < length / 2] *= rng.uniform(0, 0.5)
    return np.column_stack([path, radius, ink])


def _smooth_path(
    stroke: NDArray[np.float64], digit_px: float, step: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a smooth path through the points of a stroke, and its pace relative to the average.

    Tablets store whole units, and some digits are only ten units high: the path is smoothed by a unit.

    Args:
        stroke: float64 (n, 2), in pixels of the canvas.
        digit_px: the height of the digit.
        step: the distance between points of the path.

    Returns:
        float64 (m, 2) and (m,).
    """
    moved = np.concatenate([[True], (np.diff(stroke, axis=0) != 0).any(axis=1)])
    stroke = stroke[moved]
    if len(stroke) < 2:
        return stroke, np.ones(1)
    curve = _spline(stroke)
    lengths = np.hypot(*np.diff(curve, axis=0).T)
    along = np.concatenate([[0], np.cumsum(lengths)])
    count = max(2, round(along[-1] / step) + 1)
    sampled = np.linspace(0, along[-1], count)
    path = np.column_stack([np.interp(sampled, along, curve[:, axis]) for axis in (0, 1)])
    gaps = np.hypot(*np.diff(stroke, axis=0).T)
    pace = np.interp(sampled, np.cumsum(gaps) - gaps / 2, gaps / gaps.mean())
    steps = np.abs(np.diff(stroke, axis=0))
    unit = steps[steps > 0].min() / digit_px
    sigma = min(max(unit, _SMOOTHED[0]), _SMOOTHED[1]) * digit_px / step
    # Reflecting the path in its ends keeps the ends where they are.
    reach = min(count - 1, int(4 * sigma) + 1)
    before = 2 * path[0] - path[reach:0:-1]
    after = 2 * path[-1] - path[-2 : -reach - 2 : -1]
    smooth = ndimage.gaussian_filter1d(np.concatenate([before, path, after]), sigma, axis=0)
    return smooth[reach : reach + count], ndimage.gaussian_filter1d(pace, 2 * sigma, mode="nearest")


def _spline(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a Catmull-Rom spline through points, with ``_PIECES`` points for each of theirs."""
    ends = np.concatenate([points[:1], points, points[-1:]])
    controls = np.stack([ends[:-3], ends[1:-2], ends[2:-1], ends[3:]], axis=1)
    powers = (np.arange(_PIECES)[:, None] / _PIECES) ** np.arange(4)
    curve = np.einsum("pk,nkd->npd", powers @ _CATMULL_ROM, controls).reshape(-1, 2)
    return np.concatenate([curve, points[-1:]])


def _stamp(canvas: NDArray[np.uint8], marks: NDArray[np.float64], nib: tuple[float, float] | None) -> None:
    """Press the tip of a pen onto the canvas at every mark, in place. The darkest ink comes last."""
    ordered = marks[np.argsort(marks[:, 3], kind="stable")]
    fixed = np.rint(ordered[:, :3] * (1 << _SUBPIXELS)).astype(int).tolist()
    inks = np.rint(ordered[:, 3] * 255).astype(int).tolist()
    if nib is None:
        for (x, y, radius), ink in zip(fixed, inks, strict=True):
            cv2.circle(canvas, (x, y), radius, ink, cv2.FILLED, cv2.LINE_8, _SUBPIXELS)
        return
    thickness, angle = nib
    edge = np.array([np.cos(angle), -np.sin(angle)])
    across = np.array([-edge[1], edge[0]]) * thickness
    tip = np.stack([edge + across, edge - across, -edge - across, across - edge])
    corners = ordered[:, None, :2] + ordered[:, 2, None, None] * tip
    for polygon, ink in zip(np.rint(corners * (1 << _SUBPIXELS)).astype(np.int32), inks, strict=True):
        cv2.fillConvexPoly(canvas, polygon, ink, cv2.LINE_8, _SUBPIXELS)


def _draw_parts(
    draw_part: Callable[[_Digits], pa.Table],
    parts: Sequence[_Digits],
    processes: int,
    drawings: int,
    advance: Callable[[int], None],
) -> Iterator[pa.Table]:
    """Yield the table of every part, in order."""
    with closing(work_in_processes(draw_part, iter(parts), processes if processes > 1 else 0)) as drawn:
        for done in drawn:
            yield _table(done)
            advance(drawings * len(done.part))


def _table(done: Done[_Digits, pa.Table]) -> pa.Table:
    try:
        return done.get()
    except ProcessLostError as exc:
        raise IngestError(
            "a process that draws digits was killed, perhaps because the system ran out of memory; "
            "free some memory and run the same command again"
        ) from exc


def _draw_part(digits: _Digits, drawings: int, seed: int) -> pa.Table:
    """Return all drawings of some digits as a table of schema ``DIGITS``."""
    numbered = [(digit, drawing) for digit in digits for drawing in range(drawings)]
    drawn = [(digit, drawing, draw_digit(digit, drawing, seed)) for digit, drawing in numbered]
    kept = [(digit, drawing, result) for digit, drawing, result in drawn if result is not None]
    if not kept:
        return DIGITS.empty_table()
    pages = [1 + seed * MOST_DRAWINGS + drawing for _, drawing, _ in kept]
    ids = b"".join(
        derive_digit_id(digit.source_sha256, page, None, digit.position).bytes
        for (digit, _, _), page in zip(kept, pages, strict=True)
    )
    table = digits_table(
        np.stack([result.image for _, _, result in kept]),
        [digit.label for digit, _, _ in kept],
        digit_ids=np.frombuffer(ids, np.uint8).reshape(len(kept), 16),
        sources=[
            f"{digit.source}?pen={choose_pen(digit, drawing, seed).name}&drawing={drawing}&seed={seed}"
            for digit, drawing, _ in kept
        ],
        source_sha256s=[digit.source_sha256 for digit, _, _ in kept],
        positions=[digit.position for digit, _, _ in kept],
        polarities=[result.polarity for _, _, result in kept],
        source_boxes=[result.ink for _, _, result in kept],
    )
    return table.set_column(DIGITS.get_field_index("page"), DIGITS.field("page"), pa.array(pages, pa.int32()))
