"""Rules: what a field's value must be, on its own and beside others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Rule(Protocol):
    """What one field's value must be."""

    @property
    def name(self) -> str:
        """Say the rule in a few words, as audits show it: ``luhn``, ``length 6 to 8``."""
        ...

    def accepts(self, value: str) -> bool:
        """Tell whether a value, a string of digits, passes."""
        ...


class AcrossRule(Protocol):
    """What the values of several fields of one page must be together."""

    @property
    def name(self) -> str:
        """Say the rule in a few words, as audits show it: ``a + b = total``."""
        ...

    def accepts(self, values: Mapping[str, str | None]) -> bool:
        """Tell whether a page's values by field name pass; None is a blank or unread field."""
        ...
