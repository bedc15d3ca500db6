"""Promotions by hand: a person makes a version champion, possibly one that the gate refused."""

from __future__ import annotations

from dataclasses import dataclass

from lenet_pipeline.audit.model_versions import open_ledger, record_version
from lenet_pipeline.audit.promotion import find_verdict, promote_version
from lenet_pipeline.audit.standing_policies import plot_policies, refit_policies
from lenet_pipeline.registry import find_champion, read_version, resolve_version
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer
from lenet_pipeline.warehouse import PolicyRecord, PromotionRecord


@dataclass(frozen=True)
class HandPromotion:
    """A promotion by hand: the event, the policies of the new champion, and the targets that they miss."""

    record: PromotionRecord
    policies: tuple[PolicyRecord, ...]
    missed_targets: tuple[str, ...]


def promote_by_hand(
    settings: Settings, reference: str, reason: str, observer: Observer = SILENT
) -> HandPromotion:
    """Make a version champion by hand, with policies that meet the targets of the former champion's.

    The version is recorded first if an interrupted training did not record it.

    Raises:
        UnknownNameError: there is no such version.
        RegistryError: the version is already the champion.
    """
    registry = settings.registry
    chosen = resolve_version(registry, reference)
    record_version(settings, read_version(registry, chosen))
    champion = find_champion(registry)
    refit = refit_policies(settings, chosen, champion if champion != chosen else None)
    promotion = promote_version(open_ledger(settings), registry, chosen.version, reason, refit.records)
    plot_policies(settings, promotion.policy_numbers, refit.proposed, observer)
    policies = tuple(refit.records) if promotion.policy_numbers else ()
    return HandPromotion(promotion.record, policies, refit.problems)


def find_refusal(settings: Settings, reference: str) -> PromotionRecord | None:
    """Return the gate's refusal of a version, if that was its last verdict.

    Raises:
        UnknownNameError: there is no such version.
    """
    verdict = find_verdict(open_ledger(settings), resolve_version(settings.registry, reference))
    return verdict if verdict and verdict.action == "refuse" else None
