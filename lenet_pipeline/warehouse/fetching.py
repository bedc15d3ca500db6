"""Run statements that Ctrl-C can interrupt, and return their rows."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, wait
from threading import Thread

import duckdb
import pyarrow as pa

from lenet_pipeline.warehouse.statements import read_statement

_INTERRUPT_AGAIN_S = 0.05


def fetch(connection: duckdb.DuckDBPyConnection, statement: str, values: Mapping[str, object]) -> pa.Table:
    """Run a statement with named values, and return its rows."""

    answer: Future[pa.Table] = Future()

    def run() -> None:
        if not answer.set_running_or_notify_cancel():
            return
        try:
            answer.set_result(connection.sql(statement, params=dict(values) or None).to_arrow_table())
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            answer.set_exception(error)

    # Run in another thread: on the main thread, DuckDB 2.0 hangs in a third of cases if Ctrl-C interrupts a
    # multi-threaded query.
    try:
        Thread(target=run, name="query").start()
        return answer.result()
    except KeyboardInterrupt:
        # DuckDB ignores an interrupt that comes before the query has begun.
        while not (answer.cancel() or answer.done()):
            connection.interrupt()
            wait([answer], timeout=_INTERRUPT_AGAIN_S)
        raise


def fetch_statement(
    connection: duckdb.DuckDBPyConnection, statement: str, values: Mapping[str, object]
) -> pa.Table:
    """Run a statement from a file under ``sql/``, given by its path there, and return its rows."""
    return fetch(connection, read_statement(statement), values)
