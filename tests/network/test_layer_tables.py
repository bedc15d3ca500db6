"""The layer table agrees with the numbers published in the 1998 paper."""

from __future__ import annotations

import pytest
from torch import nn

from lenet_pipeline.network.architectures import ARCHITECTURES, find_architecture
from lenet_pipeline.network.layer_tables import LayerSummary, describe_layer, describe_layers

# Layer, output size, trainable parameters, connections: section II.B.
PUBLISHED = [
    ("C1", (6, 28, 28), 156, 122_304),
    ("S2", (6, 14, 14), 12, 5_880),
    ("C3", (16, 10, 10), 1_516, 151_600),
    ("S4", (16, 5, 5), 32, 2_000),
    ("C5", (120, 1, 1), 48_120, 48_120),
    ("F6", (84,), 10_164, 10_164),
    ("output", (10,), 0, 840),
]


def table_of(name: str) -> tuple[LayerSummary, ...]:
    architecture = find_architecture(name)
    return describe_layers(architecture.build(), architecture.padding_px)


def test_lenet5_is_as_published():
    layers = table_of("lenet5")
    found = [(layer.name, layer.output_size, layer.parameters, layer.connections) for layer in layers]
    assert found == PUBLISHED
    assert sum(layer.parameters for layer in layers) == 60_000
    assert sum(layer.connections for layer in layers) == 340_908


def test_sizes_are_written_as_in_the_papers_figure_2():
    sizes = [layer.output for layer in table_of("lenet5")]
    assert sizes == ["6@28x28", "6@14x14", "16@10x10", "16@5x5", "120@1x1", "84", "10"]


def test_pooling_without_parameters_connects_each_unit_to_four():
    s2 = table_of("lenet5-softmax")[1]
    assert (s2.name, s2.parameters, s2.connections) == ("S2", 0, 6 * 14 * 14 * 4)


def test_pooling_a_map_of_odd_size_drops_its_last_row_and_column():
    layers = {layer.name: layer for layer in table_of("lenet-3x3")}
    assert layers["C3"].output_size == (16, 11, 11)
    assert (layers["S4"].output_size, layers["S4"].connections) == ((16, 5, 5), 16 * 25 * 4)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_has_a_table_that_adds_up(name: str):
    layers = table_of(name)
    assert sum(layer.parameters for layer in layers) == find_architecture(name).parameters
    assert all(layer.description and layer.connections >= layer.parameters for layer in layers)
    assert layers[-1].output_size == (10,)


def test_a_layer_that_is_frozen_keeps_its_connections():
    network = find_architecture("lenet5").build().requires_grad_(False)
    layers = describe_layers(network, 2)
    assert [layer.connections for layer in layers] == [row[3] for row in PUBLISHED]
    assert [layer.parameters for layer in layers] == [0] * 7


def test_a_layer_of_an_unknown_kind_is_not_counted_wrongly():
    with pytest.raises(TypeError, match="Dropout"):
        describe_layer(nn.Dropout())
