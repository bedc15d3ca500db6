"""The pages of the documentation: their English, their length, and a site without a broken link."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lenet_pipeline.forms import draw_demo_form
from tests.conftest import CHECKOUT
from tests.english import find_stilted

WRITTEN = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(
        str(path.relative_to(CHECKOUT))
        for path in (CHECKOUT / "docs").rglob("*.md")
        if path.parent.name != "reference"  # its texts are checked where they are written
    ),
]


def read_prose(name: str) -> str:
    """Return a page without its code, tables' bars and headings' marks."""
    text = (CHECKOUT / name).read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`]*`|[|*#]", " ", text)


@pytest.mark.parametrize("name", WRITTEN)
def test_page_is_plain_english(name: str) -> None:
    assert find_stilted(read_prose(name)) == []


def test_readme_is_short() -> None:
    assert len((CHECKOUT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_example_form_is_the_form_of_the_demo(tmp_path: Path) -> None:
    drawn = draw_demo_form(tmp_path).template
    example = CHECKOUT / "examples" / "delivery-note" / drawn.name
    assert example.read_text(encoding="utf-8") == drawn.read_text(encoding="utf-8")


def test_site_builds_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=CHECKOUT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "guides" / "auditing.html").exists()
