"""Compare the speed of training with the MNIST program of the PyTorch examples.

    python -m benchmarks.training --root DIR [--device cuda]

The root is a folder of MNIST's files. The target is 99.0 % of the test digits
on a CPU and 99.4 % on a GPU. Only training is timed, not testing. Print a
table. Write it as JSON with a description of the machine and every accuracy
measured on the way.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.machine import describe_machine
from benchmarks.torch_example import time_loop_with, train_example, unpack_mnist
from lenet_pipeline.ingest import read_mnist
from lenet_pipeline.lake import images_array
from lenet_pipeline.scoring import Engine
from lenet_pipeline.training import LabelledDigits, Recipe, find_recipe, train_network

TARGETS = {"cpu": 0.99, "cuda": 0.994}
EFFORTS = {"cpu": "quick", "cuda": "best"}
STEPS = (3, 4, 6, 8, 12, 18, 27, 40, 60, 80)  # epochs
WARM_UP_DIGITS = 2_000
SAME_NETWORK_BATCHES = 300


@dataclass(frozen=True)
class Rung:
    """The seconds that a number of epochs took, and the test accuracy that they reached, 0 to 1."""

    epochs: int
    seconds: float
    accuracy: float


@dataclass(frozen=True)
class Measured:
    """The figures of both programs.

    Attributes:
        target: the accuracy to reach, 0 to 1.
        digits: training digits.
        ours: the rungs of this project, for each seed.
        example: the rungs of the PyTorch example, for each seed.
        loop_with_lenet5: speed of the example's loop with our network, in images/s.
    """

    target: float
    digits: int
    ours: list[list[Rung]]
    example: list[list[Rung]]
    loop_with_lenet5: float


def main() -> None:
    """Run every measurement and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="folder of MNIST's files")
    parser.add_argument("--output", type=Path, default=Path("training.json"))
    parser.add_argument("--device", choices=sorted(TARGETS), default="cpu")
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds: 0, 1, ...; times are medians")
    parser.add_argument("--digits", type=int, default=60_000, help="training digits; fewer for a quick trial")
    arguments = parser.parse_args()
    measured = measure(arguments.root, arguments.device, range(arguments.seeds), arguments.digits)
    machine = {**describe_machine(), "device": arguments.device, "threads": str(torch.get_num_threads())}
    figures = summarise(measured)
    for name, value in {**machine, **figures}.items():
        print(f"{name:<46} {value}")  # noqa: T201 - a benchmark prints its figures
    record = {"machine": machine, "figures": figures, "measured": asdict(measured)}
    arguments.output.write_text(json.dumps(record, indent=1))


def measure(root: Path, device: str, seeds: Sequence[int], digits: int) -> Measured:
    """Train our network and the example's, each until it reaches the target."""
    target, recipe = TARGETS[device], find_recipe("modern", EFFORTS[device])
    training, test = read_digits(root)
    training = LabelledDigits(training.images[:digits], training.labels[:digits])
    warm_up = LabelledDigits(training.images[:WARM_UP_DIGITS], training.labels[:WARM_UP_DIGITS])
    train_network("lenet5", recipe, warm_up, None, epochs=1, device=device)
    ours = [climb(our_rungs(recipe, training, test, seed, device), target) for seed in seeds]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        unpack_mnist(root, folder)
        time_loop_with("lenet5", folder, SAME_NETWORK_BATCHES // 10, device)  # warms up
        loop_with_lenet5 = time_loop_with("lenet5", folder, SAME_NETWORK_BATCHES, device)
        example = [climb(example_rungs(folder, len(training), seed, device), target) for seed in seeds]
    return Measured(target, len(training), ours, example, loop_with_lenet5)


def read_digits(root: Path) -> tuple[LabelledDigits, LabelledDigits]:
    """Read MNIST's training and test digits."""
    tables = read_mnist(root)
    train, test = (
        LabelledDigits(images_array(tables[split]), tables[split]["label"].to_numpy())
        for split in ("train", "test")
    )
    return train, test


def ladder(most: int) -> list[int]:
    """Return the epoch counts to try, from few to ``most``."""
    return [step for step in STEPS if step < most] + [most]


def climb(rungs: Iterable[Rung], target: float) -> list[Rung]:
    """Return the rungs up to the first that reaches the target; the others are never trained."""
    taken = []
    for rung in rungs:
        taken.append(rung)
        if rung.accuracy >= target:
            break
    return taken


def our_rungs(
    recipe: Recipe, training: LabelledDigits, test: LabelledDigits, seed: int, device: str
) -> Iterator[Rung]:
    """Train from scratch for each number of epochs: a one-cycle schedule is accurate only at its end."""
    for epochs in ladder(recipe.epochs):
        started = time.perf_counter()
        result = train_network("lenet5", recipe, training, None, seed=seed, epochs=epochs, device=device)
        seconds = time.perf_counter() - started
        labels = Engine(result.model, device).score(test.images).labels
        yield Rung(epochs, seconds, float((labels == test.labels).mean()))


def example_rungs(folder: Path, digits: int, seed: int, device: str) -> Iterator[Rung]:
    """Train the example once; each epoch is a rung with the seconds up to its end."""
    total = 0.0
    for epoch, (seconds, accuracy) in enumerate(train_example(folder, digits, seed, device), start=1):
        total += seconds
        yield Rung(epoch, total, accuracy)


def summarise(measured: Measured) -> dict[str, str]:
    """Format speeds, times to the target and their ratios, as medians over the seeds."""
    ours, example = (_speed(rungs, measured.digits) for rungs in (measured.ours, measured.example))
    loop, target = measured.loop_with_lenet5, measured.target
    figures = {
        "ours, lenet5 with recipe modern": f"{ours:,.0f} images/s",
        "PyTorch example, its own network": f"{example:,.0f} images/s",
        "PyTorch example's loop with lenet5": f"{loop:,.0f} images/s",
        "ours / example": f"{ours / example:.1f} times the images/s",
        "ours / example's loop, both lenet5": f"{ours / loop:.1f} times the images/s",
        f"ours, time to {target:.1%}": _describe(measured.ours, target),
        f"PyTorch example, time to {target:.1%}": _describe(measured.example, target),
    }
    our_time, example_time = time_to(measured.ours, target), time_to(measured.example, target)
    if our_time and example_time:
        figures[f"ours / example, time to {target:.1%}"] = f"{example_time / our_time:.1f} times as fast"
    return figures


def time_to(runs: Sequence[Sequence[Rung]], target: float) -> float | None:
    """Return the median time in which the runs reached the target; None if one did not reach it."""
    if any(run[-1].accuracy < target for run in runs):
        return None
    return statistics.median(run[-1].seconds for run in runs)


def _speed(runs: Sequence[Sequence[Rung]], digits: int) -> float:
    return statistics.median(run[-1].epochs * digits / run[-1].seconds for run in runs)


def _describe(runs: Sequence[Sequence[Rung]], target: float) -> str:
    """Format the time to the target, or the lowest final accuracy if a run did not reach it."""
    seconds = time_to(runs, target)
    last = [run[-1] for run in runs]
    epochs = ", ".join(str(rung.epochs) for rung in last)
    if seconds is not None:
        return f"{seconds:.1f} s ({epochs} epochs)"
    return f"not reached: {min(rung.accuracy for rung in last):.2%} after {epochs} epochs"


if __name__ == "__main__":
    main()
