"""A model is stored as two files, and reading them runs no code."""

from __future__ import annotations

import hashlib
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lenet_pipeline.errors import RegistryError
from lenet_pipeline.registry.model_files import RECORD, WEIGHTS, read_model, weights_sha256, write_model
from lenet_pipeline.scoring.engine import Engine, Preprocessing
from tests.digit_builders import separable_images, untrained_model

MODEL = replace(untrained_model(temperature=1.25), preprocessing=Preprocessing(paper=0.0, ink=1.0))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model(tmp_path, MODEL)
    return tmp_path


def test_a_model_survives_a_round_trip(folder):
    found = read_model(folder)
    assert (found.architecture, found.temperature) == ("lenet5", 1.25)
    assert found.preprocessing == Preprocessing(paper=0.0, ink=1.0)
    assert found.weights.keys() == MODEL.weights.keys()
    for name, values in MODEL.weights.items():
        assert found.weights[name].dtype == np.float32
        assert found.weights[name].shape == values.shape
        assert found.weights[name].tobytes() == values.tobytes()


def test_a_model_scores_the_same_after_it_was_stored(folder):
    images = separable_images([0, 1, 2, 3])
    before, after = (Engine(model, "cpu").score(images) for model in (MODEL, read_model(folder)))
    assert before.probabilities.tobytes() == after.probabilities.tobytes()
    assert before.not_a_digit.tobytes() == after.not_a_digit.tobytes()


def test_the_same_weights_always_give_the_same_file(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    write_model(other, replace(MODEL, temperature=3.0))
    assert weights_sha256(folder) == weights_sha256(other)
    assert weights_sha256(folder) == hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    changed = {**MODEL.weights, "f6.bias": MODEL.weights["f6.bias"] + np.float32(1e-6)}
    write_model(other, replace(MODEL, weights=changed))
    assert weights_sha256(folder) != weights_sha256(other)


def without(key: str) -> str:
    record = {"architecture": "lenet5", "preprocessing": {}, "temperature": 1.0}
    del record[key]
    return json.dumps(record)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        without("architecture"),
        without("preprocessing"),
        without("temperature"),
        '{"architecture": "lenet5", "preprocessing": {"colour": 1}, "temperature": 1}',
        '{"architecture": "lenet5", "preprocessing": null, "temperature": 1}',
        '{"architecture": "lenet5", "preprocessing": {}, "temperature": "hot"}',
        '{"architecture": "lenet5", "preprocessing": {}, "temperature": null}',
    ],
)
def test_a_damaged_record_is_reported_in_one_line_with_a_remedy(folder, content):
    (folder / RECORD).write_text(content)
    with pytest.raises(RegistryError) as caught:
        read_model(folder)
    assert str(folder) in str(caught.value)
    assert "train again" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_truncated_weights_are_reported_in_one_line_with_a_remedy(folder, keep):
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[:keep])
    with pytest.raises(RegistryError) as caught:
        read_model(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [RECORD, WEIGHTS])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(RegistryError, match=name):
        read_model(folder)


class Trap:
    """An object that leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.mark,))


def test_a_pickle_in_place_of_the_weights_is_refused_and_never_run(folder):
    mark = folder / "ran"
    (folder / WEIGHTS).write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(RegistryError):
        read_model(folder)
    assert not mark.exists()
    pickle.loads((folder / WEIGHTS).read_bytes())  # noqa: S301  # the trap itself works
    assert mark.exists()
