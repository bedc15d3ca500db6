"""Texts that people read avoid the phrases that made earlier texts hard to read."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT
from tests.english import find_stilted

PYTHON = [
    path
    for folder in ("lenet_pipeline", "flows", "benchmarks", "docs")
    for path in sorted((CHECKOUT / folder).rglob("*.py"))
]
PAGES = [*sorted(CHECKOUT.glob("*.md")), *sorted((CHECKOUT / "docs").rglob("*.md"))]
TEMPLATES = sorted((CHECKOUT / "lenet_pipeline").rglob("*.html"))


def name(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def texts_of_python(path: Path) -> str:
    """Return a module's docstrings, other texts and comments, each with a blank line after it."""
    source = path.read_text(encoding="utf-8")
    texts = [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    comments = [
        token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    return "\n\n".join([*texts, *comments])


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_python_texts_read_at_once(path: Path) -> None:
    assert find_stilted(texts_of_python(path)) == []


@pytest.mark.parametrize("path", [*PAGES, *TEMPLATES], ids=name)
def test_pages_read_at_once(path: Path) -> None:
    text = re.sub(r"\{%.*?%\}", " ", path.read_text(encoding="utf-8"))  # Jinja has its own `is none`
    assert find_stilted(text) == []


def test_the_list_finds_the_phrases_of_the_former_texts() -> None:
    for text in (
        "A line that says nothing is left open; one that cannot be is told.",
        "writes it anew, with the policies of now",
        "files are none by name nor content",
        "What was read is not read again.",
    ):
        assert find_stilted(text), text
    assert find_stilted("Pages are never read twice; rerun the command to resume.") == []
