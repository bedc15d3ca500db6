"""The code revision names the release, and the commit of a checkout."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import version

import pytest

from lenet_pipeline.system import code_revision
from tests.conftest import CHECKOUT


def test_revision_of_a_checkout_names_its_commit() -> None:
    if not (CHECKOUT / ".git").exists():
        pytest.skip("the tests run outside a git checkout")
    command = ["git", "-C", str(CHECKOUT), "rev-parse", "--short=12", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    revision = re.escape(f"{version('lenet-pipeline')}+g{commit}")
    assert re.fullmatch(rf"{revision}(\.dirty)?", code_revision())
