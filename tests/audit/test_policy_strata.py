"""Thresholds of a policy: the strictest of its evidence, and one for each stratum with enough labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lenet_pipeline.audit import describe_policy
from lenet_pipeline.audit.policy_evidence import ALL, DATASET, GATE_SPLIT, PART, Evidence, EvidenceGroup
from lenet_pipeline.audit.policy_strata import Target, find_thresholds
from tests.warehouse.policy_builders import POLICY

TARGET = Target(0.01, 0.95)
# The readings of one kind of digits: their number, how many of them are wrong, and the confidence of these.
Readings = tuple[int, int, float]
SURE = 0.995
CLEAN: Readings = (5_000, 0, SURE)
UNSURE_ERRORS: Readings = (2_000, 100, 0.6)  # a threshold above 0.6 avoids them
CONFIDENT_ERRORS: Readings = (500, 25, SURE)  # no threshold avoids them
FEW: Readings = (20, 1, 0.6)


def evidence(readings: dict[str, Readings], kind: str = PART) -> Evidence:
    """Return readings of several kinds, each a part and one more group of a kind."""
    confidences, is_right, owner = [], [], []
    for name, (number, errors, confidence) in readings.items():
        confidences += [confidence] * errors + [SURE] * (number - errors)
        is_right += [False] * errors + [True] * (number - errors)
        owner += [name] * number
    owners = np.array(owner)
    counts = {"doubt": (9, 1)}
    groups = [EvidenceGroup(ALL, "*", np.ones(len(owners), bool), counts)]
    for name in readings:
        groups.append(EvidenceGroup(PART, f"{name}/all", owners == name, counts))
        if kind != PART:
            groups.append(EvidenceGroup(kind, name, owners == name, counts))
    return Evidence("digits", "f" * 64, np.array(confidences, np.float32), np.array(is_right), tuple(groups))


def supporting(given: Evidence) -> set[str]:
    return {histogram.evidence for histogram in find_thresholds(given, TARGET).histograms}


def test_the_strictest_threshold_of_all_and_of_each_part_counts() -> None:
    # Together, 100 errors in 17,000 digits are within the limit; alone, they are not.
    given = evidence({"clean": (15_000, 0, SURE), "other": UNSURE_ERRORS})
    found = find_thresholds(given, TARGET)
    assert found.general.threshold is not None
    assert found.general.threshold > 0.6
    assert (found.general.errors, found.general.accepted) == (0, 16_900)
    assert found.refuted_by is None


def test_errors_of_a_part_are_not_hidden_by_many_labels_of_another() -> None:
    found = find_thresholds(evidence({"clean": CLEAN, "bad": CONFIDENT_ERRORS}), TARGET)
    assert found.general.threshold is None
    assert found.refuted_by == "bad/all"
    assert (found.general.errors, found.general.accepted, found.general.digits) == (25, 500, 5_500)


def test_a_part_with_few_labels_changes_nothing() -> None:
    found = find_thresholds(evidence({"clean": CLEAN, "few": FEW}), TARGET)
    assert found.general.threshold == find_thresholds(evidence({"clean": CLEAN}), TARGET).general.threshold
    assert found.refuted_by is None


def test_a_stratum_has_its_own_threshold_or_the_general_one_or_accepts_nothing() -> None:
    given = evidence({"clean": CLEAN, "few": FEW, "bad": CONFIDENT_ERRORS}, DATASET)
    strata = {stratum.stratum: stratum for stratum in find_thresholds(given, TARGET).strata}
    assert (strata["clean"].basis, strata["clean"].threshold) == ("own", 0.0)
    assert (strata["few"].basis, strata["few"].threshold) == ("general", None)  # the bad part refutes it
    assert (strata["bad"].basis, strata["bad"].threshold) == ("refuted", None)
    (_, few) = find_thresholds(evidence({"clean": CLEAN, "few": FEW}, DATASET), TARGET).strata
    assert (few.basis, few.threshold, few.labelled) == ("general", 0.0, 20)


def test_only_groups_that_support_the_threshold_alone_release_runs() -> None:
    parts = {"clean": CLEAN, "few": FEW}
    assert supporting(evidence(parts)) == {"*", "clean/all"}
    assert supporting(evidence(parts, DATASET)) == {"*", "clean/all", "clean"}
    assert supporting(evidence(parts, GATE_SPLIT)) == {"*", "clean/all", "clean"}
    # A gate split that needs a stricter threshold than the general one releases no run.
    stricter = evidence({"clean": (15_000, 0, SURE), "other": UNSURE_ERRORS}, GATE_SPLIT)
    groups = tuple(group for group in stricter.groups if group.kind != PART)
    alone = Evidence("digits", "f" * 64, stricter.confidences, stricter.is_right, groups)
    assert supporting(alone) == {"*", "clean"}


def test_a_policy_that_accepts_readings_of_some_strata_only_is_described_by_them() -> None:
    strata = find_thresholds(evidence({"clean": CLEAN, "bad": CONFIDENT_ERRORS}, DATASET), TARGET).strata
    record = replace(POLICY, threshold=None, strata=strata)
    assert not record.accepts_nothing
    assert "; accepts readings of clean only, of " in describe_policy(record)
    nothing = replace(record, strata=strata[1:])
    assert nothing.accepts_nothing
    assert "; accepts nothing, of " in describe_policy(nothing)
