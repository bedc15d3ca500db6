"""Draw parts of a dataset in processes, and yield the table of each part in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import TypeVar

import pyarrow as pa

from lenet_pipeline.errors import IngestError
from lenet_pipeline.system import ProcessLostError, work_in_processes

Part = TypeVar("Part")


def ignore_progress(done: int) -> None:
    """Take a progress report and do nothing."""


def draw_tables(
    draw_part: Callable[[Part], pa.Table],
    parts: Iterable[Part],
    processes: int,
    *,
    verb: str,
    count: Callable[[Part], int],
    advance: Callable[[int], None],
) -> Iterator[pa.Table]:
    """Yield the table of every part, in order.

    Args:
        draw_part: returns the table of a part; with several processes, it must be picklable.
        parts: the parts.
        processes: the number of processes. With 0 or 1, everything runs in this one.
        verb: what the processes do with digits, such as ``prints``, for the error message.
        count: returns the number of digits of a part.
        advance: called with the number of digits of each part after its table.

    Raises:
        IngestError: a process was killed.
    """
    with closing(work_in_processes(draw_part, iter(parts), processes if processes > 1 else 0)) as drawn:
        for done in drawn:
            try:
                table = done.get()
            except ProcessLostError as exc:
                raise IngestError(
                    f"a process that {verb} digits was killed, perhaps because the system ran out of memory; "
                    "free some memory and run the same command again"
                ) from exc
            yield table
            advance(count(done.part))
