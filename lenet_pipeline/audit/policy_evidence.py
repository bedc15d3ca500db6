"""The labelled readings on which a policy rests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lenet_pipeline.audit.guarantee import Confidences, Truths
from lenet_pipeline.errors import PolicyError
from lenet_pipeline.ingest import is_optdigits_test
from lenet_pipeline.lake import (
    GATE,
    Manifest,
    find_manifest,
    fingerprint_parts,
    read_manifest,
    read_manifests,
)
from lenet_pipeline.registry import TRAIN_SPLIT, ModelVersion, ResolvedModel
from lenet_pipeline.scoring import Counts, Engine, Scores, count_evidence
from lenet_pipeline.settings import Settings
from lenet_pipeline.training import LabelledDigits, join_digits, read_gates, read_unlearned
from lenet_pipeline.warehouse import read_form_names, read_known_fields

ALL, PART, GATE_SPLIT, DATASET, FORM = "all", "part", "gate", "dataset", "form"
WHOLE = "*"  # the name of the group of all readings
_NEVER_ACCEPT = np.float32(-1)  # below every threshold


@dataclass(frozen=True)
class EvidenceGroup:
    """Some of the labelled readings.

    Attributes:
        kind: ``all``, ``part`` for all gate splits or one named dataset, ``gate`` for one of several gate
            splits, or that of a stratum: ``dataset`` or ``form``.
        name: ``*`` for all; the part; the gate split; the name of the dataset before the slash; the form.
        chosen: which readings these are, bool (n,).
        counts: of their digits per bin, by measure; empty if unknown.
    """

    kind: str
    name: str
    chosen: Truths
    counts: Counts


@dataclass(frozen=True)
class Evidence:
    """Labelled readings that the model version never learned from.

    Attributes:
        description: which digits or fields these are.
        fingerprint: of their manifests.
        confidences: float32 (n,), 0 to 1; below 0 if no threshold may accept the reading.
        is_right: whether each was read correctly, bool (n,).
        groups: all readings, the parts and gate splits if there are several, and the strata.
    """

    description: str
    fingerprint: str
    confidences: Confidences
    is_right: Truths
    groups: tuple[EvidenceGroup, ...]

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
    per: str | None = None,
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
        per: ``dataset`` or ``form`` to group the digits by the name of their dataset or by their form too.

    Raises:
        PolicyError: there are no such digits, or none of them comes from a form if ``per`` is ``form``.
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
    groups = [
        EvidenceGroup(kind, name, chosen, _count(digits, scores, chosen))
        for kind, name, chosen in _list_groups(settings, parts, digits, per)
        if chosen.any()
    ]
    is_right = scores.labels == digits.labels
    return Evidence(description, fingerprint, confidences, is_right, tuple(groups))


def _count(digits: LabelledDigits, scores: Scores, chosen: Truths) -> Counts:
    refusals = None if scores.not_a_digit is None else scores.not_a_digit[chosen]
    return count_evidence(digits.images[chosen], Scores(scores.probabilities[chosen], refusals))


def _list_groups(
    settings: Settings, parts: Sequence[_Part], digits: LabelledDigits, per: str | None
) -> Iterator[tuple[str, str, Truths]]:
    """Yield the kind, the name and the digits, bool (n,), of each group; some have no digits."""
    number_of_part = np.repeat(np.arange(len(parts)), [len(part.digits) for part in parts])
    yield ALL, WHOLE, np.ones(len(digits), bool)
    if len(parts) > 1:
        for number, part in enumerate(parts):
            yield PART, part.description, number_of_part == number
    datasets = np.concatenate([part.datasets for part in parts])
    is_gate = np.repeat([part.is_gates for part in parts], [len(part.digits) for part in parts])
    gates = np.unique(datasets[is_gate])
    for dataset in gates if len(gates) > 1 else ():
        yield GATE_SPLIT, f"{GATE} split of {dataset}", is_gate & (datasets == dataset)
    if per == DATASET:
        names = np.array([dataset.split("/")[0] for dataset in datasets])
    elif per == FORM:
        names = _names_of_forms(settings, digits)
    else:
        return
    for name in sorted(set(names) - {""}):
        yield per, str(name), names == name


def _names_of_forms(settings: Settings, digits: LabelledDigits) -> npt.NDArray[np.str_]:
    """Return the name of each digit's form, empty outside forms."""
    known = read_form_names(settings.warehouse)
    templates = [] if digits.templates is None else list(digits.templates)
    names = np.array([known.get(template, "") for template in templates], dtype=str)
    if not any(names):
        raise PolicyError(
            "--per form needs labelled digits from forms, such as reviewed digits; the evidence has none"
        )
    return names


@dataclass(frozen=True)
class _Part:
    """Labelled digits of some datasets, which a version never learned from."""

    description: str
    manifests: Sequence[Manifest]
    digits: LabelledDigits
    datasets: npt.NDArray[np.str_]  # of each digit
    is_gates: bool


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
        of_each = np.repeat(list(gates), [len(gate) for gate in gates.values()])
        yield _Part(description, manifests, join_digits(list(gates.values())), of_each, is_gates=True)
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
            is_test=is_optdigits_test,
        )
        yield _Part(name, [manifest], digits, np.repeat(name, len(digits)), is_gates=False)


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
    settings: Settings,
    version: ModelVersion,
    datasets: Sequence[str],
    precision: str,
    per: str | None = None,
) -> Evidence:
    """Read the scored fields of one dataset, whose true values `lenet forms evaluate` recorded.

    They are also grouped by form if ``per`` is ``form``.

    Raises:
        PolicyError: not one dataset is given, it has no such field, or ``per`` is ``dataset``.
        UnknownNameError: there is no such dataset.
        WarehouseError: the database cannot be read.
    """
    if len(datasets) != 1:
        raise PolicyError(
            "a policy for fields needs one --on DATASET: a dataset of forms with known true values"
        )
    if per == DATASET:
        raise PolicyError("a policy for fields has one dataset as evidence; use --per form")
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
    counts = {measure: tuple(found) for measure, found in known.histograms.items()}
    groups = [EvidenceGroup(ALL, WHOLE, np.ones(len(is_right), bool), counts)]
    if per == FORM:
        forms = np.array(columns["form"], dtype=str)
        groups += [EvidenceGroup(FORM, str(form), forms == form, {}) for form in np.unique(forms)]
    return Evidence(description, known.manifest_fingerprint, confidences, is_right, tuple(groups))
