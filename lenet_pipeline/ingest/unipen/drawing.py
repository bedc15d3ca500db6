"""Draw trajectories as pens write them and scanners see them, and normalise the result.

Each drawing has its own pen, size, slant and scanner. Writing that is 3 to 8 mm high is scanned at 150 to 300
dots per inch, so a digit is 12 to 100 pixels high.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest.batch import digits_table
from lenet_pipeline.ingest.drawn_tables import draw_tables, ignore_progress
from lenet_pipeline.ingest.normalisation import NormalisedDigit, normalise_digit
from lenet_pipeline.ingest.scanning import Scan, scan_ink
from lenet_pipeline.ingest.unipen.ink import draw_ink
from lenet_pipeline.ingest.unipen.pens import PENS, Pen
from lenet_pipeline.ingest.unipen.trajectories import WrittenDigit
from lenet_pipeline.ingest.unipen.variants import vary_shape
from lenet_pipeline.schema import DIGITS, derive_digit_id

LARGEST_SEED = 100_000_000
MOST_DRAWINGS = 20  # fixed, because digit ids depend on page numbers; a page number has 31 bits

_DIGITS_A_TABLE = 500
_MM_PER_INCH = 25.4

_HEIGHT_MM = (2.0, 8.5)  # of a digit on paper
_DPI = (150, 200, 200, 300, 300)
_HEIGHT_PX = (12.0, 100.0)

# Office scanners, from clean to poor: the blur, the light, the grain and the file.
_SCANNERS = (
    Scan(blur_px=(0.3, 0.6), shade=4, grain=(0, 3), specks=0.05),
    Scan(blur_px=(0.4, 0.9), shade=10, grain=(1, 5), specks=0.1, jpeg_quality=(70, 95)),
    Scan(blur_px=(0.5, 1.1), shade=20, grain=(2, 8), specks=0.2, jpeg_quality=(45, 85)),
)
_BILEVEL = 0.12  # share of drawings whose file has two levels only, as of faxes and archives
_THRESHOLD = (0.25, 0.5)  # of the contrast between ink and paper

_Digits = Sequence[WrittenDigit]


def draw_trajectories(
    digits: Sequence[WrittenDigit],
    *,
    drawings: int,
    seed: int,
    varied: bool = False,
    processes: int = 1,
    advance: Callable[[int], None] = ignore_progress,
) -> Iterator[pa.Table]:
    """Draw, scan and normalise digits; return an iterator of tables of schema ``DIGITS``.

    A drawing depends only on the digit, its own number and the seed, so more drawings add to the same ones.
    The page number of a digit combines the seed and the number of the drawing. Drawings without visible ink
    are omitted.

    Args:
        digits: the trajectories.
        drawings: the number of drawings of each digit, 1 to ``MOST_DRAWINGS``.
        seed: 0 to ``LARGEST_SEED``.
        varied: whether every second drawing varies the shape of its digit, as other hands would.
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
    draw_part = partial(_draw_part, drawings=drawings, seed=seed, varied=varied)
    return draw_tables(
        draw_part,
        parts,
        min(processes, len(parts)),
        verb="draws",
        count=lambda part: drawings * len(part),
        advance=advance,
    )


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
    ink = draw_ink(digit.strokes, height, dpi / _MM_PER_INCH, pen, rng)
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


def _vary(digit: WrittenDigit, drawing: int, seed: int) -> WrittenDigit:
    rng = np.random.default_rng([seed, 1 + drawing, digit.position, int(digit.source_sha256, 16), 1])
    return replace(digit, strokes=tuple(vary_shape(digit.strokes, digit.label, rng)))


def _two_levels(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    low, high = float(picture.min()), float(np.median(picture))
    threshold = high - rng.uniform(*_THRESHOLD) * (high - low)
    return np.where(picture < threshold, np.uint8(0), np.uint8(255))


def _draw_part(digits: _Digits, drawings: int, seed: int, varied: bool) -> pa.Table:
    """Return all drawings of some digits as a table of schema ``DIGITS``."""
    changed = range(1, drawings, 2) if varied else ()
    numbered = [
        (_vary(digit, drawing, seed) if drawing in changed else digit, drawing)
        for digit in digits
        for drawing in range(drawings)
    ]
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
            f"{'&shape=varied' if drawing in changed else ''}"
            for digit, drawing, _ in kept
        ],
        source_sha256s=[digit.source_sha256 for digit, _, _ in kept],
        positions=[digit.position for digit, _, _ in kept],
        polarities=[result.polarity for _, _, result in kept],
        source_boxes=[result.ink for _, _, result in kept],
        writers=[digit.writer for digit, _, _ in kept],
    )
    return table.set_column(DIGITS.get_field_index("page"), DIGITS.field("page"), pa.array(pages, pa.int32()))
