"""MLflow's store: one SQLite file and one folder of artifacts in the pipeline's home."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

# Documents may be confidential, so telemetry is off. MLflow reads these variables when it is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

import mlflow
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from lenet_pipeline.errors import RegistryError
from lenet_pipeline.system import first_line

EXPERIMENT = "lenet-pipeline"

# MLflow raises these when it cannot read or write its database or artifacts.
REGISTRY_FAILURES = (MlflowException, SQLAlchemyError, OSError)


@dataclass(frozen=True)
class Registry:
    """The MLflow store of one home, and the name of its registered model."""

    database: Path
    artifacts: Path
    model_name: str = "digits"

    @property
    def uri(self) -> str:
        """The tracking and registry URI, for use with other MLflow tools."""
        return f"sqlite:///{self.database}"

    def client(self) -> mlflow.MlflowClient:
        """Connect to the store; MLflow creates the database if it is missing.

        Raises:
            RegistryError: The database cannot be opened or created.
        """
        try:
            # Progress lines and the migration log would only clutter a command's output.
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
