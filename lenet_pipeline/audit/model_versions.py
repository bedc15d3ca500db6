"""Record the model versions of a home, and their promotions."""

from __future__ import annotations

from lenet_pipeline.audit.promotion import Ledger
from lenet_pipeline.registry import ResolvedModel
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import ModelVersionRecord, record_model_version


def open_ledger(settings: Settings, flow_run_id: str | None = None) -> Ledger:
    """Return the ledger that records the promotions of a home."""
    return Ledger(settings.warehouse, settings.actor, flow_run_id)


def record_version(settings: Settings, resolved: ResolvedModel, flow_run_id: str | None = None) -> None:
    """Record a model version in the warehouse. Recording it again changes nothing."""
    version = resolved.version
    record = ModelVersionRecord(
        model_name=version.name,
        model_version=version.version,
        architecture=version.architecture,
        recipe=version.recipe,
        training_run_id=version.training_run_id,
        weights_sha256=resolved.weights_sha256,
        preprocessing_fingerprint=resolved.model.preprocessing.fingerprint,
        training_fingerprint=version.training_fingerprint,
        temperature=resolved.model.temperature,
        code_revision=version.code_revision,
        test_accuracy=version.metrics.get("test_accuracy"),
        registered_at=version.registered_at,
        actor=version.actor,
        flow_run_id=flow_run_id,
        effort=version.effort,
        trained_on=version.trained_on,
        datasets=", ".join(version.datasets),
    )
    record_model_version(settings.warehouse, record)
