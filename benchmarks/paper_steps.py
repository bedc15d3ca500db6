"""Turn off steps of normalisation, to measure what each of them gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import numpy as np
from PIL import Image

from lenet_pipeline.schema import Floats, Mask


def _keep_lines(relief: Floats, strong: Mask) -> None:
    """Stand in for ``clear_edge_lines``: no line is found."""


def _keep_print(_: Floats, strong: Mask, far: Mask) -> tuple[Mask, Mask]:
    return strong, far


def _keep_remains(_: Floats, kept: Mask) -> Mask:
    return kept


def _ignore_shape(*_: object) -> None:
    """Stand in for ``_limits_by_shape``: without paper there is no ink."""


def _average_colours(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"))


def _see_no_frame(_: Mask) -> bool:
    return False


_INK = "lenet_pipeline.ingest.normalisation.ink"
# Each step with what it replaces, and what does nothing in its place.
STEPS = {
    "lines": (f"{_INK}.clear_edge_lines", _keep_lines),
    "print": (f"{_INK}.without_print", _keep_print),
    "remains": (f"{_INK}.clear_remains", _keep_remains),
    "shape": (f"{_INK}._limits_by_shape", _ignore_shape),
    "colours": ("lenet_pipeline.ingest.grey_levels.read_grey", _average_colours),
    "frames": ("lenet_pipeline.ingest.normalisation.polarity._is_framed", _see_no_frame),
}


@contextmanager
def without_steps(names: Sequence[str]) -> Iterator[None]:
    """Normalise without some steps while the context lasts."""
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(patch(*STEPS[name]))
        yield
