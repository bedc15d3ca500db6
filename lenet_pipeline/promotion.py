"""Promotion: which version is champion, why, and on whose word. The record first, then the alias.

The audit trail is written before MLflow's alias moves: if the two are cut apart, the check
``aliases_match_promotions`` finds it, and promoting again sets it right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lenet_pipeline.engine import Engine
from lenet_pipeline.errors import RegistryError
from lenet_pipeline.evaluation import Comparison, compare
from lenet_pipeline.registry import (
    ALL_DIGITS,
    CHALLENGER,
    CHAMPION,
    ModelVersion,
    Registry,
    find_champion,
    move_alias,
    read_version,
    resolve_version,
)
from lenet_pipeline.training_sets import LabelledDigits, Labels
from lenet_pipeline.warehouse import GateEvidence, PromotionRecord, list_promotions, record_promotion


@dataclass(frozen=True)
class Ledger:
    """Where promotions are recorded, and on whose word: the database, how long to wait for it, the actor."""

    database: Path
    wait_s: float
    actor: str
    flow_run_id: str | None = None

    def record(
        self,
        action: str,
        alias: str,
        version: ModelVersion,
        former: ModelVersion | None,
        reason: str,
        gate: Comparison | None = None,
    ) -> PromotionRecord:
        """Write one event of a version's life."""
        record = PromotionRecord(
            model_name=version.name,
            action=action,
            alias=alias,
            model_version=version.version,
            former_version=former.version if former else None,
            reason=reason,
            recorded_at=datetime.now(UTC),
            actor=self.actor,
            flow_run_id=self.flow_run_id,
            gate=_evidence(gate) if gate else None,
        )
        record_promotion(self.database, self.wait_s, record)
        return record


def record_challenger(ledger: Ledger, registry: Registry, version: ModelVersion) -> PromotionRecord:
    """Record that a version was registered, and make it challenger."""
    reason = f"trained as {version.architecture}"
    record = ledger.record("register", CHALLENGER, version, None, reason)
    move_alias(registry, CHALLENGER, version.version)
    return record


def judge_challenger(
    ledger: Ledger,
    registry: Registry,
    challenger: ModelVersion,
    gate: LabelledDigits,
    alpha: float,
    device: str,
) -> PromotionRecord:
    """Promote a challenger if it is better than the champion on the gate's digits beyond noise.

    Where either learned from those digits, nothing can be judged by them: that is left to a person.

    Args:
        ledger: where the outcome is recorded.
        registry: where the versions are.
        challenger: the version to judge.
        gate: digits that neither version ever trained on.
        alpha: the p-value to stay below.
        device: ``auto``, ``cpu`` or ``cuda``.

    Returns:
        What was recorded: ``promote``, or ``refuse`` with the champion that stays as former version.
    """
    champion = find_champion(registry)
    for version in (challenger, champion):
        if version and version.trained_on == ALL_DIGITS:
            reason = f"version {version.version} learned from the gate's digits too: promote by hand"
            return ledger.record("refuse", CHAMPION, challenger, champion, reason)
    if champion is None:
        return _promote(ledger, registry, challenger, None, "no champion yet", None)
    comparison = compare(
        _read_digits(registry, champion, gate, device),
        _read_digits(registry, challenger, gate, device),
        gate.labels,
        alpha,
    )
    if comparison.is_better:
        reason = "better than the champion on the gate split beyond noise"
        return _promote(ledger, registry, challenger, champion, reason, comparison)
    reason = _refusal(comparison, alpha)
    return ledger.record("refuse", CHAMPION, challenger, champion, reason, comparison)


def promote_version(ledger: Ledger, registry: Registry, version: int, reason: str) -> PromotionRecord:
    """Make a version champion on a person's word.

    Raises:
        UnknownNameError: there is no such version.
        RegistryError: it is the champion already.
    """
    chosen = resolve_version(registry, f"{registry.model_name}/{version}")
    champion = find_champion(registry)
    if champion and champion.version == version and _recorded_champion(ledger, registry) == version:
        raise RegistryError(f"{chosen.reference} is the champion already; nothing to do")
    return _promote(ledger, registry, chosen, champion, reason, None)


def roll_back(ledger: Ledger, registry: Registry, reason: str) -> PromotionRecord:
    """Make the champion before the present one champion again.

    Where the last rollback was cut off between its record and MLflow's alias, it is carried out, and not
    done twice.

    Raises:
        RegistryError: there was none.
    """
    promotions = list_promotions(ledger.database, ledger.wait_s)
    reigns = champion_reigns(promotions, registry.model_name)
    present = find_champion(registry)
    last = next((event for event in reversed(promotions) if event.action in ("promote", "rollback")), None)
    if last and last.action == "rollback" and (present is None or present.version != last.model_version):
        move_alias(registry, CHAMPION, last.model_version)
        return last
    if len(reigns) < 2:
        raise RegistryError(f"no earlier champion of {registry.model_name} to roll back to")
    former = resolve_version(registry, f"{registry.model_name}/{reigns[-2]}")
    record = ledger.record("rollback", CHAMPION, former, present, reason)
    move_alias(registry, CHAMPION, former.version)
    return record


def champion_reigns(promotions: Sequence[PromotionRecord], model_name: str) -> list[int]:
    """Return the versions that rolling back would go through, the present champion last."""
    reigns: list[int] = []
    for event in promotions:
        if event.model_name == model_name and event.alias == CHAMPION:
            if event.action == "promote" and reigns[-1:] != [event.model_version]:
                reigns.append(event.model_version)
            elif event.action == "rollback":
                reigns.pop()
    return reigns


def _promote(
    ledger: Ledger,
    registry: Registry,
    version: ModelVersion,
    former: ModelVersion | None,
    reason: str,
    gate: Comparison | None,
) -> PromotionRecord:
    record = ledger.record("promote", CHAMPION, version, former, reason, gate)
    move_alias(registry, CHAMPION, version.version)
    return record


def _recorded_champion(ledger: Ledger, registry: Registry) -> int | None:
    reigns = champion_reigns(list_promotions(ledger.database, ledger.wait_s), registry.model_name)
    return reigns[-1] if reigns else None


def _read_digits(registry: Registry, version: ModelVersion, digits: LabelledDigits, device: str) -> Labels:
    return Engine(read_version(registry, version).model, device).score(digits.images).labels


def _refusal(comparison: Comparison, alpha: float) -> str:
    gain = comparison.challenger_right - comparison.champion_right
    if gain <= 0:
        return f"no better than the champion: {gain:+d} of {comparison.digits} gate digits"
    return (
        f"{gain:+d} of {comparison.digits} gate digits is within noise (p = {comparison.p_value:.3g}, "
        f"needed below {alpha:g})"
    )


def _evidence(comparison: Comparison) -> GateEvidence:
    return GateEvidence(
        gate_digits=comparison.digits,
        champion_right=comparison.champion_right,
        challenger_right=comparison.challenger_right,
        champion_only_right=comparison.champion_only_right,
        challenger_only_right=comparison.challenger_only_right,
        p_value=comparison.p_value,
        smallest_difference=comparison.smallest_difference,
    )
