"""Checks: queries that return no row where all is well."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from functools import partial

import duckdb
import pyarrow as pa

from lenet_pipeline.warehouse.chain import ChainHead
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.migrations import reading, shipped_definitions
from lenet_pipeline.warehouse.queries import ask, ask_statement, find_query
from lenet_pipeline.warehouse.records import RegistryAlias
from lenet_pipeline.warehouse.statements import Query, list_checks, run_statement

_SHARD = "shard"  # the one parameter that a check may have
_SHARDS_AN_OPENING = 32  # some seconds


@dataclass(frozen=True)
class CheckResult:
    """A check and the rows that break it: none, when all is well."""

    query: Query
    violations: pa.Table


def run_checks(
    warehouse: Warehouse,
    aliases: Sequence[RegistryAlias],
    names: Sequence[str] | None = None,
    published_head: ChainHead | None = None,
) -> list[CheckResult]:
    """Run the checks, all of them or those named.

    Args:
        warehouse: the database file, and how long to wait for it.
        aliases: the aliases as the model registry has them now.
        names: the checks to run.
        published_head: the last link of the chain that the model registry was told of, number 0 where it
            was told of none; None where that is not asked.

    Raises:
        UnknownNameError: there is no check of one of the names.
        WarehouseError: the database cannot be read.
        DatabaseBusyError: the database was still held after ``warehouse.wait_s`` seconds.
    """
    checks = list_checks()
    if names is not None:
        checks = [find_query("check", name, checks) for name in names]
    opened = partial(_opened, warehouse, aliases, published_head)
    return [CheckResult(check, _check(opened, check)) for check in checks]


@contextmanager
def _opened(
    warehouse: Warehouse, aliases: Sequence[RegistryAlias], published_head: ChainHead | None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database with what checks hold against it beside: the registry's and the release's say.

    Anew for every check, and for some shards at a time: all of them take minutes over many rows, and none
    who writes should wait that long.
    """
    with reading(warehouse) as connection:
        run_statement(connection, "create_registry_aliases", {})
        for alias in aliases:
            run_statement(connection, "insert_registry_alias", asdict(alias))
        run_statement(connection, "create_shipped_definitions", {})
        for definition in shipped_definitions():
            run_statement(connection, "insert_shipped_definition", definition)
        run_statement(connection, "create_published_head", {})
        if published_head:
            run_statement(connection, "insert_published_head", asdict(published_head))
        yield connection


def _check(opened: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]], check: Query) -> pa.Table:
    """Ask one check; one that takes a shard is asked of every shard score.

    A shard at a time: the rows that a digest is made of lie in memory together.
    """
    text = check.path.read_text(encoding="utf-8")
    with opened() as connection:
        if not check.parameters:
            return ask(connection, text, {})
        shards = ask_statement(connection, "load/list_shard_scores.sql", {})["shard_score_id"].to_pylist()
    answers = []
    for start in range(0, len(shards), _SHARDS_AN_OPENING):
        with opened() as connection:
            some = shards[start : start + _SHARDS_AN_OPENING]
            answers += [ask(connection, text, {_SHARD: shard}) for shard in some]
    found = [answer for answer in answers if len(answer)] or answers[:1]
    return pa.concat_tables(found) if found else pa.table({name: pa.nulls(0) for name in check.columns})
