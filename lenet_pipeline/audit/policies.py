"""Policies: which readings of a model version are accepted without review, and the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lenet_pipeline.audit.chain import publish_chain_head
from lenet_pipeline.audit.guarantee import risk_coverage
from lenet_pipeline.audit.model_versions import record_version
from lenet_pipeline.audit.policy_evidence import Evidence, read_labelled_fields, score_labelled_digits
from lenet_pipeline.audit.policy_queries import DIGIT, FIELD
from lenet_pipeline.audit.policy_strata import Target, Thresholds, find_thresholds
from lenet_pipeline.errors import PolicyError
from lenet_pipeline.registry import ModelVersion, read_version, resolve_version
from lenet_pipeline.scoring import FLOAT32
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import describe_os_error, written_whole
from lenet_pipeline.training import calibrate_unseen, fit_sigmoid, measure_reliability
from lenet_pipeline.warehouse import PolicyRecord, find_schedule, record_policy, refresh_snapshot

HOLD = "hold"


@dataclass(frozen=True)
class PolicyTerms:
    """The guarantee that a policy must give, its readings and its evidence.

    Attributes:
        max_error: largest error rate among accepted readings, 0 to 1.
        certainty: probability with which ``max_error`` holds, 0 to 1.
        datasets: labelled digits that the version never learned from; the gate splits of its datasets if
            empty. For fields, one dataset whose true values `lenet forms evaluate` recorded.
        with_gates: rest on the gate splits in addition to ``datasets``.
        model: the model version, such as ``champion``.
        subject: ``digit`` or ``field``.
        precision: of the scoring runs that the policy applies to.
        not_a_digit_from: ``not_a_digit`` from which a reading counts as no digit, 0 to 1.
        review_rate: share of accepted readings that still go to review, 0 to 1.
        review_seed: seed of that sample.
        per: ``dataset`` or ``form`` for a threshold of each, in addition to the general one.
        if_drift: ``hold`` if the readings of a run that differs from the evidence wait for a person, or
            ``accept``. If None, the retraining schedule decides, or else ``hold``.
    """

    max_error: float
    certainty: float
    datasets: tuple[str, ...] = ()
    with_gates: bool = False
    model: str = "champion"
    subject: str = DIGIT
    precision: str = FLOAT32
    not_a_digit_from: float = 0.5
    review_rate: float = 0.01
    review_seed: int = 0
    per: str | None = None
    if_drift: str | None = None


@dataclass(frozen=True)
class ProposedPolicy:
    """A policy that is not in force yet, with its evidence.

    ``refuted_by`` names the part of the evidence that makes the general threshold impossible, if any.
    """

    record: PolicyRecord
    evidence: Evidence
    refuted_by: str | None = None

    @property
    def accepts_nothing(self) -> bool:
        """Whether no threshold meets the terms, in any stratum."""
        return self.record.accepts_nothing


@dataclass(frozen=True)
class SetPolicy:
    """A policy in force: its number, its record, and the plot of its evidence."""

    number: int
    record: PolicyRecord
    plot: Path


def propose_policy(settings: Settings, terms: PolicyTerms) -> ProposedPolicy:
    """Find the lowest threshold that meets the terms. This records the model version, but no policy.

    Raises:
        PolicyError: no labelled digits or fields exist that the version never learned from.
        UnknownNameError: there is no such version or dataset.
    """
    resolved = read_version(settings.registry, resolve_version(settings.registry, terms.model))
    record_version(settings, resolved)
    if terms.subject == FIELD:
        evidence = read_labelled_fields(
            settings, resolved.version, terms.datasets, terms.precision, terms.per
        )
    else:
        evidence = score_labelled_digits(
            settings,
            resolved,
            terms.datasets,
            terms.precision,
            terms.not_a_digit_from,
            with_gates=terms.with_gates,
            per=terms.per,
        )
    found = find_thresholds(evidence, Target(terms.max_error, terms.certainty))
    record = _record(settings, resolved.version, terms, evidence, found)
    if terms.subject == FIELD:
        record = _with_calibration(record, evidence)
    return ProposedPolicy(record, evidence, found.refuted_by)


def set_policy(settings: Settings, proposed: ProposedPolicy) -> SetPolicy:
    """Record a proposed policy, which puts it in force, and plot its evidence.

    Raises:
        WarehouseError: the database cannot be written.
        PolicyError: the plot cannot be written.
    """
    number = record_policy(settings.warehouse, proposed.record)
    publish_chain_head(settings)
    refresh_snapshot(settings.warehouse)
    return SetPolicy(number, proposed.record, plot_policy(settings, number, proposed))


def _record(
    settings: Settings, version: ModelVersion, terms: PolicyTerms, evidence: Evidence, found: Thresholds
) -> PolicyRecord:
    schedule, general = find_schedule(settings.warehouse), found.general
    return PolicyRecord(
        subject=terms.subject,
        model_name=version.name,
        model_version=version.version,
        precision=terms.precision,
        max_error=terms.max_error,
        certainty=terms.certainty,
        threshold=general.threshold,
        not_a_digit_from=terms.not_a_digit_from,
        review_rate=terms.review_rate,
        review_seed=terms.review_seed,
        evidence=evidence.description,
        evidence_fingerprint=evidence.fingerprint,
        labelled=general.digits,
        accepted=general.accepted,
        errors=general.errors,
        error_bound=general.bound,
        labelled_needed=general.digits_needed,
        recorded_at=datetime.now(UTC),
        actor=settings.actor,
        flow_run_id=None,
        evidence_datasets=list(terms.datasets) or None,
        if_drift=terms.if_drift or (schedule.if_drift if schedule else HOLD),
        drift_from=settings.drift_from,
        stratified_by=terms.per,
        strata=found.strata,
        histograms=found.histograms,
    )


def _with_calibration(record: PolicyRecord, evidence: Evidence) -> PolicyRecord:
    """Add a calibration of the confidences of fields that need no review.

    The threshold still applies to the uncalibrated confidence: calibration keeps the order, and was fitted
    on the same fields.
    """
    confidences, is_right = evidence.acceptable
    if not len(confidences):
        return record
    sigmoid = fit_sigmoid(confidences, is_right)
    unseen = calibrate_unseen(confidences, is_right)
    return replace(
        record,
        calibration_slope=sigmoid.slope,
        calibration_offset=sigmoid.offset,
        calibration_error=measure_reliability(confidences, is_right).expected_error,
        calibrated_error=measure_reliability(unseen, is_right).expected_error,
    )


def plot_policy(settings: Settings, number: int, proposed: ProposedPolicy) -> Path:
    """Plot the risk-coverage curve of the evidence, with the target and the share accepted.

    Raises:
        PolicyError: the plot cannot be written.
    """
    from lenet_pipeline.training import draw_risk_coverage

    record, evidence = proposed.record, proposed.evidence
    coverages, risks = risk_coverage(evidence.confidences, evidence.is_right)
    accepted = record.accepted / record.labelled if record.threshold is not None else None
    title = f"policy {number}: {evidence.description}"
    figure = draw_risk_coverage(coverages, risks, record.max_error, accepted, title)
    path = settings.plots / f"policy-{number}.png"
    try:
        with written_whole(path) as temporary:
            figure.savefig(temporary, format="png", dpi=120)
    except OSError as exc:
        raise PolicyError(
            f"policy {number} is in force, but its plot {path} cannot be written: {describe_os_error(exc)}"
        ) from exc
    return path
