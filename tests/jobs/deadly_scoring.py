"""``lenet`` as ever, but for a death by SIGKILL: ``deadly_scoring.py STEP NUMBER ARGUMENTS``.

STEP is ``moment``, NUMBER milliseconds after the first shard is read, or a step of scoring, right after it is
done for the NUMBERth time: ``write`` when half of a file is written, ``ledger`` before it is committed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lenet_pipeline.cli import main
from lenet_pipeline.scoring import shards as scoring
from lenet_pipeline.scoring.engine import Engine
from lenet_pipeline.system import files
from lenet_pipeline.warehouse import loading, shard_loading

STEPS = ("read", "compute", "write", "rename", "load", "ledger", "finish")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wrap(owner: object, name: str, then: Callable[..., None]) -> None:
    """Call ``then`` with the arguments of every call to a function, once it is done."""
    original = getattr(owner, name)

    def wrapped(*arguments: Any, **values: Any) -> Any:
        result = original(*arguments, **values)
        then(*arguments)
        return result

    setattr(owner, name, wrapped)


def die_at(step: str, number: int) -> None:
    """Arrange for the death."""
    lock, left = threading.Lock(), number

    def count(*_: object) -> None:
        nonlocal left
        with lock:
            left -= 1
            if left == 0:
                die()

    def halve(_table: object, path: Path) -> None:
        os.truncate(path, path.stat().st_size // 2)
        count()

    def after(statement: str) -> Callable[..., None]:
        return lambda _connection, name, _values: count() if name == statement else None

    match step:
        case "moment":
            wrap(scoring, "read_shard", lambda *_: threading.Timer(number / 1000, die).start())
        case "read":
            wrap(scoring, "read_shard", count)
        case "compute":
            wrap(Engine, "score", count)
        case "write":
            wrap(scoring, "write_predictions", halve)
        case "rename":
            wrap(files.Path, "replace", lambda _, to: count() if to.suffix == ".parquet" else None)
        case "load":
            wrap(shard_loading, "run_statement", after("insert_predictions"))
        case "ledger":
            wrap(shard_loading, "run_statement", after("insert_shard_score"))
        case "finish":
            wrap(loading, "run_statement", after("finish_scoring_run"))
        case _:
            raise SystemExit(f"there is no step {step!r}")


if __name__ == "__main__":
    die_at(sys.argv[1], int(sys.argv[2]))
    del sys.argv[1:3]
    main()
