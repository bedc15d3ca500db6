"""A model scores the same after a round trip through its two files, up to float32 rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lenet_pipeline.network.architectures import ARCHITECTURES, build_network, find_architecture
from lenet_pipeline.registry.model_files import read_model, write_model
from lenet_pipeline.scoring.engine import Engine, Preprocessing, TrainedModel, network_weights
from tests.digit_builders import separable_images


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_exported_model_scores_as_its_module_does_in_float64(name: str, tmp_path: Path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = build_network(name)
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.2)
    preprocessing = Preprocessing(padding_px=find_architecture(name).padding_px)
    write_model(tmp_path, TrainedModel(name, network_weights(network), preprocessing))
    images = separable_images(list(range(10)))
    found = Engine(read_model(tmp_path), "cpu").raw_scores(images)[0]
    with torch.no_grad():
        expected = network.double()(preprocessing.apply(torch.from_numpy(images)).double()).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
