"""Score the requests of a served model: refuse what is not an image of a digit's kind, with a reason.

MLflow keeps a copy of ``served_model.py`` with each version. The rules are here instead, so that a stored
version follows those of the installed release.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from numpy.typing import NDArray

from lenet_pipeline.schema import IMAGE_SIDE, Images
from lenet_pipeline.scoring import Engine

_WHITE, _MIDDLE = 255, 128
_BORDER_PX = 2


def score_request(engine: Engine, request: object) -> pd.DataFrame:
    """Score the images of a request.

    Args:
        engine: The model.
        request: The images, (n, 28, 28), as an array or nested lists. Values are whole numbers of any type,
            0 (paper) to 255 (ink): bright ink on a dark background.

    Returns:
        One row per image: ``label``, int64; ``confidence``, float64, the calibrated probability of the label;
        ``not_a_digit``, the probability that the image shows no digit, None if the model has no such class.

    Raises:
        MlflowException: The request has another shape, other values or the opposite polarity. The error code
            is INVALID_PARAMETER_VALUE, which MLflow's server answers with status 400 and the reason.
    """
    images = read_request(request)
    scores = engine.score(images)
    rubbish = [None] * len(images) if scores.not_a_digit is None else scores.not_a_digit.astype(np.float64)
    return pd.DataFrame(
        {
            "label": scores.labels.astype(np.int64),
            "confidence": scores.confidences.astype(np.float64),
            "not_a_digit": rubbish,
        }
    )


def read_request(request: object) -> Images:
    """Return the images of a request, uint8 (n, 28, 28); an empty list has none.

    Raises:
        MlflowException: As for ``score_request``.
    """
    values = _read_numbers(request)
    if values.shape == (0,):
        return np.empty((0, IMAGE_SIDE, IMAGE_SIDE), np.uint8)
    if values.ndim != 3 or values.shape[1:] != (IMAGE_SIDE, IMAGE_SIDE):
        _refuse(
            f"the images have the shape {values.shape}, expected (n, 28, 28); send a list of images, each "
            "with 28 rows of 28 values"
        )
    if values.size:
        _check_values(values)
    images: Images = values.astype(np.uint8)
    _check_polarity(images)
    return images


def _read_numbers(request: object) -> NDArray[Any]:
    """Return an array of integers or floats."""
    try:
        values = np.asarray(request)
        if values.dtype.kind == "O":  # a null among numbers
            values = values.astype(np.float64)
    except (TypeError, ValueError):
        _refuse("the request is not an array of numbers; send a list of images, all of 28 rows of 28 values")
    if values.dtype.kind not in "biuf":
        _refuse(f"the images hold values of type {values.dtype}; send whole numbers, 0 (paper) to 255 (ink)")
    return values


def _check_values(values: NDArray[Any]) -> None:
    is_finite = np.isfinite(values)
    if not is_finite.all():
        _refuse(
            f"{_first_image(~is_finite)} has a value that is not a number; send whole numbers, 0 (paper) to "
            f"255 (ink)"
        )
    low, high = values.min(), values.max()
    found = f"the values of the images go from {low:g} to {high:g}"
    if low < 0 or high > _WHITE:
        _refuse(f"{found}, expected whole numbers from 0 (paper) to 255 (ink)")
    if 0 < high <= 1:
        _refuse(f"{found}, expected 0 (paper) to 255 (ink); multiply them by 255 and round them")
    if values.dtype.kind == "f":
        is_fraction = values != np.floor(values)
        if is_fraction.any():
            _refuse(
                f"{_first_image(is_fraction)} has the value {values[is_fraction][0]:g}, expected whole "
                "numbers from 0 (paper) to 255 (ink); round the values"
            )


def _check_polarity(images: Images) -> None:
    is_inverted = find_inverted(images)
    if is_inverted.any():
        _refuse(
            f"{is_inverted.sum():,} of {len(images):,} images have dark ink on bright paper, first "
            f"{_first_image(is_inverted)}; the model reads bright ink on dark paper: send 255 minus each "
            "value"
        )


def find_inverted(images: Images) -> NDArray[np.bool_]:
    """Tell which images, uint8 (n, 28, 28), have dark ink on bright paper.

    Most of such an image is bright, and so is its border. On the 70,000 digits of MNIST, the mean of the
    border is at most 11, and at most 40 % of an image is brighter than the middle grey. A bright frame
    alone, as around the cell of a form, does not make an image inverted.
    """
    is_border = np.ones((IMAGE_SIDE, IMAGE_SIDE), bool)
    is_border[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX] = False
    border, bright_share = images[:, is_border].mean(axis=1), (images >= _MIDDLE).mean(axis=(1, 2))
    is_inverted: NDArray[np.bool_] = (border >= _MIDDLE) & (bright_share > 0.5)
    return is_inverted


def _first_image(is_wrong: NDArray[np.bool_]) -> str:
    """Name the first image with a marked value, counted from 0 as in the request."""
    return f"image {np.argwhere(is_wrong)[0][0]} (counted from 0)"


def _refuse(reason: str) -> NoReturn:
    raise MlflowException.invalid_parameter_value(reason)
