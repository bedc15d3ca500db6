"""The signs that people confirm or type for the cells of a field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SEPARATOR, MINUS = ".", "-"

# The verdict on a digit, by the sign of its cell. A separator belongs to no cell.
SIGNS: Mapping[str, str] = {
    "": "blank",
    "X": "not_a_digit",
    "?": "unreadable",
    MINUS: "not_a_digit",
    **{str(digit): str(digit) for digit in range(10)},
}


def field_verdict(signs: Sequence[str]) -> tuple[str, str | None]:
    """Return the verdict on a field and its value, which is None for blank."""
    text = "".join("" if sign == "X" else sign for sign in signs)
    if not text.strip(SEPARATOR + MINUS):
        text = ""
    return "blank" if not text else "unreadable" if "?" in text else "value", text or None
