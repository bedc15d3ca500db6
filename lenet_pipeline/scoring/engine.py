"""The engine: compute the probabilities of images on a CPU or a GPU.

This module needs only torch, numpy and pyarrow, and takes plain values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lenet_pipeline.errors import ScoringError, UnknownNameError
from lenet_pipeline.lake import fingerprint_record
from lenet_pipeline.network import DigitNetwork, build_network
from lenet_pipeline.schema import IMAGE_SIDE, Floats, Images
from lenet_pipeline.scoring.cuda_forward import CudaForward
from lenet_pipeline.scoring.torch_forward import TorchForward, TorchNetwork
from lenet_pipeline.scoring.views import MOST_VIEWS, SHIFTS, score_views, shift_images
from lenet_pipeline.system import usable_cores

FLOAT32, FAST = "float32", "fast"
PRECISIONS = (FLOAT32, FAST)


@dataclass(frozen=True)
class Preprocessing:
    """How a stored digit becomes network input: its greys are scaled, and background is added around it.

    Grey 0 becomes ``paper``, and grey 255 becomes ``ink``. The defaults are those of the 1998 paper: -0.1 and
    1.175 make the mean roughly 0 and the variance roughly 1, and the 28x28 image is centred in 32x32
    (section II.B). The network reads ``views`` of each image, 1 to 5, and their probabilities are averaged.
    """

    paper: float = -0.1
    ink: float = 1.175
    padding_px: int = 2
    views: int = 1

    @property
    def fingerprint(self) -> str:
        """The sha256 over these values, which every shard score records."""
        values = asdict(self)
        if self.views == 1:  # versions from before there were views keep their fingerprints
            del values["views"]
        return fingerprint_record(values)

    def apply(self, images: Tensor) -> Tensor:
        """Convert uint8 (n, 28, 28) to float32 (n, 1, 28 + 2 padding_px, 28 + 2 padding_px)."""
        scaled = images.to(torch.float32).mul_((self.ink - self.paper) / 255).add_(self.paper)
        return torch.nn.functional.pad(scaled[:, None], (self.padding_px,) * 4, value=self.paper)


@dataclass(frozen=True)
class TrainedModel:
    """Everything that scoring needs from a model version.

    Attributes:
        architecture: A name in ``ARCHITECTURES``.
        weights: float32 arrays by parameter name.
        preprocessing: How a stored digit becomes network input.
        temperature: The divisor of the log scores.
        none_score: The learned or fitted log score of 'not a digit'. If None, the architecture's own is
            used, which only ``lenet5`` has.
        reference: The drift reference: counts of validation digits by measure. Scoring does not need it.
    """

    architecture: str
    weights: Mapping[str, Floats]
    preprocessing: Preprocessing
    temperature: float = 1.0
    none_score: float | None = None
    reference: Mapping[str, tuple[int, ...]] | None = None


@dataclass(frozen=True)
class Scores:
    """Scores of n images.

    ``probabilities``, float32 (n, 10), are calibrated and conditional on the image being a digit. Each row
    sums to one. ``not_a_digit``, float32 (n,), is the probability that the image is not a digit, independent
    of the temperature, or None if the network has no such class.
    """

    probabilities: Floats
    not_a_digit: Floats | None

    @property
    def labels(self) -> npt.NDArray[np.uint8]:
        """The predicted classes, uint8 (n,); ties go to the lowest."""
        labels: npt.NDArray[np.uint8] = self.probabilities.argmax(axis=1).astype(np.uint8)
        return labels

    @property
    def confidences(self) -> Floats:
        """The probability of each predicted class, float32 (n,)."""
        confidences: Floats = self.probabilities.max(axis=1)
        return confidences


class Forward(Protocol):
    """An implementation of the forward pass; it takes images that the engine has checked."""

    @property
    def description(self) -> str:
        """The processor or device, the precision and the batch size, as the database records them."""

    def score(self, images: Images, advance: Callable[[int], None]) -> tuple[Floats, Floats | None]:
        """Return probabilities (n, 10) and not_a_digit (n,) or None; report progress to ``advance``."""

    def raw_scores(self, images: Images) -> Floats:
        """Return log scores (n, 10)."""


class Engine:
    """A trained model on a device, ready to score.

    In ``float32``, the probabilities of an image are bit-identical in any batch, order or shard and with any
    number of threads. They are also the same on every CPU that supports the compiled network.
    """

    def __init__(
        self,
        model: TrainedModel,
        device: str = "auto",
        *,
        precision: str = "float32",
        batch_size: int | None = None,
        threads: int | None = None,
    ) -> None:
        """Load the model's weights onto the device.

        Args:
            model: The trained model.
            device: ``auto`` (CUDA if available), ``cpu`` or ``cuda``.
            precision: ``float32``, or ``fast``: the fastest precision of the device, with almost the same
                results.
            batch_size: The number of images per batch; by default, a size that suits the device.
            threads: The number of CPU threads; by default, the number of cores available to this process.

        Raises:
            ScoringError: The device is not available, the weights are damaged or do not fit the
                architecture, or ``batch_size`` or the number of views is out of range.
            UnknownNameError: No architecture or precision has this name.
        """
        if batch_size is not None and batch_size < 1:
            raise ScoringError(f"the batch size must be 1 or more, not {batch_size}")
        views = model.preprocessing.views
        if not 1 <= views <= MOST_VIEWS:
            raise ScoringError(f"the model has {views} views of an image; expected 1 to {MOST_VIEWS}")
        if precision not in PRECISIONS:
            raise UnknownNameError("precision", precision, PRECISIONS)
        self.device = choose_device(device)
        network = load_network(model).eval()
        if not all(np.isfinite(values).all() for values in model.weights.values()):
            raise ScoringError("the model's weights are damaged: they are not finite numbers; train again")
        self._forward = _make_forward(model, network, self.device, precision, batch_size, threads)
        self._shifts = SHIFTS[:views]

    @property
    def description(self) -> str:
        """The processor or device, the precision and the batch size, as the database records them."""
        views = len(self._shifts)
        return self._forward.description + (f"; mean of {views} views" if views > 1 else "")

    def score(self, images: Images, advance: Callable[[int], None] = lambda _: None) -> Scores:
        """Score images, uint8 (n, 28, 28), row-major, bright ink on a dark background.

        ``advance`` is called from time to time with the number of images scored since the last call.

        Raises:
            ScoringError: The images have another shape or type, or a probability is not a number.
        """
        probabilities, rubbish = score_views(self._forward.score, _checked(images), self._shifts, advance)
        if not np.isfinite(probabilities).all():
            raise ScoringError(
                "the model's weights are damaged: a probability is not a finite number; train again"
            )
        return Scores(probabilities, rubbish)

    def raw_scores(self, images: Images) -> Floats:
        """Return the log scores of each view, float32 (views, n, 10), without the temperature.

        Calibration needs them.

        Raises:
            ScoringError: The images have another shape or type.
        """
        checked = _checked(images)
        return np.stack([self._forward.raw_scores(shift_images(checked, shift)) for shift in self._shifts])


def _checked(images: Images) -> Images:
    if images.ndim != 3 or images.shape[1:] != (IMAGE_SIDE, IMAGE_SIDE) or images.dtype != np.uint8:
        raise ScoringError(
            f"the engine takes uint8 images of shape (n, 28, 28), not {images.dtype} {images.shape}"
        )
    return images


def _make_forward(
    model: TrainedModel,
    network: DigitNetwork,
    device: torch.device,
    precision: str,
    batch_size: int | None,
    threads: int | None,
) -> Forward:
    if device.type == "cuda":
        prepared = TorchNetwork(network.to(device), model.preprocessing.apply, model.temperature)
        return CudaForward(prepared, device, is_fast=precision == FAST, batch_size=batch_size)
    compiled = _compile(model, network, precision, batch_size, threads or usable_cores())
    return compiled or TorchForward(TorchNetwork(network, model.preprocessing.apply, model.temperature))


def _compile(
    model: TrainedModel, network: DigitNetwork, precision: str, batch_size: int | None, threads: int
) -> Forward | None:
    """Compile the network to machine code; return None if this processor or network is not supported."""
    try:  # workers may lack the compiler
        from lenet_pipeline.scoring.compiled.forward import CompiledForward
        from lenet_pipeline.scoring.compiled.plan import UnplannedError
        from lenet_pipeline.scoring.compiled.program import find_processor
    except ModuleNotFoundError:
        return None
    processor = find_processor()
    if processor is None:
        return None
    scaling, temperature = model.preprocessing, model.temperature
    with suppress(UnplannedError):
        return CompiledForward(
            network,
            scaling,
            temperature,
            processor=processor,
            threads=threads,
            batch_size=batch_size,
            is_fast=precision == FAST,
        )
    return None


def choose_device(device: str) -> torch.device:
    """Return the torch device for ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ScoringError: The name is unknown, or this machine has no CUDA device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device not in ("cpu", "cuda"):
        raise ScoringError(f"there is no device {device!r}; choose auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise ScoringError("torch finds no CUDA device on this machine; use --device cpu or --device auto")
    return torch.device(device)


def load_network(model: TrainedModel) -> DigitNetwork:
    """Build a model's network with the model's weights.

    Raises:
        ScoringError: The weights do not fit the architecture.
        UnknownNameError: No architecture has this name.
    """
    # The initial weights are replaced, so drawing them must not change the caller's random state.
    with torch.random.fork_rng(devices=[]):
        network = build_network(model.architecture)
    weights = {name: torch.tensor(values) for name, values in model.weights.items()}
    try:
        network.load_state_dict(weights)
    except RuntimeError as exc:
        problem = " ".join(str(exc).split())
        raise ScoringError(f"the model's weights do not fit {model.architecture}: {problem}") from exc
    if model.none_score is not None:
        network.rubbish_score = model.none_score
    return network


def network_weights(network: DigitNetwork) -> dict[str, Floats]:
    """Copy a network's weights to float32 arrays by parameter name."""
    return {
        name: values.detach().to("cpu", torch.float32).numpy().copy()
        for name, values in network.state_dict().items()
    }
