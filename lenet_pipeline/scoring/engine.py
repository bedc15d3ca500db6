"""The engine: a batch of images in, probabilities out, on whatever device there is.

Imports with only torch, numpy and pyarrow installed, and takes plain values.
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
from lenet_pipeline.system import usable_cores

FLOAT32, FAST = "float32", "fast"
PRECISIONS = (FLOAT32, FAST)


@dataclass(frozen=True)
class Preprocessing:
    """How a stored digit becomes network input: greys mapped to a range, paper padded around.

    The defaults are the paper's: background -0.1 and ink 1.175 make the mean about 0 and the variance
    about 1, and 28x28 lies centred in 32x32 (section II.B).
    """

    paper: float = -0.1
    ink: float = 1.175
    padding_px: int = 2

    @property
    def fingerprint(self) -> str:
        """The sha256 over these values: what a shard score records."""
        return fingerprint_record(asdict(self))

    def apply(self, images: Tensor) -> Tensor:
        """Turn uint8 (n, 28, 28) into float32 (n, 1, 28 + 2 padding, 28 + 2 padding)."""
        scaled = images.to(torch.float32).mul_((self.ink - self.paper) / 255).add_(self.paper)
        return torch.nn.functional.pad(scaled[:, None], (self.padding_px,) * 4, value=self.paper)


@dataclass(frozen=True)
class TrainedModel:
    """All that scoring needs of a model version; ``weights`` are float32 arrays by parameter name.

    ``none_score`` is the log score of being none of the ten, where it was learned or fitted; without one it
    is the architecture's own, which only ``lenet5`` has. ``reference`` is what ``drift`` counts of validation
    digits, by measure; scoring does without.
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

    ``probabilities`` float32 (n, 10): calibrated, conditional on being a digit, rows sum to one.
    ``not_a_digit`` float32 (n,): probability of being none of the ten, as the network gives it, whatever
    the temperature; or None where the architecture has no such class.
    """

    probabilities: Floats
    not_a_digit: Floats | None

    @property
    def labels(self) -> npt.NDArray[np.uint8]:
        """The predicted classes, uint8 (n,); the lowest of equal probabilities."""
        labels: npt.NDArray[np.uint8] = self.probabilities.argmax(axis=1).astype(np.uint8)
        return labels

    @property
    def confidences(self) -> Floats:
        """The probability of each predicted class, float32 (n,)."""
        confidences: Floats = self.probabilities.max(axis=1)
        return confidences


class Forward(Protocol):
    """A network at work on images that were looked at already."""

    @property
    def description(self) -> str:
        """What computes, how, and how many images at a time."""

    def score(self, images: Images, advance: Callable[[int], None]) -> tuple[Floats, Floats | None]:
        """Return probabilities (n, 10) and not_a_digit (n,) or None; tell ``advance`` of images done."""

    def raw_scores(self, images: Images) -> Floats:
        """Return log scores (n, 10)."""


class Engine:
    """A trained model on a device, ready to score.

    With ``float32``, an image's probabilities are the same bits whatever batch, order or shard it comes in
    and however many threads there are; on a CPU that can be compiled for, on any such CPU.
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
            model: the trained model.
            device: ``auto`` (CUDA where there is one), ``cpu`` or ``cuda``.
            precision: ``float32``, or ``fast``: what is fastest on the device and nearly the same.
            batch_size: images at a time; by default what suits the device.
            threads: on a CPU, by default as many as it has cores for this process.

        Raises:
            ScoringError: the device is not there, the weights are damaged or do not fit the architecture,
                or a batch would hold no image.
            UnknownNameError: no architecture or precision has the name.
        """
        if batch_size is not None and batch_size < 1:
            raise ScoringError(f"a batch of {batch_size} images scores nothing; choose 1 or more")
        if precision not in PRECISIONS:
            raise UnknownNameError("precision", precision, PRECISIONS)
        self.device = choose_device(device)
        network = load_network(model).eval()
        if not all(np.isfinite(values).all() for values in model.weights.values()):
            raise ScoringError("the model's weights are no numbers: they are damaged; train again")
        self._forward = _make_forward(model, network, self.device, precision, batch_size, threads)

    @property
    def description(self) -> str:
        """What computes, how, and how many images at a time."""
        return self._forward.description

    def score(self, images: Images, advance: Callable[[int], None] = lambda _: None) -> Scores:
        """Score uint8 (n, 28, 28) images, row-major, ink bright on dark.

        ``advance`` is called with the number of images done after each batch.

        Raises:
            ScoringError: the images are not such, or the network's answer is no number.
        """
        probabilities, rubbish = self._forward.score(_checked(images), advance)
        if not np.isfinite(probabilities).all():
            raise ScoringError("the network's answer is no number: its weights are damaged; train again")
        return Scores(probabilities, rubbish)

    def raw_scores(self, images: Images) -> Floats:
        """Return the network's own log scores, float32 (n, 10), before temperature: for calibration."""
        return self._forward.raw_scores(_checked(images))


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
    """Return the network as machine code, or None where that cannot be made."""
    try:  # a worker need not have the compiler
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
    """Turn ``auto``, ``cpu`` or ``cuda`` into a torch device.

    Raises:
        ScoringError: CUDA was asked for and this machine has none.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device not in ("cpu", "cuda"):
        raise ScoringError(f"there is no device {device!r}; choose auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise ScoringError("--device cuda: torch finds no CUDA device here; use --device cpu or auto")
    return torch.device(device)


def load_network(model: TrainedModel) -> DigitNetwork:
    """Build a model's network and give it the model's weights.

    Raises:
        ScoringError: the weights do not fit the architecture.
        UnknownNameError: no architecture has the model's name.
    """
    with torch.random.fork_rng(devices=[]):  # the first weights are replaced: no one's draws are used up
        network = build_network(model.architecture)
    weights = {name: torch.tensor(values) for name, values in model.weights.items()}
    try:
        network.load_state_dict(weights)
    except RuntimeError as exc:
        problem = " ".join(str(exc).split())
        raise ScoringError(f"these weights do not fit {model.architecture}: {problem}") from exc
    if model.none_score is not None:
        network.rubbish_score = model.none_score
    return network


def network_weights(network: DigitNetwork) -> dict[str, Floats]:
    """Copy a network's weights to float32 arrays by parameter name."""
    return {
        name: values.detach().to("cpu", torch.float32).numpy().copy()
        for name, values in network.state_dict().items()
    }
