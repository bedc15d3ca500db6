"""A database file that is in use, missing, damaged or inaccessible is reported clearly."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.errors import DatabaseBusyError, WarehouseError
from lenet_pipeline.schema import NEW_REVIEWS
from lenet_pipeline.warehouse import Warehouse
from lenet_pipeline.warehouse.connection import describe

WAIT_S = 5.0

HOLD = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "reader")
print("held", flush=True)
time.sleep(float(sys.argv[3]))
connection.close()
"""
COMMIT_AND_HANG = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("insert into schema_migrations values (0, 'by hand', now())").fetchall()
print("held", flush=True)
time.sleep(60)
"""
_ASK_FOR_EVER = """
import signal, sys
from pathlib import Path
from lenet_pipeline import warehouse
FOR_EVER = "select sum(a.range * b.range) from range(10_000_000) a, range(10_000_000) b"
signal.signal(signal.SIGINT, signal.default_int_handler)
print("held", flush=True)
try:
    warehouse.run_select(warehouse.Warehouse(Path(sys.argv[1]), 5), FOR_EVER)
except KeyboardInterrupt:
    print("KeyboardInterrupt")
"""


@contextmanager
def other_process(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("holder", ["writer", "reader"])
def test_writer_names_the_process_that_holds_the_database(scored: Any, holder: str) -> None:
    with other_process(HOLD, str(scored.database), holder, "60") as process:
        begun = time.monotonic()
        with pytest.raises(
            DatabaseBusyError, match=rf"in use by process {process.pid} \(python.*wait of 0.3 s"
        ):
            warehouse.migrate(Warehouse(scored.database, 0.3))
        assert 0.3 <= time.monotonic() - begun < 3


def test_reader_names_the_writer_that_holds_the_database(scored: Any) -> None:
    with (
        other_process(HOLD, str(scored.database), "writer", "60") as process,
        pytest.raises(
            DatabaseBusyError, match=f"in use by process {process.pid} .*run the same command again"
        ),
    ):
        warehouse.run_select(Warehouse(scored.database, 0.1), "select 1")


def test_readers_do_not_block_each_other(scored: Any) -> None:
    with other_process(HOLD, str(scored.database), "reader", "60"):
        assert len(scored.audit("runs")) == 1
        nothing = NEW_REVIEWS.empty_table()
        assert len(warehouse.find_reviewed(Warehouse(scored.database, 0.5), nothing, "ada")) == 0


def test_writer_waits_until_the_database_is_free(scored: Any, make_model_version: Any) -> None:
    with other_process(HOLD, str(scored.database), "writer", "0.5"):
        warehouse.record_model_version(Warehouse(scored.database, 30), make_model_version(3))
    assert scored.count("model_versions") == 3


def test_writer_waits_for_a_connection_of_the_same_process(scored: Any) -> None:
    with (
        scored.by_hand(),
        pytest.raises(DatabaseBusyError, match="in use by another part of this process"),
    ):
        warehouse.run_select(Warehouse(scored.database, 0.1), "select 1")


def test_threads_of_one_process_take_turns(scored: Any, make_model_version: Any) -> None:
    errors: list[Exception] = []

    def write(version: int) -> None:
        try:
            warehouse.record_model_version(Warehouse(scored.database, 30), make_model_version(version))
            scored.audit("runs")
        except WarehouseError as exc:
            errors.append(exc)

    threads = [threading.Thread(target=write, args=(version,)) for version in range(3, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert scored.count("model_versions") == 7


def test_commits_of_a_killed_writer_are_read(scored: Any) -> None:
    with other_process(COMMIT_AND_HANG, str(scored.database)) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert scored.database.with_name("audit.duckdb.wal").exists()
        found = warehouse.run_select(
            Warehouse(scored.database, WAIT_S), "select name from schema_migrations where version = 0"
        )
    assert found.to_pydict() == {"name": ["by hand"]}


@pytest.mark.parametrize("ask", ["runs", "select", "checks", "promotions"])
def test_readers_never_create_a_database(builder: Any, ask: str) -> None:
    questions = {
        "runs": lambda: warehouse.run_audit(Warehouse(builder.database, WAIT_S), "runs", {}),
        "select": lambda: warehouse.run_select(Warehouse(builder.database, WAIT_S), "select 1"),
        "checks": lambda: warehouse.run_checks(Warehouse(builder.database, WAIT_S), []),
        "promotions": lambda: warehouse.list_promotions(Warehouse(builder.database, WAIT_S)),
    }
    with pytest.raises(
        WarehouseError, match=r"no database yet at .*audit.duckdb; .* begin with `lenet demo`"
    ):
        questions[ask]()
    assert not builder.database.parent.exists()


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 1000])
def test_file_that_is_not_a_database_is_reported_in_one_line(builder: Any, content: bytes) -> None:
    builder.database.parent.mkdir()
    builder.database.write_bytes(content)
    for use in (warehouse.migrate, lambda *a: warehouse.run_select(*a, "select 1")):
        with pytest.raises(WarehouseError, match=r"damaged or not a DuckDB database.*restore it") as failure:
            use(Warehouse(builder.database, WAIT_S))
        assert "\n" not in str(failure.value)
    assert builder.database.read_bytes() == content


def test_truncated_database_is_reported_in_one_line(scored: Any) -> None:
    content = scored.database.read_bytes()
    scored.database.write_bytes(content[:9000])
    with pytest.raises(WarehouseError, match="damaged or not a DuckDB database"):
        warehouse.run_select(Warehouse(scored.database, WAIT_S), "select 1")


def test_overwritten_block_is_reported_in_one_line(scored: Any) -> None:
    content = scored.database.read_bytes()
    scored.database.write_bytes(content[:12_288] + b"x" * (len(content) - 12_288))
    with pytest.raises(WarehouseError, match="damaged or not a DuckDB database"):
        warehouse.run_select(Warehouse(scored.database, WAIT_S), "select * from predictions")


def test_folder_that_cannot_be_created_gives_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WarehouseError, match=r"cannot create .*--home"):
        warehouse.migrate(Warehouse(tmp_path / "file" / "home" / "audit.duckdb", WAIT_S))


def test_folder_in_place_of_the_database_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "audit.duckdb").mkdir()
    with pytest.raises(WarehouseError, match=r"audit.duckdb") as failure:
        warehouse.migrate(Warehouse(tmp_path / "audit.duckdb", WAIT_S))
    assert "\n" not in str(failure.value)


def test_full_disk_gives_a_remedy(tmp_path: Path) -> None:
    error = duckdb.IOException('IO Error: Could not write file "a.wal": No space left on device')
    assert describe(tmp_path / "audit.duckdb", error).endswith(
        "audit.duckdb: the disk is full; free some space and run the same command again"
    )


def test_interrupt_during_a_query_is_a_keyboard_interrupt(scored: Any) -> None:
    """DuckDB hangs on some Ctrl-C and says ``RuntimeError: Query interrupted`` on others."""
    for under_way_s in (0.05, 0.2, 0.35, 0.5):
        with other_process(_ASK_FOR_EVER, str(scored.database)) as process:
            time.sleep(under_way_s)
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=20) == ("KeyboardInterrupt\n", None)


def test_connection_is_closed_after_an_error(scored: Any) -> None:
    with pytest.raises(WarehouseError):
        warehouse.run_select(Warehouse(scored.database, WAIT_S), "select nonsense")
    with pytest.raises(WarehouseError):
        warehouse.finish_scoring_run(
            Warehouse(scored.database, WAIT_S), scored.digit_id("ark", 0), None
        )  # no such run
    duckdb.connect(str(scored.database)).close()  # refused, were a connection still open
