"""Rollbacks: the former champion becomes champion again, with the policies that it had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from lenet_pipeline.audit.promotion import Ledger, Promotion, champion_history, list_champions
from lenet_pipeline.errors import RegistryError
from lenet_pipeline.registry import (
    CHAMPION,
    ModelVersion,
    Registry,
    find_champion,
    move_alias,
    resolve_version,
)
from lenet_pipeline.warehouse import PolicyRecord, PromotionRecord, list_policies_of, list_promotions


def roll_back(ledger: Ledger, registry: Registry, reason: str) -> Promotion:
    """Make the previous champion the champion again, with the policies that it had as champion.

    A policy that was set for it since then is replaced, in the same transaction.

    If the last rollback was interrupted before MLflow's alias moved, this finishes it and rolls back no
    further.

    Raises:
        RegistryError: there is no previous champion.
    """
    promotions = list_promotions(ledger.warehouse)
    history = champion_history(promotions, registry.model_name)
    present = find_champion(registry)
    last = next(reversed(list_champions(ledger.warehouse, registry.model_name)), None)
    if last and last.action == "rollback" and (present is None or present.version != last.model_version):
        move_alias(registry, CHAMPION, last.model_version)
        return Promotion(last)
    if len(history) < 2:
        raise RegistryError(f"no earlier champion of {registry.model_name} to roll back to")
    former = resolve_version(registry, f"{registry.model_name}/{history[-2]}")
    policies = _former_policies(ledger, promotions, former)
    rollback = ledger.record("rollback", CHAMPION, former, present, reason, policies=policies)
    move_alias(registry, CHAMPION, former.version)
    return rollback


def _former_policies(
    ledger: Ledger, promotions: Sequence[PromotionRecord], version: ModelVersion
) -> list[PolicyRecord]:
    """Return the policies that a version had when another replaced it as champion, if others are in force."""
    ended = [
        event.recorded_at
        for event in promotions
        if (event.model_name, event.alias) == (version.name, CHAMPION)
        and event.action in ("promote", "rollback")
        and event.former_version == version.version
    ]
    if not ended:
        return []
    now = datetime.now(UTC)
    in_force = list_policies_of(ledger.warehouse, version.name, version.version)
    former = list_policies_of(ledger.warehouse, version.name, version.version, ended[-1])
    return [
        replace(policy, recorded_at=now, actor=ledger.actor) for policy in former if policy not in in_force
    ]
