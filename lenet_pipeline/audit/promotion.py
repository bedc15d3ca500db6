"""Promotion: which version is champion, why, and on whose word. The record first, then the alias.

The audit trail is written before MLflow's alias moves: if the two are cut apart, the check
``aliases_match_promotions`` finds it, and promoting again sets it right.
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
    """Where promotions are recorded, and who decides them."""

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
        record_promotion(self.warehouse, record)
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
    gates: Mapping[str, LabelledDigits],
    alpha: float,
    device: str,
) -> PromotionRecord:
    """Promote a challenger if it is better than the champion on the gates' digits beyond noise.

    It must be better on all of them together, and on none of the datasets worse beyond noise. Where
    either learned from those digits, or the champion from a dataset that is not among them, nothing can
    be judged: that is left to a person.

    Args:
        ledger: where the outcome is recorded.
        registry: where the versions are.
        challenger: the version to judge.
        gates: by dataset, the digits of its gate split: of each that either version learned from.
        alpha: the p-value to stay below.
        device: ``auto``, ``cpu`` or ``cuda``.

    Returns:
        What was recorded: ``promote``, or ``refuse`` with the champion that stays as former version.
    """
    champion = find_champion(registry)
    unfair = _why_unfair(challenger, champion, gates)
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
    worse = _where_worse(gates, readings, alpha)
    if comparison.is_better and not worse:
        reason = "better than the champion on the gate split beyond noise"
        return _promote(ledger, registry, challenger, champion, reason, comparison)
    reason = worse or _refusal(comparison, alpha)
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
    promotions = list_promotions(ledger.warehouse)
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


def _why_unfair(
    challenger: ModelVersion, champion: ModelVersion | None, gates: Mapping[str, LabelledDigits]
) -> str | None:
    """Say why the gates' digits cannot judge these two, if so."""
    for version in (challenger, champion):
        if version and version.trained_on != TRAIN_SPLIT:
            return f"version {version.version} learned from the gate's digits too"
    missing = [dataset for dataset in (champion.datasets if champion else ()) if dataset not in gates]
    if missing:
        return f"the champion learned from {', '.join(missing)}, which the lake has no more"
    return None


def _where_worse(
    gates: Mapping[str, LabelledDigits], readings: tuple[Labels, Labels], alpha: float
) -> str | None:
    """Name the first dataset that the champion reads better than the challenger beyond noise, if any."""
    start = 0
    for dataset, digits in gates.items():
        champion, challenger = (labels[start : start + len(digits)] for labels in readings)
        backwards = compare(challenger, champion, digits.labels, alpha)
        if backwards.is_better:
            loss = backwards.challenger_right - backwards.champion_right
            return f"worse than the champion on {dataset}: -{loss} of {len(digits)} gate digits"
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
    reigns = champion_reigns(list_promotions(ledger.warehouse), registry.model_name)
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
