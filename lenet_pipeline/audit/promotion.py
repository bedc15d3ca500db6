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
    PolicyRecord,
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
        policies: Sequence[PolicyRecord] = (),
    ) -> Promotion:
        """Record one event of a model version, and put policies in force in the same transaction."""
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
        return Promotion(record, tuple(record_promotion(self.warehouse, record, policies)))


@dataclass(frozen=True)
class Promotion:
    """A recorded event, and the numbers of the policies that it put in force."""

    record: PromotionRecord
    policy_numbers: tuple[int, ...] = ()


@dataclass(frozen=True)
class GateVerdict:
    """The verdict of the gate.

    Attributes:
        challenger: the version that was judged.
        champion: the champion that it was compared with; None if there is none.
        is_passed: whether the challenger may become champion.
        reason: why it may, or why not.
        comparison: the counts; None if the gate did not compare the two.
    """

    challenger: ModelVersion
    champion: ModelVersion | None
    is_passed: bool
    reason: str
    comparison: Comparison | None = None


def record_challenger(
    ledger: Ledger, registry: Registry, version: ModelVersion, origin: str | None = None
) -> None:
    """Record the registration of a version, unless it is recorded, and make it challenger.

    ``origin`` says where the version comes from; by default, it was trained here.
    """
    registered = ("register", version.name, version.version)
    events = list_promotions(ledger.warehouse)
    if registered not in [(event.action, event.model_name, event.model_version) for event in events]:
        reason = origin or f"trained as {version.architecture}"
        ledger.record("register", CHALLENGER, version, None, reason)
    move_alias(registry, CHALLENGER, version.version)


def judge_challenger(
    registry: Registry,
    challenger: ModelVersion,
    gates: Mapping[str, LabelledDigits],
    alpha: float,
    device: str,
) -> GateVerdict:
    """Judge whether a challenger is significantly better than the champion on the gate digits.

    The challenger must be better on all gate digits together, and not significantly worse on any dataset. The
    gate refuses, and leaves the decision to a person, if either version learned from gate digits, or if the
    champion learned from a dataset that has no gate here. A packaged champion learned elsewhere, so the gate
    digits of the challenger are enough. Nothing is recorded.

    Args:
        registry: where the versions are.
        challenger: the version to judge.
        gates: the gate digits of each dataset that either version learned from.
        alpha: the significance level; a p-value below it is significant.
        device: ``auto``, ``cpu`` or ``cuda``.
    """
    champion = find_champion(registry)
    unfair = _find_unfairness(challenger, champion, gates)
    if unfair:
        return GateVerdict(challenger, champion, False, f"{unfair}: promote by hand")
    if champion is None:
        return GateVerdict(challenger, None, True, "no champion yet")
    digits = join_digits(list(gates.values()))
    readings = (
        _read_digits(registry, champion, digits, device),
        _read_digits(registry, challenger, digits, device),
    )
    comparison = compare(readings[0], readings[1], digits.labels, alpha)
    regression = _find_regression(gates, readings, alpha)
    if comparison.is_better and not regression:
        reason = "significantly better than the champion on the gate split"
        return GateVerdict(challenger, champion, True, reason, comparison)
    reason = regression or _describe_refusal(comparison, alpha)
    return GateVerdict(challenger, champion, False, reason, comparison)


def carry_out_verdict(
    ledger: Ledger, registry: Registry, verdict: GateVerdict, policies: Sequence[PolicyRecord] = ()
) -> Promotion:
    """Record a verdict, and make the challenger champion if it passed.

    The promotion and the policies of the new champion take effect in one transaction.

    Returns:
        The event: ``promote``, or ``refuse`` with the champion that stays as the former version.
    """
    challenger, champion = verdict.challenger, verdict.champion
    if verdict.is_passed:
        return _promote(ledger, registry, challenger, champion, verdict.reason, verdict.comparison, policies)
    return ledger.record("refuse", CHAMPION, challenger, champion, verdict.reason, verdict.comparison)


def find_verdict(ledger: Ledger, version: ModelVersion) -> PromotionRecord | None:
    """Return the newest event ``promote`` or ``refuse`` of a version; None if it was never judged."""
    for event in reversed(list_promotions(ledger.warehouse)):
        is_verdict = event.action in ("promote", "refuse") and event.alias == CHAMPION
        if is_verdict and (event.model_name, event.model_version) == (version.name, version.version):
            return event
    return None


def list_champions(warehouse: Warehouse, model_name: str) -> list[PromotionRecord]:
    """Return the events that made a version champion, promotions and rollbacks, oldest first."""
    return [
        event
        for event in list_promotions(warehouse)
        if event.model_name == model_name and event.action in ("promote", "rollback")
    ]


def finish_promotion(ledger: Ledger, registry: Registry) -> bool:
    """Move MLflow's alias as the newest promotion or rollback says, if a killed job did not.

    An alias that a person moved elsewhere in MLflow stays; a check reports it.

    Returns:
        Whether the alias moved.
    """
    events = list_champions(ledger.warehouse, registry.model_name)
    if not events:
        return False
    champion = find_champion(registry)
    present, last = champion.version if champion else None, events[-1]
    if present == last.model_version or present != last.former_version:
        return False
    move_alias(registry, CHAMPION, last.model_version)
    return True


def promote_version(
    ledger: Ledger,
    registry: Registry,
    version: int,
    reason: str,
    policies: Sequence[PolicyRecord] = (),
) -> Promotion:
    """Make a version champion by hand, and put its policies in force in the same transaction.

    Raises:
        UnknownNameError: there is no such version.
        RegistryError: the version is already the champion.
    """
    chosen = resolve_version(registry, f"{registry.model_name}/{version}")
    champion = find_champion(registry)
    if champion and champion.version == version and _recorded_champion(ledger, registry) == version:
        raise RegistryError(f"{chosen.reference} is already the champion; nothing to do")
    return _promote(ledger, registry, chosen, champion, reason, None, policies)


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
    needed = champion.datasets if champion and not champion.is_packaged else ()
    missing = [dataset for dataset in needed if dataset not in gates]
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
    policies: Sequence[PolicyRecord],
) -> Promotion:
    promotion = ledger.record("promote", CHAMPION, version, former, reason, gate, policies)
    move_alias(registry, CHAMPION, version.version)
    return promotion


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
