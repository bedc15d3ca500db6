"""Which code this is, for the audit trail."""

from __future__ import annotations

import subprocess
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path


@cache
def code_revision() -> str:
    """Return the installed version, with the git commit where this is a checkout of the project.

    For example ``0.1.0`` or ``0.1.0+g1a2b3c4d5e6f``, with ``.dirty`` where files are changed.
    """
    release = version("lenet-pipeline")
    checkout = Path(str(files("lenet_pipeline"))).parent
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
    except (OSError, subprocess.SubprocessError):  # no git here, or not our repository: the release is known
        return release
    return f"{release}+g{described.stdout.strip()}"
