"""Policies: which readings of a model version are accepted unseen, and the evidence that few are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from lenet_pipeline.audit.chain import publish_chain_head
from lenet_pipeline.audit.guarantee import Confidences, Guarantee, Truths, find_threshold, risk_coverage
from lenet_pipeline.audit.policy_queries import FIELD
from lenet_pipeline.audit.model_versions import find_version, record_version
from lenet_pipeline.errors import PolicyError
from lenet_pipeline.lake import (
    GATE,
    Manifest,
    find_manifest,
    fingerprint_parts,
    read_manifest,
    read_manifests,
)
from lenet_pipeline.registry import TRAIN_SPLIT, ModelVersion, ResolvedModel, read_version
from lenet_pipeline.scoring import Engine
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import describe_os_error, written_whole
from lenet_pipeline.training import (
    calibrate_unseen,
    fit_sigmoid,
    join_digits,
    measure_reliability,
    read_gates,
    read_unlearned,
)
from lenet_pipeline.warehouse import PolicyRecord, read_known_fields, record_policy

_REFUSED = np.float32(-1)  # below every threshold


@dataclass(frozen=True)
class PolicyTerms:
    """What is asked of a policy: the error, the certainty, when there is no digit, and the sample.

    ``precision`` is that of the runs that it decides on.
    """

    precision: str
    max_error: float
    certainty: float
    not_a_digit_from: float
    review_rate: float
    review_seed: int


@dataclass(frozen=True)
class Evidence:
    """Labelled readings that a policy rests on: what they are, and of each its confidence and whether right.

    ``confidences`` float32 (n,), below 0 where no threshold may accept it; ``is_right`` bool (n,).
    """

    described: str
    fingerprint: str
    confidences: Confidences
    is_right: Truths


@dataclass(frozen=True)
class ProposedPolicy:
    """A policy that was found and is not in force yet: its record, and the evidence that it rests on."""

    record: PolicyRecord
    evidence: Evidence

    @property
    def accepts_nothing(self) -> bool:
        return self.record.threshold is None


@dataclass(frozen=True)
class SetPolicy:
    """A policy in force: its number, its record, and the picture of its evidence."""

    number: int
    record: PolicyRecord
    plot: Path


def propose_policy(
    settings: Settings, reference: str, terms: PolicyTerms, dataset: str | None, subject: str
) -> ProposedPolicy:
    """Find the lowest threshold that keeps the terms. Nothing is recorded but the model version.

    Args:
        settings: of the home.
        reference: the model version, such as ``digits@champion``.
        terms: what is asked.
        dataset: labelled digits that the version never learned from; its gate digits if None. For fields,
            the dataset whose true values `lenet forms evaluate` recorded.
        subject: ``digit`` or ``field``.

    Raises:
        PolicyError: there are no labelled digits that the version never learned from, or no labelled fields.
        UnknownNameError: there is no such version or dataset.
    """
    resolved = read_version(settings.registry, find_version(settings.registry, reference))
    record_version(settings, resolved)
    if subject == FIELD:
        evidence = _field_evidence(settings, resolved.version, terms.precision, dataset)
    else:
        evidence = _digit_evidence(settings, resolved, terms, dataset)
    found = find_threshold(evidence.confidences, evidence.is_right, terms.max_error, terms.certainty)
    record = _record(settings, resolved.version, terms, subject, evidence, found)
    if subject == FIELD:
        record = _with_calibration(record, evidence)
    return ProposedPolicy(record, evidence)


def set_policy(settings: Settings, proposed: ProposedPolicy) -> SetPolicy:
    """Record a proposed policy, which puts it in force, and draw its evidence.

    Raises:
        WarehouseError: the database cannot be written.
        PolicyError: the picture cannot be written.
    """
    number = record_policy(settings.warehouse, proposed.record)
    publish_chain_head(settings)
    return SetPolicy(number, proposed.record, _leave_plot(settings, number, proposed))


def _digit_evidence(
    settings: Settings, resolved: ResolvedModel, terms: PolicyTerms, dataset: str | None
) -> Evidence:
    version = resolved.version
    if dataset is None or dataset in version.datasets:
        described, manifests = _gates(settings, version, dataset)
        digits = join_digits(list(read_gates(settings.lake, manifests).values()))
    else:
        manifests = [read_manifest(settings.lake, dataset)]
        described = dataset
        digits = read_unlearned(
            settings.lake,
            manifests[0],
            [each for name in version.datasets for each in _versions(settings, name)],
            learned_all=version.trained_on != TRAIN_SPLIT,
        )
    if not len(digits):
        raise PolicyError(
            f"{version.reference} learned from every labelled digit of {described}; name others"
        )
    scores = Engine(resolved.model, precision=terms.precision).score(digits.images)
    confidences = scores.confidences.copy()
    if scores.not_a_digit is not None:
        confidences[scores.not_a_digit >= np.float32(terms.not_a_digit_from)] = _REFUSED
    fingerprint = fingerprint_parts(manifest.fingerprint for manifest in manifests)
    return Evidence(described, fingerprint, confidences, scores.labels == digits.labels)


def _versions(settings: Settings, dataset: str) -> Iterator[Manifest]:
    """Yield every version of a dataset, each with the shards that no newer one has.

    A digit may have left it since a model version learned from it.
    """
    seen: set[str] = set()
    for manifest in read_manifests(settings.lake, dataset):
        shards = tuple(shard for shard in manifest.shards if shard.fingerprint not in seen)
        seen.update(shard.fingerprint for shard in shards)
        if shards:
            yield replace(manifest, shards=shards)


def _gates(settings: Settings, version: ModelVersion, dataset: str | None) -> tuple[str, list[Manifest]]:
    """Return the datasets whose gate splits a version never learned from, and what to call them."""
    if version.trained_on != TRAIN_SPLIT:
        raise PolicyError(
            f"{version.reference} learned from all digits of {', '.join(version.datasets)}, its gate's too; "
            "name labelled digits that it never learned from with --on DATASET"
        )
    found = [find_manifest(settings.lake, name) for name in ([dataset] if dataset else version.datasets)]
    manifests = [manifest for manifest in found if manifest]
    if not manifests:
        raise PolicyError(
            f"the lake has none of the datasets that {version.reference} learned from; name labelled digits "
            "with --on DATASET"
        )
    return f"{GATE} split of {', '.join(manifest.dataset for manifest in manifests)}", manifests


def _field_evidence(
    settings: Settings, version: ModelVersion, precision: str, dataset: str | None
) -> Evidence:
    if dataset is None:
        raise PolicyError("a policy for fields needs --on DATASET: filled forms whose truth is known")
    read_manifest(settings.lake, dataset)
    known = read_known_fields(settings.warehouse, dataset, version.name, version.version, precision)
    if known is None or not len(known.fields):
        raise PolicyError(
            f"no field of {dataset} that {version.reference} read has a known truth; run `lenet score "
            f"{dataset} --model {version.reference}`, then `lenet forms evaluate {dataset} --truth FILE`"
        )
    columns = known.fields.to_pydict()
    confidences = np.array(
        [
            _REFUSED if needs_look or confidence is None else confidence
            for confidence, needs_look in zip(columns["confidence"], columns["needs_look"], strict=True)
        ],
        np.float32,
    )
    described = f"fields of {dataset}, run {str(known.scoring_run_id)[:13]}"
    return Evidence(described, known.manifest_fingerprint, confidences, np.array(columns["is_right"], bool))


def _record(
    settings: Settings,
    version: ModelVersion,
    terms: PolicyTerms,
    subject: str,
    evidence: Evidence,
    found: Guarantee,
) -> PolicyRecord:
    return PolicyRecord(
        subject=subject,
        model_name=version.name,
        model_version=version.version,
        precision=terms.precision,
        max_error=terms.max_error,
        certainty=terms.certainty,
        threshold=found.threshold,
        not_a_digit_from=terms.not_a_digit_from,
        review_rate=terms.review_rate,
        review_seed=terms.review_seed,
        evidence=evidence.described,
        evidence_fingerprint=evidence.fingerprint,
        labelled=found.digits,
        accepted=found.accepted,
        errors=found.errors,
        error_bound=found.bound,
        labelled_needed=found.digits_needed,
        recorded_at=datetime.now(UTC),
        actor=settings.actor,
        flow_run_id=None,
    )


def _with_calibration(record: PolicyRecord, evidence: Evidence) -> PolicyRecord:
    """Add what the confidences of the fields that need no look come to, by how many of them are right.

    The threshold is of the confidence as it is: the calibration keeps the order, and was fitted on the same
    fields.
    """
    confidences, is_right = _could_be_accepted(evidence)
    if not len(confidences):
        return record
    sigmoid = fit_sigmoid(confidences, is_right)
    unseen = calibrate_unseen(confidences, is_right)
    return replace(
        record,
        calibration_slope=sigmoid.slope,
        calibration_offset=sigmoid.offset,
        calibration_error=measure_reliability(confidences, is_right).expected_error,
        calibrated_error=measure_reliability(unseen, is_right).expected_error,
    )


def _could_be_accepted(evidence: Evidence) -> tuple[Confidences, Truths]:
    is_open = evidence.confidences >= 0
    return evidence.confidences[is_open], evidence.is_right[is_open]


def _leave_plot(settings: Settings, number: int, proposed: ProposedPolicy) -> Path:
    """Draw the error rate of the surest readings of the evidence, for every share of them."""
    from lenet_pipeline.training import draw_risk_coverage

    record, evidence = proposed.record, proposed.evidence
    coverages, risks = risk_coverage(evidence.confidences, evidence.is_right)
    accepted = record.accepted / record.labelled if record.threshold is not None else None
    title = f"policy {number}: {evidence.described}"
    figure = draw_risk_coverage(coverages, risks, record.max_error, accepted, title)
    path = settings.plots / f"policy-{number}.png"
    try:
        with written_whole(path) as temporary:
            figure.savefig(temporary, format="png", dpi=120)
    except OSError as exc:
        raise PolicyError(
            f"policy {number} is in force, but its picture {path} cannot be written: {describe_os_error(exc)}"
        ) from exc
    return path
