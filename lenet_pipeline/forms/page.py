"""A page as it was scanned: what every reader of documents hands over, and every step after it takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]  # (height, width), 0 black to 255 white

MM_PER_INCH = 25.4
REGISTERED_DPI = 200  # of every registered page, whatever its scan had


@dataclass(frozen=True)
class Page:
    """One page of one document.

    ``image`` is upright as its file says (EXIF, PDF rotation), which need not be as the form is read.
    ``number`` counts from 1. ``dpi`` is the resolution the file states, or what its size as paper gives;
    None where neither is known. ``fingerprint`` is the sha256 over size and pixels: the same picture in
    another file has the same.
    """

    number: int
    image: Grey
    dpi: float | None
    fingerprint: str
