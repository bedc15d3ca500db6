"""Default values of an inbox, in a module that loads fast, because `lenet inbox add --help` shows them."""

from __future__ import annotations

SETTLE_S = 5.0  # how long a file must not change before it is taken
