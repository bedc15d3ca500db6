"""Work in processes returns every part in order, even if a process is lost."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import time
from contextlib import closing
from pathlib import Path

import pytest

from lenet_pipeline.errors import UnknownNameError
from lenet_pipeline.system.processes import Done, ProcessLostError, usable_cores, work_in_processes


def obey(part: str) -> tuple[str, int]:
    """Do what a part says; return it with the process that did it."""
    match part.split()[0]:
        case "sleep":
            time.sleep(0.3)
        case "raise":
            raise ValueError(part)
        case "unknown":
            raise UnknownNameError("dataset", "nowhere", ["optdigits"])
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(3)
        case "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
    return part, os.getpid()


def work(*parts: str, processes: int = 2) -> list[Done[str, tuple[str, int]]]:
    with closing(work_in_processes(obey, iter(parts), processes)) as done:
        return list(done)


def outcome(done: Done[str, tuple[str, int]]) -> str:
    return type(done.result).__name__ if isinstance(done.result, Exception) else done.result[0]


def test_parts_come_back_in_order_though_the_first_takes_longest() -> None:
    parts = ["sleep a", "b", "c", "d"]
    done = work(*parts)
    assert [each.part for each in done] == parts
    assert [each.get()[0] for each in done] == parts
    workers = {each.get()[1] for each in done}
    assert len(workers) == 2
    assert os.getpid() not in workers


def test_a_part_that_ends_its_process_is_reported_and_the_others_finish() -> None:
    parts = ["a", "die 1", "b", "exit 2", "c", "die 3", "d"]
    done = work(*parts)
    assert [each.part for each in done] == parts
    lost = "ProcessLostError"
    assert [outcome(each) for each in done] == ["a", lost, "b", lost, "c", lost, "d"]
    with pytest.raises(ProcessLostError):
        done[1].get()


def test_the_only_process_is_started_again_until_all_parts_are_through() -> None:
    done = work("die 1", "die 2", "a", processes=1)
    assert [outcome(each) for each in done] == ["ProcessLostError", "ProcessLostError", "a"]


def test_what_a_part_raises_is_its_result_and_its_process_goes_on() -> None:
    done = work("a", "raise 1", "interrupt 2", "b", processes=1)
    assert [outcome(each) for each in done] == ["a", "ValueError", "interrupt 2", "b"]
    assert len({each.get()[1] for each in done if not isinstance(each.result, Exception)}) == 1
    with pytest.raises(ValueError, match="raise 1"):
        done[1].get()


def test_an_error_that_cannot_be_made_again_here_keeps_its_name_and_its_message() -> None:
    """It would end the whole job where its part is awaited."""
    done = work("unknown 1", "a", processes=1)
    with pytest.raises(RuntimeError, match="UnknownNameError: there is no dataset 'nowhere'"):
        done[0].get()
    assert outcome(done[1]) == "a"


def test_who_stops_early_leaves_no_process_behind() -> None:
    before = set(multiprocessing.active_children())
    with closing(work_in_processes(obey, iter(["a", "sleep b", "sleep c"]), 2)) as done:
        assert next(done).get()[0] == "a"
        assert set(multiprocessing.active_children()) - before
    assert set(multiprocessing.active_children()) - before == set()


def test_an_empty_list_of_parts_yields_nothing() -> None:
    assert work(processes=1) == []


def test_parts_are_asked_for_as_they_are_needed_and_no_sooner() -> None:
    asked = []

    def parts():
        for number in range(20):
            asked.append(number)
            yield f"part {number}"

    with closing(work_in_processes(obey, parts(), 2)) as done:
        for number in range(5):
            assert next(done).get()[0] == f"part {number}"
            assert len(asked) <= number + 3


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system that can bind to cores")
def test_only_cores_that_may_be_used_are_counted() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert usable_cores() == len(allowed)


class Fatal:
    """What ends the process that unpickles it."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (4,)


def weigh(part: str, _fatal: Fatal, ballast: bytes) -> int:
    return len(part) + len(ballast)


def test_processes_that_die_of_a_large_job_do_not_keep_it_waiting() -> None:
    job = functools.partial(weigh, _fatal=Fatal(), ballast=bytes(10_000_000))
    with closing(work_in_processes(job, iter(["a", "b"]), 1)) as done:
        assert [type(each.result) for each in done] == [ProcessLostError, ProcessLostError]


class Foreign:
    """What can be unpickled nowhere."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return int, ("no number",)


def test_a_job_that_cannot_be_made_in_a_process_says_why() -> None:
    job = functools.partial(weigh, _fatal=Foreign(), ballast=b"")
    with (
        closing(work_in_processes(job, iter(["a"]), 1)) as done,
        pytest.raises(RuntimeError, match="ValueError: invalid literal"),
    ):
        [each.get() for each in done]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells a process's open files")
def test_lost_processes_leave_nothing_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with closing(work_in_processes(obey, iter([f"die {number}" for number in range(6)]), 1)) as done:
        opened = [len(list(Path("/proc/self/fd").iterdir())) - before for _ in done]
    assert max(opened) <= opened[0] + 1
