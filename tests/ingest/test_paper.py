"""Kinds of paper: tight crops, frames, neighbours, print and colours leave the digit as a person sees it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from lenet_pipeline.ingest.images import decode_image
from lenet_pipeline.ingest.normalisation import normalise_digit
from lenet_pipeline.schema import BRIGHT_ON_DARK, DARK_ON_BRIGHT
from tests.ingest.test_normalisation import STROKES, Grey, draw, normalised, overlap, to_uint8

SIDE, MARGIN = 100, 22
SIMILAR = 0.58  # overlap of images of a digit that differ by a pixel in size; more or fewer parts lower it
COLOURS = {"black": (30, 30, 30), "blue": (30, 50, 150)}
PRINTS = {"green": (130, 200, 150), "red": (235, 150, 160), "blue": (150, 190, 235)}


@pytest.fixture(params=sorted(STROKES))
def digit(request) -> int:
    return request.param


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(5)


def on_paper(digit: int, *, width: int = 9, side: int = SIDE) -> Grey:
    """Draw a digit in dark grey on white paper, with margins."""
    return to_uint8(235 - 0.7 * draw(digit, side=side, margin=MARGIN * side // SIDE, width=width))


def scanned(grey: np.ndarray, generator: np.random.Generator, blur: float = 0.7) -> Grey:
    return to_uint8(ndimage.gaussian_filter(grey.astype(float), blur) + generator.normal(0, 2, grey.shape))


def tight(grey: Grey, *, threshold: int = 150) -> Grey:
    rows, columns = (np.flatnonzero((grey < threshold).any(axis=axis)) for axis in (1, 0))
    return grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def add_line(grey: Grey, side: str, *, at: int, thickness: int = 3, slope: float = 0.0) -> Grey:
    """Draw a dark line along one side of a picture, ``at`` pixels from its edge."""
    turned = {"top": grey, "bottom": grey[::-1], "left": grey.T, "right": grey.T[::-1]}[side].copy()
    rows, columns = np.mgrid[: turned.shape[0], : turned.shape[1]]
    distance = rows - at - slope * (columns - turned.shape[1] / 2)
    turned[(distance >= 0) & (distance < thickness)] = 60
    return {"top": turned, "bottom": turned[::-1], "left": turned.T, "right": turned[::-1].T}[side]


# --- tight crops -------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [6, 12, 20, 30])
@pytest.mark.parametrize("blur", [0.5, 2.0, 4.0])
@pytest.mark.parametrize("side", [24, 100])
def test_a_digit_cropped_to_its_ink_is_never_rejected(digit, width, blur, side, generator):
    scale = side / SIDE
    grey = scanned(on_paper(digit, width=max(2, round(width * scale)), side=side), generator, blur * scale)
    for threshold in (120, 150, 190):
        cut = tight(grey, threshold=max(threshold, int(grey.min()) + 15))
        assert normalise_digit(cut) is not None and normalise_digit(255 - cut) is not None


@pytest.mark.parametrize("width", [6, 12])
@pytest.mark.parametrize("blur", [0.5, 2.0])
def test_polarity_is_right_on_blurred_digits_cropped_to_their_ink(digit, width, blur, generator):
    grey = scanned(on_paper(digit, width=width), generator, blur)
    for threshold in (150, 190):
        cut = tight(grey, threshold=threshold)
        assert normalised(cut).polarity == DARK_ON_BRIGHT
        assert normalised(255 - cut).polarity == BRIGHT_ON_DARK


@pytest.mark.parametrize("lean", [0, 4, 8])
def test_the_middle_of_a_narrow_crop_is_ink_in_either_polarity(lean, generator):
    rows, columns = np.mgrid[:60, :18]
    ink = np.abs(columns - 9 - lean * (rows / 30 - 1)) < 5
    grey = scanned(np.where(ink, 60, 230), generator)[4:-4]
    assert normalised(grey).polarity == DARK_ON_BRIGHT
    assert normalised(255 - grey).polarity == BRIGHT_ON_DARK
    assert overlap(normalised(grey).image, normalised(255 - grey).image) > 0.95


def test_a_blurred_zero_cropped_to_its_ink_stays_one_stroke(generator):
    rows, columns = np.mgrid[:70, :60]
    radius = np.hypot((rows - 35) / 26, (columns - 30) / 18)
    ink = np.exp(-(((radius - 1) / 0.22) ** 2)) * (
        1 - 0.45 * np.abs(rows - 35) / 35
    )  # pale at top and bottom
    grey = scanned(225 - 130 * ink, generator, blur=2)
    for threshold in (155, 170, 185):
        image = normalised(tight(grey, threshold=threshold)).image
        assert ndimage.label(image > 40, np.ones((3, 3)))[1] == 1


@pytest.mark.parametrize("width", [5, 9, 14])
def test_no_bar_foot_or_stem_of_a_tight_digit_counts_as_a_line(digit, width, generator):
    grey = scanned(on_paper(digit, width=width), generator)
    assert overlap(normalised(tight(grey)).image, normalised(grey).image) > SIMILAR


# --- frames ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sides", [("top",), ("left",), ("right", "bottom"), ("top", "bottom", "left", "right")]
)
@pytest.mark.parametrize("slope", [0.0, 0.04])
@pytest.mark.parametrize("at", [0, 5])
def test_lines_at_the_edges_are_no_part_of_the_digit(digit, sides, slope, at, generator):
    clean = on_paper(digit)
    framed = clean
    for side in sides:
        framed = add_line(framed, side, at=at, slope=slope if at else 0.0)
    found = normalised(scanned(framed, generator))
    assert found.polarity == DARK_ON_BRIGHT
    assert overlap(found.image, normalised(scanned(clean, generator)).image) > SIMILAR


def test_a_line_that_the_digit_touches_is_cut_off(generator):
    clean = np.full((100, 100), 235, np.uint8)
    clean[25:90, 44:54] = 60
    clean[80:90, 30:70] = 60
    framed = add_line(add_line(clean, "bottom", at=7), "right", at=5)
    assert (framed[88:93, 44:54] == 60).all()
    found, expected = normalised(scanned(framed, generator)), normalised(scanned(clean, generator))
    assert overlap(found.image, expected.image) > SIMILAR
    assert found.ink.y + found.ink.height < 95 and found.ink.x + found.ink.width < 80


def test_a_dark_frame_does_not_reverse_the_polarity(digit, generator):
    framed = on_paper(digit)
    for side in ("top", "bottom", "left", "right"):
        framed = add_line(framed, side, at=0, thickness=9)
    assert normalised(scanned(framed, generator)).polarity == DARK_ON_BRIGHT


# --- neighbours --------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_part_of_a_neighbour_at_the_edge_is_no_part_of_the_digit(digit, side, generator):
    clean = on_paper(digit)
    other = on_paper(0, width=11)[:, 55:-20]
    crowded = np.hstack([other, clean[:, 8:]] if side == "left" else [clean[:, :-8], other[:, ::-1]])
    found, expected = normalised(scanned(crowded, generator)), normalised(scanned(clean, generator))
    assert overlap(found.image, expected.image) > SIMILAR


@pytest.mark.parametrize("left", [4, 88])
def test_a_comma_at_the_lower_edge_is_no_part_of_the_digit(digit, left, generator):
    clean = on_paper(digit)
    marked = clean.copy()
    marked[88:, left : left + 8] = 60
    found, expected = normalised(scanned(marked, generator)), normalised(scanned(clean, generator))
    assert overlap(found.image, expected.image) > SIMILAR


def test_the_detached_bar_of_a_tight_5_stays():
    grey = np.full((70, 60), 235, np.uint8)
    grey[0:9, 24:60] = 60  # the bar touches the upper and the right edge
    grey[15:45, 4:13] = 60
    grey[36:45, 4:44] = 60
    grey[36:70, 36:45] = 60
    grey[61:70, 0:45] = 60
    assert normalised(grey).ink.width == 60 and normalised(grey).ink.height == 70


def test_both_parts_of_a_tight_open_4_stay():
    grey = np.full((70, 50), 235, np.uint8)
    grey[0:40, 0:8] = 60
    grey[32:40, 0:34] = 60
    grey[10:70, 42:50] = 60  # the stem is detached, at the right edge
    assert normalised(grey).ink.width == 50 and normalised(grey).ink.height == 70


# --- print on the paper ------------------------------------------------------------------------------


def print_pattern(kind: str) -> np.ndarray:
    """Return a pattern of print, 0 to 1, on a square of ``SIDE`` pixels."""
    y, x = np.mgrid[:SIDE, :SIDE]
    if kind == "guilloche":
        return np.maximum(
            *((y + sign * 6 * np.sin(x / 9)) % 14 < 2 for sign in (-1, 1))  # two families of waves
        ).astype(float)
    if kind == "dots":
        return ((y % 8 < 3) & (x % 8 < 3)).astype(float)
    rules = (y % 25 < 2).astype(float)
    return np.maximum(rules, x % 25 < 2) if kind == "squares" else rules


@pytest.mark.parametrize("kind", ["guilloche", "dots", "squares", "rules"])
def test_pale_print_is_no_part_of_the_digit(digit, kind, generator):
    clean = on_paper(digit)
    printed = np.minimum(clean, 235 - 55 * print_pattern(kind))
    found, expected = normalised(scanned(printed, generator)), normalised(scanned(clean, generator))
    assert found.polarity == DARK_ON_BRIGHT
    assert overlap(found.image, expected.image) > SIMILAR


def coloured(digit: int, kind: str, ink: str, colour: str) -> bytes:
    """Return a PNG of a digit on coloured print."""
    share = draw(digit, side=SIDE, margin=MARGIN, width=9)[..., None] / 255
    pattern = print_pattern(kind)[..., None]
    paper = 240 * (1 - pattern) + np.array(PRINTS[colour]) * pattern
    stream = io.BytesIO()
    Image.fromarray(to_uint8(paper * (1 - share) + np.array(COLOURS[ink]) * share)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("colour", sorted(PRINTS))
@pytest.mark.parametrize("ink", sorted(COLOURS))
def test_coloured_print_is_no_part_of_the_digit(digit, ink, colour):
    expected = normalised(on_paper(digit)).image
    for kind in ("guilloche", "dots"):
        content = coloured(digit, kind, ink, colour)
        found = normalised(decode_image(content, suffix=".png", max_pixels=SIDE**2))
        assert overlap(found.image, expected) > SIMILAR, kind


def test_a_grey_picture_saved_in_colour_keeps_its_grey_levels(digit):
    grey, stream = on_paper(digit), io.BytesIO()
    Image.fromarray(grey).convert("RGB").save(stream, "PNG")
    assert (decode_image(stream.getvalue(), suffix=".png", max_pixels=SIDE**2) == grey).all()


# --- blurred, tiny -----------------------------------------------------------------------------------


def test_a_digit_12_pixels_high_keeps_its_shape(digit, generator):
    small = np.asarray(Image.fromarray(on_paper(digit, width=11)).resize((22, 22), Image.Resampling.BOX))
    found, expected = normalised(scanned(small, generator, blur=0.4)), normalised(on_paper(digit, width=11))
    assert overlap(found.image, expected.image) > SIMILAR


def test_fine_print_alone_has_no_ink():
    assert normalise_digit(to_uint8(235 - 55 * print_pattern("dots"))) is None
