"""Fixtures that every folder of tests shares: the real data, where this machine has it, and a small disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

pytest_plugins = ["tests.homes", "tests.mlflow_server"]

CHECKOUT = Path(__file__).parent.parent

# A suite that a script starts in the background ignores Ctrl-C, and so would the commands it interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _real_data(folder: str, name: str) -> Path:
    base = Path(os.environ.get("LENET_TEST_DATA", CHECKOUT.parent / "shared" / "data"))
    if not (base / folder).exists():
        pytest.skip(f"needs the real {name} files; name the folder that has {folder}/ in LENET_TEST_DATA")
    return base / folder


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> Iterator[None]:
    """Keep torch to one thread: on networks this small, threads only wait for each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)


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


@pytest.fixture(scope="session")
def cases_root() -> Path:
    """The folder of small inputs that once failed."""
    return _real_data("cases", "cases")


@pytest.fixture(scope="session")
def unipen_root() -> Path:
    """The folder of the UNIPEN digits."""
    return _real_data("unipen", "UNIPEN")


@pytest.fixture
def mount_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Return a function that mounts a memory disk with the given options; all are unmounted afterwards."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs Linux and root")
    with ExitStack() as mounted:

        def mount(options: str) -> Path:
            folder = tmp_path / "disk"
            folder.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"this machine lets root mount nothing: {done.stderr.strip()}")
            # Lazily: a caught error's traceback may still hold a file of it open.
            mounted.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=True)
            return folder

        yield mount
