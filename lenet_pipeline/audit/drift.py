"""Drift of a scoring run: measure it, store it, and announce it as an event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from scipy.special import gammaincinv

from lenet_pipeline.registry import ResolvedModel
from lenet_pipeline.scoring import DOUBT, LOWER_ENDS
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Event, Observer
from lenet_pipeline.warehouse import (
    Drift,
    DriftBin,
    RunDifference,
    list_run_differences,
    measure_drift,
    record_drift_reference,
)

_FALSE_ALARM_RATE = 0.001  # share of runs without drift that exceed the critical value, per measure


def check_drift(
    scoring_run_id: UUID, dataset: str, resolved: ResolvedModel, settings: Settings, observer: Observer
) -> list[Drift]:
    """Compare a finished run with the reference of its model version, and announce drift.

    The event ``lenet.drift`` names the resource ``lenet.dataset.NAME/SPLIT``, so that a Prefect automation
    can start a retraining. Each run is measured once. Its counts are stored, so that the evidence of each
    policy can be compared with them in SQL.

    Returns:
        One result per measure. Empty if the run was measured before, or the version has no reference.

    Raises:
        WarehouseError: the database cannot be read or written.
    """
    version, reference = resolved.version, resolved.model.reference or {}
    bins = [
        DriftBin(measure, number, lower, count, critical_value(measure))
        for measure, counts in reference.items()
        for number, (lower, count) in enumerate(zip(LOWER_ENDS[measure], counts, strict=True))
    ]
    record_drift_reference(settings.warehouse, version.name, version.version, bins)
    found = measure_drift(settings.warehouse, scoring_run_id, settings.drift_from, datetime.now(UTC))
    drifted = [each for each in found if each.is_drifted]
    if drifted:
        observer.announce(
            Event.DRIFT,
            resource={
                "prefect.resource.id": f"lenet.dataset.{dataset}",
                "prefect.resource.name": dataset,
                "lenet.scoring_run_id": str(scoring_run_id),
                "lenet.model_version": version.reference,
            },
            payload={each.measure: vars(each) for each in drifted},
        )
    return found


def describe_differences(settings: Settings, scoring_run_id: UUID) -> tuple[str, ...]:
    """Describe how a run differs from the evidence of the policies in force, in one line per policy.

    Raises:
        WarehouseError: the database cannot be read.
    """
    found = list_run_differences(settings.warehouse, scoring_run_id)
    return tuple(
        _describe_difference([each for each in found if each.policy_number == number])
        for number in dict.fromkeys(each.policy_number for each in found)
    )


def _describe_difference(differences: Sequence[RunDifference]) -> str:
    first = differences[0]
    measures = ", ".join(
        f"{each.measure} ({each.stability_index:.3f}, alarm from {each.alarm_from:.3f})"
        for each in differences
    )
    consequence = (
        f"its {first.subject}s wait for people until a policy rests on labels of this kind "
        "(`lenet policy set --on DATASET`), or has --if-drift accept"
        if first.is_held
        else f"the policy accepts its {first.subject}s even so"
    )
    return f"differs from the evidence of policy {first.policy_number} in {measures}: {consequence}"


def critical_value(measure: str) -> float:
    """Return the value that the statistic of a measure exceeds by chance with ``_FALSE_ALARM_RATE``.

    It is chi-squared, with one degree of freedom less than the measure has bins. Of doubts, only more than
    before raise an alarm, which halves the chance. The same as ``scipy.stats.chi2.ppf``, but without loading
    ``scipy.stats``, which takes half a second.
    """
    rate = 2 * _FALSE_ALARM_RATE if measure == DOUBT else _FALSE_ALARM_RATE
    return float(2 * gammaincinv((len(LOWER_ENDS[measure]) - 1) / 2, 1 - rate))
