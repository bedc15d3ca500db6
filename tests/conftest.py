"""Fixtures that every folder of tests shares: the real data, where this machine has it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent

# A suite that a script starts in the background ignores Ctrl-C, and so would the commands it interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _real_data(folder: str, name: str) -> Path:
    base = Path(os.environ.get("LENET_TEST_DATA", CHECKOUT.parent / "shared" / "data"))
    if not (base / folder).exists():
        pytest.skip(f"needs the real {name} files; name the folder that has {folder}/ in LENET_TEST_DATA")
    return base / folder


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The folder of the real MNIST files."""
    return _real_data("mnist", "MNIST")


@pytest.fixture
def hwd1000() -> Path:
    """The folder of the 1,000 drawn digits, black on white."""
    return _real_data("hwd1000", "hwd1000")


@pytest.fixture(scope="session")
def forms_root() -> Path:
    """The folder of the real scanned forms and blank forms."""
    return _real_data("forms", "forms")
