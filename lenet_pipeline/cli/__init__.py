"""The command line: ``lenet`` parses arguments, calls a job or a query, and prints the result."""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``lenet``. Ctrl-C during the imports exits without a traceback."""
    try:
        from lenet_pipeline.cli.app import app

        app()
    except KeyboardInterrupt:
        sys.exit(130)  # what shells expect after Ctrl-C
    finally:
        # Libraries execute code from strings (dataclasses do). Once Ctrl-C has interrupted such code, CPython
        # ends `python -m` by SIGINT, whatever the exit code, until other code from a string has run.
        exec("")  # noqa: S102 - the string is empty
