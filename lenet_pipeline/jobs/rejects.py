"""Record inputs that could not be read, with their reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from lenet_pipeline.audit import counted
from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest import Reject
from lenet_pipeline.lake import fingerprint_parts
from lenet_pipeline.schema import REJECTS, derive_uuid
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer, describe_os_error, written_whole
from lenet_pipeline.warehouse import load_rejects


def record_rejects(
    dataset: str, rejects: Sequence[Reject], settings: Settings, observer: Observer = SILENT
) -> None:
    """Write rejects as Parquet under ``rejects/`` and load them. Rejects that are already recorded stay.

    Raises:
        IngestError: the file cannot be written.
        WarehouseError: the database cannot be written.
    """
    if not rejects:
        return
    table = _rejects_table(dataset, rejects, settings.actor, observer.flow_run_id)
    name = fingerprint_parts(str(identifier) for identifier in table["reject_id"].to_pylist())
    path = settings.rejects / f"{name[:32]}.parquet"
    try:
        with written_whole(path) as temporary:
            pq.write_table(table, temporary)
    except OSError as exc:
        raise IngestError(f"cannot write rejects {path}: {describe_os_error(exc)}") from exc
    load_rejects(settings.warehouse, table)
    _log(dataset, rejects, observer)


def refuse_too_many_rejects(rejects: int, tried: int, inputs: str, rest: str, settings: Settings) -> None:
    """Raise if the share of rejects exceeds the limit of the settings.

    Args:
        rejects: number of rejected inputs.
        tried: number of all inputs, at least 1.
        inputs: what the inputs are, for the message.
        rest: what happened to the other inputs, for the message.
        settings: of the home.

    Raises:
        IngestError: there are too many rejects.
    """
    share = 100 * rejects / tried
    if share > settings.reject_limit_pct:
        raise IngestError(
            f"{rejects} of {tried} {inputs} were rejected ({share:.0f} %, the limit is "
            f"{settings.reject_limit_pct:g} %); {rest}. List them with `lenet audit rejects`; raise the "
            "limit with LENET_REJECT_LIMIT_PCT"
        )


def _rejects_table(dataset: str, rejects: Sequence[Reject], actor: str, flow_run_id: str | None) -> pa.Table:
    now = datetime.now(UTC)
    return pa.Table.from_pylist(
        [
            {
                "reject_id": derive_uuid(
                    "reject", dataset, reject.source, reject.source_sha256, reject.page, reject.kind
                ).bytes,
                "dataset": dataset,
                "source": reject.source,
                "source_sha256": reject.source_sha256,
                "page": reject.page,
                "kind": reject.kind,
                "reason": reject.reason,
                "rejected_at": now,
                "actor": actor,
                "flow_run_id": flow_run_id,
            }
            for reject in rejects
        ],
        schema=REJECTS,
    )


def _log(dataset: str, rejects: Sequence[Reject], observer: Observer) -> None:
    for kind, count in sorted(Counter(reject.kind for reject in rejects).items()):
        example = next(reject for reject in rejects if reject.kind == kind)
        observer.log(
            f"{dataset}: {counted(count, 'reject')} of kind {kind}, for example {example.source}: "
            f"{example.reason}"
        )
