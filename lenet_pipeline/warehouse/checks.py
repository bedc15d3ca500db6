"""Checks: queries that must return no rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from functools import partial

import duckdb
import pyarrow as pa

from lenet_pipeline.warehouse.chain import ChainHead
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.fetching import fetch, fetch_statement
from lenet_pipeline.warehouse.migrations import reading, shipped_definitions
from lenet_pipeline.warehouse.queries import find_query
from lenet_pipeline.warehouse.records import LoadedVersion, RegistryAlias
from lenet_pipeline.warehouse.statements import Query, list_checks, run_statement

_SHARD = "shard"  # the one parameter that a check may have
_SHARDS_PER_CONNECTION = 32  # keeps each connection to a few seconds


@dataclass(frozen=True)
class CheckResult:
    """A check and the rows that violate it; no rows if it passes."""

    query: Query
    violations: pa.Table


def run_checks(
    warehouse: Warehouse,
    aliases: Sequence[RegistryAlias],
    names: Sequence[str] | None = None,
    published_head: ChainHead | None = None,
    versions: Sequence[LoadedVersion] = (),
) -> list[CheckResult]:
    """Run all checks or the named ones.

    Args:
        warehouse: The database file and how long to wait for it.
        aliases: The current aliases in the model registry.
        names: The checks to run; None for all.
        published_head: The head of the chain as last published to the model registry, with number 0 if none
            was published, or None to skip this comparison.
        versions: The model versions that rows name, as loaded from the model registry; empty to skip the
            comparison.

    Raises:
        UnknownNameError: A name is not a check.
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    checks = list_checks()
    if names is not None:
        checks = [find_query("check", name, checks) for name in names]
    open_database = partial(_open_database, warehouse, aliases, published_head, versions)
    return [CheckResult(check, _check(open_database, check)) for check in checks]


@contextmanager
def _open_database(
    warehouse: Warehouse,
    aliases: Sequence[RegistryAlias],
    published_head: ChainHead | None,
    versions: Sequence[LoadedVersion],
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database, with the registry's aliases and versions and this release's definitions.

    They are in temporary tables.

    Each check opens it separately, and some checks for every few shards. All checks together take minutes
    over many rows, and a writer should not have to wait that long.
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
        run_statement(connection, "create_loaded_versions", {})
        for version in versions:
            run_statement(connection, "insert_loaded_version", asdict(version))
        yield connection


def _check(
    open_database: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]], check: Query
) -> pa.Table:
    """Run one check; run a check with a shard parameter once for every shard score.

    Such a check processes one shard at a time, because its digest needs all its rows in memory.
    """
    text = check.path.read_text(encoding="utf-8")
    with open_database() as connection:
        if not check.parameters:
            return fetch(connection, text, {})
        shards = fetch_statement(connection, "load/list_shard_scores.sql", {})["shard_score_id"].to_pylist()
    tables = []
    for start in range(0, len(shards), _SHARDS_PER_CONNECTION):
        with open_database() as connection:
            some = shards[start : start + _SHARDS_PER_CONNECTION]
            tables += [fetch(connection, text, {_SHARD: shard}) for shard in some]
    found = [table for table in tables if len(table)] or tables[:1]
    return pa.concat_tables(found) if found else pa.table({name: pa.nulls(0) for name in check.columns})
