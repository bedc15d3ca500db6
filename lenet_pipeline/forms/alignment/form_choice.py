"""Which of two forms a page is, where it fits both: forms of one family, or one form upside down."""

from __future__ import annotations

import cv2
import numpy as np

from lenet_pipeline.forms.alignment.homographies import Homography, reduce_picture, warp_picture
from lenet_pipeline.forms.alignment.illumination import flatten_light
from lenet_pipeline.forms.alignment.prepared_template import COARSE_DPI
from lenet_pipeline.forms.page import ALIGNED_DPI, Grey

_BLUR_PX = 1.5  # at COARSE_DPI: what two alignments may be apart


def is_likelier(
    page: Grey, reference: Grey, to_scan: Homography, other_reference: Grey, other_to_scan: Homography
) -> bool:
    """Tell whether a page is rather this form than the other.

    Only where the two blank forms differ is looked, and whether the page there is more like the one or the
    other: the best test between two known pictures under even noise (a matched filter).

    Args:
        page: registered with this form, uint8, of its reference's size.
        reference: this form.
        to_scan: from aligned pixels of this form to the scan.
        other_reference: the other form.
        other_to_scan: from aligned pixels of the other form to the scan.
    """
    from_other = np.linalg.inv(other_to_scan) @ to_scan
    other = warp_picture(other_reference, from_other, (reference.shape[0], reference.shape[1]), paper=255)
    ours, theirs, found = (_prepare(picture) for picture in (reference, other, page))
    return bool(((ours - theirs) * (found - (ours + theirs) / 2)).sum() >= 0)


def _prepare(picture: Grey) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    factor = COARSE_DPI / ALIGNED_DPI
    height, width = (round(side * factor) for side in picture.shape)
    even = flatten_light(reduce_picture(picture, height, width))
    return np.asarray(cv2.GaussianBlur(even, (0, 0), _BLUR_PX), dtype=np.float32)
