"""The code that reads images: from one image after another to one vector per pixel, an image in each lane."""

from __future__ import annotations

from llvmlite import ir

from lenet_pipeline.schema import IMAGE_BYTES, IMAGE_SIDE
from lenet_pipeline.scoring.compiled.lanes import BYTE, Lanes, index


def write_pixels(lanes: Lanes, images: ir.Value, first: ir.Value, target: ir.Value, padding_px: int) -> None:
    """Write one vector per pixel of the images starting at ``first``, into a field with padding."""
    builder, count = lanes.builder, lanes.count
    places = lanes.table("places", _places(padding_px))
    bytes_type = ir.VectorType(BYTE, count)
    start = builder.mul(first, index(IMAGE_BYTES))

    def one_square(square: ir.Value) -> None:
        pixel = builder.mul(square, index(count))
        rows = []
        for image in range(count):
            at = builder.add(builder.add(start, pixel), index(image * IMAGE_BYTES))
            address = builder.bitcast(builder.gep(images, [at]), bytes_type.as_pointer())
            rows.append(builder.load(address, align=1))
        for offset, column in enumerate(lanes.transposed(rows)):
            place = lanes.entry(places, builder.add(pixel, index(offset)))
            lanes.store(builder.uitofp(column, lanes.vector), target, place)

    lanes.repeat(index(0), index(IMAGE_BYTES // count), one_square)


def _places(padding_px: int) -> list[int]:
    """Return the index of each pixel in the padded field."""
    side = IMAGE_SIDE + 2 * padding_px
    return [
        (row + padding_px) * side + column + padding_px
        for row in range(IMAGE_SIDE)
        for column in range(IMAGE_SIDE)
    ]
