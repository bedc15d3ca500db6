"""Figures show the expected texts and axes, and read well on light and dark pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from lenet_pipeline.network.architectures import build_network, find_architecture
from lenet_pipeline.scoring.engine import Preprocessing, Scores
from lenet_pipeline.training.calibration import measure_reliability
from lenet_pipeline.training.figures import (
    draw_confusion,
    draw_learning_curves,
    draw_reliability,
    draw_risk_coverage,
    draw_worst_mistakes,
)
from lenet_pipeline.training.loop import Epoch
from lenet_pipeline.training.network_figures import draw_feature_maps, draw_filters, tile, trace_layers
from tests.digit_builders import separable_images


def assert_is_drawn(figure: Figure, folder: Path) -> None:
    """Write a figure, and check that it has a transparent background and stands out on white and on black."""
    figure.savefig(folder / "figure.png", dpi=40)
    with Image.open(folder / "figure.png") as image:
        assert image.getpixel((0, 0))[3] == 0
        for page in ("white", "black"):
            drawn = Image.new("RGBA", image.size, page)
            drawn.alpha_composite(image)
            assert len(drawn.convert("L").getcolors()) > 5
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    assert not any(same_color(text.get_color(), "black") for text in texts)


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


def test_the_risk_coverage_axis_starts_at_the_first_error(tmp_path):
    coverages = np.array([0.5, 0.95, 0.96, 0.98, 1.0])
    risks = np.array([0.0, 0.0, 0.001, 0.004, 0.02])
    figure = draw_risk_coverage(coverages, risks, 0.002, 0.97, "policy 1")
    (axes,) = figure.axes
    assert (axes.get_xlim(), axes.get_yscale()) == ((96, 100), "log")
    assert axes.lines[0].get_xdata().tolist() == [96, 98, 100]
    assert axes.get_title() == "policy 1"
    assert_is_drawn(figure, tmp_path)


@pytest.mark.parametrize("max_error", [None, 0.002])
def test_a_risk_coverage_curve_without_errors_is_flat(max_error, tmp_path):
    figure = draw_risk_coverage(np.array([0.9, 1.0]), np.zeros(2), max_error, None, "")
    (axes,) = figure.axes
    assert (axes.get_xlim(), axes.get_yscale()) == ((90, 100), "linear")
    assert axes.lines[0].get_ydata().tolist() == [0, 0]
    assert_is_drawn(figure, tmp_path)


def test_reliability_is_drawn_before_and_after_calibration(tmp_path):
    is_right = np.array([True, False, True, True])
    before = measure_reliability(np.float32([0.2, 0.9, 0.95, 0.99]), is_right)
    after = measure_reliability(np.float32([0.3, 0.5, 0.8, 0.9]), is_right)
    figure = draw_reliability(before, after, "mnist/test")
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        f"before calibration: expected calibration error {before.expected_error:.4f}",
        f"after calibration: expected calibration error {after.expected_error:.4f}",
    ]
    assert_is_drawn(figure, tmp_path)


def test_a_confusion_matrix_shows_every_count(tmp_path):
    confusion = np.diag(np.arange(1, 11))
    confusion[4, 9] = 37
    figure = draw_confusion(confusion, "mnist/test")
    assert "37" in [text.get_text() for text in figure.axes[0].texts]
    assert_is_drawn(figure, tmp_path)


def read(labels: list[int], shares: list[float]) -> Scores:
    """Return scores that give each image's label its share and divide the rest evenly."""
    probabilities = np.repeat((1 - np.float32(shares))[:, None] / 9, 10, axis=1)
    probabilities[np.arange(len(labels)), labels] = shares
    return Scores(probabilities, None)


def test_worst_mistakes_start_with_the_most_confident_and_show_both_probabilities(tmp_path):
    truth = np.array([4, 1, 7, 5], np.uint8)
    scores = read([9, 1, 2, 5], [0.55, 0.99, 0.91, 0.5])
    figure = draw_worst_mistakes(separable_images(truth.tolist()), truth, scores, "mnist/test")
    assert titles(figure) == ["7 read as 2\n2: 91.0%\n7: 1.0%", "4 read as 9\n9: 55.0%\n4: 5.0%"]
    assert figure.get_suptitle() == "mnist/test: 2 mistakes"
    assert_is_drawn(figure, tmp_path)


@pytest.mark.parametrize(
    ("count", "shown", "title"),
    [(0, 0, "0 mistakes"), (1, 1, "1 mistake"), (12, 5, "12 mistakes, the 5 most confident")],
)
def test_worst_mistakes_are_limited_in_number(count, shown, title):
    truth = np.zeros(count + 1, np.uint8)
    figure = draw_worst_mistakes(
        separable_images(truth.tolist()), truth, read([1] * count + [0], [0.8] * (count + 1)), "x", most=5
    )
    assert (len(titles(figure)), figure.get_suptitle()) == (shown, f"x: {title}")


@pytest.mark.parametrize("name", ["lenet5", "lenet-3x3"])
def test_filters_are_drawn_one_per_map(name, tmp_path):
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


def test_maps_are_arranged_in_reading_order_with_gaps():
    maps = np.arange(16, dtype=np.float32)[:, None, None] * np.ones((5, 5), np.float32)
    tiled = tile(maps)
    assert tiled.shape == (8 * 5 + 7, 2 * 5 + 1)
    assert (tiled[0, 0], tiled[0, -1], tiled[6, 0], tiled[-1, -1]) == (0, 1, 2, 15)
    assert np.isnan(tiled[:, 5]).all()


def test_f6_is_drawn_as_a_bitmap():
    assert (tile(np.arange(84, dtype=np.float32)) == np.arange(84).reshape(12, 7)).all()
