"""Orchestration: the one place that imports Prefect. What it starts tells nobody outside.

Documents may be confidential, so telemetry is off unless the environment says otherwise. Prefect reads
these variables when it is first imported; the last keeps a temporary server from printing tracebacks
about telemetry that found no table yet.
"""

import os

for _name, _value in (
    ("DO_NOT_TRACK", "1"),
    ("PREFECT_SERVER_ANALYTICS_ENABLED", "false"),
    ("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL"),
):
    os.environ.setdefault(_name, _value)

EXIT_INTERRUPTED = 130  # what a shell expects of a command that Ctrl-C ended
