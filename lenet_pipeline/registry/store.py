"""MLflow's store: the home's own SQLite file and folder of artifacts, or an MLflow server."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path

# MLflow reads these variables when it is imported, or on each request. Documents may be confidential, so
# telemetry is off. By default MLflow repeats a failed request for minutes, which looks like a hang.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "5")

import mlflow
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from lenet_pipeline.errors import RegistryError
from lenet_pipeline.lake import mask_url
from lenet_pipeline.registry.relocation import relocate_artifacts
from lenet_pipeline.system import first_line

DEFAULT_MODEL = "digits"
_EXPERIMENT = "lenet-pipeline"
_URI_VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")

# MLflow raises these when it cannot read or write its database or artifacts.
REGISTRY_FAILURES = (MlflowException, SQLAlchemyError, OSError)

_NO_ANSWER = ("connection", "timed out", "max retries", "resolve")


@dataclass(frozen=True)
class Registry:
    """The MLflow store that a home uses, and the name of its registered model.

    Attributes:
        home: the home. It keeps the store, or copies of the versions that a server holds.
        model_name: the registered model. Homes that share a server have different names.
        server: the address of an MLflow server, or None if the home keeps its own store.
    """

    home: Path
    model_name: str = DEFAULT_MODEL
    server: str | None = None

    @property
    def uri(self) -> str:
        """The tracking and registry URI, for use with other MLflow tools."""
        return self.server or f"sqlite:///{self.database}"

    @property
    def database(self) -> Path:
        """The home's own SQLite file; unused with a server."""
        return self.home / "mlflow.db"

    @property
    def artifacts(self) -> Path:
        """The home's own folder of artifacts; unused with a server."""
        return self.home / "mlartifacts"

    @property
    def downloads(self) -> Path:
        """The folder of the versions that were downloaded from a server."""
        return self.home / "models"

    @property
    def is_new(self) -> bool:
        """Whether the home keeps its own store and has not created it yet."""
        return self.server is None and not self.database.exists()

    @property
    def experiment(self) -> str:
        """The MLflow experiment of the model. Each name has its own, so that a server can protect it."""
        is_default = self.model_name == DEFAULT_MODEL
        return _EXPERIMENT if is_default else f"{_EXPERIMENT}-{self.model_name}"

    def named(self, model_name: str) -> Registry:
        """Return the same store with another registered model."""
        return replace(self, model_name=model_name)

    def client(self) -> mlflow.MlflowClient:
        """Connect to the store; MLflow creates the home's own database if it is missing.

        If the home was moved or copied, this updates the paths in its database first.

        Raises:
            RegistryError: The database cannot be opened or created, or the server does not answer.
        """
        # Progress lines, the migration log and repeated requests would only clutter a command's output.
        for noisy in ("mlflow", "alembic", "urllib3.connectionpool"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        try:
            if not self.server:
                self.home.mkdir(parents=True, exist_ok=True)
                relocate_artifacts(self.database, self.artifacts)
            _use(self.uri)
            client = mlflow.MlflowClient(self.uri, self.uri)
            if client.get_experiment_by_name(self.experiment) is None:
                location = None if self.server else self.artifacts.as_uri()
                client.create_experiment(self.experiment, artifact_location=location)
            return client
        except REGISTRY_FAILURES as exc:
            if self.server:
                raise RegistryError(self.explain(exc)) from exc
            raise RegistryError(f"cannot open MLflow's store {self.database}: {first_line(exc)}") from exc

    def explain(self, error: BaseException) -> str:
        """Return the cause of MLflow's error in one line: name the server and the remedy if it is known."""
        text = mask_url(first_line(error))
        if not self.server:
            return text
        words, where = str(error).lower(), mask_url(self.server)
        if getattr(error, "get_http_status_code", int)() in (401, 403) or "error code 401" in words:
            return (
                f"the MLflow server {where} refuses access; set MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, and check the user's permissions"
            )
        if "api request to" in words and any(word in words for word in _NO_ANSWER):
            return f"the MLflow server {where} does not answer; start it, or correct LENET_MLFLOW_URI"
        return f"the MLflow server {where} answers: {text}"


def _use(uri: str) -> None:
    """Make a store the one that MLflow's functions use, in this process only.

    MLflow also sets environment variables. Child processes and later settings must not inherit them: they
    would look like an address that a person set.
    """
    before = {name: os.environ.get(name) for name in _URI_VARIABLES}
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
