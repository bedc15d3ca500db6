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

from lenet_pipeline.registry.model_files import read_model
from lenet_pipeline.scoring import Engine


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
