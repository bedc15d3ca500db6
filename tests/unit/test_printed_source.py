"""Machine-printed digits: which fonts, which side of the split, and how a digit is printed and scanned."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from lenet_pipeline.digits import images_array
from lenet_pipeline.errors import IngestError, UnknownNameError
from lenet_pipeline.schema import DARK_ON_BRIGHT, DIGITS, derive_digit_id
from lenet_pipeline.sources.degradation import LEVELS, degrade_glyph
from lenet_pipeline.sources.fonts import (
    GLYPH_HEIGHT,
    DigitFont,
    font_family,
    read_font_folder,
    read_shipped_fonts,
    split_fonts,
)
from lenet_pipeline.sources.printed import print_digit, print_digits

SHIPPED = Path(matplotlib.get_data_path(), "fonts", "ttf")
ENOUGH_BYTES = 10_000_000


@pytest.fixture(scope="module")
def shipped() -> list[DigitFont]:
    return read_shipped_fonts()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two families of fonts, one of them a folder deeper."""
    (tmp_path / "fonts" / "deeper").mkdir(parents=True)
    shutil.copy(SHIPPED / "DejaVuSans.ttf", tmp_path / "fonts" / "a.ttf")
    shutil.copy(SHIPPED / "cmr10.ttf", tmp_path / "fonts" / "deeper" / "b.TTF")
    return tmp_path / "fonts"


def named(fonts: Sequence[DigitFont], *names: str) -> list[DigitFont]:
    return [font for font in fonts if font.source.split("/")[-1] in names]


def print_all(fonts: Sequence[DigitFont], per_font: int = 20, **options: object) -> pa.Table:
    chosen = {"degradation": "medium", "seed": 0, **options}
    return pa.concat_tables(print_digits(fonts, per_font=per_font, **chosen)).combine_chunks()


def flat_images(table: pa.Table) -> NDArray[np.float64]:
    return images_array(table).reshape(len(table), -1).astype(np.float64)


def test_shipped_fonts_that_draw_something_else_for_digits_are_left_out(shipped):
    names = {font.source for font in shipped}
    assert {"pillow/load_default", "matplotlib/DejaVuSans.ttf", "matplotlib/STIXGeneral.ttf"} <= names
    assert {"matplotlib/cmr10.ttf", "matplotlib/cmtt10.ttf", "matplotlib/cmti10.ttf"} <= names
    for left_out in ("cmsy10", "cmex10", "cmmi10", "LastResort", "STIXSiz", "STIXNonUni", "Display"):
        assert not [name for name in names if left_out in name], left_out


def test_glyphs_are_cropped_ink_at_one_size_and_all_different(shipped):
    for font in shipped:
        assert font.glyphs[0].shape[0] == pytest.approx(GLYPH_HEIGHT, abs=2)
        assert len({glyph.tobytes() for glyph in font.glyphs}) == 10
        for glyph in font.glyphs:
            assert glyph.dtype == np.uint8
            assert glyph[0].any() and glyph[-1].any() and glyph[:, 0].any() and glyph[:, -1].any()


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("DejaVu Sans", "dejavu"),
        ("DejaVu Sans Mono", "dejavu"),
        ("DejaVu Serif", "dejavu"),
        ("Bitstream Vera Sans", "dejavu"),
        ("cmr10", "computer modern"),
        ("CMU Typewriter Text", "computer modern"),
        ("LMRoman10-Regular", "computer modern"),
        ("STIXGeneral", "stix"),
        ("STIX Two Text", "stix"),
        ("Liberation Mono", "liberation"),
        ("Comic Sans MS", "comic"),
        ("Aileron", "aileron"),
    ],
)
def test_a_superfamily_is_one_family(name, family):
    assert font_family(name) == family


def test_no_family_is_on_both_sides_and_the_training_side_is_the_larger(shipped):
    sides = split_fonts(shipped)
    train, test = ({font.family for font in sides[side]} for side in ("train", "test"))
    assert (train, test) == ({"dejavu", "stix", "aileron"}, {"computer modern"})
    assert len(sides["train"]) + len(sides["test"]) == len(shipped)
    assert len(sides["train"]) > len(sides["test"]) > 1


def test_a_family_keeps_its_side_when_others_come_or_go(shipped):
    for missing in ("dejavu", "stix", "aileron"):
        sides = split_fonts([font for font in shipped if font.family != missing])
        assert {font.family for font in sides["test"]} == {"computer modern"}


def test_both_sides_have_a_family_wherever_their_hashes_fall(shipped):
    for pair in (("dejavu", "stix"), ("stix", "aileron"), ("computer modern", "aileron")):
        sides = split_fonts([font for font in shipped if font.family in pair])
        assert sides["train"] and sides["test"]


def test_one_family_is_refused_and_named(shipped):
    with pytest.raises(IngestError, match=r"only fonts of the family 'stix'; expected at least two families"):
        split_fonts([font for font in shipped if font.family == "stix"])
    with pytest.raises(IngestError, match="no font with digits"):
        split_fonts([])


def test_a_folder_of_fonts_is_read_in_order_and_the_same_file_twice_is_one_font(folder):
    shutil.copy(folder / "a.ttf", folder / "copy.ttf")
    (folder / ".hidden.ttf").write_bytes(b"never read")
    (folder / "readme.txt").write_text("no font")
    fonts, rejects = read_font_folder(folder, max_bytes=ENOUGH_BYTES)
    assert [font.source for font in fonts] == [str(folder / "a.ttf"), str(folder / "deeper" / "b.TTF")]
    assert fonts[0].sha256 == hashlib.sha256((folder / "a.ttf").read_bytes()).hexdigest()
    assert rejects == []


def test_fonts_that_cannot_be_read_or_have_no_digits_are_rejects_and_the_rest_goes_on(folder):
    whole = (SHIPPED / "DejaVuSans.ttf").read_bytes()
    (folder / "damaged.ttf").write_bytes(whole[:200] + bytes(5000))
    (folder / "empty.otf").write_bytes(b"")
    (folder / "large.ttf").write_bytes(bytes(ENOUGH_BYTES + 1))
    for name in ("cmsy10", "cmmi10", "LastResortHE-Regular", "STIXSizOneSymReg"):
        shutil.copy(SHIPPED / f"{name}.ttf", folder)
    fonts, rejects = read_font_folder(folder, max_bytes=ENOUGH_BYTES)
    assert len(fonts) == 2
    assert {Path(reject.source).name: reject.kind for reject in rejects} == {
        "damaged.ttf": "damaged_font",
        "empty.otf": "empty_file",
        "large.ttf": "too_many_bytes",
        "cmsy10.ttf": "no_digits",
        "cmmi10.ttf": "no_digits",
        "LastResortHE-Regular.ttf": "no_digits",
        "STIXSizOneSymReg.ttf": "no_digits",
    }
    assert all(reject.reason and "\n" not in reject.reason for reject in rejects)


def test_damaged_fonts_never_raise_anything_but_a_reject(folder):
    whole = (SHIPPED / "cmr10.ttf").read_bytes()
    rng = np.random.default_rng(5)
    for number in range(150):
        content = np.frombuffer(whole[: rng.integers(1, len(whole))] if number % 3 == 0 else whole, np.uint8)
        content = content.copy()
        content[rng.integers(0, min(len(content), 600), 20)] = rng.integers(0, 256, 20)
        (folder / f"damaged-{number:03}.ttf").write_bytes(content.tobytes())
    fonts, rejects = read_font_folder(folder, max_bytes=ENOUGH_BYTES)
    assert len(fonts) + len(rejects) == 152
    assert len(rejects) > 100


def test_a_folder_without_fonts_or_that_is_none_says_what_to_give(tmp_path):
    with pytest.raises(IngestError, match=r"holds no font; expected \.ttf or \.otf files"):
        read_font_folder(tmp_path, max_bytes=ENOUGH_BYTES)
    with pytest.raises(IngestError, match=r"cannot read .*nowhere"):
        read_font_folder(tmp_path / "nowhere", max_bytes=ENOUGH_BYTES)


def test_digits_have_the_schema_name_their_font_and_have_every_label_equally_often(shipped):
    fonts = named(shipped, "cmr10.ttf", "STIXGeneral.ttf")
    table = print_all(fonts, seed=3)
    assert table.schema.equals(DIGITS)
    table.validate(full=True)
    assert table["label"].to_pylist() == [*range(10)] * 4
    assert set(table["polarity"].to_pylist()) == {DARK_ON_BRIGHT}
    last = table.slice(39).to_pylist()[0]
    assert last["source"] == "matplotlib/cmr10.ttf?digit=9&degradation=medium&seed=3"
    assert last["source_sha256"] == hashlib.sha256((SHIPPED / "cmr10.ttf").read_bytes()).hexdigest()
    expected = derive_digit_id(last["source_sha256"], last["page"], last["field"], last["position"])
    assert last["digit_id"] == expected
    assert last["source_box"]["height"] > 15


def test_the_same_seed_gives_the_same_bytes_however_many_are_printed_and_by_how_many_processes(shipped):
    fonts = named(shipped, "cmr10.ttf", "STIXGeneral.ttf")
    once = print_all(fonts)
    assert once.equals(print_all(fonts))
    assert once.equals(print_all(fonts, processes=2))
    assert once.slice(20, 10).equals(print_all(fonts[1:], per_font=10))
    alone = print_digit(fonts[1], 17, "medium", 0)
    assert alone is not None
    assert np.array_equal(alone.image, images_array(once)[37])


def test_other_seeds_and_levels_give_other_digits_with_other_identifiers(shipped):
    fonts = named(shipped, "cmr10.ttf", "load_default")
    prints = [print_all(fonts, degradation=level, seed=seed) for level in LEVELS for seed in (0, 1, 10**8)]
    whole = pa.concat_tables(prints)
    assert len(set(whole["digit_id"].to_pylist())) == len(whole) == 12 * 40
    pairs = zip(images_array(prints[6]), images_array(prints[7]), strict=True)
    assert not any(np.array_equal(first, second) for first, second in pairs)


def test_digits_look_like_their_label_in_other_fonts_and_damaged_ones_as_in_their_own(shipped):
    clean = print_all(shipped, per_font=10, degradation="none")
    labels = clean["label"].to_numpy()
    likeness = np.corrcoef(flat_images(clean))
    of_one_font = np.arange(len(clean)) // 10
    likeness[of_one_font[:, None] == of_one_font] = -1
    assert (labels[likeness.argmax(axis=1)] == labels).mean() > 0.95

    damaged = print_all(shipped, per_font=10)
    likeness = np.corrcoef(flat_images(damaged), flat_images(clean))[: len(damaged), len(damaged) :]
    assert (labels[likeness.argmax(axis=1)] == labels).mean() > 0.95


def test_ink_is_bright_on_dark(shipped):
    for level in LEVELS:
        images = images_array(print_all(shipped[:3], degradation=level))
        assert (images.max(axis=(1, 2)) >= 254).all()
        assert images[:, [0, -1]].mean() < 2  # the paper above and below


def test_each_level_is_harder_than_the_one_before(shipped):
    fonts = named(shipped, "DejaVuSans.ttf", "STIXGeneral.ttf", "cmss10.ttf")
    clean = flat_images(print_all(fonts, degradation="none"))
    away = [np.abs(flat_images(print_all(fonts, degradation=level)) - clean).mean() for level in LEVELS]
    assert list(LEVELS) == ["none", "light", "medium", "heavy"]
    assert all(easier * 1.1 < harder for easier, harder in pairwise(away))


def test_no_digit_is_lost_at_medium_degradation(shipped):
    assert len(print_all(shipped, per_font=10)) == 10 * len(shipped)


def test_a_scan_has_the_size_of_its_level_and_paper_around_the_ink(shipped):
    (font,) = named(shipped, "DejaVuSans.ttf")
    for name, level in LEVELS.items():
        scan = degrade_glyph(font.glyphs[0], level, np.random.default_rng(1))
        assert scan.dtype == np.uint8
        assert level.height_px[0] < scan.shape[0] < 3 * level.height_px[1], name
        assert scan[0].mean() > scan.min() + 50


def test_an_unknown_level_or_seed_is_refused_before_anything_is_printed(shipped):
    with pytest.raises(UnknownNameError, match="no degradation 'dire'; there is: heavy, light, medium, none"):
        print_digits(shipped, degradation="dire", per_font=1, seed=0)
    for per_font, seed in ((0, 0), (1, -1), (1, 10**9)):
        with pytest.raises(IngestError, match="expected at least 1 and a seed from 0 to 100,000,000"):
            print_digits(shipped, degradation="none", per_font=per_font, seed=seed)
