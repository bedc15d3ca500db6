"""Measure residuals: how far the print of a page is from its places, to show where paper is bent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lenet_pipeline.forms.alignment.bent_pages import find_dense_places
from lenet_pipeline.forms.alignment.homographies import Homography, Points, mean_scale, warp_picture
from lenet_pipeline.forms.alignment.illumination import even_illumination, soften_print
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate
from lenet_pipeline.forms.alignment.print_places import measure_places
from lenet_pipeline.forms.alignment.refinement import Scan
from lenet_pipeline.forms.page import Grey

_REACH = 28  # pixels at ALIGNED_DPI: 3.5 mm


@dataclass(frozen=True)
class Residuals:
    """The print that was found on a page.

    Attributes:
        page: the page aligned by its homography alone, uint8 (height, width).
        places: the places of the form's print in pixels of the aligned page, (places, 2).
        shifts: how far the print is from each place in pixels, (places, 2).
    """

    page: Grey
    places: Points
    shifts: Points


def measure_residuals(image: Grey, prepared: PreparedTemplate, to_scan: Homography) -> Residuals:
    """Find the print of a page up to 3.5 mm from its place.

    Args:
        image: the scan, uint8 (height, width).
        prepared: the template of the page, with a reference.
        to_scan: the homography from pixels of the aligned page to pixels of the scan.
    """
    scan, size = Scan(image), prepared.template.aligned_size
    scale = mean_scale(to_scan, *size)
    picture, from_picture = scan.reduced(scale)
    homography = np.asarray(np.linalg.inv(from_picture) @ to_scan, dtype=np.float64)
    page = warp_picture(picture, homography, size, paper=scan.paper, sharp=scale < 1)
    places = find_dense_places(prepared)
    nowhere = np.zeros(len(places.corners), dtype=bool)
    measured = measure_places(soften_print(even_illumination(page)), places, nowhere, _REACH)
    return Residuals(page, places.middles[measured.is_found], measured.shifts[measured.is_found])
