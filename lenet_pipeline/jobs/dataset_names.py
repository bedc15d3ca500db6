"""Names of datasets whose name is not given."""

from __future__ import annotations

from pathlib import Path


def default_dataset(path: Path) -> str:
    """Return the default dataset of images or forms, named after their folder or file."""
    stem = path.resolve().stem.lower()
    clean = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in stem).strip("-")
    return f"{clean or 'images'}/all"
