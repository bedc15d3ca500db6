"""Flows: run jobs with Prefect, with tasks, retries, artifacts, events, schedules and deployments.

Only this package imports Prefect. A flow has the same name as its job, calls it with an observer that reports
to Prefect, and creates an artifact. Prefect reads the variables below when it is first imported. Documents
may be confidential, so telemetry is off unless the environment turns it on. The last variable keeps a
temporary server from printing tracebacks about telemetry before its tables exist.
"""

import os

for _name, _value in (
    ("DO_NOT_TRACK", "1"),
    ("PREFECT_SERVER_ANALYTICS_ENABLED", "false"),
    ("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL"),
):
    os.environ.setdefault(_name, _value)
