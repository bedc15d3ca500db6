"""The flows: jobs as Prefect runs them, with tasks, retries, artifacts, events, schedules and deployments.

Nothing else imports Prefect. A flow has the name of its job, calls it with an observer that reports to
Prefect, and leaves an artifact. Prefect reads the variables below when it is first imported. Documents may be
confidential, so telemetry is off unless the environment says otherwise; the last variable keeps a temporary
server from printing tracebacks about telemetry before its tables exist.
"""

import os

for _name, _value in (
    ("DO_NOT_TRACK", "1"),
    ("PREFECT_SERVER_ANALYTICS_ENABLED", "false"),
    ("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL"),
):
    os.environ.setdefault(_name, _value)
