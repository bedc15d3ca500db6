"""Work that follows verdicts, in the background: training data, the published chain and the snapshot.

The verdicts themselves are already stored. So a person never waits for this, and a failure loses nothing: the
next verdict, the next start of the server, or `lenet train` catches up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from lenet_pipeline.audit import publish_chain_head, sync_reviewed
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import refresh_snapshot

QUIET_S = 30.0  # without a verdict, so that a busy person does not compete with it for the database
LONGEST_S = 600.0  # if there is no such pause


def follow_verdicts(settings: Settings, *, is_last: bool) -> None:
    """Label the digits of ``reviewed/all``, publish the head of the chain, and renew the snapshot.

    A snapshot that is still fresh is kept, unless this is the last run of the server.

    Raises:
        PipelineError: some of it failed.
    """
    publish_chain_head(settings)
    refresh_snapshot(settings.warehouse, 0.0 if is_last else 60 * settings.snapshot_minutes)
    sync_reviewed(settings)  # last, because an image that the lake has lost fails it every time


class FollowUp:
    """Runs a function in a thread of its own, once people have given no verdict for a while.

    Args:
        follow: the function; its argument tells whether this is the last run.
        warn: gets one line if the function fails.
        quiet_s: seconds without a verdict.
        longest_s: seconds after which it runs even without such a pause.
    """

    def __init__(
        self,
        follow: Callable[[bool], None],
        warn: Callable[[str], None],
        quiet_s: float = QUIET_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._follow = follow
        self._warn = warn
        self._quiet_s = quiet_s
        self._longest_s = longest_s
        self._wake = threading.Event()
        self._is_due = False
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="follow-up", daemon=True)

    def start(self) -> None:
        """Start the thread. The first run catches up with the verdicts of an earlier server."""
        self._is_due = True
        self._thread.start()

    def note_verdicts(self) -> None:
        """Tell that verdicts were recorded or undone."""
        self._is_due = True
        self._wake.set()

    def stop(self) -> None:
        """Run once more if verdicts are left, and end the thread."""
        self._is_stopping = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        ran_at = time.monotonic()
        while not self._is_stopping:
            is_new = self._wake.wait(self._quiet_s)
            self._wake.clear()
            is_late = time.monotonic() - ran_at >= self._longest_s
            if self._is_due and (self._is_stopping or is_late or not is_new):
                self._is_due, ran_at = False, time.monotonic()
                try:
                    self._follow(self._is_stopping)
                except Exception as exc:  # noqa: BLE001 - any error would end the thread unseen
                    self._warn(f"verdicts are stored, but their follow-up failed: {exc}")
