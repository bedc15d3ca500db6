"""A grey picture of one digit is normalised to 28x28 as in MNIST."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lenet_pipeline.ingest.batch import Box
from lenet_pipeline.ingest.normalisation import NormalisedDigit, normalise_digit, place_ink
from lenet_pipeline.schema import BRIGHT_ON_DARK, DARK_ON_BRIGHT

Grey = NDArray[np.uint8]

# Strokes of digits on a unit square, as lines from point to point (x, y).
STROKES = {
    0: [[(0.5, 0), (0.2, 0.2), (0.15, 0.6), (0.4, 1), (0.7, 0.9), (0.85, 0.4), (0.5, 0)]],
    1: [[(0.6, 0), (0.4, 1)]],
    2: [[(0.2, 0.2), (0.5, 0), (0.8, 0.25), (0.2, 1), (0.85, 0.95)]],
    4: [[(0.3, 0), (0.1, 0.6), (0.9, 0.55)], [(0.75, 0.1), (0.7, 1)]],
    5: [[(0.3, 0.05), (0.25, 0.45), (0.7, 0.5), (0.75, 0.85), (0.2, 1)], [(0.3, 0.05), (0.85, 0)]],
    7: [[(0.1, 0.05), (0.9, 0), (0.45, 1)]],
    8: [[(0.5, 0), (0.25, 0.2), (0.75, 0.75), (0.5, 1), (0.25, 0.75), (0.75, 0.2), (0.5, 0)]],
}


def draw(digit: int, *, side: int, margin: int, width: int) -> Grey:
    """Draw a digit, 255 on 0, on a square of ``side`` pixels that keeps ``margin`` of them free."""
    fine = 8
    sheet = Image.new("L", (side * fine, side * fine))
    pen, span = ImageDraw.Draw(sheet), (side - 2 * margin) * fine
    for stroke in STROKES[digit]:
        points = [(margin * fine + x * span, margin * fine + y * span) for x, y in stroke]
        pen.line(points, fill=255, width=width * fine, joint="curve")
    return np.asarray(sheet.resize((side, side), Image.Resampling.BOX))


def crop(grey: Grey) -> Grey:
    rows, columns = np.flatnonzero(grey.any(axis=1)), np.flatnonzero(grey.any(axis=0))
    return grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def mnist_like(digit: int) -> Grey:
    """Draw a digit as MNIST has it: its ink 20 pixels high, its centre of mass in the middle of 28."""
    ink = crop(draw(digit, side=80, margin=10, width=8))
    width = round(ink.shape[1] * 20 / ink.shape[0])
    ink = np.asarray(Image.fromarray(ink).resize((width, 20), Image.Resampling.BOX)).astype(float)
    ink = np.rint(ink * 255 / ink.max())
    top, left = (
        round(14 - (ink.sum(axis=1 - axis) * np.arange(ink.shape[axis])).sum() / ink.sum()) for axis in (0, 1)
    )
    image = np.zeros((28, 28), np.uint8)
    image[top : top + 20, left : left + width] = ink
    assert crop(image).shape[0] == 20
    return image


def difference(found: Grey, expected: Grey) -> float:
    """Return the mean absolute difference of two images in grey levels."""
    return float(np.abs(found.astype(int) - expected.astype(int)).mean())


def overlap(found: Grey, expected: Grey) -> float:
    """Return how much of the ink two images share, 0 to 1, the best of the shifts by one pixel."""
    a, b = found / 255, expected / 255
    shifted = [np.roll(a, (y, x), axis=(0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return max(float(np.minimum(each, b).sum() / np.maximum(each, b).sum()) for each in shifted)


def normalised(grey: Grey) -> NormalisedDigit:
    digit = normalise_digit(grey)
    assert digit is not None
    return digit


@pytest.fixture(params=sorted(STROKES))
def digit(request) -> int:
    return request.param


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(3)


def to_uint8(grey: NDArray[np.floating]) -> Grey:
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def test_an_mnist_image_comes_back_almost_identical_in_either_polarity(digit):
    original = mnist_like(digit)
    for grey, polarity in ((original, BRIGHT_ON_DARK), (255 - original, DARK_ON_BRIGHT)):
        found = normalised(grey)
        assert found.polarity == polarity
        assert found.image.dtype == np.uint8 and found.image.shape == (28, 28)
        assert difference(found.image, original) < 0.5


def test_the_ink_box_is_in_pixels_of_the_picture():
    grey = np.full((60, 90), 250, np.uint8)
    grey[11:42, 30:37] = 20
    assert normalised(grey).ink == Box(x=30, y=11, width=7, height=31)


def test_the_ink_box_of_a_large_picture_is_right_to_its_averaging(digit):
    grey = 255 - draw(digit, side=1600, margin=300, width=60)
    box, ink = normalised(grey).ink, crop(255 - grey)
    assert abs(box.height - ink.shape[0]) <= 16 and abs(box.width - ink.shape[1]) <= 16
    rows, columns = np.flatnonzero((grey < 128).any(axis=1)), np.flatnonzero((grey < 128).any(axis=0))
    assert abs(box.y - rows[0]) <= 8 and abs(box.x - columns[0]) <= 8


def test_ink_is_scaled_into_20x20_with_its_aspect_kept():
    grey = np.zeros((200, 200), np.uint8)
    grey[20:180, 60:100] = 255
    image = normalised(grey).image
    assert crop(image).shape == (20, 5)
    assert crop(normalised(grey.T.copy()).image).shape == (5, 20)


def test_a_digit_is_placed_by_its_centre_of_mass(digit):
    image = normalised(draw(digit, side=120, margin=8, width=9)).image.astype(float)
    for axis in (0, 1):
        centre = (image.sum(axis=1 - axis) * np.arange(28)).sum() / image.sum()
        assert abs(centre - 14) <= 0.5


def test_ink_stays_inside_the_field_however_lopsided_it_is():
    ink = np.full((100, 100), 0.01, np.float32)
    ink[:15, :15] = 1
    image = place_ink(ink)
    assert crop(image).shape == (20, 20)
    assert image[8, 8] == 255  # as near to the middle as the field allows


def test_faint_ink_is_stretched_to_full_contrast(digit):
    original = mnist_like(digit)
    found = normalised(to_uint8(230 - original * (30 / 255)))
    assert found.polarity == DARK_ON_BRIGHT
    assert found.image.max() >= 250
    assert difference(found.image, original) < 3


def test_a_thin_stroke_is_bright_after_it_is_scaled_down(digit):
    assert normalised(draw(digit, side=400, margin=40, width=4)).image.max() == 255


def test_grain_of_the_paper_neither_moves_the_box_nor_stays(digit, generator):
    ink = draw(digit, side=140, margin=22, width=12)
    clean = normalised(ink)
    found = normalised(to_uint8(210 - ink * 0.6 + generator.normal(0, 12, ink.shape)))
    assert found.polarity == DARK_ON_BRIGHT
    assert abs(found.ink.width - clean.ink.width) <= 8 and abs(found.ink.height - clean.ink.height) <= 8
    assert overlap(found.image, clean.image) > 0.75


def test_jpeg_noise_does_not_widen_the_box(digit):
    ink = draw(digit, side=140, margin=22, width=12)
    stream = io.BytesIO()
    Image.fromarray(to_uint8(240 - ink * 0.8)).save(stream, "JPEG", quality=25)
    found, clean = normalised(np.asarray(Image.open(stream))), normalised(ink)
    assert abs(found.ink.width - clean.ink.width) <= 6 and abs(found.ink.height - clean.ink.height) <= 6
    assert overlap(found.image, clean.image) > 0.8


def test_a_speck_is_no_part_of_the_digit(digit):
    ink = draw(digit, side=140, margin=22, width=12)
    grey = 255 - ink
    grey[4:7, 130:133] = 0
    assert difference(normalised(grey).image, normalised(255 - ink).image) < 0.5


def test_one_dark_pixel_is_no_part_of_a_small_digit(digit):
    original = mnist_like(digit)
    original_with_speck = original.copy()
    original_with_speck[0, 0] = 255
    assert difference(normalised(original_with_speck).image, original) < 0.5


def test_a_digit_in_two_parts_keeps_both():
    grey = np.zeros((100, 100), np.uint8)
    grey[10:80, 40:50] = 255
    grey[10:20, 56:80] = 255
    assert normalised(grey).ink == Box(x=40, y=10, width=40, height=70)


@pytest.mark.parametrize("lean", [(50, 0), (0, -50), (35, 35)])
def test_uneven_light_leaves_the_digit_as_it_is(digit, lean):
    ink = draw(digit, side=140, margin=22, width=12)
    y, x = np.mgrid[-1:1:140j, -1:1:140j]
    found = normalised(to_uint8(190 + lean[0] * y + lean[1] * x - ink * 0.5))
    assert found.polarity == DARK_ON_BRIGHT
    assert overlap(found.image, normalised(ink).image) > 0.85


def test_polarity_is_right_where_the_ink_touches_every_border(digit):
    ink = draw(digit, side=100, margin=0, width=10)
    assert sum(edge.any() for edge in (ink[0], ink[-1], ink[:, 0], ink[:, -1])) >= 2
    assert normalised(ink).polarity == BRIGHT_ON_DARK
    assert normalised(255 - ink).polarity == DARK_ON_BRIGHT


@pytest.mark.parametrize("bold", [14, 22])
def test_polarity_is_right_on_bold_digits_cropped_to_their_ink(bold):
    for digit in (0, 2, 4, 5, 7, 8):
        ink = crop(draw(digit, side=100, margin=15, width=bold))
        assert normalised(ink).polarity == BRIGHT_ON_DARK, digit
        assert normalised(255 - ink).polarity == DARK_ON_BRIGHT, digit


@pytest.mark.parametrize("level", [0, 127, 255])
@pytest.mark.parametrize("shape", [(28, 28), (1, 1), (300, 200)])
def test_an_even_picture_has_no_ink(level, shape):
    assert normalise_digit(np.full(shape, level, np.uint8)) is None


@pytest.mark.parametrize("side", [100, 300])
@pytest.mark.parametrize("grain", [3, 10])
def test_blank_paper_with_grain_has_no_ink(generator, side, grain):
    assert all(
        normalise_digit(to_uint8(220 + generator.normal(0, grain, (side, side)))) is None for _ in range(10)
    )


def test_blank_paper_in_uneven_light_has_no_ink(generator):
    y, x = np.mgrid[-1:1:100j, -1:1:120j]
    assert normalise_digit(to_uint8(180 + 40 * x + 20 * y)) is None
    assert normalise_digit(to_uint8(200 - 40 * (x * x + y * y) + generator.normal(0, 3, x.shape))) is None


def test_a_fine_pattern_that_averages_out_has_no_ink():
    y, x = np.mgrid[:84, :84]
    assert normalise_digit(((x + y) % 3 * 100).astype(np.uint8)) is None


def test_a_speck_alone_is_no_ink():
    grey = np.full((100, 100), 240, np.uint8)
    grey[50:52, 50:52] = 0
    assert normalise_digit(grey) is None


@pytest.mark.parametrize("shape", [(1, 50), (50, 1), (2, 3), (3, 5000)])
def test_pictures_of_any_shape_give_a_digit_or_none(shape, generator):
    grey = generator.integers(0, 256, shape, dtype=np.uint8)
    found = normalise_digit(grey)
    assert found is None or found.image.shape == (28, 28)


@pytest.mark.mnist
@pytest.mark.parametrize("polarity", [BRIGHT_ON_DARK, DARK_ON_BRIGHT])
def test_mnist_itself_comes_back_in_both_polarities(mnist_root: Path, polarity):
    packed = mnist_root / "MNIST" / "raw" / "t10k-images-idx3-ubyte.gz"
    images = np.frombuffer(gzip.decompress(packed.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28)[::5]
    pictures = images if polarity == BRIGHT_ON_DARK else 255 - images
    found = [normalised(picture) for picture in pictures]
    assert {digit.polarity for digit in found} == {polarity}
    pairs = zip(found, images, strict=True)
    differences = np.array([difference(digit.image, image) for digit, image in pairs])
    assert differences.mean() < 0.5
    # The rest lost a speck that MNIST had kept as ink.
    assert (differences < 1).mean() > 0.97
