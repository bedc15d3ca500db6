"""The thresholds that labelled readings support: of a policy, and of each stratum of its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lenet_pipeline.audit.drift import critical_value
from lenet_pipeline.audit.guarantee import Guarantee, find_threshold, is_refuted, measure_threshold
from lenet_pipeline.audit.policy_evidence import ALL, GATE_SPLIT, PART, Evidence, EvidenceGroup
from lenet_pipeline.warehouse import PolicyHistogram, PolicyStratum

OWN, GENERAL, REFUTED = "own", "general", "refuted"


@dataclass(frozen=True)
class Target:
    """The largest error rate among accepted readings, and the probability that it holds, both 0 to 1."""

    max_error: float
    certainty: float


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of a policy.

    Attributes:
        general: the threshold outside strata, measured on all readings.
        refuted_by: the part of the evidence whose errors exceed the target at the threshold that all readings
            together support. ``general`` then accepts nothing and has the numbers of this part.
        strata: the threshold of each stratum.
        histograms: the distribution of each group of the evidence that supports a threshold alone.
    """

    general: Guarantee
    refuted_by: str | None
    strata: tuple[PolicyStratum, ...]
    histograms: tuple[PolicyHistogram, ...]


def find_thresholds(evidence: Evidence, target: Target) -> Thresholds:
    """Find the thresholds that keep the error rate of accepted readings at or below a target.

    All readings together support a threshold, and so does each part of the evidence with enough labels. The
    general threshold is the strictest of these, so that many labels of one kind never hide the errors of
    another. If the labels of a part show that its errors exceed the target even so, nothing is accepted
    outside strata.

    A stratum has its own threshold if its labels support one. Otherwise the general threshold applies, unless
    the labels of the stratum show that its errors exceed the target: then nothing is accepted.
    """
    alone = {group.name: _find(evidence, group, target) for group in evidence.groups}
    strictest = _find_strictest(evidence, alone)
    refuting = _find_refuting_part(evidence, strictest, target)
    general = strictest
    if refuting is not None:
        general = replace(refuting[1], threshold=None, digits=strictest.digits)
    strata = tuple(
        _find_stratum(evidence, group, alone[group.name], (strictest, general), target)
        for group in evidence.groups
        if group.kind not in (ALL, PART, GATE_SPLIT)
    )
    own = {stratum.stratum for stratum in strata if stratum.basis == OWN}
    histograms = tuple(
        each
        for group in evidence.groups
        if group.kind == ALL or group.name in own or _is_supporting(group, alone[group.name], general)
        for each in _list_histograms(group)
    )
    return Thresholds(general, refuting[0] if refuting else None, strata, histograms)


def _is_supporting(group: EvidenceGroup, alone: Guarantee, general: Guarantee) -> bool:
    """Return whether the labels of a part or of one gate split support the general threshold alone."""
    if group.kind not in (PART, GATE_SPLIT) or alone.threshold is None or general.threshold is None:
        return False
    return alone.threshold <= general.threshold


def _find(evidence: Evidence, group: EvidenceGroup, target: Target) -> Guarantee:
    confidences, is_right = evidence.confidences[group.chosen], evidence.is_right[group.chosen]
    return find_threshold(confidences, is_right, target.max_error, target.certainty)


def _measure(evidence: Evidence, group: EvidenceGroup, threshold: float, level: float) -> Guarantee:
    confidences, is_right = evidence.confidences[group.chosen], evidence.is_right[group.chosen]
    return measure_threshold(confidences, is_right, threshold, level)


def _find_strictest(evidence: Evidence, alone: dict[str, Guarantee]) -> Guarantee:
    """Return the strictest threshold of all readings and of each part, measured on all readings."""
    (whole,) = (group for group in evidence.groups if group.kind == ALL)
    pooled = alone[whole.name]
    if pooled.threshold is None:
        return pooled
    of_parts = [alone[group.name].threshold for group in evidence.groups if group.kind == PART]
    threshold = max([pooled.threshold, *(each for each in of_parts if each is not None)])
    return _measure(evidence, whole, threshold, pooled.level)


def _find_refuting_part(
    evidence: Evidence, strictest: Guarantee, target: Target
) -> tuple[str, Guarantee] | None:
    """Return the first part that shows that its errors exceed the target, with its numbers, if any."""
    if strictest.threshold is None:
        return None
    for group in evidence.groups:
        measured = _measure(evidence, group, strictest.threshold, strictest.level)
        if group.kind == PART and is_refuted(measured, target.max_error, target.certainty):
            return group.name, measured
    return None


def _find_stratum(
    evidence: Evidence,
    group: EvidenceGroup,
    own: Guarantee,
    strictest_and_general: tuple[Guarantee, Guarantee],
    target: Target,
) -> PolicyStratum:
    strictest, general = strictest_and_general
    basis, shown, threshold = GENERAL, own, general.threshold
    if own.threshold is not None:
        basis, threshold = OWN, own.threshold
    elif strictest.threshold is not None:
        shown = _measure(evidence, group, strictest.threshold, strictest.level)
        if is_refuted(shown, target.max_error, target.certainty):
            basis, threshold = REFUTED, None
    return PolicyStratum(
        kind=group.kind,
        stratum=group.name,
        basis=basis,
        threshold=threshold,
        labelled=own.digits,
        accepted=shown.accepted,
        errors=shown.errors,
        error_bound=shown.bound,
        labelled_needed=own.digits_needed,
    )


def _list_histograms(group: EvidenceGroup) -> Iterator[PolicyHistogram]:
    for measure, counts in group.counts.items():
        yield PolicyHistogram(group.name, measure, list(counts), critical_value(measure))
