"""The engine: a batch of images in, probabilities out, on whatever device there is.

Imports with only torch, numpy and pyarrow installed, and takes plain values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lenet_pipeline.errors import ScoringError
from lenet_pipeline.fingerprints import fingerprint_record
from lenet_pipeline.fused import fused
from lenet_pipeline.lenet5 import DigitNetwork, build_network
from lenet_pipeline.schema import IMAGE_SIDE

PRECISION = "float32"
DEFAULT_BATCH_SIZE = 512

Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


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
    """All that scoring needs of a model version; ``weights`` are float32 arrays by parameter name."""

    architecture: str
    weights: Mapping[str, Floats]
    preprocessing: Preprocessing
    temperature: float = 1.0


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


class Engine:
    """A trained model on a device, ready to score."""

    def __init__(
        self, model: TrainedModel, device: str = "auto", batch_size: int = DEFAULT_BATCH_SIZE
    ) -> None:
        """Load the model's weights onto the device.

        Args:
            model: the trained model.
            device: ``auto`` (CUDA where there is one), ``cpu`` or ``cuda``.
            batch_size: images in one forward pass.

        Raises:
            ScoringError: the device is not there, the weights do not fit the architecture, or a batch
                would hold no image.
            UnknownNameError: no architecture has the model's name.
        """
        if batch_size < 1:
            raise ScoringError(f"a batch of {batch_size} images scores nothing; choose 1 or more")
        self.device = choose_device(device)
        self.batch_size = batch_size
        self._preprocessing = model.preprocessing
        self._temperature = model.temperature
        self._network = load_network(model).to(self.device).eval()
        self._fused = fused(self._network)

    @torch.inference_mode()
    def score(self, images: Images, advance: Callable[[int], None] = lambda _: None) -> Scores:
        """Score uint8 (n, 28, 28) images, row-major, ink bright on dark.

        ``advance`` is called with the number of images done after each batch.

        Raises:
            ScoringError: the images are not such, or the network's answer is no number.
        """
        if images.ndim != 3 or images.shape[1:] != (IMAGE_SIDE, IMAGE_SIDE) or images.dtype != np.uint8:
            raise ScoringError(
                f"the engine takes uint8 images of shape (n, 28, 28), not {images.dtype} {images.shape}"
            )
        probabilities = np.empty((len(images), 10), np.float32)
        rubbish = np.empty(len(images), np.float32) if self._network.rubbish_score is not None else None
        for start in range(0, len(images), self.batch_size):
            rows = slice(start, start + self.batch_size)
            scores = self._forward(images[rows])
            probabilities[rows] = torch.softmax(scores / self._temperature, dim=1).cpu().numpy()
            if rubbish is not None:
                with_rubbish = torch.softmax(self._network.scores_with_rubbish(scores), dim=1)
                rubbish[rows] = with_rubbish[:, -1].cpu().numpy()
            advance(len(scores))
        if not np.isfinite(probabilities).all():
            raise ScoringError("the network's answer is no number: its weights are damaged; train again")
        return Scores(probabilities, rubbish)

    @torch.inference_mode()
    def raw_scores(self, images: Images) -> Floats:
        """Return the network's own log scores, float32 (n, 10), before temperature: for calibration."""
        batches = [
            self._forward(images[start : start + self.batch_size]).cpu().numpy()
            for start in range(0, len(images), self.batch_size)
        ]
        return np.concatenate(batches) if batches else np.empty((0, 10), np.float32)

    def _forward(self, images: Images) -> Tensor:
        # Arrow's buffers are read-only, which torch warns of; scoring writes into none of its inputs.
        batch = torch.from_numpy(np.require(images, requirements=["C", "W"])).to(self.device)
        return self._fused(self._preprocessing.apply(batch))


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
    return network


def network_weights(network: DigitNetwork) -> dict[str, Floats]:
    """Copy a network's weights to float32 arrays by parameter name."""
    return {
        name: values.detach().to("cpu", torch.float32).numpy().copy()
        for name, values in network.state_dict().items()
    }
