"""The records that the warehouse stores. Times are timezone-aware, in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class ModelVersionRecord:
    """One registered model version and its origin.

    ``test_accuracy`` is 0 to 1. ``datasets`` lists the training datasets, separated by commas. ``trained_on``
    tells whether their train split or all their digits were used.
    """

    model_name: str
    model_version: int
    architecture: str
    recipe: str
    training_run_id: str
    weights_sha256: str
    preprocessing_fingerprint: str
    training_fingerprint: str
    temperature: float
    code_revision: str
    test_accuracy: float | None
    registered_at: datetime
    actor: str
    flow_run_id: str | None
    effort: str
    trained_on: str
    datasets: str


@dataclass(frozen=True)
class GateEvidence:
    """The evidence of the promotion gate, counted in digits of the gate split.

    ``p_value`` is that of McNemar's exact test. ``smallest_difference`` is the smallest net difference that
    would be significant at the gate's level, given the number of disagreements.
    """

    gate_digits: int
    champion_right: int
    challenger_right: int
    champion_only_right: int
    challenger_only_right: int
    p_value: float
    smallest_difference: int


@dataclass(frozen=True)
class PromotionRecord:
    """One event that moved an alias, or one that the gate refused.

    ``action`` is register, promote, refuse or rollback; ``alias`` is challenger or champion. In a refusal,
    ``alias`` is champion, ``model_version`` is the refused candidate, and ``former_version`` is the champion
    that stays.
    """

    model_name: str
    action: str
    alias: str
    model_version: int
    former_version: int | None
    reason: str
    recorded_at: datetime
    actor: str
    flow_run_id: str | None
    gate: GateEvidence | None


@dataclass(frozen=True)
class PlannedShard:
    """One shard score of a scoring run, whether it is scored yet or not."""

    shard_score_id: UUID
    shard_fingerprint: str
    rows: int


@dataclass(frozen=True)
class ScoringRunRecord:
    """A scoring run: one manifest scored by one model version, with its shards in order."""

    scoring_run_id: UUID
    dataset: str
    manifest_version: int
    manifest_fingerprint: str
    model_name: str
    model_version: int
    preprocessing_fingerprint: str
    precision: str
    started_at: datetime
    actor: str
    flow_run_id: str | None
    shards: tuple[PlannedShard, ...]


@dataclass(frozen=True)
class ShardScoreRecord:
    """A row of the ledger: one shard scored by one model version.

    ``engine`` describes what computed it and how. ``predictions_sha256`` is the sha256 over the predictions.
    ``ink_counts`` counts the images by amount of ink. ``seconds`` is this shard's part of the run's duration,
    or None if the predictions existed already.
    """

    shard_score_id: UUID
    shard_fingerprint: str
    model_name: str
    model_version: int
    preprocessing_fingerprint: str
    precision: str
    rows: int
    predictions_sha256: str
    ink_counts: tuple[int, ...]
    device: str
    engine: str
    seconds: float | None
    scored_at: datetime
    actor: str
    flow_run_id: str | None


@dataclass(frozen=True)
class RegistryAlias:
    """An alias in the model registry and the version that it points to now."""

    model_name: str
    alias: str
    model_version: int


@dataclass(frozen=True)
class LoadedVersion:
    """A model version that was just loaded from the model registry, or the problem if it does not load."""

    model_name: str
    model_version: int
    weights_sha256: str | None
    problem: str | None = None
