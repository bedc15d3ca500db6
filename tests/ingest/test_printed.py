"""Machine-printed digits: which fonts, which side of the split, and how a digit is printed and scanned."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pyarrow as pa
import pytest
from fontTools.ttLib import TTFont, woff2
from numpy.typing import NDArray

from lenet_pipeline.errors import IngestError, UnknownNameError
from lenet_pipeline.ingest.printed.degradation import LEVELS, degrade_glyph
from lenet_pipeline.ingest.printed.fonts import (
    GLYPH_HEIGHT,
    DigitFont,
    font_family,
    is_damaged,
    read_font_folder,
    read_shipped_fonts,
    split_fonts,
)
from lenet_pipeline.ingest.printed.printing import POSITIONS_A_TABLE, print_digit, print_digits
from lenet_pipeline.lake.digits import images_array
from lenet_pipeline.schema import DARK_ON_BRIGHT, DIGITS, derive_digit_id

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


def stored_brotli(content: bytes, mode: object = None) -> bytes:
    """Return a Brotli stream (RFC 7932) that stores some bytes without compressing them."""
    stream = b""
    for start in range(0, len(content), 1 << 16):
        block = content[start : start + (1 << 16)]
        # The window's bit comes before the first block; the length minus one has 16 bits, then a bit says
        # that the bytes are stored.
        shift = 4 if start == 0 else 3
        stream += ((len(block) - 1) << shift | 1 << (shift + 16)).to_bytes(3, "little") + block
    return stream + b"\x03"


@pytest.mark.parametrize("suffix", ["woff", "woff2"])
def test_compressed_fonts_are_read_like_the_fonts_they_were_made_of(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(woff2, "haveBrotli", True)
    brotli = SimpleNamespace(compress=stored_brotli, MODE_FONT=None)
    monkeypatch.setattr(woff2, "brotli", brotli, raising=False)
    font = TTFont(SHIPPED / "DejaVuSans.ttf")
    font.flavor = suffix
    (tmp_path / suffix).mkdir()
    font.save(tmp_path / suffix / f"a.{suffix.upper()}")
    (packed,), rejects = read_font_folder(tmp_path / suffix, max_bytes=ENOUGH_BYTES)
    assert rejects == []
    (tmp_path / "plain").mkdir()
    shutil.copy(SHIPPED / "DejaVuSans.ttf", tmp_path / "plain")
    (plain,), _ = read_font_folder(tmp_path / "plain", max_bytes=ENOUGH_BYTES)
    assert packed.family == plain.family
    assert all(map(np.array_equal, packed.glyphs, plain.glyphs))


def test_a_compressed_font_next_to_the_same_font_is_not_read_again(tmp_path):
    shutil.copy(SHIPPED / "DejaVuSans.ttf", tmp_path / "a.ttf")
    shutil.copy(SHIPPED / "cmr10.ttf", tmp_path / "b.otf")
    for name in ("a.woff", "a.woff2", "c.woff", "c.woff2", "b.WOFF"):
        (tmp_path / name).write_bytes(b"damaged")
    fonts, (reject,) = read_font_folder(tmp_path, max_bytes=ENOUGH_BYTES)
    assert [Path(font.source).name for font in fonts] == ["a.ttf", "b.otf"]
    assert Path(reject.source).name == "c.woff2"


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


def test_two_ingests_into_one_name_never_share_a_family_between_the_sides(shipped):
    families = sorted({font.family for font in shipped})
    ingested: dict[str, set[str]] = {"train": set(), "test": set()}
    for size in range(1, len(families) + 1):
        for chosen in combinations(families, size):
            try:
                sides = split_fonts([font for font in shipped if font.family in chosen])
            except IngestError:
                assert "computer modern" not in chosen or size == 1
                continue
            for side, fonts in sides.items():
                assert fonts
                ingested[side] |= {font.family for font in fonts}
    assert ingested["train"].isdisjoint(ingested["test"])
    assert ingested["train"] | ingested["test"] == set(families)


@pytest.mark.parametrize(
    ("families", "found"),
    [
        (["dejavu", "stix"], r"only families for train \(dejavu, stix\)"),
        (["computer modern"], r"only families for test \(computer modern\)"),
        ([], "no font with digits"),
    ],
)
def test_families_that_are_all_on_one_side_are_named_with_the_remedy(shipped, families, found):
    with pytest.raises(IngestError, match=f"found {found}; .* add fonts of another design") as refused:
        split_fonts([font for font in shipped if font.family in families])
    assert "\n" not in str(refused.value)


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
    assert {Path(reject.source).name for reject in rejects if is_damaged(reject)} == {
        "damaged.ttf",
        "empty.otf",
        "large.ttf",
    }


def test_a_folder_named_like_a_font_is_a_reject_that_asks_for_fonts(folder):
    (folder / "folder.ttf").mkdir()
    _, (reject,) = read_font_folder(folder, max_bytes=ENOUGH_BYTES)
    assert (reject.kind, reject.reason) == ("not_a_file", "not a regular file; give font files")


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


def test_a_missing_folder_or_one_without_fonts_is_refused(tmp_path):
    with pytest.raises(
        IngestError, match=r"contains no fonts; expected \.ttf, \.otf, \.woff or \.woff2 files"
    ):
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


def test_the_same_seed_gives_the_same_bytes_for_any_number_of_digits_and_processes(shipped):
    fonts = named(shipped, "cmr10.ttf", "STIXGeneral.ttf")
    once = print_all(fonts)
    assert once.equals(print_all(fonts))
    assert once.equals(print_all(fonts, processes=2))
    assert once.slice(20, 10).equals(print_all(fonts[1:], per_font=10))
    alone = print_digit(fonts[1], 17, "medium", 0)
    assert alone is not None
    assert np.array_equal(alone.image, images_array(once)[37])


@pytest.mark.slow
def test_a_font_with_many_digits_yields_several_tables_and_reports_each(shipped):
    fonts, done = named(shipped, "cmr10.ttf", "load_default"), list[int]()
    wanted = {"degradation": "none", "per_font": POSITIONS_A_TABLE + 5, "seed": 0}
    tables = list(print_digits(fonts, processes=2, advance=done.append, **wanted))
    assert [len(table) for table in tables] == done == [POSITIONS_A_TABLE, 5] * 2
    positions = pa.concat_tables(tables)["position"].to_pylist()
    assert positions == [*range(POSITIONS_A_TABLE + 5)] * 2


def test_a_process_that_is_killed_is_an_error_and_the_others_end(shipped):
    tables = print_digits(shipped, degradation="none", per_font=10, seed=0, processes=2)
    next(tables)
    killed, other = multiprocessing.active_children()
    killed.kill()
    with pytest.raises(IngestError, match="a process that prints digits was killed"):
        list(tables)
    assert other.exitcode is not None
    assert multiprocessing.active_children() == []


def test_processes_end_when_the_iterator_is_closed(shipped):
    tables = print_digits(shipped, degradation="none", per_font=10, seed=0, processes=2)
    next(tables)
    tables.close()
    assert multiprocessing.active_children() == []


def test_what_goes_wrong_in_a_process_is_raised_where_the_tables_are_read(shipped):
    broken = [DigitFont("broken", font.sha256, font.family, ()) for font in shipped[:2]]
    with pytest.raises(IndexError):
        list(print_digits(broken, degradation="none", per_font=10, seed=0, processes=2))


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_processes_end_with_a_command_that_is_killed():
    script = """
from lenet_pipeline.ingest.printed.fonts import read_shipped_fonts
from lenet_pipeline.ingest.printed.printing import print_digits
for _ in print_digits(read_shipped_fonts(), degradation="none", per_font=300, seed=0, processes=2):
    print("printed", flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "printed\n"
        os.kill(command.pid, signal.SIGKILL)
        # Its processes write to the same pipe, which closes with the last of them.
        command.communicate(timeout=30)
    assert command.returncode == -signal.SIGKILL


def test_other_seeds_and_levels_give_other_digits_with_other_identifiers(shipped):
    fonts = named(shipped, "cmr10.ttf", "load_default")
    prints = [print_all(fonts, degradation=level, seed=seed) for level in LEVELS for seed in (0, 1, 10**8)]
    varied = print_all(fonts, vary_designs=True)
    whole = pa.concat_tables([*prints, varied])
    assert len(set(whole["digit_id"].to_pylist())) == len(whole) == 13 * 40
    assert varied["source"][0].as_py().endswith("?digit=0&degradation=medium&seed=0&designs=varied")
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
    with pytest.raises(UnknownNameError, match="'dire'; available: heavy, light, medium, none"):
        print_digits(shipped, degradation="dire", per_font=1, seed=0)
    for per_font, seed in ((0, 0), (10**10, 0), (1, -1), (1, 10**9)):
        with pytest.raises(IngestError, match="expected 1 to 1,000,000,000 digits and a seed from 0 to 100,"):
            print_digits(shipped, degradation="none", per_font=per_font, seed=seed)
