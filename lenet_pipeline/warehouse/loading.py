"""Write runs, versions, promotions and rejects, each in one short transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from uuid import UUID

import pyarrow as pa

from lenet_pipeline.errors import WarehouseError
from lenet_pipeline.warehouse.chain import PROMOTION, RUN, VERSION, link_event
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.migrations import writing
from lenet_pipeline.warehouse.policies import insert_policy
from lenet_pipeline.warehouse.policy_records import PolicyRecord
from lenet_pipeline.warehouse.records import (
    GateEvidence,
    ModelVersionRecord,
    PlannedShard,
    PromotionRecord,
    ScoringRunRecord,
)
from lenet_pipeline.warehouse.statements import run_statement

_NO_GATE = {field.name: None for field in fields(GateEvidence)}
_RUN_IDENTITY = (
    "dataset",
    "manifest_fingerprint",
    "model_name",
    "model_version",
    "preprocessing_fingerprint",
    "precision",
)


def record_model_version(warehouse: Warehouse, record: ModelVersionRecord) -> None:
    """Record a model version; an existing record is not changed.

    Raises:
        WarehouseError: The version is already recorded with different weights.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    identity = {"model_name": record.model_name, "model_version": record.model_version}
    with writing(warehouse) as connection:
        for (reference,) in run_statement(connection, "insert_model_version", asdict(record)):
            link_event(connection, VERSION, reference)
        ((recorded,),) = run_statement(connection, "find_model_weights", identity)
        if recorded != record.weights_sha256:
            raise WarehouseError(
                f"{record.model_name}/{record.model_version} is recorded in {warehouse.path} with weights "
                f"{recorded[:12]}, but the registry has {record.weights_sha256[:12]}: the registry was "
                "replaced; restore it from a backup, or choose another folder with --home"
            )


def record_promotion(
    warehouse: Warehouse, record: PromotionRecord, policies: Sequence[PolicyRecord] = ()
) -> list[int]:
    """Record a promotion event, and put policies in force with it, in one transaction.

    Recording the same event again changes nothing.

    Returns:
        The numbers of the policies.

    Raises:
        WarehouseError: The database refuses the record.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    values = asdict(record)
    gate = values.pop("gate") or _NO_GATE
    with writing(warehouse) as connection:
        for (number,) in run_statement(connection, "insert_promotion", values | gate):
            link_event(connection, PROMOTION, number)
            return [insert_policy(connection, policy) for policy in policies]
    return []


def start_scoring_run(warehouse: Warehouse, run: ScoringRunRecord) -> set[UUID]:
    """Record a run and the shard scores that it consists of; an existing run keeps its first start.

    Returns:
        The shard scores of the run that are already in the ledger.

    Raises:
        WarehouseError: The id is already recorded for another dataset, model version or precision.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    values = asdict(run)
    del values["shards"]
    identity = {"scoring_run_id": run.scoring_run_id}
    with writing(warehouse) as connection:
        run_statement(connection, "insert_scoring_run", values)
        run_statement(connection, "stop_scoring_run", {**identity, "stopped_at": None})
        (recorded,) = run_statement(connection, "find_scoring_run", identity)
        for name, found in zip(_RUN_IDENTITY, recorded, strict=True):
            if found != values[name]:
                raise WarehouseError(
                    f"scoring run {run.scoring_run_id} is recorded with {name} {found}, but now has "
                    f"{values[name]}: the database was altered; restore it from a backup"
                )
        connection.register("planned_shards", _planned_table(run.shards))
        run_statement(connection, "insert_planned_shards", identity)
        connection.unregister("planned_shards")
        return {
            score for score, is_scored in run_statement(connection, "list_run_shards", identity) if is_scored
        }


def stop_scoring_run(warehouse: Warehouse, scoring_run_id: UUID, stopped_at: datetime) -> None:
    """Mark a run as stopped before its end, until it is started again.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection:
        run_statement(
            connection, "stop_scoring_run", {"scoring_run_id": scoring_run_id, "stopped_at": stopped_at}
        )


def finish_scoring_run(warehouse: Warehouse, scoring_run_id: UUID, finished_at: datetime) -> None:
    """Mark a run as finished; a finished run keeps its first time.

    Raises:
        WarehouseError: The run was never started, or some of its shards are not scored.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    identity = {"scoring_run_id": scoring_run_id}
    with writing(warehouse) as connection:
        if not run_statement(connection, "find_scoring_run", identity):
            raise WarehouseError(f"scoring run {scoring_run_id} was never started in {warehouse.path}")
        shards = run_statement(connection, "list_run_shards", identity)
        missing = sum(not is_scored for _, is_scored in shards)
        if missing:
            raise WarehouseError(
                f"scoring run {scoring_run_id} is not finished: {missing} of its {len(shards)} shards are "
                "not scored; rerun the command to score them"
            )
        for (finished,) in run_statement(
            connection, "finish_scoring_run", identity | {"finished_at": finished_at}
        ):
            link_event(connection, RUN, finished)


def recall_scoring_run(
    warehouse: Warehouse, scoring_run_id: UUID, recalled_at: datetime, actor: str, flow_run_id: str | None
) -> bool:
    """Make a finished run the current run of its dataset again; return False if it is already.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    values = {"scoring_run_id": scoring_run_id, "recalled_at": recalled_at}
    with writing(warehouse) as connection:
        return bool(
            run_statement(
                connection, "insert_run_recall", {**values, "actor": actor, "flow_run_id": flow_run_id}
            )
        )


def load_rejects(warehouse: Warehouse, rejects: pa.Table) -> int:
    """Load rejects, a table of schema ``REJECTS``; existing ones are not changed.

    Returns:
        The number of new rejects.

    Raises:
        WarehouseError: The table has another schema.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection:
        connection.register("new_rejects", rejects)
        ((inserted,),) = run_statement(connection, "insert_rejects", {})
        connection.unregister("new_rejects")
        return int(inserted)


def _planned_table(shards: tuple[PlannedShard, ...]) -> pa.Table:
    return pa.table(
        {
            "shard_position": pa.array(range(len(shards)), pa.int32()),
            "shard_score_id": pa.array([shard.shard_score_id.bytes for shard in shards], pa.uuid()),
            "shard_fingerprint": pa.array([shard.shard_fingerprint for shard in shards], pa.string()),
            "rows": pa.array([shard.rows for shard in shards], pa.int64()),
        }
    )
