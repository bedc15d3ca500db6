"""Draw a page with its residuals: an arrow from each place of the form's print to the print on the page."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from lenet_pipeline.forms.alignment.residuals import Residuals
from lenet_pipeline.forms.drawing.labels import Colour
from lenet_pipeline.forms.drawing.lettering import fit_text, load_lettering
from lenet_pipeline.forms.drawing.page_annotations import BLACK, WHITE
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH

_PALER = 0.5
_LONGER = 4  # an arrow is this many times as long as its residual
_HEAD_PX, _CAPTION_PX, _LEGEND_PX, _DOT_PX = 96, 28, 19, 4
_FAR_PX = 0.5 / MM_PER_INCH * ALIGNED_DPI  # print farther from its place may be taken for writing
_NEAR_COLOUR: Colour = (0, 114, 178)
_FAR_COLOUR: Colour = (213, 94, 0)


def draw_residuals(residuals: Residuals, caption: str) -> Image.Image:
    """Draw residuals as long arrows on a page. Return an RGB image with a caption above the page."""
    paler = residuals.page + (255 - residuals.page.astype(np.float32)) * np.float32(_PALER)
    page = Image.fromarray(paler.astype(np.uint8)).convert("RGB")
    image = Image.new("RGB", (page.width, page.height + _HEAD_PX), WHITE)
    image.paste(page, (0, _HEAD_PX))
    draw = ImageDraw.Draw(image)
    is_far = np.hypot(*residuals.shifts.T) > _FAR_PX
    starts = residuals.places + np.array([0, _HEAD_PX])
    ends = starts + _LONGER * residuals.shifts
    for (x, y), end, far in zip(starts.tolist(), ends.tolist(), is_far.tolist(), strict=True):
        colour = _FAR_COLOUR if far else _NEAR_COLOUR
        draw.ellipse((x - _DOT_PX, y - _DOT_PX, x + _DOT_PX, y + _DOT_PX), fill=colour)
        draw.line((x, y, *end), fill=colour, width=4 if far else 2)
    text = fit_text(caption, "Sans-Bold", _CAPTION_PX, page.width - 32)
    draw.text((16, 38), text, fill=BLACK, font=load_lettering("Sans-Bold", _CAPTION_PX), anchor="ls")
    share = float(is_far.mean()) if len(is_far) else 0.0
    legend = (
        f"lines from dots: {_LONGER} times the distance of print from its place; orange: more than 0.5 mm, "
        f"{share:.0%}"
    )
    draw.text((16, 75), legend, fill=_FAR_COLOUR, font=load_lettering("Sans", _LEGEND_PX), anchor="ls")
    return image
