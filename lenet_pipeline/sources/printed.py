"""Machine-printed digits: every digit of every font, printed, scanned more or less badly, and normalised."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial

import numpy as np
import pyarrow as pa

from lenet_pipeline.errors import IngestError, UnknownNameError
from lenet_pipeline.schema import DIGITS, derive_digit_id
from lenet_pipeline.sources.batch import digits_table
from lenet_pipeline.sources.degradation import LEVELS, degrade_glyph
from lenet_pipeline.sources.fonts import DigitFont
from lenet_pipeline.sources.normalisation import NormalisedDigit, normalise_digit

LARGEST_SEED = 100_000_000

_LEVELS_PER_SEED = 10  # room for levels yet to come: a page number never means another one
_CLASSES = 10


def _advance_nothing(done: int) -> None:
    """Show no progress."""


def print_digits(
    fonts: Sequence[DigitFont],
    *,
    degradation: str,
    per_font: int,
    seed: int,
    processes: int = 1,
    advance: Callable[[int], None] = _advance_nothing,
) -> Iterator[pa.Table]:
    """Print, scan and normalise digits; return an iterator of one table of schema ``DIGITS`` a font.

    Digit ``position`` of a font is a ``position % 10``, and depends on the font's bytes, the degradation,
    the seed and its position alone: asking for more adds to the same ones. Each degradation and seed is a
    page of its own of the font, so none of their digits are the same, and ``source`` says both. A digit
    that no ink is seen of is left out; up to medium degradation there is none.

    Args:
        fonts: whose digits.
        degradation: a key of ``LEVELS``.
        per_font: how many digits of each font, all ten labels equally often.
        seed: 0 to ``LARGEST_SEED``; another one gives other digits.
        processes: how many work at it; the digits are the same. More than one import the main module
            again, which must bear that.
        advance: called with the number of digits done, font by font.

    Raises:
        UnknownNameError: there is no such degradation.
        IngestError: the seed or the number is out of range.
    """
    if degradation not in LEVELS:
        raise UnknownNameError("degradation", degradation, LEVELS)
    if not 0 <= seed <= LARGEST_SEED or per_font < 1:
        raise IngestError(
            f"cannot print {per_font} digits a font with seed {seed}; expected at least 1 and a seed from "
            f"0 to {LARGEST_SEED:,}"
        )
    print_font = partial(_print_font, degradation=degradation, per_font=per_font, seed=seed)
    return _each(print_font, fonts, min(processes, len(fonts)), lambda: advance(per_font))


def print_digit(font: DigitFont, position: int, degradation: str, seed: int) -> NormalisedDigit | None:
    """Print, scan and normalise one digit of a font; None where the scan shows no ink.

    Args:
        font: whose digit.
        position: which; its label is ``position % 10``.
        degradation: a key of ``LEVELS``.
        seed: 0 to ``LARGEST_SEED``.
    """
    level = LEVELS[degradation]
    rng = np.random.default_rng([seed, level.number, position, int(font.sha256, 16)])
    return normalise_digit(degrade_glyph(font.glyphs[position % _CLASSES], level, rng))


def _each(
    print_font: Callable[[DigitFont], pa.Table],
    fonts: Sequence[DigitFont],
    processes: int,
    advance: Callable[[], None],
) -> Iterator[pa.Table]:
    """Yield what a function returns for every font, in order, computed by so many processes."""
    with ExitStack() as ends:
        each: Iterator[pa.Table] = map(print_font, fonts)
        if processes > 1:
            # A fork would copy the locks of a flow's threads, and the processes of concurrent.futures
            # outlive a command that is killed.
            context = multiprocessing.get_context("spawn")
            each = ends.enter_context(context.Pool(processes, _leave_interrupts)).imap(print_font, fonts)
        for table in each:
            yield table
            advance()


def _leave_interrupts() -> None:
    """Leave Ctrl-C to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _print_font(font: DigitFont, degradation: str, per_font: int, seed: int) -> pa.Table:
    """Return the digits of one font as a table of schema ``DIGITS``."""
    page = 1 + seed * _LEVELS_PER_SEED + LEVELS[degradation].number
    printed = [(position, print_digit(font, position, degradation, seed)) for position in range(per_font)]
    digits = [(position, digit) for position, digit in printed if digit is not None]
    if not digits:
        return DIGITS.empty_table()
    positions = [position for position, _ in digits]
    labels = [position % _CLASSES for position in positions]
    ids = b"".join(derive_digit_id(font.sha256, page, None, position).bytes for position in positions)
    table = digits_table(
        np.stack([digit.image for _, digit in digits]),
        labels,
        digit_ids=np.frombuffer(ids, np.uint8).reshape(len(digits), 16),
        sources=[f"{font.source}?digit={label}&degradation={degradation}&seed={seed}" for label in labels],
        source_sha256s=font.sha256,
        positions=positions,
        polarities=[digit.polarity for _, digit in digits],
        source_boxes=[digit.ink for _, digit in digits],
    )
    pages = pa.repeat(pa.scalar(page, pa.int32()), len(digits))
    return table.set_column(DIGITS.get_field_index("page"), DIGITS.field("page"), pages)
