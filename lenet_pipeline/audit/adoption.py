"""Adopt the packaged model: register it as a version, and make it champion of a home that has none."""

from __future__ import annotations

from dataclasses import dataclass

from lenet_pipeline.audit.model_versions import open_ledger, record_version
from lenet_pipeline.audit.promotion import (
    finish_promotion,
    list_champions,
    promote_version,
    record_challenger,
)
from lenet_pipeline.audit.standing_policies import plot_policies, refit_policies
from lenet_pipeline.registry import (
    CHAMPION,
    ModelVersion,
    find_champion,
    find_packaged_version,
    list_versions,
    read_packaged_model,
    read_version,
    register_packaged_model,
    resolve_version,
)
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer, wait_for_lock
from lenet_pipeline.warehouse import PolicyRecord, PromotionRecord

_LOCK = "adoption.lock"


@dataclass(frozen=True)
class Adoption:
    """The version of the packaged model in this home.

    Attributes:
        version: the version.
        is_new: whether it was registered now, and not by an earlier adoption.
        champion: the champion after the adoption; None if it has no alias in MLflow.
        record: the promotion, if the version became champion now.
        policies: the policies of the new champion.
        missed_targets: policy targets that it cannot meet.
    """

    version: ModelVersion
    is_new: bool
    champion: ModelVersion | None
    record: PromotionRecord | None = None
    policies: tuple[PolicyRecord, ...] = ()
    missed_targets: tuple[str, ...] = ()


def adopt_packaged_model(settings: Settings, observer: Observer = SILENT) -> Adoption:
    """Register the packaged model as a version of this home, and make it champion if there never was one.

    The same packaged model is registered only once. No gate judges it, because a first champion has no rival.

    Raises:
        RegistryError: MLflow cannot store the version, or the package is damaged.
        WarehouseError: the database cannot be written.
    """
    with wait_for_lock(settings.home / _LOCK):
        return _adopt(settings, observer)


def find_or_adopt_champion(settings: Settings, observer: Observer = SILENT) -> ModelVersion | None:
    """Return the champion; in a home without any version, adopt the packaged model and say so.

    A home that has versions but no champion is left as it is, because a person decided that, or has to. So is
    a model on an MLflow server: several machines may score with it, and one of them records its promotions.

    Raises:
        RegistryError: MLflow cannot be read or written.
        WarehouseError: the database cannot be written.
    """
    registry = settings.registry
    with wait_for_lock(settings.home / _LOCK):  # two commands may be the first ones of a home
        champion = find_champion(registry)
        if champion or registry.server:
            return champion
        # A killed adoption may have registered the packaged model without making it champion.
        if not all(version.is_packaged for version in list_versions(registry)):
            return None
        adoption = _adopt(settings, observer)
    if adoption.record is not None:
        observer.warn(
            f"no model version yet: using the packaged model, {adoption.version.reference} "
            f"(see `lenet models show {adoption.version.version}`)"
        )
    return adoption.champion


def resolve_or_adopt(settings: Settings, reference: str, observer: Observer = SILENT) -> ModelVersion:
    """Return the version that a reference names; adopt the packaged model for a champion of an empty home.

    Raises:
        RegistryError: the reference is malformed, or MLflow cannot be read or written.
        UnknownNameError: there is no such model, alias or version.
    """
    registry = settings.registry
    if reference in (CHAMPION, f"{registry.model_name}@{CHAMPION}"):
        champion = find_or_adopt_champion(settings, observer)
        if champion is not None:
            return champion
    return resolve_version(registry, reference)


def _adopt(settings: Settings, observer: Observer) -> Adoption:
    """Adopt the packaged model, under the lock."""
    registry, packaged = settings.registry, read_packaged_model()
    ledger = open_ledger(settings, observer.flow_run_id)
    found = find_packaged_version(registry, packaged)
    version = found or register_packaged_model(registry, packaged, settings.actor, observer.flow_run_id)
    record_version(settings, read_version(registry, version), observer.flow_run_id)
    if list_versions(registry)[-1].version == version.version:  # otherwise a newer one is challenger
        record_challenger(ledger, registry, version, f"packaged in release {packaged.training.release}")
    champions = list_champions(settings.warehouse, registry.model_name)
    if champions and champions[-1].model_version == version.version:
        finish_promotion(ledger, registry)  # a killed adoption may have recorded it without the alias
    champion = find_champion(registry)
    if champion or champions:
        return Adoption(version, found is None, champion)
    refit = refit_policies(settings, version, None)
    promotion = promote_version(ledger, registry, version.version, "packaged; no champion yet", refit.records)
    plot_policies(settings, promotion.policy_numbers, refit.proposed, observer)
    policies = tuple(refit.records) if promotion.policy_numbers else ()
    version = resolve_version(registry, version.reference)  # with its new aliases
    return Adoption(version, found is None, version, promotion.record, policies, refit.problems)
