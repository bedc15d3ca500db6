"""Promotion: which version is champion, why, and who decided it.

Each function writes the audit trail first and moves MLflow's alias second. If it is interrupted in between,
the check ``aliases_match_promotions`` reports it, and repeating the promotion repairs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lenet_pipeline.errors import RegistryError
from lenet_pipeline.registry import (
    CHALLENGER,
    CHAMPION,
    TRAIN_SPLIT,
    ModelVersion,
    Registry,
    find_champion,
    move_alias,
    read_version,
    resolve_version,
)
from lenet_pipeline.schema import Labels
from lenet_pipeline.scoring import Engine
from lenet_pipeline.training import Comparison, LabelledDigits, compare, join_digits
from lenet_pipeline.warehouse import (
    GateEvidence,
    PromotionRecord,
    Warehouse,
    list_promotions,
    record_promotion,
)


@dataclass(frozen=True)
class Ledger:
    """Where promotions are recorded, and for which actor."""

    warehouse: Warehouse
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
        """Record one event of a model version, and return the record."""
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
            gate=_gate_evidence(gate) if gate else None,
        )
        record_promotion(self.warehouse, record)
        return record


def record_challenger(ledger: Ledger, registry: Registry, version: ModelVersion) -> PromotionRecord:
    """Record the registration of a version, and make it challenger."""
    reason = f"trained as {version.architecture}"
    record = ledger.record("register", CHALLENGER, version, None, reason)
    move_alias(registry, CHALLENGER, version.version)
    return record


def judge_challenger(
    ledger: Ledger,
    registry: Registry,
    challenger: ModelVersion,
    gates: Mapping[str, LabelledDigits],
    alpha: float,
    device: str,
) -> PromotionRecord:
    """Promote a challenger if it is significantly better than the champion on the gate digits.

    The challenger must be better on all gate digits together, and not significantly worse on any dataset. The
    gate refuses, and leaves the decision to a person, if either version learned from gate digits, or if the
    champion learned from a dataset that has no gate here.

    Args:
        ledger: where the outcome is recorded.
        registry: where the versions are.
        challenger: the version to judge.
        gates: the gate digits of each dataset that either version learned from.
        alpha: the significance level; a p-value below it is significant.
        device: ``auto``, ``cpu`` or ``cuda``.

    Returns:
        The record: ``promote``, or ``refuse`` with the champion that stays as the former version.
    """
    champion = find_champion(registry)
    unfair = _find_unfairness(challenger, champion, gates)
    if unfair:
        return ledger.record("refuse", CHAMPION, challenger, champion, f"{unfair}: promote by hand")
    if champion is None:
        return _promote(ledger, registry, challenger, None, "no champion yet", None)
    digits = join_digits(list(gates.values()))
    readings = (
        _read_digits(registry, champion, digits, device),
        _read_digits(registry, challenger, digits, device),
    )
    comparison = compare(readings[0], readings[1], digits.labels, alpha)
    regression = _find_regression(gates, readings, alpha)
    if comparison.is_better and not regression:
        reason = "significantly better than the champion on the gate split"
        return _promote(ledger, registry, challenger, champion, reason, comparison)
    reason = regression or _describe_refusal(comparison, alpha)
    return ledger.record("refuse", CHAMPION, challenger, champion, reason, comparison)


def promote_version(ledger: Ledger, registry: Registry, version: int, reason: str) -> PromotionRecord:
    """Make a version champion by hand.

    Raises:
        UnknownNameError: there is no such version.
        RegistryError: the version is already the champion.
    """
    chosen = resolve_version(registry, f"{registry.model_name}/{version}")
    champion = find_champion(registry)
    if champion and champion.version == version and _recorded_champion(ledger, registry) == version:
        raise RegistryError(f"{chosen.reference} is already the champion; nothing to do")
    return _promote(ledger, registry, chosen, champion, reason, None)


def roll_back(ledger: Ledger, registry: Registry, reason: str) -> PromotionRecord:
    """Make the previous champion the champion again.

    If the last rollback was interrupted before MLflow's alias moved, this finishes it and rolls back no
    further.

    Raises:
        RegistryError: there is no previous champion.
    """
    promotions = list_promotions(ledger.warehouse)
    history = champion_history(promotions, registry.model_name)
    present = find_champion(registry)
    last = next((event for event in reversed(promotions) if event.action in ("promote", "rollback")), None)
    if last and last.action == "rollback" and (present is None or present.version != last.model_version):
        move_alias(registry, CHAMPION, last.model_version)
        return last
    if len(history) < 2:
        raise RegistryError(f"no earlier champion of {registry.model_name} to roll back to")
    former = resolve_version(registry, f"{registry.model_name}/{history[-2]}")
    record = ledger.record("rollback", CHAMPION, former, present, reason)
    move_alias(registry, CHAMPION, former.version)
    return record


def champion_history(promotions: Sequence[PromotionRecord], model_name: str) -> list[int]:
    """Return the champions that rollbacks would step through, the current one last."""
    history: list[int] = []
    for event in promotions:
        if event.model_name == model_name and event.alias == CHAMPION:
            if event.action == "promote" and history[-1:] != [event.model_version]:
                history.append(event.model_version)
            elif event.action == "rollback":
                history.pop()
    return history


def _find_unfairness(
    challenger: ModelVersion, champion: ModelVersion | None, gates: Mapping[str, LabelledDigits]
) -> str | None:
    """Explain why the gate digits cannot compare two versions fairly; None if they can."""
    for version in (challenger, champion):
        if version and version.trained_on != TRAIN_SPLIT:
            return f"version {version.version} also learned from the gate digits"
    missing = [dataset for dataset in (champion.datasets if champion else ()) if dataset not in gates]
    if missing:
        return f"the champion learned from {', '.join(missing)}, which the lake no longer has"
    return None


def _find_regression(
    gates: Mapping[str, LabelledDigits], readings: tuple[Labels, Labels], alpha: float
) -> str | None:
    """Describe the first dataset on which the challenger is significantly worse, if any."""
    start = 0
    for dataset, digits in gates.items():
        champion, challenger = (labels[start : start + len(digits)] for labels in readings)
        backwards = compare(challenger, champion, digits.labels, alpha)
        if backwards.is_better:
            loss = backwards.challenger_right - backwards.champion_right
            return f"worse than the champion on {dataset}: {loss} fewer of {len(digits)} gate digits right"
        start += len(digits)
    return None


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
    history = champion_history(list_promotions(ledger.warehouse), registry.model_name)
    return history[-1] if history else None


def _read_digits(registry: Registry, version: ModelVersion, digits: LabelledDigits, device: str) -> Labels:
    return Engine(read_version(registry, version).model, device).score(digits.images).labels


def _describe_refusal(comparison: Comparison, alpha: float) -> str:
    gain = comparison.challenger_right - comparison.champion_right
    if gain <= 0:
        fewer = f"{-gain} fewer" if gain else "as many"
        return f"no better than the champion: {fewer} of {comparison.digits} gate digits right"
    return (
        f"not significantly better than the champion: {gain} more of {comparison.digits} gate digits right "
        f"(p = {comparison.p_value:.3g}, must be below {alpha:g})"
    )


def _gate_evidence(comparison: Comparison) -> GateEvidence:
    return GateEvidence(
        gate_digits=comparison.digits,
        champion_right=comparison.champion_right,
        challenger_right=comparison.challenger_right,
        champion_only_right=comparison.champion_only_right,
        challenger_only_right=comparison.challenger_only_right,
        p_value=comparison.p_value,
        smallest_difference=comparison.smallest_difference,
    )
