"""``lenet``, and ``python -m flows``: the entry point."""

from __future__ import annotations

import sys

from flows import EXIT_INTERRUPTED


def main() -> None:
    """Run ``lenet``; Ctrl-C while it is still importing is no error of the program's."""
    try:
        from flows.cli import app

        app()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
