"""Deployments: retrain weekly, score nightly, check daily, and score on demand."""

from __future__ import annotations

import os

import prefect
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Schedule
from prefect.settings import PREFECT_API_URL

from flows.check import check
from flows.retrain import retrain
from flows.score import score, score_all
from lenet_pipeline.errors import PipelineError, SettingsError
from lenet_pipeline.settings import Settings


def build_deployments(settings: Settings) -> list[RunnerDeployment]:
    """Build the deployments of a home. ``score/on-demand`` has no schedule; an event or a user starts it."""
    deployments = [
        retrain.to_deployment(
            "weekly",
            parameters={"job": {"datasets": []}},
            schedules=[_cron("LENET_RETRAIN_CRON", settings.retrain_cron)],
            description="Train on all datasets named `*/train`; promote through the gate.",
        ),
        score_all.to_deployment(
            "nightly",
            schedules=[_cron("LENET_SCORE_CRON", settings.score_cron)],
            description="Score every dataset with the champion. Earlier predictions are kept.",
        ),
        score.to_deployment("on-demand", description="Score one dataset with one model version."),
        check.to_deployment(
            "daily",
            schedules=[_cron("LENET_CHECK_CRON", settings.check_cron)],
            description="Run every check of the warehouse; the run fails if a check returns rows.",
        ),
    ]
    return [deployment for deployment in deployments if isinstance(deployment, RunnerDeployment)]


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
    os.environ |= {"LENET_HOME": str(settings.home), "LENET_ACTOR": settings.actor}
    prefect.serve(*build_deployments(settings))
