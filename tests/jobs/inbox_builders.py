"""An inbox for tests of whole jobs: a folder, slips to drop into it, and a home that watches it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from lenet_pipeline.jobs import InboxIngest, declare_inbox, ingest_inbox
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Observer
from tests.jobs.form_builders import Row, ask, scans

NAME = "slips"


class Recorder(Observer):
    """Keeps log lines, warnings and events."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.events: list[tuple[str, Mapping[str, object]]] = []

    def log(self, message: str) -> None:
        self.lines.append(message)

    def warn(self, message: str) -> None:
        self.lines.append(message)

    def announce(self, event: str, resource: Mapping[str, str], payload: Mapping[str, object]) -> None:
        self.events.append((event, payload))


@dataclass
class Inbox:
    """A declared inbox that never waits for a file, and the slips that a test may drop into it."""

    settings: Settings
    folder: Path
    template: Path
    slips: Sequence[Path]
    observer: Recorder = field(default_factory=Recorder)

    def declare(self, **options: Any) -> None:
        declare_inbox(self.settings, NAME, str(self.folder), (self.template,), **{"settle_s": 0.0, **options})

    def drop(self, slip: int, name: str = "", age_s: float = 60.0) -> Path:
        """Copy a slip into the inbox, as if it had been there for a while."""
        path = self.folder / (name or f"{slip}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.slips[slip], path)
        return set_age(path, age_s)

    def ingest(self, as_of: datetime | None = None) -> InboxIngest:
        return ingest_inbox(self.settings, NAME, as_of, self.observer)

    def rows(self, columns: str = "path, status") -> list[tuple[Any, ...]]:
        """Return columns of the files that the inbox knows, in the order of their paths."""
        return [
            tuple(row.values())
            for row in self.select(f"{columns} from inbox_documents order by path, taken_at")
        ]

    def select(self, statement: str) -> list[Row]:
        return ask(self.settings, f"select {statement}")


def set_age(path: Path, age_s: float) -> Path:
    """Set when a file changed last."""
    moment = time.time() - age_s
    os.utime(path, (moment, moment))
    return path


def make_inbox(settings: Settings, base: Path, slips: Path, template: Path) -> Inbox:
    folder = base / "inbox"
    folder.mkdir(parents=True)
    inbox = Inbox(settings, folder, template, scans(slips))
    inbox.declare()
    return inbox
