"""The pictures of the pages, from the home of `lenet demo`.

lenet demo
python -m docs.pictures --home lenet-demo
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).parent / "images"
_WIDTH_PX = 900
_SHOWN = 0.78  # of the page's height: the rest is empty paper


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description="Write the pictures of the documentation.")
    parser.add_argument("--home", type=Path, default=Path("lenet-demo"))
    home = parser.parse_args().home
    FOLDER.mkdir(exist_ok=True)
    with Image.open(home / "plots" / "form.png") as page:
        shown = page.convert("RGB").crop((0, 0, page.width, round(_SHOWN * page.height)))
        size = (_WIDTH_PX, round(_WIDTH_PX * shown.height / shown.width))
        small = shown.resize(size, Image.Resampling.LANCZOS)
        # An octree keeps the blue of the cells, which a median cut loses among the greys.
        small.quantize(64, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
            FOLDER / "form.png", optimize=True
        )


if __name__ == "__main__":
    main()
