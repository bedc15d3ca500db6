"""The deployments of a home: their schedules, tags and limits, and the command that serves them."""

from __future__ import annotations

import os
from typing import Any

import prefect
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Schedule
from prefect.settings import PREFECT_API_URL

from flows.automations import set_up_automations
from flows.check import check
from flows.inbox import poll
from flows.night import night
from flows.retrain import retrain
from flows.score import score
from flows.writer import create_limit, home_key
from lenet_pipeline.errors import PipelineError, SettingsError
from lenet_pipeline.settings import Settings

# Runs of one deployment wait for each other. Runs of different deployments that write also do: see writer.py.
_ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)


def build_deployments(settings: Settings) -> list[RunnerDeployment]:
    """Build the deployments of a home. Those without a schedule are for people, and for automations."""

    def deploy(flow: Flow[..., Any], name: str, kind: str, description: str, **options: Any) -> Any:
        return flow.to_deployment(
            name,
            description=description,
            tags=[settings.home.name, kind],
            concurrency_limit=_ONE_AT_A_TIME,
            **options,
        )

    return [
        deploy(
            poll,
            "inboxes",
            "inbox",
            "Take the new documents of every inbox, and score them with the champion.",
            parameters={"job": {}},
            schedules=[_cron("LENET_INBOX_CRON", settings.inbox_cron)],
        ),
        deploy(
            night,
            "nightly",
            "night",
            "Ingest, score, decide and report; retrain if the schedule says so; promote through the gate.",
            parameters={"job": {}},
            schedules=[_cron("LENET_NIGHT_CRON", settings.night_cron)],
        ),
        deploy(
            check,
            "daily",
            "check",
            "Run every check of the warehouse; the run fails if a check returns rows.",
            schedules=[_cron("LENET_CHECK_CRON", settings.check_cron)],
        ),
        deploy(
            retrain,
            "on-demand",
            "train",
            "Train a model, and promote it if it passes the gate.",
            parameters={"job": {}},
        ),
        deploy(score, "on-demand", "score", "Score one dataset with one model version."),
    ]


def _cron(variable: str, line: str) -> Schedule:
    try:
        return Cron(line, timezone="UTC")
    except ValueError as exc:
        raise SettingsError(
            f"{variable} is {line!r}: {exc}; expected five fields, such as '0 2 * * *'"
        ) from exc


def serve_deployments(settings: Settings) -> None:
    """Serve the deployments to the configured Prefect server until interrupted.

    Each run is a separate process that reads its home and actor from the environment.

    Raises:
        PipelineError: no server is configured.
    """
    if not PREFECT_API_URL.value():
        raise PipelineError(
            "`lenet serve` needs a Prefect server: run `prefect server start` in another terminal, then "
            "set PREFECT_API_URL=http://127.0.0.1:4200/api here"
        )
    deployments = build_deployments(settings)
    os.environ |= {"LENET_HOME": str(settings.home), "LENET_ACTOR": settings.actor}
    with get_client(sync_client=True) as client:
        create_limit(client, home_key(settings.home))
        set_up_automations(client, settings)
    prefect.serve(*deployments)
