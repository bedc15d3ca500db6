"""Choose between two forms that both fit a page: forms of one family, or one form upside down."""

from __future__ import annotations

import cv2
import numpy as np

from lenet_pipeline.forms.alignment.homographies import Homography, reduce_picture, warp_picture
from lenet_pipeline.forms.alignment.illumination import even_illumination
from lenet_pipeline.forms.alignment.prepared_template import COARSE_DPI
from lenet_pipeline.forms.page import ALIGNED_DPI, Grey

_BLUR_PX = 1.5  # at COARSE_DPI: the tolerance for differences between the two alignments
_LEAST_POWER = 1.0  # square grey levels: forms that differ less are the same picture


def fits_better(
    page: Grey, reference: Grey, to_scan: Homography, other_reference: Grey, other_to_scan: Homography
) -> bool:
    """Return whether a page fits this form at least as well as the other form."""
    return measure_preference(page, reference, to_scan, other_reference, other_to_scan) >= 0


def measure_preference(
    page: Grey, reference: Grey, to_scan: Homography, other_reference: Grey, other_to_scan: Homography
) -> float:
    """Return how clearly a page fits this form better than the other form: about 0.5, or -0.5 for the other.

    It is 0 if the blank forms do not differ. The comparison is a matched filter, the best test between two
    known pictures under uniform noise. It only depends on pixels at which the two blank forms differ.

    Args:
        page: the page aligned with this form, uint8, of the same size as ``reference``.
        reference: the blank form, uint8 (height, width).
        to_scan: maps pixels of the page aligned with this form to the scan.
        other_reference: the other blank form, uint8 (height, width).
        other_to_scan: maps pixels of the page aligned with the other form to the scan.
    """
    from_other = np.linalg.inv(other_to_scan) @ to_scan
    other = warp_picture(other_reference, from_other, (reference.shape[0], reference.shape[1]), paper=255)
    this_form, other_form, found = (_prepare(picture) for picture in (reference, other, page))
    difference = this_form - other_form
    power = float((difference * difference).sum())
    agreement = float((difference * (found - (this_form + other_form) / 2)).sum())
    return agreement / power if power > _LEAST_POWER else 0.0


def _prepare(picture: Grey) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    factor = COARSE_DPI / ALIGNED_DPI
    height, width = (round(side * factor) for side in picture.shape)
    even = even_illumination(reduce_picture(picture, height, width))
    return np.asarray(cv2.GaussianBlur(even, (0, 0), _BLUR_PX), dtype=np.float32)
