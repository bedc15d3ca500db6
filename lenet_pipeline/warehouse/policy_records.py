"""The rows of policies: thresholds, strata and the distribution of the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class PolicyStratum:
    """The threshold of a policy in one stratum of its evidence, such as the digits of one dataset or form.

    Attributes:
        kind: ``dataset`` or ``form``.
        stratum: The name of the dataset before the slash, or of the form.
        basis: ``own`` for a threshold that the stratum's own labels support, ``general`` if they are too few
            for one, ``refuted`` if they show that the general threshold exceeds the limit.
        threshold: The lowest confidence that is accepted; None if nothing is accepted.
        labelled: The number of labelled digits or fields in the stratum.
        accepted: How many of them reach the threshold.
        errors: How many of those are wrong.
        error_bound: The upper bound of the true share of errors.
        labelled_needed: If there is no own threshold, roughly how many labels would be enough for one.
    """

    kind: str
    stratum: str
    basis: str
    threshold: float | None
    labelled: int
    accepted: int
    errors: int
    error_bound: float
    labelled_needed: int | None


@dataclass(frozen=True)
class PolicyHistogram:
    """How the digits of a group of a policy's evidence are distributed in one measure.

    ``evidence`` is ``*`` for the whole evidence, or the name of a part. ``counts`` are digits per bin.
    ``critical`` is the value that the test statistic exceeds by chance once in a thousand times.
    """

    evidence: str
    measure: str
    counts: list[int]
    critical: float


@dataclass(frozen=True)
class PolicyRecord:
    """A policy: which readings of a model version are accepted without review, and the evidence for it.

    Attributes:
        subject: ``digit`` or ``field``.
        model_name: The name of the model.
        model_version: The version whose readings the policy decides on.
        precision: The precision of those readings.
        max_error: The largest share of errors allowed among accepted readings, 0 to 1.
        certainty: The required confidence that this bound holds, 0 to 1.
        threshold: The lowest accepted confidence, or None if nothing is accepted.
        not_a_digit_from: From this value of not_a_digit on, a reading is not a digit.
        review_rate: The share of accepted readings that people review as a sample, 0 to 1.
        review_seed: The seed that draws this sample.
        evidence: The datasets of the labelled digits or fields.
        evidence_fingerprint: Their fingerprint.
        labelled: The number of labelled digits or fields.
        accepted: How many of them reach the threshold.
        errors: How many of those are wrong.
        error_bound: The upper bound of the true share of errors, at the given certainty.
        labelled_needed: If nothing can be accepted, roughly how many labelled ones would be enough.
        recorded_at: When the policy was recorded.
        actor: Who recorded it.
        flow_run_id: The Prefect run that recorded it, if any.
        calibration_slope: The slope of the ``Sigmoid`` for the confidences of fields, fitted on the evidence.
        calibration_offset: Its offset.
        calibration_error: The expected calibration error without the sigmoid.
        calibrated_error: The expected calibration error with a sigmoid fitted on other fields.
        evidence_datasets: The datasets that were named as evidence; None for the gate digits alone.
        if_drift: ``hold`` if readings of a run that differs from the evidence wait for a person, or
            ``accept``; None in policies of earlier releases.
        drift_from: The smallest population stability index that counts as a difference; None if no
            histograms are stored.
        stratified_by: ``dataset`` or ``form``; None without strata.
        strata: The threshold of each stratum.
        histograms: The distribution of the evidence.
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
    evidence_datasets: list[str] | None = None
    if_drift: str | None = None
    drift_from: float | None = None
    stratified_by: str | None = None
    strata: tuple[PolicyStratum, ...] = ()
    histograms: tuple[PolicyHistogram, ...] = ()

    @property
    def accepts_nothing(self) -> bool:
        """Whether no threshold meets the target, in any stratum."""
        return self.threshold is None and all(stratum.threshold is None for stratum in self.strata)
