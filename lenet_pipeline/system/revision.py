"""The revision of the running code, for the audit trail."""

from __future__ import annotations

import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path


@cache
def code_revision() -> str:
    """Return the installed version, followed by the git commit if the code runs from a checkout.

    For example ``0.1.0`` or ``0.1.0+g1a2b3c4d5e6f``, with ``.dirty`` appended if files were changed.
    """
    release = version("lenet-pipeline")
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():
        return release
    command = [
        "git",
        "-C",
        str(checkout),
        "describe",
        "--always",
        "--dirty=.dirty",
        "--abbrev=12",
        "--exclude=*",
    ]
    try:
        described = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603
    except (OSError, subprocess.SubprocessError):  # git is missing or refuses
        return release
    return f"{release}+g{described.stdout.strip()}"
