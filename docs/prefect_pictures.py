"""The pictures of Prefect's and MLflow's pages, from a night of a home with scored forms. The home is not changed.

    lenet demo
    python -m docs.prefect_pictures --home lenet-demo

A Prefect server and MLflow's pages start on loopback. An inbox receives new delivery notes, and a schedule trains
for two epochs only, so that the gate refuses the version and an automation fires.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from PIL import Image

from lenet_pipeline.forms import SEVERITIES, read_template
from lenet_pipeline.jobs import FillingJob, RetrainingSchedule, declare_inbox, declare_schedule, fill_forms
from lenet_pipeline.settings import Settings, read_settings

if TYPE_CHECKING:
    from playwright.sync_api import Page

FOLDER = Path(__file__).parent / "images"
_SIZE = {"width": 1200, "height": 760}
_PAGES = 6
_WAIT_S = 900.0
_SETTLED_MS = 2_500  # until a page has its data and its animations have ended
_NAME = "invoices"


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description="Write the pictures of Prefect's and MLflow's pages.")
    parser.add_argument("--home", type=Path, default=Path("lenet-demo"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        settings = read_settings(Path(shutil.copytree(given.home, Path(folder) / _NAME)), "ada")
        _prepare(settings, Path(folder) / "scans")
        prefect, mlflow = f"http://127.0.0.1:{_free_port()}", f"http://127.0.0.1:{_free_port()}"
        running.enter_context(_server(_prefect_command(prefect), _prefect_environment(prefect, Path(folder))))
        running.enter_context(_server(_mlflow_command(mlflow, settings), {}))
        hook = running.enter_context(_receiver())
        _wait(lambda: _answers(f"{prefect}/api/health") and _answers(f"{mlflow}/health"))
        running.enter_context(_server(("lenet_pipeline.cli", "serve"), _jobs_environment(prefect, settings, hook)))
        _wait(lambda: len(_filter(prefect, "deployments")) == 5)  # noqa: PLR2004
        night = _run_night(prefect)
        _show(prefect, mlflow, night)
