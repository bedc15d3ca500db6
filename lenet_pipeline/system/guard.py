"""End process groups when the process that watches over them has died: see `supervision`.

Python runs this file by its path, without site packages, so that it takes a few megabytes only. It imports
nothing of the project.
"""

import os
import signal
import sys
import time

_PATIENCE_S = 5.0


def end_groups(groups: list[int]) -> None:
    """Ask process groups to end, the last first, and kill them after five seconds."""
    for group in reversed(groups):
        _signal(group, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline and any(_signal(group, 0) for group in groups):
        time.sleep(0.1)
    for group in groups:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Send a signal to a group and tell whether the group exists."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main() -> None:
    """Read lines ``+GROUP`` and ``-GROUP`` until the other end closes, then end the groups that are left."""
    groups: list[int] = []
    for line in sys.stdin:
        change = groups.append if line.startswith("+") else groups.remove
        change(int(line[1:]))
    end_groups(groups)


if __name__ == "__main__":
    main()
