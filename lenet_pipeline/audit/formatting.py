"""Values and counts as people read them, in tables and on pages."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHORT_UUID = 13  # characters: unique in practice, and every query accepts a beginning


def counted(count: int, noun: str, plural: str = "") -> str:
    """Say a count and what it counts: 1 digit, 2 digits; a noun that takes no s gives its plural."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def plain_text(value: Any) -> str:
    """Show one value as a person reads it: counts grouped, times to the second, probabilities to 4 places."""
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
