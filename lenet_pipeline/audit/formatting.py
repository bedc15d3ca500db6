"""Format values and counts for tables and pages."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHORT_UUID = 13  # characters: unique in practice, and every query accepts a prefix


def counted(count: int, noun: str, plural: str = "") -> str:
    """Format a count with its noun: 1 digit, 2 digits. Give the plural if it is not formed with an s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def plain_text(value: Any) -> str:
    """Format a value: counts with thousands separators, times to the second, fractions to 4 decimals."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return str(value) if abs(value) < 10_000 else f"{value:,}"
        case float() if 0 < abs(value) < 1e-4:
            return f"{value:.2g}"
        case float():
            return f"{value:,.4f}".rstrip("0").rstrip(".") if abs(value) < 1e6 else f"{value:,.0f}"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case str() if _UUID.fullmatch(value):
            return value[:_SHORT_UUID]
        case list():
            return " ".join(plain_text(item) for item in value)
        case dict():
            return " ".join(f"{name} {plain_text(item)}" for name, item in value.items())
        case bytes():
            return f"{len(value):,} bytes"
        case _:
            return str(value)
