"""The warehouse: one DuckDB file that holds every prediction and its provenance.

Only this room imports DuckDB. A ``Warehouse`` is a path and a waiting time. Each function opens the file,
runs one short transaction and closes it, because no other process can read the file while a writer is open.
"""

from lenet_pipeline.warehouse.background import BackgroundLoader
from lenet_pipeline.warehouse.chain import ChainHead, has_link, read_chain_head
from lenet_pipeline.warehouse.checks import CheckResult, run_checks
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.drift_tables import Drift, DriftBin, measure_drift, record_drift_reference
from lenet_pipeline.warehouse.export import export_tables
from lenet_pipeline.warehouse.form_tables import (
    PageTables,
    TemplateRecord,
    find_finished_run,
    list_fields,
    list_misread_fields,
    list_pages,
    load_field_values,
    load_pages,
    read_field_picture,
    read_template_texts,
    read_unassembled_cells,
    record_documents,
    record_field_truths,
    record_templates,
)
from lenet_pipeline.warehouse.loading import (
    finish_scoring_run,
    load_rejects,
    record_model_version,
    record_promotion,
    start_scoring_run,
    stop_scoring_run,
)
from lenet_pipeline.warehouse.migrations import migrate
from lenet_pipeline.warehouse.policies import read_known_fields, record_policy
from lenet_pipeline.warehouse.queries import list_promotions, run_audit, run_select
from lenet_pipeline.warehouse.records import (
    GateEvidence,
    ModelVersionRecord,
    PlannedShard,
    PolicyRecord,
    PromotionRecord,
    RegistryAlias,
    ScoringRunRecord,
    ShardScoreRecord,
)
from lenet_pipeline.warehouse.reviewed_digits import (
    list_final_values,
    list_places_of_digits,
    list_reviewed_digits,
    read_field_pictures,
)
from lenet_pipeline.warehouse.reviews import (
    FOLDER,
    Revise,
    Revisions,
    VerdictBatch,
    find_reviewed,
    record_verdicts,
    undo_verdicts,
)
from lenet_pipeline.warehouse.runs import (
    StoredRun,
    StoredShard,
    find_shards_of_digits,
    read_run,
    read_shard_boxes,
    read_shard_places,
    read_shard_predictions,
)
from lenet_pipeline.warehouse.shard_loading import ShardLoad, load_shard_scores
from lenet_pipeline.warehouse.snapshot import AsOf, take_snapshot
from lenet_pipeline.warehouse.statements import Parameter, Query, list_audits, list_checks

__all__ = [
    "FOLDER",
    "AsOf",
    "BackgroundLoader",
    "ChainHead",
    "CheckResult",
    "Drift",
    "DriftBin",
    "GateEvidence",
    "ModelVersionRecord",
    "PageTables",
    "Parameter",
    "PlannedShard",
    "PolicyRecord",
    "PromotionRecord",
    "Query",
    "RegistryAlias",
    "Revise",
    "Revisions",
    "ScoringRunRecord",
    "ShardLoad",
    "ShardScoreRecord",
    "StoredRun",
    "StoredShard",
    "TemplateRecord",
    "VerdictBatch",
    "Warehouse",
    "export_tables",
    "find_finished_run",
    "find_reviewed",
    "find_shards_of_digits",
    "finish_scoring_run",
    "has_link",
    "list_audits",
    "list_checks",
    "list_fields",
    "list_final_values",
    "list_misread_fields",
    "list_pages",
    "list_places_of_digits",
    "list_promotions",
    "list_reviewed_digits",
    "load_field_values",
    "load_pages",
    "load_rejects",
    "load_shard_scores",
    "measure_drift",
    "migrate",
    "read_chain_head",
    "read_field_picture",
    "read_field_pictures",
    "read_known_fields",
    "read_run",
    "read_shard_boxes",
    "read_shard_places",
    "read_shard_predictions",
    "read_template_texts",
    "read_unassembled_cells",
    "record_documents",
    "record_drift_reference",
    "record_field_truths",
    "record_model_version",
    "record_policy",
    "record_promotion",
    "record_templates",
    "record_verdicts",
    "run_audit",
    "run_checks",
    "run_select",
    "start_scoring_run",
    "stop_scoring_run",
    "take_snapshot",
    "undo_verdicts",
]
