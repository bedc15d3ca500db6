"""What the warehouse stores, as values. Times are timezone-aware, in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class ModelVersionRecord:
    """One registered model version and where its weights came from; ``test_accuracy`` is 0 to 1.

    ``trained_on`` says which digits of ``datasets``, named with commas between: those drawn for training,
    or all.
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
    """What the promotion gate saw, in digits of the gate split, and what it made of it.

    ``p_value`` is McNemar's exact one; ``smallest_difference`` is the smallest net difference that these
    disagreements could have shown at the gate's level.
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
    """One event that moved an alias, or was refused to.

    ``action`` is register, promote, refuse or rollback; ``alias`` is challenger or champion. Of a refusal
    the alias is champion, the model version the refused candidate, and the former one the champion that
    stays.
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
class PolicyRecord:
    """Which readings of a model version, in one precision, are accepted unseen, and the evidence for it.

    ``subject`` is digit or field. ``threshold`` is the lowest confidence that is accepted, None where nothing
    is; from ``not_a_digit_from`` on there is no digit. ``evidence`` names the labelled digits or fields, and
    ``labelled`` counts them: ``accepted`` of them reach the threshold, of which ``errors`` are wrong, in all
    no larger a share than ``error_bound``, with the certainty asked for. Where nothing qualifies, about
    ``labelled_needed`` would have done. Of what would be accepted, the share ``review_rate`` is drawn by
    ``review_seed`` for people to look at. The calibration is of fields' confidences, a ``Sigmoid`` fitted on
    the evidence: the expected calibration error is ``calibration_error`` without it, and ``calibrated_error``
    with one that was fitted on other fields.
    """

    subject: str
    model_name: str
    model_version: int
    precision: str
    max_error: float
    certainty: float
    threshold: float | None
    not_a_digit_from: float
    review_rate: float
    review_seed: int
    evidence: str
    evidence_fingerprint: str
    labelled: int
    accepted: int
    errors: int
    error_bound: float
    labelled_needed: int | None
    recorded_at: datetime
    actor: str
    flow_run_id: str | None
    calibration_slope: float | None = None
    calibration_offset: float | None = None
    calibration_error: float | None = None
    calibrated_error: float | None = None


@dataclass(frozen=True)
class PlannedShard:
    """One shard score that a scoring run consists of, scored or not yet."""

    shard_score_id: UUID
    shard_fingerprint: str
    rows: int


@dataclass(frozen=True)
class ScoringRunRecord:
    """One dataset's manifest to be read by one model version, shard by shard in order."""

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
    """One shard that one model version has read: a row of the ledger.

    ``engine`` says what computed it and how; ``predictions_sha256`` digests what it computed, and
    ``ink_counts`` are of its images, by bins. ``seconds`` of
    a run's shards add up to the time it took; None where the predictions lay there already.
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
    """Where the model registry has an alias now."""

    model_name: str
    alias: str
    model_version: int
