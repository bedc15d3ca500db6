"""Progress where nobody watches: a line a while, and none for short work."""

from __future__ import annotations

from lenet_pipeline.cli import progress


def test_a_log_file_is_told_how_far_long_work_is(monkeypatch, capfd):
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    with progress.progress_bar("Scoring many/all", 2_000_000) as advance:
        advance(500_000)
        advance(500_000)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("Scoring many/all: 1,000,000 of 2,000,000, ")
    assert lines[1].endswith(" s left")


def test_short_work_leaves_no_line(capfd):
    with progress.progress_bar("Scoring many/all", 10) as advance:
        advance(10)
    assert capfd.readouterr() == ("", "")
