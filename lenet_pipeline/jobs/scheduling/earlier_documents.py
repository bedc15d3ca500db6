"""Earlier documents after a promotion: decide on them again, or score them again, and report the changes."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from lenet_pipeline.audit import counted, list_champions, refit_policies, set_policy
from lenet_pipeline.errors import PipelineError
from lenet_pipeline.jobs.scoring_runs import ScoringJob, score
from lenet_pipeline.registry import ModelVersion, find_champion, list_versions
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Observer, describe_os_error, written_whole
from lenet_pipeline.warehouse import (
    CurrentVersion,
    list_current_versions,
    list_document_decisions,
    list_policies_of,
)

_COLUMNS = ("dataset", "source", "page", "field", "value_before", "value", "decision_before", "decision")


@dataclass(frozen=True)
class EarlierDocuments:
    """The datasets that were decided on or scored again, and what changed.

    Attributes:
        datasets: the datasets.
        documents: number of documents with at least one changed field.
        fields: number of fields whose value or decision changed.
        changes: a CSV file of the changed fields; None if nothing changed.
    """

    datasets: tuple[str, ...] = ()
    documents: int = 0
    fields: int = 0
    changes: Path | None = None


def list_outdated(
    settings: Settings, skipped: set[str], since: date | None, until: datetime | None = None
) -> tuple[ModelVersion | None, list[CurrentVersion]]:
    """Return the champion, and the datasets whose current run is by another version.

    Args:
        settings: of the home.
        skipped: datasets that never count, such as training sets.
        since: only datasets with a version that was committed on this day or later; all if None.
        until: the time at which they count; now if None.
    """
    champion = _champion_at(settings, until) if until else find_champion(settings.registry)
    if champion is None:
        return None, []
    outdated = [
        each
        for each in list_current_versions(settings.warehouse, until)
        if (each.model_name, each.model_version) != (champion.name, champion.version)
        and each.dataset not in skipped
        and (since is None or each.last_at is None or each.last_at.astimezone(UTC).date() >= since)
    ]
    return champion, outdated


def _champion_at(settings: Settings, until: datetime) -> ModelVersion | None:
    """Return the version that was champion at a time, by the recorded promotions."""
    numbers = [
        event.model_version
        for event in list_champions(settings.warehouse, settings.registry.model_name)
        if event.recorded_at <= until
    ]
    versions = {each.version: each for each in list_versions(settings.registry)}
    return versions.get(numbers[-1]) if numbers else None


def score_again(
    settings: Settings, skipped: set[str], since: date | None, as_of: datetime, observer: Observer
) -> EarlierDocuments:
    """Score the datasets again that another version than the champion read, and report the changes.

    Raises:
        ScoringError: a dataset could not be scored; those before it are scored.
    """
    champion, outdated = list_outdated(settings, skipped, since)
    if champion is None or not outdated:
        return EarlierDocuments()
    names = tuple(each.dataset for each in outdated)
    before = _read_decisions(settings, names)
    for name in names:
        score(settings, ScoringJob(name, champion.reference), observer)
    return _report(settings, names, before, as_of, observer)


def decide_again(
    settings: Settings, skipped: set[str], as_of: datetime, observer: Observer
) -> EarlierDocuments:
    """Fit the policies of earlier versions again, on today's evidence, and report the changed decisions.

    This covers each version, other than the champion, that read a dataset's current run. Nothing is scored. A
    version keeps its policies if a policy of it is newer than the champion's promotion.
    """
    champion, outdated = list_outdated(settings, skipped, None)
    promoted_at = _promoted_at(settings, champion) if champion else None
    if promoted_at is None:
        return EarlierDocuments()
    versions = {each.version: each for each in list_versions(settings.registry)}
    numbers = [
        number
        for number in sorted({each.model_version for each in outdated})
        if number in versions and not _is_refitted(settings, versions[number], promoted_at)
    ]
    names = tuple(each.dataset for each in outdated if each.model_version in numbers)
    before = _read_decisions(settings, names)
    for number in numbers:
        refit = refit_policies(settings, versions[number], versions[number])
        for problem in refit.problems:
            observer.warn(f"{versions[number].reference}: {problem}")
        # A policy that accepts nothing counts, too: the evidence then contradicts the former one.
        for policy in refit.proposed:
            set_policy(settings, policy)
    return _report(settings, names, before, as_of, observer)


def _promoted_at(settings: Settings, champion: ModelVersion) -> datetime | None:
    """Return when the champion was last promoted, by the gate or by hand."""
    events = list_champions(settings.warehouse, champion.name)
    times = [event.recorded_at for event in events if event.model_version == champion.version]
    return times[-1] if times else None


def _is_refitted(settings: Settings, version: ModelVersion, since: datetime) -> bool:
    policies = list_policies_of(settings.warehouse, version.name, version.version)
    return not policies or any(policy.recorded_at > since for policy in policies)


_Decisions = dict[UUID, dict[str, Any]]


def _read_decisions(settings: Settings, datasets: Sequence[str]) -> _Decisions:
    rows = list_document_decisions(settings.warehouse, datasets).to_pylist()
    return {row["field_id"]: row for row in rows}


def _report(
    settings: Settings, datasets: tuple[str, ...], before: _Decisions, as_of: datetime, observer: Observer
) -> EarlierDocuments:
    """Compare the decisions with those before, and write the changed fields to a CSV file."""
    changed = []
    for field, row in _read_decisions(settings, datasets).items():
        former = before.get(field)
        if former and (former["value"], former["decision"]) != (row["value"], row["decision"]):
            changed.append(row | {"value_before": former["value"], "decision_before": former["decision"]})
    documents = len({(row["dataset"], row["source"]) for row in changed})
    path = settings.home / "reports" / f"changed-{as_of:%Y-%m-%d-%H%M}.csv" if changed else None
    if path is not None:
        _write_csv(path, changed)
    observer.log(
        f"{counted(len(datasets), 'dataset')} of earlier documents: {counted(len(changed), 'field')} changed "
        f"in {counted(documents, 'document')}{f'; see {path}' if path else ''}"
    )
    return EarlierDocuments(datasets, documents, len(changed), path)


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    try:
        with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            writer.writerows([row[name] for name in _COLUMNS] for row in rows)
    except OSError as exc:
        raise PipelineError(f"cannot write {path}: {describe_os_error(exc)}") from exc
