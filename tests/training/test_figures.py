"""Figures are drawn of whatever there is: their texts and files, not their pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from lenet_pipeline.network.architectures import build_network, find_architecture
from lenet_pipeline.scoring.engine import Preprocessing, Scores
from lenet_pipeline.training.figures import draw_confusion, draw_learning_curves, draw_worst_mistakes
from lenet_pipeline.training.loop import Epoch
from lenet_pipeline.training.network_figures import draw_feature_maps, draw_filters, tile, trace_layers
from tests.digit_builders import separable_images


def assert_is_drawn(figure: Figure, folder: Path) -> None:
    """Write a figure and find more on it than one colour."""
    figure.savefig(folder / "figure.png", dpi=40)
    with Image.open(folder / "figure.png") as image:
        assert len(image.convert("L").getcolors()) > 5


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def epochs(count: int, is_validated: bool) -> list[Epoch]:
    return [
        Epoch(
            number=number,
            learning_rate=0.1,
            training_loss=1 / number,
            validation_loss=1.1 / number if is_validated else None,
            validation_accuracy=1 - 0.1 / number if is_validated else None,
            images_per_second=1000.0,
        )
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize(("is_validated", "panels"), [(True, 2), (False, 1)])
@pytest.mark.parametrize("count", [1, 3])
def test_learning_curves_show_validation_where_there_was_one(count, is_validated, panels, tmp_path):
    figure = draw_learning_curves(epochs(count, is_validated))
    assert len(figure.axes) == panels
    assert_is_drawn(figure, tmp_path)


def test_a_confusion_matrix_says_every_count(tmp_path):
    confusion = np.diag(np.arange(1, 11))
    confusion[4, 9] = 37
    figure = draw_confusion(confusion, "mnist/test")
    assert "37" in [text.get_text() for text in figure.axes[0].texts]
    assert_is_drawn(figure, tmp_path)


def read(labels: list[int], shares: list[float]) -> Scores:
    """Return scores that give each image's label its share, and each other digit as much of the rest."""
    probabilities = np.repeat((1 - np.float32(shares))[:, None] / 9, 10, axis=1)
    probabilities[np.arange(len(labels)), labels] = shares
    return Scores(probabilities, None)


def test_worst_mistakes_come_surest_first_with_both_probabilities(tmp_path):
    truth = np.array([4, 1, 7, 5], np.uint8)
    scores = read([9, 1, 2, 5], [0.55, 0.99, 0.91, 0.5])
    figure = draw_worst_mistakes(separable_images(truth.tolist()), truth, scores, "mnist/test")
    assert titles(figure) == ["7 read as 2\n2: 91.0%\n7: 1.0%", "4 read as 9\n9: 55.0%\n4: 5.0%"]
    assert figure.get_suptitle() == "mnist/test: 2 mistakes"
    assert_is_drawn(figure, tmp_path)


@pytest.mark.parametrize(
    ("count", "shown", "title"), [(0, 0, "0 mistakes"), (12, 5, "12 mistakes, the 5 surest")]
)
def test_worst_mistakes_are_as_many_as_there_are_up_to_a_limit(count, shown, title):
    truth = np.zeros(count + 1, np.uint8)
    figure = draw_worst_mistakes(
        separable_images(truth.tolist()), truth, read([1] * count + [0], [0.8] * (count + 1)), "x", most=5
    )
    assert (len(titles(figure)), figure.get_suptitle()) == (shown, f"x: {title}")


@pytest.mark.parametrize("name", ["lenet5", "lenet-3x3"])
def test_filters_are_drawn_one_a_map(name, tmp_path):
    figure = draw_filters(build_network(name))
    assert [axes.get_xlabel() for axes in figure.axes[:6]] == [f"map {number}" for number in range(6)]
    assert_is_drawn(figure, tmp_path)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("lenet5", ["input", "C1", "S2", "C3", "S4", "C5", "F6", "output"]),
        ("lenet-3x3", ["input", "C1", "S2", "C3", "S4", "C5", "output"]),
    ],
)
def test_feature_maps_are_drawn_layer_by_layer_up_to_the_output(name, layers, tmp_path):
    preprocessing = Preprocessing(padding_px=find_architecture(name).padding_px)
    figure = draw_feature_maps(build_network(name), preprocessing, separable_images([3])[0])
    assert [column.get_suptitle().split("\n")[0] for column in figure.subfigs] == layers
    assert_is_drawn(figure, tmp_path)


def test_layers_are_traced_after_their_activation():
    network, image = build_network("lenet5"), separable_images([3])[0]
    traced = trace_layers(network, Preprocessing(), image)
    assert [values.shape for values in traced.values()] == [
        (1, 32, 32), (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120, 1, 1), (84,), (10,),
    ]  # fmt: skip
    with torch.no_grad():
        images = Preprocessing().apply(torch.from_numpy(image)[None])
        c1, scores = network[1](network[0](images)), network(images)
    assert (traced["c1"] == c1[0].numpy()).all()
    assert (traced["output"] == scores[0].numpy()).all()


def test_maps_lie_side_by_side_in_reading_order_with_gaps_between():
    maps = np.arange(16, dtype=np.float32)[:, None, None] * np.ones((5, 5), np.float32)
    tiled = tile(maps)
    assert tiled.shape == (8 * 5 + 7, 2 * 5 + 1)
    assert (tiled[0, 0], tiled[0, -1], tiled[6, 0], tiled[-1, -1]) == (0, 1, 2, 15)
    assert np.isnan(tiled[:, 5]).all()


def test_f6_is_drawn_as_the_bitmap_that_it_stands_for():
    assert (tile(np.arange(84, dtype=np.float32)) == np.arange(84).reshape(12, 7)).all()
