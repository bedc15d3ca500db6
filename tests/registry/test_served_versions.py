"""Registered versions load and predict through MLflow, whichever release stored their code."""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np
import pytest

from lenet_pipeline.registry import training_runs
from lenet_pipeline.registry.store import Registry
from lenet_pipeline.scoring.engine import Engine
from tests.digit_builders import separable_images, untrained_model

IMAGES = separable_images([3, 1, 4, 1, 5])

# The file that versions registered before 0.2.0 store.
STORED_BEFORE_0_2_0 = '''\
"""The model as MLflow serves it: code, not a pickle. MLflow runs this file to load a version.

Takes uint8 images of shape (n, 28, 28), ink bright on dark, and returns one row an image: label and
calibrated confidence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel

from lenet_pipeline.engine import Engine
from lenet_pipeline.model_files import read_model


class ServedModel(PythonModel):
    """Label and confidence of each image."""

    def load_context(self, context: Any) -> None:
        """Load the engine from the version's two files."""
        self.engine = Engine(read_model(Path(context.artifacts["model"])))

    # MLflow reads the hint of model_input, and knows no more of arrays than the bare class.
    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> pd.DataFrame:  # noqa: ARG002
        """Score uint8 (n, 28, 28) images; return a frame of columns ``label`` and ``confidence``."""
        scores = self.engine.score(np.asarray(model_input, np.uint8))
        return pd.DataFrame(
            {"label": scores.labels.astype(np.int64), "confidence": scores.confidences.astype(np.float64)}
        )


mlflow.models.set_model(ServedModel())
'''  # noqa: E501


def register(home: Path) -> str:
    """Register an untrained model in a new registry; return the URI of its version."""
    registry = Registry(home)
    with training_runs.training_run(registry, "test", {}, {}) as run:
        version = run.register(untrained_model(), {"architecture": "lenet5"}, IMAGES)
    return f"models:/{version.reference}"


def assert_version_predicts(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Load a version without unpickling, and compare its predictions with the engine's."""
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    found = mlflow.pyfunc.load_model(uri).predict(IMAGES)
    expected = Engine(untrained_model()).score(IMAGES)
    assert found["label"].tolist() == expected.labels.tolist()
    np.testing.assert_array_equal(found["confidence"], expected.confidences.astype(np.float64))


def stored_code(home: Path) -> str:
    """Return the code that is stored with the only version of a registry."""
    (path,) = (home / "mlartifacts").rglob("artifacts/*.py")
    return path.read_text()


def test_a_version_loads_and_predicts_without_unpickling(tmp_path, monkeypatch):
    assert_version_predicts(register(tmp_path), monkeypatch)


@pytest.mark.slow
def test_a_version_stores_code_that_imports_only_the_registrys_door(tmp_path):
    register(tmp_path)
    ours = [line for line in stored_code(tmp_path).splitlines() if "import" in line and "lenet" in line]
    assert ours == ["from lenet_pipeline.registry import load_engine"]


@pytest.mark.slow
def test_a_version_registered_before_0_2_0_loads_and_predicts(tmp_path, monkeypatch):
    old = tmp_path / "served_model.py"
    old.write_text(STORED_BEFORE_0_2_0)
    monkeypatch.setattr(training_runs, "_SERVED_MODEL", old)
    uri = register(tmp_path)
    assert stored_code(tmp_path) == STORED_BEFORE_0_2_0
    assert_version_predicts(uri, monkeypatch)
