"""Drift of a scoring run: measure it, store it, and announce it as an event."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from scipy.special import gammaincinv

from lenet_pipeline.registry import ResolvedModel
from lenet_pipeline.scoring import LOWER_ENDS
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Event, Observer
from lenet_pipeline.warehouse import Drift, DriftBin, measure_drift, record_drift_reference

_FALSE_ALARM_RATE = 0.001  # share of runs without drift that exceed the critical value, per measure


def check_drift(
    scoring_run_id: UUID, dataset: str, resolved: ResolvedModel, settings: Settings, observer: Observer
) -> list[Drift]:
    """Compare a finished run with the reference of its model version, and announce drift.

    The event ``lenet.drift`` names the resource ``lenet.dataset.NAME/SPLIT``, so that a Prefect automation
    can start a retraining. Each run is measured once.

    Returns:
        One result per measure. Empty if the run was measured before, or the version has no reference.

    Raises:
        WarehouseError: the database cannot be read or written.
    """
    reference = resolved.model.reference
    if reference is None:
        return []
    version = resolved.version
    bins = [
        DriftBin(measure, number, lower, count, _critical_value(len(counts) - 1))
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


def _critical_value(degrees_of_freedom: int) -> float:
    """Return the value that a chi-squared variable exceeds with probability ``_FALSE_ALARM_RATE``.

    The same as ``scipy.stats.chi2.ppf``, but without loading ``scipy.stats``, which takes half a second.
    """
    return float(2 * gammaincinv(degrees_of_freedom / 2, 1 - _FALSE_ALARM_RATE))
