"""The reference pages are what the code says."""

from __future__ import annotations

import pytest

from docs.reference import FOLDER, PAGES, main


@pytest.mark.parametrize("name", PAGES)
def test_committed_page_is_what_the_code_says(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")
    assert committed == PAGES[name](), "run `python -m docs.reference`"


def test_stale_page_is_reported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(PAGES, "settings.md", lambda: "other")
    assert main(["--check"]) == 1
    assert "stale: settings.md" in capsys.readouterr().err
