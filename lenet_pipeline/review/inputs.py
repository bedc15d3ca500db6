"""Values that a browser sends, read strictly. All of them raise HTTPException 422 with one line."""

from __future__ import annotations

from uuid import UUID

from starlette.exceptions import HTTPException

from lenet_pipeline.review.signs import SEPARATOR, SIGNS

_MOST_SIGNS = 200  # of one field
_MOST_SECONDS = 24 * 3600.0
_MOST_FIGURES = 12


def read_uuid(value: object) -> UUID:
    """Read an id."""
    try:
        return UUID(str(value))
    except ValueError:
        raise HTTPException(422, "An id is not a UUID.") from None


def read_seconds(value: object) -> float:
    """Read how long a person took."""
    if not isinstance(value, int | float) or not 0 <= value <= _MOST_SECONDS:
        raise HTTPException(422, "seconds must be a number of seconds, at most a day.")
    return float(value)


def read_signs(value: object) -> list[str]:
    """Read the signs of a field's cells."""
    given: list[object] = value if isinstance(value, list) else [None]
    signs = [sign for sign in given if isinstance(sign, str) and (sign in SIGNS or sign == SEPARATOR)]
    if len(signs) < len(given) or len(signs) > _MOST_SIGNS:
        raise HTTPException(422, "signs must be a list of digits, X, ?, ., - or empty texts.")
    return signs


def read_number(text: str, name: str, least: int, most: int) -> int:
    """Read a whole number."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= _MOST_FIGURES
    if not is_number or not least <= int(text) <= most:
        raise HTTPException(422, f"{name} must be a number from {least:,} to {most:,}.")
    return int(text)
