"""The audit database: every prediction with where it came from, in one DuckDB file.

The one place that imports DuckDB. Writing functions open the file, write one short transaction and
close it; reading functions can change nothing and reach no other file. The SQL is in ``sql/``.
"""

from lenet_pipeline.warehouse.loading import (
    finish_scoring_run,
    load_rejects,
    load_shard_score,
    record_model_version,
    record_promotion,
    start_scoring_run,
)
from lenet_pipeline.warehouse.migrations import migrate
from lenet_pipeline.warehouse.queries import (
    CheckResult,
    list_promotions,
    run_audit,
    run_checks,
    run_select,
)
from lenet_pipeline.warehouse.records import (
    GateEvidence,
    ModelVersionRecord,
    PlannedShard,
    PromotionRecord,
    RegistryAlias,
    ScoringRunRecord,
    ShardScoreRecord,
)
from lenet_pipeline.warehouse.statements import (
    Parameter,
    Query,
    list_audits,
    list_checks,
    sql_directory,
)

__all__ = [
    "CheckResult",
    "GateEvidence",
    "ModelVersionRecord",
    "Parameter",
    "PlannedShard",
    "PromotionRecord",
    "Query",
    "RegistryAlias",
    "ScoringRunRecord",
    "ShardScoreRecord",
    "finish_scoring_run",
    "list_audits",
    "list_checks",
    "list_promotions",
    "load_rejects",
    "load_shard_score",
    "migrate",
    "record_model_version",
    "record_promotion",
    "run_audit",
    "run_checks",
    "run_select",
    "sql_directory",
    "start_scoring_run",
]
