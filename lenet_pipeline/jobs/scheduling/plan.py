"""Plan a night: what the schedule would do at a time, on what data, without doing it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from lenet_pipeline.errors import PipelineError
from lenet_pipeline.jobs.inbox.look import Look, look
from lenet_pipeline.jobs.scheduling.earlier_documents import list_outdated
from lenet_pipeline.jobs.scheduling.night import list_training_datasets, list_unscored
from lenet_pipeline.jobs.scheduling.schedule import TRAIN, Consideration, consider_retraining
from lenet_pipeline.lake import Manifest
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import find_schedule, read_inboxes


@dataclass(frozen=True)
class NightPlan:
    """The work that a night would do.

    Attributes:
        as_of: the time that the night is for.
        inboxes: the files that each inbox would take.
        problems: inboxes that cannot be read, each with the reason.
        to_score: the datasets that would be scored, without the new files of inboxes, and their digits.
        retraining: whether the schedule would train, and on what.
        earlier: the datasets of earlier documents that would be scored or decided on again.
        afterwards: ``keep``, ``decide`` or ``score``; what a promotion would lead to.
    """

    as_of: datetime
    inboxes: tuple[Look, ...]
    problems: tuple[str, ...]
    to_score: tuple[tuple[str, int], ...]
    retraining: Consideration
    earlier: tuple[str, ...]
    afterwards: str

    @property
    def trains_on(self) -> tuple[Manifest, ...]:
        """The datasets that a training would learn from; empty if there would be none."""
        return self.retraining.manifests if self.retraining.decision == TRAIN else ()


def plan_night(settings: Settings, as_of: datetime) -> NightPlan:
    """Return what a night would do at a time. In the past, only what was known then counts.

    Nothing is changed, not even ``reviewed/all``: its newest verdicts count once a night has run.

    Raises:
        PipelineError: the lake, the registry or the database cannot be read.
    """
    as_of = as_of.astimezone(UTC)
    until = min(as_of, datetime.now(UTC))
    if not settings.warehouse.path.exists():
        raise PipelineError(f"{settings.home} has no database yet; ingest something first")
    looks, problems = [], []
    for inbox in read_inboxes(settings.warehouse):
        try:
            looks.append(look(settings, inbox.name, as_of))
        except PipelineError as exc:
            problems.append(f"{inbox.name}: {exc}")
    schedule = find_schedule(settings.warehouse, until)
    training = list_training_datasets(settings, until)
    afterwards = schedule.afterwards if schedule else "keep"
    since = schedule.score_since if schedule else None
    earlier = list_outdated(settings, training, since, until)[1] if afterwards != "keep" else []
    return NightPlan(
        as_of=as_of,
        inboxes=tuple(looks),
        problems=tuple(problems),
        to_score=tuple((each.dataset, each.rows) for each in list_unscored(settings, training, until)),
        retraining=consider_retraining(settings, as_of, until),
        earlier=tuple(each.dataset for each in earlier),
        afterwards=afterwards,
    )
