"""Self-contained HTML pages: their templates, and pictures as data URLs."""

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
    """Return the template of a page. It escapes every value."""
    pages = Environment(
        loader=PackageLoader("lenet_pipeline.audit", "pages"),
        autoescape=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    pages.filters["plain"] = plain_text
    return pages.get_template(name)


def data_url(picture: bytes) -> str:
    """Return a PNG or JPEG file as a data URL."""
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{b64encode(picture).decode()}"


def enlarge(image: NDArray[np.uint8], scale: int) -> bytes:
    """Enlarge an image, uint8 (28, 28), by a whole number without smoothing; return a PNG."""
    side = image.shape[0] * scale
    return png(Image.fromarray(image).resize((side, side), Image.Resampling.NEAREST))


def png(picture: Image.Image) -> bytes:
    """Encode a picture as PNG."""
    stream = BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
