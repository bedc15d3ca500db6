"""Registered versions load and predict through MLflow, whichever release stored their code."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import mlflow
import numpy as np
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec

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

# The code that 0.2.0 stores: the same with another import. It does not check requests.
STORED_BY_0_2_0 = STORED_BEFORE_0_2_0.replace(
    "from lenet_pipeline.engine import Engine\nfrom lenet_pipeline.model_files import read_model\n",
    "from lenet_pipeline.registry import load_engine\n",
).replace("Engine(read_model(Path", "load_engine((Path")

# The signature that both stored.
FORMER_SIGNATURE = ModelSignature(
    inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, 28, 28))]),
    outputs=Schema([ColSpec("long", "label"), ColSpec("double", "confidence")]),
)


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


def answers(uri: str, *requests: Any) -> list[httpx.Response]:
    """Return what MLflow's server of a version answers to requests, sent as JSON."""
    from mlflow.pyfunc.scoring_server import init  # the application that `mlflow models serve` runs

    async def send() -> list[httpx.Response]:
        application = httpx.ASGITransport(init(mlflow.pyfunc.load_model(uri)))
        async with httpx.AsyncClient(transport=application, base_url="http://server") as client:
            return [await client.post("/invocations", json=request) for request in requests]

    return asyncio.run(send())


def stored_code(home: Path) -> str:
    """Return the code that is stored with the only version of a registry."""
    (path,) = (home / "mlartifacts").rglob("artifacts/*.py")
    return path.read_text()


def test_a_version_loads_and_predicts_without_unpickling(tmp_path, monkeypatch):
    assert_version_predicts(register(tmp_path), monkeypatch)


def test_mlflows_server_answers_images_and_refuses_others_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("_MLFLOW_IS_IN_SERVING_ENVIRONMENT", "true")  # the server sets it, and never unsets it
    uri = register(tmp_path)
    images = {"inputs": IMAGES.tolist()}
    good, floats, empty, scaled, inverted = answers(
        uri,
        images,
        {"instances": IMAGES.astype(float).tolist()},
        {"inputs": []},
        {"inputs": (IMAGES / 255).tolist()},
        {"inputs": (255 - IMAGES).tolist()},
    )
    expected = Engine(untrained_model()).score(IMAGES)
    assert [row["label"] for row in good.json()["predictions"]] == expected.labels.tolist()
    assert [row["not_a_digit"] for row in good.json()["predictions"]] == expected.not_a_digit.tolist()
    assert floats.json() == good.json()
    assert empty.json() == {"predictions": []}
    assert (scaled.status_code, inverted.status_code) == (400, 400)
    assert "multiply them by 255 and round them" in scaled.json()["message"]
    assert "5 of 5 images have dark ink on bright paper" in inverted.json()["message"]


@pytest.mark.slow
def test_a_version_stores_code_that_imports_only_the_registrys_door(tmp_path):
    register(tmp_path)
    ours = [line for line in stored_code(tmp_path).splitlines() if "import" in line and "lenet" in line]
    assert ours == ["from lenet_pipeline.registry import load_engine, score_request"]


@pytest.mark.slow
@pytest.mark.parametrize("code", [STORED_BEFORE_0_2_0, STORED_BY_0_2_0], ids=["0.1", "0.2"])
def test_a_version_of_an_earlier_release_loads_and_predicts(code, tmp_path, monkeypatch):
    old = tmp_path / "served_model.py"
    old.write_text(code)
    monkeypatch.setattr(training_runs, "_SERVED_MODEL", old)
    monkeypatch.setattr(training_runs, "_SIGNATURE", FORMER_SIGNATURE)
    uri = register(tmp_path)
    assert stored_code(tmp_path) == code
    assert_version_predicts(uri, monkeypatch)
