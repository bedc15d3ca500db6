"""Figures of a network: the filters of C1, and the feature maps of one digit in every layer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from torch import nn

from lenet_pipeline.network import DigitNetwork, EuclideanRadialBasis, digit_bitmaps, paper_name
from lenet_pipeline.schema import Floats
from lenet_pipeline.scoring import Preprocessing
from lenet_pipeline.training.figures import INK, style_figure

Image = npt.NDArray[np.uint8]

_SIGNED = "RdBu_r"  # blue below zero, white at zero, red above
_GREYS = "gray_r"  # as the paper draws units: white below zero, black above
_GAPS, _WINNER, _OTHERS = "#bcd3e6", "#4477aa", "#a0a0a0"
_COLUMNS = {6: 1, 16: 2, 84: 7}  # columns by number of maps; F6's 84 units form a 7x12 bitmap
_BITMAP_SHAPE = (12, 7)


def draw_filters(network: DigitNetwork) -> Figure:
    """Draw the kernels of C1 on one colour scale: ink raises a unit where red, and lowers it where blue."""
    kernels = next(network.children()).get_parameter("weight").detach().cpu().numpy()[:, 0]
    limit = float(np.abs(kernels).max())
    figure = Figure(figsize=(9, 2.2), layout="constrained")
    figure.suptitle("Filters of C1")
    places = figure.subplots(1, len(kernels))
    for number, (place, kernel) in enumerate(zip(places, kernels, strict=True)):
        drawn = place.imshow(kernel, cmap=_SIGNED, vmin=-limit, vmax=limit)
        place.set(xticks=[], yticks=[], xlabel=f"map {number}")
    figure.colorbar(drawn, ax=places, shrink=0.8, label="weight")
    return style_figure(figure)


def draw_feature_maps(network: DigitNetwork, preprocessing: Preprocessing, image: Image) -> Figure:
    """Draw the feature maps of one image, uint8 (28, 28), layer by layer, up to the ten outputs.

    Units are shown after their activation: white below zero, black above. Each layer has its own scale.
    """
    features = trace_layers(network, preprocessing, image)
    scores = features.pop("output")
    figure = Figure(figsize=(2.2 + 1.25 * len(features), 6), layout="constrained")
    columns = figure.subfigures(1, len(features) + 1, squeeze=False, width_ratios=_width_ratios(features))[0]
    for column, (name, maps) in zip(columns, features.items(), strict=False):
        _draw_layer(column, name, maps)
    if isinstance(network.get_submodule("output"), EuclideanRadialBasis):
        _draw_distances(columns[-1], -scores)
    else:
        _draw_scores(columns[-1], scores)
    return style_figure(figure)


@torch.no_grad()
def trace_layers(network: DigitNetwork, preprocessing: Preprocessing, image: Image) -> dict[str, Floats]:
    """Return the feature maps of one image, uint8 (28, 28), by layer name; the first is the network's input.

    Each value is float32 (maps, height, width), or (units,), after the layer's activation.
    """
    features = preprocessing.apply(torch.from_numpy(image.copy())[None])
    found = {"input": features[0].numpy()}
    for name, layer in network.named_children():
        features = layer(features)
        if not isinstance(layer, nn.Flatten):
            found[name.partition("_")[0]] = features[0].numpy()
    return found


def tile(maps: Floats) -> Floats:
    """Arrange maps (n, height, width) in a grid, separated by NaN; units (n,) have no gaps between them."""
    count, height, width = maps.shape if maps.ndim == 3 else (len(maps), 1, 1)
    columns = _COLUMNS.get(count, min(count, 4))
    rows, gap = -(-count // columns), (max(1, height // 8) if height > 1 else 0)
    tiles = np.full((rows * columns, height + gap, width + gap), np.nan, np.float32)
    tiles[:count, :height, :width] = maps.reshape(count, height, width)
    grid = tiles.reshape(rows, columns, height + gap, width + gap).swapaxes(1, 2)
    return grid.reshape(rows * (height + gap), -1)[
        : rows * (height + gap) - gap, : columns * (width + gap) - gap
    ]


def _width_ratios(features: dict[str, Floats]) -> list[float]:
    shapes = [tile(maps).shape for maps in features.values()]
    return [min(1.6, max(0.85, 5 * width / height)) for height, width in shapes] + [2.0]


def _draw_layer(column: SubFigure, name: str, maps: Floats) -> None:
    place, limit = column.subplots(), float(np.abs(maps).max()) or 1.0
    place.imshow(tile(maps), cmap=_GREYS, vmin=-limit, vmax=limit)
    place.set(xticks=[], yticks=[], facecolor=_GAPS)
    place.spines[:].set_color(_GAPS)
    size = "x".join(map(str, maps.shape[1:]))
    column.suptitle(f"{paper_name(name)}\n{len(maps)}@{size}" if size else f"{paper_name(name)}\n{len(maps)}")


def _draw_distances(column: SubFigure, distances: Floats) -> None:
    """Draw the ten bitmaps that the F6 code is compared with, and frame the nearest (equation 7)."""
    column.suptitle("output\ndistance to each bitmap")
    places: list[Axes] = list(column.subplots(5, 2).T.flat)
    for digit, (place, bitmap) in enumerate(zip(places, digit_bitmaps(), strict=True)):
        place.imshow(bitmap.reshape(_BITMAP_SHAPE), cmap=_GREYS, vmin=-1.7, vmax=1.7)
        is_nearest = digit == distances.argmin()
        place.set(xticks=[], yticks=[])
        place.set_xlabel(f"{digit}: {distances[digit]:.1f}", weight="bold" if is_nearest else "normal")
        place.spines[:].set(color=_WINNER if is_nearest else _GAPS, linewidth=3 if is_nearest else 1)


def _draw_scores(column: SubFigure, scores: Floats) -> None:
    place = column.subplots()
    colours = [_WINNER if digit == scores.argmax() else _OTHERS for digit in range(10)]
    place.barh(range(10), scores, color=colours)
    place.set(yticks=range(10), ylim=(9.6, -0.6))
    column.suptitle("output\nlog score")
    place.axvline(0, color=INK, linewidth=0.8)
    place.spines[["top", "right", "left"]].set_visible(False)
    place.tick_params(left=False)
