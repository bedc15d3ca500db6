"""Readers of pages that go wrong; a module of their own, since every process that reads imports it."""

from __future__ import annotations

import os
import signal

from lenet_pipeline.forms.page_rows import FormJob, PagePart, ReadPart, read_part


def crash_at(part: PagePart, job: FormJob, at: int) -> ReadPart:
    """Read as ever, but end as a crash does where one page is in the part."""
    if at in part.numbers:
        os.kill(os.getpid(), signal.SIGKILL)
    return read_part(part, job)


def fail_at(part: PagePart, job: FormJob, at: int) -> ReadPart:
    """Read as ever, but raise where one page is in the part."""
    if at in part.numbers:
        raise ZeroDivisionError("a page of no width")
    return read_part(part, job)
