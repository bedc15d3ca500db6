"""The files of the packaged model: small, whole, and described by a card that agrees with them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.packaged_model.card import write_card
from lenet_pipeline.errors import RegistryError
from lenet_pipeline.registry import TRAIN_SPLIT, read_packaged_model
from lenet_pipeline.registry.model_files import RECORD, WEIGHTS, weights_sha256
from lenet_pipeline.registry.packaged_model import CARD, PACKAGED_FOLDER
from lenet_pipeline.registry.training_file import TRAINING, find_training, write_training
from lenet_pipeline.scoring import Engine
from tests.digit_builders import separable_images

MEGABYTE = 1_000_000


def test_the_packaged_model_is_at_most_a_megabyte_and_reads_images() -> None:
    assert sum((PACKAGED_FOLDER / name).stat().st_size for name in (WEIGHTS, RECORD)) <= MEGABYTE
    scores = Engine(read_packaged_model().model, "cpu").score(separable_images(list(range(10))))
    assert scores.probabilities.shape == (10, 10)
    assert scores.not_a_digit is not None


def test_the_card_is_the_one_that_the_files_give() -> None:
    card = (PACKAGED_FOLDER / CARD).read_text("utf-8")
    assert card == write_card(read_packaged_model())
    assert weights_sha256(PACKAGED_FOLDER) in card


def test_the_packaged_model_did_not_learn_from_gate_digits_and_states_its_sources() -> None:
    packaged = read_packaged_model()
    training = packaged.training
    assert training.trained_on == TRAIN_SPLIT  # otherwise no later version could be compared with it
    assert training.sources
    for source in training.sources:
        assert source.licence and source.origin and source.files
    assert packaged.model.reference is not None  # otherwise its runs could not be checked for drift
    for figures in training.figures:
        assert 0 <= figures.sure_wrong <= figures.sure <= figures.digits
        assert figures.correct <= figures.digits
    learned = {source.dataset for source in training.sources}
    assert not learned & {figures.dataset for figures in training.figures}


def test_a_training_survives_a_round_trip(tmp_path: Path) -> None:
    training = read_packaged_model().training
    write_training(tmp_path, training)
    assert (tmp_path / TRAINING).read_bytes() == (PACKAGED_FOLDER / TRAINING).read_bytes()
    assert find_training(tmp_path) == training


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sources": [], "figures": []}'])
def test_a_damaged_training_file_is_reported_in_one_line(tmp_path: Path, content: str) -> None:
    folder = Path(shutil.copytree(PACKAGED_FOLDER, tmp_path / "packaged"))
    (folder / TRAINING).write_text(content)
    with pytest.raises(RegistryError, match=r"cannot read .*training-record.json") as caught:
        read_packaged_model(folder)
    assert "\n" not in str(caught.value)


def test_a_package_without_its_model_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"the package lacks its model .* install lenet-pipeline again"):
        read_packaged_model(tmp_path)
