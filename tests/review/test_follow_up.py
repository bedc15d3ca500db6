"""The work that follows verdicts runs once people pause, and when the server stops."""

from __future__ import annotations

import queue

from lenet_pipeline.errors import LakeError
from lenet_pipeline.review.follow_up import FollowUp


def test_it_waits_until_people_pause_and_runs_when_the_server_stops() -> None:
    runs: list[bool] = []
    work = FollowUp(runs.append, print, quiet_s=3600)
    work.start()
    work.note_verdicts()
    assert runs == []
    work.stop()
    assert runs == [True]


def test_it_runs_once_after_a_pause() -> None:
    runs: queue.Queue[bool] = queue.Queue()
    work = FollowUp(runs.put, print, quiet_s=0.05)
    work.start()
    assert runs.get(timeout=10) is False
    work.stop()
    assert runs.empty()  # nothing is new


def test_a_failure_is_one_line() -> None:
    def fail(is_last: bool) -> None:
        raise LakeError("the lake is full")

    lines: list[str] = []
    work = FollowUp(fail, lines.append, quiet_s=3600)
    work.start()
    work.stop()
    assert lines == ["verdicts are stored, but their follow-up failed: the lake is full"]
