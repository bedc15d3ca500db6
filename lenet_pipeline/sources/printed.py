"""Machine-printed digits: every digit of every font, printed, scanned more or less badly, and normalised."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection

import numpy as np
import pyarrow as pa

from lenet_pipeline.errors import IngestError, UnknownNameError
from lenet_pipeline.schema import DIGITS, derive_digit_id
from lenet_pipeline.sources.batch import digits_table
from lenet_pipeline.sources.degradation import LEVELS, degrade_glyph
from lenet_pipeline.sources.fonts import DigitFont
from lenet_pipeline.sources.normalisation import NormalisedDigit, normalise_digit
from lenet_pipeline.sources.type_designs import vary_design

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
    printed: Generator[tuple[_Part, pa.Table], None, None]
    if processes > 1:
        printed = _print_in_processes(print_part, parts, processes)
    else:
        printed = ((part, print_part(part)) for part in parts)
    with closing(printed):
        for (_, positions), table in printed:
            yield table
            advance(len(positions))


def _print_in_processes(
    print_part: _PrintPart, parts: Iterator[_Part], processes: int
) -> Generator[tuple[_Part, pa.Table], None, None]:
    """Yield every part with its table, in order; each process has at most one part at a time.

    Each has a pipe of its own, so either end hears at once that the other was killed. A pool's processes
    share theirs: it waits for ever for what a killed one had, and those of concurrent.futures outlive a
    killed command.
    """
    with ExitStack() as ends:
        workers = [ends.enter_context(_worker(print_part)) for _ in range(processes)]
        busy: deque[tuple[Connection, _Part]] = deque()
        for worker, part in zip(workers, parts, strict=False):
            _send(worker, part)
            busy.append((worker, part))
        while busy:
            worker, part = busy.popleft()
            table = _receive(worker)
            for following in islice(parts, 1):
                _send(worker, following)
                busy.append((worker, following))
            yield part, table


@contextmanager
def _worker(print_part: _PrintPart) -> Iterator[Connection]:
    """Start a process and yield the connection that takes parts and gives their tables; end it after."""
    context = multiprocessing.get_context("spawn")  # a fork would copy the locks of a flow's threads
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, print_part), daemon=True)
    process.start()
    theirs.close()  # while it is open here too, its process could end unheard
    try:
        yield ours
    finally:
        process.terminate()
        process.join()
        ours.close()


def _work(connection: Connection, print_part: _PrintPart) -> None:
    """Answer every part that comes with its table, or with what went wrong, until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    with suppress(EOFError, OSError):
        while True:
            connection.send(_attempt(print_part, connection.recv()))


def _attempt(print_part: _PrintPart, part: _Part) -> pa.Table | Exception:
    try:
        return print_part(part)
    except Exception as exc:  # noqa: BLE001  # it is raised again where the part came from
        return exc


def _send(worker: Connection, part: _Part) -> None:
    """Give a process a part to print.

    Raises:
        IngestError: the process has ended.
    """
    try:
        worker.send(part)
    except OSError as exc:
        raise _process_ended() from exc


def _receive(worker: Connection) -> pa.Table:
    """Wait for a process's table.

    Raises:
        IngestError: the process has ended.
    """
    try:
        answer = worker.recv()
    except (EOFError, OSError) as exc:
        raise _process_ended() from exc
    if isinstance(answer, Exception):
        raise answer
    return answer


def _process_ended() -> IngestError:
    return IngestError(
        "a process that prints digits was ended before it was done, as a system short of memory does; "
        "free some and run the same command again"
    )


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
