"""A scanned page: the value that every document reader returns and every later step takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]  # (height, width), 0 black to 255 white

MM_PER_INCH = 25.4
ALIGNED_DPI = 200  # the resolution of every aligned page, whatever the resolution of its scan


@dataclass(frozen=True)
class Page:
    """One page of one document.

    Attributes:
        number: the page's number in the document, from 1.
        image: the pixels, rotated as the file states (EXIF, PDF rotation). The form itself may still be
            sideways or upside down.
        dpi: the resolution that the file states, or the one that a standard paper size implies; None if
            neither is known.
        fingerprint: the sha256 over size and pixels. Identical pictures in different files share it.
    """

    number: int
    image: Grey
    dpi: float | None
    fingerprint: str
