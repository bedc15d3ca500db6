"""A home's model registry, and what the audit trail keeps of its versions."""

from __future__ import annotations

from lenet_pipeline.audit.promotion import Ledger, promote_version
from lenet_pipeline.registry import ModelVersion, Registry, ResolvedModel, read_version, resolve_version
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import ModelVersionRecord, PromotionRecord, record_model_version


def open_ledger(settings: Settings, flow_run_id: str | None = None) -> Ledger:
    """Return a home's ledger of promotions, with the actor who writes in it."""
    return Ledger(settings.warehouse, settings.actor, flow_run_id)


def find_version(registry: Registry, reference: str) -> ModelVersion:
    """Return the version that ``3``, ``champion``, ``digits/3`` or ``digits@champion`` names now.

    Raises:
        RegistryError: the reference is malformed.
        UnknownNameError: there is no such model, alias or version.
    """
    if not {"/", "@"} & set(reference):
        reference = f"{registry.model_name}{'/' if reference.isdecimal() else '@'}{reference}"
    return resolve_version(registry, reference)


def promote_by_hand(settings: Settings, reference: str, reason: str) -> PromotionRecord:
    """Make a version champion on a person's word, recorded even where its training was cut off.

    Raises:
        UnknownNameError: there is no such version.
        RegistryError: it is the champion already.
    """
    registry = settings.registry
    chosen = find_version(registry, reference)
    record_version(settings, read_version(registry, chosen))
    return promote_version(open_ledger(settings), registry, chosen.version, reason)


def record_version(settings: Settings, resolved: ResolvedModel, flow_run_id: str | None = None) -> None:
    """Record a model version in the warehouse; once is enough, and again changes nothing."""
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
