"""The code that MLflow runs to serve a model version; a version is code and two files, never a pickle.

MLflow stores a copy of this file with every version and runs that copy whenever it loads the version. The
copy outlives this release, so it imports only the door of the registry, and leaves all rules to it.

The model takes images of shape (n, 28, 28), whole numbers from 0 to 255, bright ink on a dark background. It
returns one row per image: the label, its calibrated confidence, and the probability that it is not a digit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel

from lenet_pipeline.registry import load_engine, score_request


class ServedModel(PythonModel):
    """A model version that returns the label, confidence and ``not_a_digit`` of each image."""

    def load_context(self, context: Any) -> None:
        """Load the engine from the version's two files."""
        self.engine = load_engine(Path(context.artifacts["model"]))

    # MLflow reads the type hint of model_input and accepts only the bare class for arrays.
    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> pd.DataFrame:  # noqa: ARG002
        """Score images; return a frame with the columns ``label``, ``confidence`` and ``not_a_digit``."""
        return score_request(self.engine, model_input)


mlflow.models.set_model(ServedModel())
