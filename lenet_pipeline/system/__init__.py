"""The machine: atomic file writes, locks, processes, progress observers, hardware and code revision.

Every other room may use this one. It knows nothing about digits.
"""

from lenet_pipeline.system.events import Event
from lenet_pipeline.system.files import (
    describe_os_error,
    file_digest,
    first_line,
    remove_leftovers,
    write_new,
    written_whole,
)
from lenet_pipeline.system.locks import only_process, try_lock, wait_for_lock
from lenet_pipeline.system.machine import describe_machine
from lenet_pipeline.system.observer import SILENT, Advance, Observer
from lenet_pipeline.system.processes import Done, ProcessLostError, usable_cores, work_in_processes
from lenet_pipeline.system.revision import code_revision
from lenet_pipeline.system.supervision import Child, Supervisor, answers, has_logged

__all__ = [
    "SILENT",
    "Advance",
    "Child",
    "Done",
    "Event",
    "Observer",
    "ProcessLostError",
    "Supervisor",
    "answers",
    "code_revision",
    "describe_machine",
    "describe_os_error",
    "file_digest",
    "first_line",
    "has_logged",
    "only_process",
    "remove_leftovers",
    "try_lock",
    "usable_cores",
    "wait_for_lock",
    "work_in_processes",
    "write_new",
    "written_whole",
]
