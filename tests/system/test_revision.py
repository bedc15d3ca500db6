"""The code revision names the release, and in a checkout the commit."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from lenet_pipeline.system.revision import code_revision

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.skipif(not (CHECKOUT / ".git").exists(), reason="needs a git checkout")
def test_the_revision_of_a_checkout_names_its_commit():
    code_revision.cache_clear()
    release, _, commit = code_revision().partition("+g")
    assert release == version("lenet-pipeline")
    assert re.fullmatch(r"[0-9a-f]{12,40}(\.dirty)?", commit)
    head = subprocess.run(
        ["git", "-C", str(CHECKOUT), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    assert head.stdout.startswith(commit.removesuffix(".dirty"))
