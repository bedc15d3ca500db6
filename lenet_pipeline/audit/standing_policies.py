"""Standing policies: a new champion gets policies with the same targets as the former champion's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lenet_pipeline.audit.policies import PolicyTerms, ProposedPolicy, plot_policy, propose_policy
from lenet_pipeline.audit.policy_queries import DIGIT, FIELD
from lenet_pipeline.errors import PolicyError, UnknownNameError
from lenet_pipeline.registry import ModelVersion
from lenet_pipeline.scoring import FLOAT32
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Observer
from lenet_pipeline.warehouse import PolicyRecord, ScheduleRecord, find_schedule, list_policies_of


@dataclass(frozen=True)
class Target:
    """The terms of a policy, and whether the champion's policy with these terms accepts readings now."""

    terms: PolicyTerms
    is_met_now: bool


@dataclass(frozen=True)
class Refit:
    """The policies of a new champion, and the targets that they cannot meet.

    Attributes:
        proposed: the policies to put in force, including any that accept nothing.
        problems: one line per target that cannot be met.
        losses: those problems whose target the champion meets now.
    """

    proposed: tuple[ProposedPolicy, ...]
    problems: tuple[str, ...]
    losses: tuple[str, ...]

    @property
    def records(self) -> list[PolicyRecord]:
        """The records of the policies."""
        return [policy.record for policy in self.proposed]


def refit_policies(settings: Settings, version: ModelVersion, champion: ModelVersion | None) -> Refit:
    """Find the policies of a version that meet the standing targets.

    The targets are those of the champion's policies in force. A retraining schedule may declare another
    target for digits, and more evidence. The evidence is the gate digits of the version and the named
    datasets. Nothing is recorded, except the model version.

    Raises:
        WarehouseError: the database cannot be read.
    """
    proposed, problems, losses = list[ProposedPolicy](), list[str](), list[str]()
    for target in _list_targets(settings, version, champion):
        problem = None
        try:
            policy = propose_policy(settings, target.terms)
        except (PolicyError, UnknownNameError) as exc:
            problem = str(exc)
        else:
            proposed.append(policy)
            problem = _describe_miss(policy) if policy.accepts_nothing else None
        if problem:
            problems.append(problem)
            losses += [problem] if target.is_met_now else []
    return Refit(tuple(proposed), tuple(problems), tuple(losses))


def plot_policies(
    settings: Settings, numbers: Sequence[int], proposed: Sequence[ProposedPolicy], observer: Observer
) -> None:
    """Plot the evidence of policies in force. A plot that cannot be written only causes a warning."""
    for number, policy in zip(numbers, proposed, strict=False):
        try:
            plot_policy(settings, number, policy)
        except PolicyError as exc:
            observer.warn(str(exc))


def describe_policy(record: PolicyRecord) -> str:
    """Describe a policy in one line: its target, and what it accepts of its evidence."""
    target = f"{record.subject}s: at most {100 * record.max_error:.4g}% wrong"
    if record.threshold is None:
        names = ", ".join(each.stratum for each in record.strata if each.threshold is not None)
        accepted = f"accepts readings of {names} only" if names else "accepts nothing"
        return f"{target}; {accepted}, of {record.labelled:,} ({record.evidence})"
    share = record.accepted / record.labelled
    return f"{target}; accepts {share:.1%} of {record.labelled:,} ({record.evidence})"


def _list_targets(settings: Settings, version: ModelVersion, champion: ModelVersion | None) -> list[Target]:
    schedule = find_schedule(settings.warehouse)
    policies = list_policies_of(settings.warehouse, champion.name, champion.version) if champion else []
    targets = {
        (policy.subject, policy.precision): Target(
            _terms_of(policy, version, schedule), not policy.accepts_nothing
        )
        for policy in policies
    }
    if schedule is not None and schedule.max_error is not None:
        former = targets.get((DIGIT, FLOAT32))
        terms = PolicyTerms(
            max_error=schedule.max_error,
            certainty=schedule.certainty,
            datasets=schedule.evidence,
            with_gates=True,
            model=version.reference,
            review_rate=schedule.review_rate,
            not_a_digit_from=former.terms.not_a_digit_from if former else 0.5,
            review_seed=former.terms.review_seed if former else 0,
            per=former.terms.per if former else None,
            if_drift=schedule.if_drift,
        )
        targets[DIGIT, FLOAT32] = Target(terms, former is not None and former.is_met_now)
    return list(targets.values())


def _terms_of(policy: PolicyRecord, version: ModelVersion, schedule: ScheduleRecord | None) -> PolicyTerms:
    """Return the terms of a policy for another version, with the evidence that the schedule adds."""
    named = policy.evidence_datasets or []
    if policy.subject == FIELD:
        of_schedule = schedule.field_evidence if schedule else None
        datasets = (of_schedule,) if of_schedule else tuple(named)
    else:
        datasets = tuple(dict.fromkeys([*named, *(schedule.evidence if schedule else ())]))
    return PolicyTerms(
        max_error=policy.max_error,
        certainty=policy.certainty,
        datasets=datasets,
        with_gates=policy.subject == DIGIT,
        model=version.reference,
        subject=policy.subject,
        precision=policy.precision,
        not_a_digit_from=policy.not_a_digit_from,
        review_rate=policy.review_rate,
        review_seed=policy.review_seed,
        per=policy.stratified_by,
        if_drift=schedule.if_drift if schedule else policy.if_drift,
    )


def _describe_miss(policy: ProposedPolicy) -> str:
    record = policy.record
    if policy.refuted_by:
        return (
            f"{record.errors:,} of {record.accepted:,} accepted {record.subject}s of {policy.refuted_by} are "
            f"wrong, more than {record.max_error:.4g}"
        )
    return (
        f"no threshold keeps the error rate at or below {record.max_error:.4g} with certainty "
        f"{record.certainty:.4g} on {record.labelled:,} {record.subject}s ({record.evidence})"
    )
