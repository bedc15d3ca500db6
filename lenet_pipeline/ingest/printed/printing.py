"""Machine-printed digits: every digit of every font, printed, scanned more or less badly, and normalised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial

import numpy as np
import pyarrow as pa

from lenet_pipeline.errors import IngestError, UnknownNameError
from lenet_pipeline.ingest.batch import digits_table
from lenet_pipeline.ingest.normalisation import NormalisedDigit, normalise_digit
from lenet_pipeline.ingest.printed.degradation import LEVELS, degrade_glyph
from lenet_pipeline.ingest.printed.fonts import DigitFont
from lenet_pipeline.ingest.printed.type_designs import vary_design
from lenet_pipeline.schema import DIGITS, derive_digit_id
from lenet_pipeline.system import Done, ProcessLostError, work_in_processes

LARGEST_SEED = 100_000_000
LARGEST_PER_FONT = 1_000_000_000

POSITIONS_A_TABLE = 2_000  # seconds of work: a Ctrl-C, a progress bar or a shard never waits for a whole font

_PAGES_PER_SEED = 10  # a page number never means another one: room for one more level of each kind
_VARIED = 5  # pages from here on are of varied designs
_CLASSES = 10

_Part = tuple[DigitFont, range]  # a font and the positions of it that one table has
_PrintPart = Callable[[_Part], pa.Table]


def _advance_nothing(done: int) -> None:
    """Show no progress."""


def print_digits(
    fonts: Sequence[DigitFont],
    *,
    degradation: str,
    per_font: int,
    seed: int,
    vary_designs: bool = False,
    processes: int = 1,
    advance: Callable[[int], None] = _advance_nothing,
) -> Iterator[pa.Table]:
    """Print, scan and normalise digits; return an iterator of tables of schema ``DIGITS``, font by font.

    Digit ``position`` of a font is a ``position % 10``, and depends on the font's bytes, the degradation,
    the seed, its position and ``vary_designs`` alone: asking for more adds to the same ones. Each of these
    is a page of its own of the font, so none of their digits are the same, and ``source`` says them. A digit
    that no ink is seen of is left out; up to medium degradation there is none.

    Args:
        fonts: whose digits.
        degradation: a key of ``LEVELS``.
        per_font: how many digits of each font, all ten labels equally often.
        seed: 0 to ``LARGEST_SEED``; another one gives other digits.
        vary_designs: draw each digit as another design than the font's own, for training.
        processes: how many work at it; the digits are the same. More than one import the main module
            again, which must bear that.
        advance: called with the number of digits done, table by table.

    Raises:
        UnknownNameError: there is no such degradation.
        IngestError: the seed or the number is out of range, or, from the iterator, one of the processes
            was ended.
    """
    if degradation not in LEVELS:
        raise UnknownNameError("degradation", degradation, LEVELS)
    if not 0 <= seed <= LARGEST_SEED or not 1 <= per_font <= LARGEST_PER_FONT:
        raise IngestError(
            f"cannot print {per_font} digits a font with seed {seed}; expected 1 to {LARGEST_PER_FONT:,} "
            f"digits and a seed from 0 to {LARGEST_SEED:,}"
        )
    starts = range(0, per_font, POSITIONS_A_TABLE)
    parts = (
        (font, range(start, min(start + POSITIONS_A_TABLE, per_font))) for font in fonts for start in starts
    )
    print_part = partial(_print_part, degradation=degradation, seed=seed, vary_designs=vary_designs)
    return _print_parts(print_part, parts, min(processes, len(fonts) * len(starts)), advance)


def print_digit(
    font: DigitFont, position: int, degradation: str, seed: int, vary_designs: bool = False
) -> NormalisedDigit | None:
    """Print, scan and normalise one digit of a font; None where the scan shows no ink.

    Args:
        font: whose digit.
        position: which; its label is ``position % 10``.
        degradation: a key of ``LEVELS``.
        seed: 0 to ``LARGEST_SEED``.
        vary_designs: draw it as another design than the font's own.
    """
    level = LEVELS[degradation]
    rng = np.random.default_rng([seed, level.number, position, int(font.sha256, 16)])
    glyph = font.glyphs[position % _CLASSES]
    return normalise_digit(degrade_glyph(vary_design(glyph, rng) if vary_designs else glyph, level, rng))


def _print_parts(
    print_part: _PrintPart, parts: Iterator[_Part], processes: int, advance: Callable[[int], None]
) -> Iterator[pa.Table]:
    """Yield the table of every part, in order, computed by so many processes."""
    with closing(work_in_processes(print_part, parts, processes if processes > 1 else 0)) as printed:
        for done in printed:
            yield _table(done)
            advance(len(done.part[1]))


def _table(done: Done[_Part, pa.Table]) -> pa.Table:
    try:
        return done.get()
    except ProcessLostError as exc:
        raise IngestError(
            "a process that prints digits was ended before it was done, as a system short of memory does; "
            "free some and run the same command again"
        ) from exc


def _print_part(part: _Part, degradation: str, seed: int, vary_designs: bool) -> pa.Table:
    """Return the digits of some positions of one font as a table of schema ``DIGITS``."""
    font, wanted = part
    page = 1 + seed * _PAGES_PER_SEED + LEVELS[degradation].number + _VARIED * vary_designs
    printed = [
        (position, print_digit(font, position, degradation, seed, vary_designs)) for position in wanted
    ]
    digits = [(position, digit) for position, digit in printed if digit is not None]
    if not digits:
        return DIGITS.empty_table()
    positions = [position for position, _ in digits]
    labels = [position % _CLASSES for position in positions]
    made = f"degradation={degradation}&seed={seed}" + "&designs=varied" * vary_designs
    ids = b"".join(derive_digit_id(font.sha256, page, None, position).bytes for position in positions)
    table = digits_table(
        np.stack([digit.image for _, digit in digits]),
        labels,
        digit_ids=np.frombuffer(ids, np.uint8).reshape(len(digits), 16),
        sources=[f"{font.source}?digit={label}&{made}" for label in labels],
        source_sha256s=font.sha256,
        positions=positions,
        polarities=[digit.polarity for _, digit in digits],
        source_boxes=[digit.ink for _, digit in digits],
    )
    pages = pa.repeat(pa.scalar(page, pa.int32()), len(digits))
    return table.set_column(DIGITS.get_field_index("page"), DIGITS.field("page"), pages)
