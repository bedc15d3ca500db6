"""Texts that people read avoid the phrases that made earlier texts hard to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import CHECKOUT
from tests.english import find_stilted, list_files, read_text


@pytest.mark.parametrize("path", list_files(CHECKOUT), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_texts_read_at_once(path: Path) -> None:
    assert find_stilted(read_text(path)) == []


def test_the_list_finds_the_phrases_of_the_former_texts() -> None:
    for text in (
        "A line that says nothing is left open; one that cannot be is told.",
        "writes it anew, with the policies of now",
        "files are none by name nor content",
        "What was read is not read again.",
    ):
        assert find_stilted(text), text
    assert find_stilted("Pages are never read twice; rerun the command to resume.") == []
