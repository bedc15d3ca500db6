"""Tests of the network that reads pieces of touching digits while pages are read."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np

from lenet_pipeline.jobs.piece_reading import read_pieces
from lenet_pipeline.schema import IMAGE_SIDE


def test_processes_that_read_pages_get_the_network_by_its_name() -> None:
    blank = np.zeros((2, IMAGE_SIDE, IMAGE_SIDE), np.uint8)
    assert pickle.loads(pickle.dumps(read_pieces)) is read_pieces  # noqa: S301  # this test pickled it
    scores = read_pieces(blank)
    assert scores.probabilities.shape == (2, 10)
    assert scores.not_a_digit is not None
    assert scores.not_a_digit.min() > 0.5


def test_pages_without_boxes_are_read_without_torch_and_mlflow() -> None:
    program = (
        "import sys; from lenet_pipeline.forms import read_part;"
        " from lenet_pipeline.jobs.piece_reading import read_pieces;"
        " print(sorted({'torch', 'mlflow'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"
