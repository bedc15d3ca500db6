"""Programs that are kept running: they come back when they die, and none is left at the end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from lenet_pipeline.system import supervision
from lenet_pipeline.system.supervision import Child, Supervisor, has_logged

# Prints its process id and that of a child of its own, which ignores SIGTERM.
PARENT = """
import os, signal, subprocess, sys, time
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
child.stdout.readline()
print(f"ready {os.getpid()} {child.pid}", flush=True)
time.sleep(60)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""
# Writes its name to a file when it ends.
POLITE = """
import signal, sys, time
def end(*_):
    open("{ends}", "a").write("{name}")
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(60)
"""
CHATTY = """
import time
print("ready", flush=True)
while True:
    print("x" * 999, flush=True)
    time.sleep(0.001)
"""
FAILING = "import sys; print('no such table: runs', flush=True); sys.exit(3)"


def child(name: str, code: str = PARENT, **options: object) -> Child:
    command = (sys.executable, "-I", "-S", "-c", code)
    return Child(name, command, os.environ, f"http://{name}", has_logged("ready"), **options)  # type: ignore[arg-type]


class Running:
    """A supervisor in a thread of its own."""

    def __init__(self, logs: Path, *children: Child) -> None:
        self.logs, self.answered, self.lines = logs, list[str](), list[str]()
        self._stop = threading.Event()
        supervisor = Supervisor(
            children, logs, lambda answering: self.answered.append(answering.name), self.lines.append
        )
        self._thread = threading.Thread(target=supervisor.run, args=(self._stop.is_set,))
        self._thread.start()

    def processes(self, name: str) -> list[int]:
        """Wait until a child is ready; return its process and the one that it started."""
        log = self.logs / f"{name}.log"
        wait_until(lambda: log.exists() and "ready" in log.read_text())
        return [int(number) for number in re.findall(r"\d+", log.read_text())]

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*children: Child) -> Running:
        started.append(Running(tmp_path / "logs", *children))
        return started[-1]

    yield start
    for running in started:
        running.stop()


def wait_until(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_gone(process: int) -> bool:
    """Tell whether a process has ended; an orphan may wait as a zombie for the init process."""
    try:
        return psutil.Process(process).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_child_that_is_killed_comes_back_without_what_it_had_started(run: Callable[..., Running]) -> None:
    running = run(child("web"))
    before = running.processes("web")
    wait_until(lambda: running.answered == ["web"])
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: len(running.lines) == 2)
    assert running.lines == [
        "web was killed (SIGKILL); restarting in 1 s",
        "web is back: http://web",
    ]
    assert is_gone(before[1])
    assert running.processes("web") != before
    assert running.answered == ["web"]
    assert str(before[0]) in (running.logs / "web.log.1").read_text()


def test_child_starts_when_the_one_that_it_needs_answers(run: Callable[..., Running]) -> None:
    late = PARENT.replace("print(f", "time.sleep(1); print(f")
    running = run(child("jobs", after=("server",)), child("server", late))
    wait_until((running.logs / "server.log").exists)
    assert running.logs.stat().st_mode & 0o077 == 0  # other users cannot read the logs
    assert not (running.logs / "jobs.log").exists()
    wait_until(lambda: running.answered == ["server", "jobs"])


def test_stop_leaves_no_process_and_takes_the_last_child_first(
    run: Callable[..., Running], tmp_path: Path
) -> None:
    ends = tmp_path / "ends"
    polite = [child(name, POLITE.format(ends=ends, name=name)) for name in "ab"]
    running = run(*polite, child("deaf"))
    wait_until(lambda: len(running.answered) == 3)
    processes = running.processes("deaf")
    running.stop()
    assert ends.read_text() == "ba"
    assert all(is_gone(process) for process in processes)
    assert running.lines == []


def test_child_that_ignores_the_signal_is_killed_in_time(
    run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "STOP_S", 0.5)
    running = run(child("a", DEAF), child("b", DEAF))
    wait_until(lambda: len(running.answered) == 2)
    started = time.monotonic()
    running.stop()
    assert time.monotonic() - started < 2


def test_child_that_keeps_failing_waits_longer_each_time_and_shows_its_log(
    run: Callable[..., Running],
) -> None:
    running = run(child("pages", FAILING), child("web"))
    wait_until(lambda: len(running.lines) >= 4)
    assert running.lines[:4] == [
        "pages ended with exit code 3; restarting in 1 s",
        "  no such table: runs",
        "pages ended with exit code 3; restarting in 2 s",
        "  no such table: runs",
    ]
    assert running.answered == ["web"]


def test_pause_is_short_again_after_a_minute_and_never_longer_than_half_a_minute(tmp_path: Path) -> None:
    lines: list[str] = []
    supervisor = Supervisor([child("web")], tmp_path, lambda _: None, lines.append)
    watched = supervisor._watched["web"]
    for _ in range(7):
        supervisor._report_death(watched, -9, now=1.0)
    supervisor._report_death(watched, -9, now=61.0)
    pauses = [float(re.findall(r"in (\d+) s", line)[0]) for line in lines]
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 1]


def test_log_is_bounded(run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "_LARGEST_LOG", 50_000)
    running = run(child("chatty", CHATTY))
    log = running.logs / "chatty.log"
    wait_until(lambda: (running.logs / "chatty.log.1").exists())
    sizes = []
    for _ in range(20):
        sizes.append(log.stat().st_size)
        time.sleep(0.05)
    assert max(sizes) < 1_000_000
    assert (running.logs / "chatty.log.1").stat().st_size < 1_000_000


def test_killed_supervisor_leaves_no_process(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom tests.system.test_supervision import child, Supervisor\n"
        "Supervisor([child('a'), child('b')], Path(sys.argv[1]), print, print).run(lambda: False)"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    logs = [tmp_path / "a.log", tmp_path / "b.log"]
    wait_until(lambda: all(log.exists() and "ready" in log.read_text() for log in logs))
    processes = [int(number) for log in logs for number in re.findall(r"\d+", log.read_text())]
    guards = [each.pid for each in psutil.Process(supervisor.pid).children() if "guard" in each.cmdline()[-1]]
    assert len(guards) == 1
    os.kill(guards[0], signal.SIGKILL)  # a new guard takes its place
    time.sleep(0.5)
    supervisor.kill()
    supervisor.wait()
    wait_until(lambda: all(is_gone(process) for process in processes))
