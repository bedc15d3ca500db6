"""The pictures of the pages: a form from the home of `lenet demo`, and digits before and after normalisation.

lenet demo
python -m docs.pictures --home lenet-demo
python -m docs.pictures --normalisation
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.paper_crops import KINDS, enlarge, scan
from lenet_pipeline.ingest import read_optdigits
from lenet_pipeline.ingest.colour import read_grey
from lenet_pipeline.ingest.normalisation import normalise_digit
from lenet_pipeline.lake import images_array

FOLDER = Path(__file__).parent / "images"
_WIDTH_PX = 900
_SHOWN = 0.78  # of the page's height: the rest is empty paper
_DRAWN = {  # kinds of paper, and which digit of optdigits shows each
    "tight crop, bold": 2,
    "tight crop, blurred": 0,
    "12 pixels high": 5,
    "coloured tint": 3,
    "guilloche": 2,
    "security print": 9,
    "squared paper": 4,
    "ruled paper": 6,
    "frame, 1 side": 7,
    "frame, 4 sides": 1,
    "frame, tilted": 5,
    "frame, touched": 4,
    "neighbour": 3,
    "comma": 9,
    "thin pen": 7,
    "thick pen": 2,
}
_CELL_PX, _GAP_PX, _LABEL_PX, _COLUMNS = 100, 12, 22, 4
_DIGIT_PX = 64  # height of the digits that are drawn


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description="Write the pictures of the documentation.")
    parser.add_argument("--home", type=Path, default=Path("lenet-demo"))
    parser.add_argument(
        "--normalisation", action="store_true", help="write the picture of normalisation, without a home"
    )
    arguments = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    if arguments.normalisation:
        draw_normalisation().save(FOLDER / "normalisation.png", optimize=True)
        return
    home = arguments.home
    with Image.open(home / "plots" / "form.png") as page:
        shown = page.convert("RGB").crop((0, 0, page.width, round(_SHOWN * page.height)))
        size = (_WIDTH_PX, round(_WIDTH_PX * shown.height / shown.width))
        small = shown.resize(size, Image.Resampling.LANCZOS)
        # An octree keeps the blue of the cells, which a median cut loses among the greys.
        small.quantize(64, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
            FOLDER / "form.png", optimize=True
        )


def draw_normalisation() -> Image.Image:
    """Draw a digit on each kind of paper, and next to it what normalisation makes of it."""
    digits = read_optdigits()["test"]
    images, labels = images_array(digits), digits["label"].to_numpy()
    pair = 2 * _CELL_PX + 2
    columns, rows = _COLUMNS, -(-len(_DRAWN) // _COLUMNS)
    sheet = Image.new(
        "RGB",
        (columns * (pair + _GAP_PX) + _GAP_PX, rows * (_CELL_PX + _LABEL_PX + _GAP_PX) + _GAP_PX),
        "white",
    )
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for index, (kind, label) in enumerate(_DRAWN.items()):
        left = _GAP_PX + index % columns * (pair + _GAP_PX)
        top = _GAP_PX + index // columns * (_CELL_PX + _LABEL_PX + _GAP_PX)
        rng = np.random.default_rng(index)
        crop = Image.fromarray(scan(KINDS[kind](enlarge(images[labels == label][0], _DIGIT_PX), rng), rng))
        digit = normalise_digit(read_grey(crop))
        if digit is None:
            raise SystemExit(f"the digit on {kind} was rejected; correct its normalisation")
        pen.text((left, top), kind, fill="black", font=font)
        for offset, picture in ((0, crop), (_CELL_PX + 2, Image.fromarray(digit.image).convert("RGB"))):
            scale = _CELL_PX / max(picture.size)
            size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
            place = (left + offset + (_CELL_PX - size[0]) // 2, top + _LABEL_PX + (_CELL_PX - size[1]) // 2)
            pen.rectangle(
                (
                    left + offset,
                    top + _LABEL_PX,
                    left + offset + _CELL_PX - 1,
                    top + _LABEL_PX + _CELL_PX - 1,
                ),
                fill=(225, 228, 240),
            )
            sheet.paste(picture.resize(size, Image.Resampling.NEAREST), place)
    return sheet.quantize(96, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


if __name__ == "__main__":
    main()
