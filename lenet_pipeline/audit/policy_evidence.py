"""The labelled readings on which a policy rests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lenet_pipeline.audit.guarantee import Confidences, Truths
from lenet_pipeline.errors import PolicyError
from lenet_pipeline.lake import (
    GATE,
    Manifest,
    find_manifest,
    fingerprint_parts,
    read_manifest,
    read_manifests,
)
from lenet_pipeline.registry import TRAIN_SPLIT, ModelVersion, ResolvedModel
from lenet_pipeline.scoring import Engine
from lenet_pipeline.settings import Settings
from lenet_pipeline.training import LabelledDigits, join_digits, read_gates, read_unlearned
from lenet_pipeline.warehouse import read_known_fields

_NEVER_ACCEPT = np.float32(-1)  # below every threshold


@dataclass(frozen=True)
class Evidence:
    """Labelled readings that the model version never learned from.

    Attributes:
        description: which digits or fields these are.
        fingerprint: of their manifests.
        confidences: float32 (n,), 0 to 1; below 0 if no threshold may accept the reading.
        is_right: whether each was read correctly, bool (n,).
    """

    description: str
    fingerprint: str
    confidences: Confidences
    is_right: Truths

    @property
    def acceptable(self) -> tuple[Confidences, Truths]:
        """The confidences and ``is_right`` of the readings that a threshold may accept."""
        is_acceptable = self.confidences >= 0
        return self.confidences[is_acceptable], self.is_right[is_acceptable]


def score_labelled_digits(
    settings: Settings,
    resolved: ResolvedModel,
    datasets: Sequence[str],
    precision: str,
    not_a_digit_from: float,
    *,
    with_gates: bool = False,
) -> Evidence:
    """Score labelled digits that a model version never learned from.

    Args:
        settings: of the home.
        resolved: the model version.
        datasets: the datasets of the digits. Of a dataset that the version learned from, only the gate split.
        precision: ``float32`` or ``fast``.
        not_a_digit_from: readings with at least this ``not_a_digit``, 0 to 1, are never accepted.
        with_gates: include the gate splits of all datasets that the version learned from. They are always
            included if ``datasets`` is empty.

    Raises:
        PolicyError: there are no such digits.
        UnknownNameError: there is no such dataset.
    """
    version = resolved.version
    parts = list(_list_parts(settings, resolved, datasets, with_gates or not datasets))
    digits = join_digits([part.digits for part in parts])
    description = ", ".join(part.description for part in parts)
    if not len(digits):
        raise PolicyError(
            f"{version.reference} learned from every labelled digit of {description}; name another dataset"
        )
    scores = Engine(resolved.model, precision=precision).score(digits.images)
    confidences = scores.confidences.copy()
    if scores.not_a_digit is not None:
        confidences[scores.not_a_digit >= np.float32(not_a_digit_from)] = _NEVER_ACCEPT
    fingerprint = fingerprint_parts(manifest.fingerprint for part in parts for manifest in part.manifests)
    return Evidence(description, fingerprint, confidences, scores.labels == digits.labels)


@dataclass(frozen=True)
class _Part:
    """Labelled digits of some datasets, which a version never learned from."""

    description: str
    manifests: Sequence[Manifest]
    digits: LabelledDigits


def _list_parts(
    settings: Settings, resolved: ResolvedModel, datasets: Sequence[str], with_gates: bool
) -> Iterator[_Part]:
    """Yield the digits of the gate splits, then those of each other dataset."""
    version = resolved.version
    learned = [] if with_gates else [name for name in datasets if name in version.datasets]
    if version.is_packaged and datasets and not learned:  # this lake need not have what it learned from
        with_gates = with_gates and any(find_manifest(settings.lake, name) for name in version.datasets)
    if with_gates or learned:
        description, manifests = _gates(settings, version, learned)
        gates = read_gates(settings.lake, manifests)
        yield _Part(description, manifests, join_digits(list(gates.values())))
    for name in datasets:
        if name in version.datasets:
            continue
        manifest = read_manifest(settings.lake, name)
        learned_from = [each for dataset in version.datasets for each in _all_versions(settings, dataset)]
        digits = read_unlearned(
            settings.lake,
            manifest,
            learned_from,
            learned_all=version.trained_on != TRAIN_SPLIT,
            learned_files=resolved.training.learned_files if resolved.training else (),
        )
        yield _Part(name, [manifest], digits)


def _all_versions(settings: Settings, dataset: str) -> Iterator[Manifest]:
    """Yield every manifest of a dataset, each reduced to the shards that no newer manifest has.

    Older manifests count because a model version may have learned from a digit that was removed since.
    """
    seen: set[str] = set()
    for manifest in read_manifests(settings.lake, dataset):
        shards = tuple(shard for shard in manifest.shards if shard.fingerprint not in seen)
        seen.update(shard.fingerprint for shard in shards)
        if shards:
            yield replace(manifest, shards=shards)


def _gates(settings: Settings, version: ModelVersion, datasets: Sequence[str]) -> tuple[str, list[Manifest]]:
    """Return a description and the manifests of datasets whose gate split a version never learned from.

    Without ``datasets``, these are all that the version learned from.
    """
    if version.trained_on != TRAIN_SPLIT:
        raise PolicyError(
            f"{version.reference} learned from all digits of {', '.join(version.datasets)}, including the "
            "gate split; name labelled digits that it never learned from with --on DATASET"
        )
    found = [find_manifest(settings.lake, name) for name in datasets or version.datasets]
    manifests = [manifest for manifest in found if manifest]
    if not manifests:
        raise PolicyError(
            f"the lake has no dataset that {version.reference} learned from; name labelled digits with "
            "--on DATASET"
        )
    return f"{GATE} split of {', '.join(manifest.dataset for manifest in manifests)}", manifests


def read_labelled_fields(
    settings: Settings, version: ModelVersion, datasets: Sequence[str], precision: str
) -> Evidence:
    """Read the scored fields of one dataset, whose true values `lenet forms evaluate` recorded.

    Raises:
        PolicyError: not one dataset is given, or it has no such field.
        UnknownNameError: there is no such dataset.
        WarehouseError: the database cannot be read.
    """
    if len(datasets) != 1:
        raise PolicyError(
            "a policy for fields needs one --on DATASET: a dataset of forms with known true values"
        )
    dataset = datasets[0]
    read_manifest(settings.lake, dataset)
    known = read_known_fields(settings.warehouse, dataset, version.name, version.version, precision)
    if known is None or not len(known.fields):
        raise PolicyError(
            f"no field of {dataset} that {version.reference} read has a known true value; run `lenet score "
            f"{dataset} --model {version.reference}`, then `lenet forms evaluate {dataset} --truth FILE`"
        )
    columns = known.fields.to_pydict()
    confidences = np.array(
        [
            _NEVER_ACCEPT if needs_look or confidence is None else confidence
            for confidence, needs_look in zip(columns["confidence"], columns["needs_look"], strict=True)
        ],
        np.float32,
    )
    description = f"fields of {dataset}, run {str(known.scoring_run_id)[:13]}"
    is_right = np.array(columns["is_right"], bool)
    return Evidence(description, known.manifest_fingerprint, confidences, is_right)
