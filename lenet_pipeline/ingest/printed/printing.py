"""Generate machine-printed digits: render the digits of fonts, simulate a scan, and normalise them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pyarrow as pa

from lenet_pipeline.errors import IngestError, UnknownNameError
from lenet_pipeline.ingest.batch import digits_table
from lenet_pipeline.ingest.drawn_tables import draw_tables, ignore_progress
from lenet_pipeline.ingest.normalisation import NormalisedDigit, normalise_digit
from lenet_pipeline.ingest.printed.degradation import LEVELS, degrade_glyph
from lenet_pipeline.ingest.printed.fonts import DigitFont
from lenet_pipeline.ingest.printed.type_designs import vary_design
from lenet_pipeline.schema import DIGITS, derive_digit_id

LARGEST_SEED = 100_000_000
LARGEST_PER_FONT = 1_000_000_000

POSITIONS_A_TABLE = 2_000  # a few seconds of work, so that Ctrl-C and progress need not wait for a whole font

_PAGES_PER_SEED = 10  # fixed, because digit ids depend on page numbers; leaves room for one more level
_VARIED = 5  # added to the page number for varied designs
_CLASSES = 10

_Part = tuple[DigitFont, range]  # a font, and the positions of one table


def print_digits(
    fonts: Sequence[DigitFont],
    *,
    degradation: str,
    per_font: int,
    seed: int,
    vary_designs: bool = False,
    processes: int = 1,
    advance: Callable[[int], None] = ignore_progress,
) -> Iterator[pa.Table]:
    """Print, scan and normalise digits; return an iterator of tables of schema ``DIGITS``, font by font.

    The digit at ``position`` of a font has the label ``position % 10``. It depends only on the font's bytes,
    the degradation, the seed, the position and ``vary_designs``, so a larger ``per_font`` adds to the same
    digits. Each combination of degradation, seed and ``vary_designs`` has its own page number and appears
    in ``source``, so their digits have different ids. Digits without visible ink are omitted; up to medium
    degradation, there are none.

    Args:
        fonts: the fonts to print.
        degradation: a key of ``LEVELS``.
        per_font: the number of digits per font, with the ten labels in turn.
        seed: 0 to ``LARGEST_SEED``.
        vary_designs: vary the design of each digit, for training.
        processes: the number of processes, which does not affect the digits. With more than one, each
            process imports the main module again, so a script must keep its code under
            ``if __name__ == "__main__"``.
        advance: called with the number of digits of each finished table.

    Raises:
        UnknownNameError: the degradation is unknown.
        IngestError: ``seed`` or ``per_font`` is out of range; from the iterator, a process was killed.
    """
    if degradation not in LEVELS:
        raise UnknownNameError("degradation", degradation, LEVELS)
    if not 0 <= seed <= LARGEST_SEED or not 1 <= per_font <= LARGEST_PER_FONT:
        raise IngestError(
            f"cannot print {per_font} digits per font with seed {seed}; expected 1 to {LARGEST_PER_FONT:,} "
            f"digits and a seed from 0 to {LARGEST_SEED:,}"
        )
    starts = range(0, per_font, POSITIONS_A_TABLE)
    parts = (
        (font, range(start, min(start + POSITIONS_A_TABLE, per_font))) for font in fonts for start in starts
    )
    print_part = partial(_print_part, degradation=degradation, seed=seed, vary_designs=vary_designs)
    return draw_tables(
        print_part,
        parts,
        min(processes, len(fonts) * len(starts)),
        verb="prints",
        count=lambda part: len(part[1]),
        advance=advance,
    )


def print_digit(
    font: DigitFont, position: int, degradation: str, seed: int, vary_designs: bool = False
) -> NormalisedDigit | None:
    """Print, scan and normalise one digit of a font; return None if the scan shows no ink.

    Args:
        font: the font.
        position: the position of the digit; its label is ``position % 10``.
        degradation: a key of ``LEVELS``.
        seed: 0 to ``LARGEST_SEED``.
        vary_designs: vary the design of the digit.
    """
    level = LEVELS[degradation]
    rng = np.random.default_rng([seed, level.number, position, int(font.sha256, 16)])
    glyph = font.glyphs[position % _CLASSES]
    return normalise_digit(degrade_glyph(vary_design(glyph, rng) if vary_designs else glyph, level, rng))


def _print_part(part: _Part, degradation: str, seed: int, vary_designs: bool) -> pa.Table:
    """Return the digits at some positions of one font as a table of schema ``DIGITS``."""
    font, positions = part
    page = 1 + seed * _PAGES_PER_SEED + LEVELS[degradation].number + _VARIED * vary_designs
    printed = [
        (position, print_digit(font, position, degradation, seed, vary_designs)) for position in positions
    ]
    digits = [(position, digit) for position, digit in printed if digit is not None]
    if not digits:
        return DIGITS.empty_table()
    kept = [position for position, _ in digits]
    labels = [position % _CLASSES for position in kept]
    variant = f"degradation={degradation}&seed={seed}" + "&designs=varied" * vary_designs
    ids = b"".join(derive_digit_id(font.sha256, page, None, position).bytes for position in kept)
    table = digits_table(
        np.stack([digit.image for _, digit in digits]),
        labels,
        digit_ids=np.frombuffer(ids, np.uint8).reshape(len(digits), 16),
        sources=[f"{font.source}?digit={label}&{variant}" for label in labels],
        source_sha256s=font.sha256,
        positions=kept,
        polarities=[digit.polarity for _, digit in digits],
        source_boxes=[digit.ink for _, digit in digits],
    )
    pages = pa.repeat(pa.scalar(page, pa.int32()), len(digits))
    return table.set_column(DIGITS.get_field_index("page"), DIGITS.field("page"), pages)
