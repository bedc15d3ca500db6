"""A reimplementation of the training loop of the PyTorch examples' MNIST program.

Network: convolutions of 32 and 64 maps, dropout, a dense layer of 128, log softmax. Loop: a DataLoader over
torchvision's MNIST, batches of 64, Adadelta with a learning rate of 1.0 that is multiplied by 0.7 after each
epoch, and a test after each epoch. Two changes favour it: it prints nothing, and it shuffles on a CPU too.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision import transforms
from torchvision.datasets import MNIST

from lenet_pipeline.network import build_network

EPOCHS, BATCH, TEST_BATCH = 14, 64, 1000

Loss = Callable[[Tensor, Tensor], Tensor]


def unpack_mnist(root: Path, folder: Path) -> None:
    """Copy MNIST's files, packed or not, from anywhere under ``root`` into the layout of torchvision."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for packed, _ in MNIST.resources:
        name = packed.removesuffix(".gz")
        found = next(root.rglob(packed), None) or next(root.rglob(name))
        content = found.read_bytes()
        (raw / name).write_bytes(gzip.decompress(content) if found.suffix == ".gz" else content)


def train_example(folder: Path, digits: int, seed: int, device: str) -> Iterator[tuple[float, float]]:
    """Train the example's network; after each epoch, yield its seconds and the test accuracy, 0 to 1."""
    torch.manual_seed(seed)
    network = _network().to(device)
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    training = _loader(Subset(_mnist(folder, train=True), range(digits)), BATCH, device, shuffle=True)
    test = _loader(_mnist(folder, train=False), TEST_BATCH, device)
    for _ in range(EPOCHS):
        _, seconds = _train(network, nn.functional.nll_loss, training, optimizer, device)
        yield seconds, _accuracy(network, test, device)
        schedule.step()


def time_loop_with(architecture: str, folder: Path, batches: int, device: str) -> float:
    """Train one of our networks in the example's loop for some batches; return images per second."""
    torch.manual_seed(0)
    network = build_network(architecture).to(device)
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    loader = _loader(_mnist(folder, train=True, padding_px=2), BATCH, device, shuffle=True)
    digits, seconds = _train(network, network.loss, islice(loader, batches), optimizer, device)
    return digits / seconds


def _network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
        nn.LogSoftmax(dim=1),
    )


def _mnist(folder: Path, *, train: bool, padding_px: int = 0) -> MNIST:
    steps = [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
    padding = [transforms.Pad(padding_px)] if padding_px else []
    return MNIST(str(folder), train=train, transform=transforms.Compose([*padding, *steps]))


def _loader(
    digits: Dataset[tuple[Tensor, int]], batch: int, device: str, *, shuffle: bool = False
) -> DataLoader[tuple[Tensor, int]]:
    is_gpu = device == "cuda"
    return DataLoader(digits, batch, shuffle=shuffle, num_workers=int(is_gpu), pin_memory=is_gpu)


def _train(
    network: nn.Module,
    loss: Loss,
    batches: Iterable[list[Tensor]],
    optimizer: torch.optim.Optimizer,
    device: str,
) -> tuple[int, float]:
    """Train on each batch once; return the number of digits and the seconds."""
    network.train()
    started, digits = time.perf_counter(), 0
    for images, labels in batches:
        optimizer.zero_grad()
        torch.autograd.backward(loss(network(images.to(device)), labels.to(device)))
        optimizer.step()
        digits += len(labels)
    if device == "cuda":
        torch.cuda.synchronize()
    return digits, time.perf_counter() - started


@torch.no_grad()
def _accuracy(network: nn.Module, batches: Iterable[list[Tensor]], device: str) -> float:
    network.eval()
    right = [
        (network(images.to(device)).argmax(dim=1) == labels.to(device)).cpu() for images, labels in batches
    ]
    return torch.cat(right).double().mean().item()
