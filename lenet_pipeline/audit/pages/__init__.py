"""Pages of HTML that need no other file: their templates, and pictures inside them."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from io import BytesIO

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from numpy.typing import NDArray
from PIL import Image

from lenet_pipeline.audit.formatting import plain_text


@cache
def page_template(name: str) -> Template:
    """Return the template of a page; what it shows is escaped."""
    pages = Environment(
        loader=PackageLoader("lenet_pipeline.audit", "pages"),
        autoescape=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    pages.filters["plain"] = plain_text
    return pages.get_template(name)


def data_url(picture: bytes) -> str:
    """Return a PNG or JPEG as part of a page."""
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{b64encode(picture).decode()}"


def enlarge(image: NDArray[np.uint8], times: int) -> bytes:
    """Return an image, uint8 (28, 28), so many times as large, as PNG: its pixels are too few to look at."""
    side = image.shape[0] * times
    return png(Image.fromarray(image).resize((side, side), Image.Resampling.NEAREST))


def png(picture: Image.Image) -> bytes:
    """Return a picture's PNG."""
    stream = BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
