"""Where MLflow keeps what it is told: one SQLite file and one folder of artifacts under the home."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

# Documents may be confidential: nothing is sent anywhere. Read by MLflow when it is first imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

import mlflow
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from lenet_pipeline.errors import RegistryError
from lenet_pipeline.system import first_line

EXPERIMENT = "lenet-pipeline"

# What MLflow may raise where its database or artifacts cannot be read or written.
REGISTRY_FAILURES = (MlflowException, SQLAlchemyError, OSError)


@dataclass(frozen=True)
class Registry:
    """One home's MLflow store and the registered model it is used for."""

    database: Path
    artifacts: Path
    model_name: str = "digits"

    @property
    def uri(self) -> str:
        """The tracking and registry URI, as other MLflow tools take it."""
        return f"sqlite:///{self.database}"

    def client(self) -> mlflow.MlflowClient:
        """Connect; MLflow makes the database where there is none.

        Raises:
            RegistryError: the database cannot be opened or made.
        """
        try:
            # Its progress lines and the migration log are of no use to whoever runs a command.
            for noisy in ("mlflow", "alembic"):
                logging.getLogger(noisy).setLevel(logging.ERROR)
            self.database.parent.mkdir(parents=True, exist_ok=True)
            mlflow.set_tracking_uri(self.uri)
            mlflow.set_registry_uri(self.uri)
            client = mlflow.MlflowClient(self.uri, self.uri)
            if client.get_experiment_by_name(EXPERIMENT) is None:
                client.create_experiment(EXPERIMENT, artifact_location=self.artifacts.as_uri())
            return client
        except REGISTRY_FAILURES as exc:
            raise RegistryError(f"cannot open MLflow's store {self.database}: {first_line(exc)}") from exc
