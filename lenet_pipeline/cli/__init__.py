"""The command line: ``lenet`` parses arguments, calls a job or a query, and prints the result."""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``lenet``; Ctrl-C during its imports ends it without a traceback."""
    try:
        from lenet_pipeline.cli.app import app

        app()
    except KeyboardInterrupt:
        sys.exit(130)  # what a shell expects of a command that Ctrl-C ended
