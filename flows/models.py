"""A home's model registry, and what the audit trail keeps of its versions."""

from __future__ import annotations

from prefect import runtime

from lenet_pipeline.promotion import Ledger, promote_version
from lenet_pipeline.registry import ModelVersion, Registry, ResolvedModel, read_version, resolve_version
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import ModelVersionRecord, PromotionRecord, record_model_version


def open_registry(settings: Settings) -> Registry:
    """Name the registry of a home."""
    return Registry(settings.mlflow_database, settings.mlflow_artifacts)


def open_ledger(settings: Settings) -> Ledger:
    """Name the ledger of promotions of a home, with whoever writes in it."""
    return Ledger(settings.database, settings.database_wait_s, settings.actor, runtime.flow_run.id)


def find_version(registry: Registry, reference: str) -> ModelVersion:
    """Return the version that ``3``, ``champion``, ``digits/3`` or ``digits@champion`` names now.

    Raises:
        RegistryError: the reference is malformed.
        UnknownNameError: there is no such model, alias or version.
    """
    if not {"/", "@"} & set(reference):
        reference = f"{registry.model_name}{'/' if reference.isdecimal() else '@'}{reference}"
    return resolve_version(registry, reference)


def promote_by_hand(settings: Settings, version: int, reason: str) -> PromotionRecord:
    """Make a version champion on a person's word, recorded even where its training was cut off.

    Raises:
        UnknownNameError: there is no such version.
        RegistryError: it is the champion already.
    """
    registry = open_registry(settings)
    chosen = resolve_version(registry, f"{registry.model_name}/{version}")
    record_version(settings, read_version(registry, chosen))
    return promote_version(open_ledger(settings), registry, version, reason)


def record_version(settings: Settings, resolved: ResolvedModel) -> None:
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
        flow_run_id=runtime.flow_run.id,
        effort=version.effort,
        trained_on=version.trained_on,
        datasets=", ".join(version.datasets),
    )
    record_model_version(settings.database, settings.database_wait_s, record)
