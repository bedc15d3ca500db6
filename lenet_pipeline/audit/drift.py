"""Drift of a scoring run: measured, stored, and told to whoever listens to Prefect's events."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from scipy.special import gammaincinv

from lenet_pipeline.registry import ResolvedModel
from lenet_pipeline.scoring import LOWER_ENDS
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Observer
from lenet_pipeline.warehouse import Drift, DriftBin, measure_drift, record_drift_reference

EVENT = "lenet.drift"
_BY_CHANCE = 0.001  # how often chance alone may exceed what is critical, a measure and run


def watch_drift(
    scoring_run_id: UUID, dataset: str, resolved: ResolvedModel, settings: Settings, observer: Observer
) -> list[Drift]:
    """Compare a finished run with its version's reference; emit an event where it has drifted.

    The event ``lenet.drift`` has the resource ``lenet.dataset.NAME/SPLIT``: an automation of Prefect can
    answer it with a retraining. A run is measured once, and a version without a reference never.
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
            EVENT,
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
    """Return the value that a chi-squared variable exceeds with probability ``_BY_CHANCE``.

    The same as ``scipy.stats.chi2.ppf``, but without loading ``scipy.stats``, which takes half a second.
    """
    return float(2 * gammaincinv(degrees_of_freedom / 2, 1 - _BY_CHANCE))
