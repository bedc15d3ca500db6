"""Tests of documents: which files are found, and that every page is read exactly once."""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.documents.reader import (
    Document,
    PageLimits,
    find_documents,
    inspect_document,
    list_documents,
    read_pages,
)
from lenet_pipeline.forms.documents.resolution import judge_resolution
from lenet_pipeline.forms.page import Page
from lenet_pipeline.ingest.batch import Reject
from tests.forms.document_builders import (
    Grey,
    PdfWriter,
    image_object,
    page_picture,
    stream_object,
    tiff_directories,
    tiff_tag,
    write_encrypted,
    write_scans,
    write_tiff,
    write_tiff_of_kinds,
)

LIMITS = PageLimits(max_bytes=10_000_000, max_pixels=50_000_000, max_pages=500)


def inspect(path: Path, limits: PageLimits = LIMITS) -> Document:
    document = inspect_document(path, limits)
    assert isinstance(document, Document), document
    return document


def reject_of(path: Path, limits: PageLimits = LIMITS) -> Reject:
    """Return why a document cannot be read at all."""
    reject = inspect_document(path, limits)
    assert isinstance(reject, Reject), reject
    assert reject.reason and "\n" not in reject.reason and reject.page is None
    return reject


def read(path: Path, limits: PageLimits = LIMITS, numbers: range | None = None) -> list[Page | Reject]:
    return list(read_pages(inspect(path, limits), limits, numbers))


def only_page(path: Path, limits: PageLimits = LIMITS) -> Page:
    (page,) = read(path, limits)
    assert isinstance(page, Page), page
    assert page.image.dtype == np.uint8 and page.image.flags.writeable
    return page


def outcomes(pages: list[Page | Reject]) -> list[tuple[int | None, str]]:
    """Return the number of each page and what came of it."""
    return [(page.number, "read") if isinstance(page, Page) else (page.page, page.kind) for page in pages]


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


# --- PDFs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_scan_in_a_pdf_comes_out_pixel_by_pixel_upright_at_its_own_resolution(tmp_path, rotation):
    grey = page_picture(1)
    writer = PdfWriter()
    writer.add_scan(grey, dpi=100, entries=f"/Rotate {rotation}")
    page = only_page(writer.write(tmp_path / "a.pdf"))
    assert np.array_equal(page.image, np.rot90(grey, -rotation // 90))
    assert (page.number, page.dpi) == (1, 100.0)


def test_a_scan_on_paper_of_fractional_size_is_not_blurred(tmp_path):
    grey = page_picture(1, height=1754, width=1240)
    path = write_scans(tmp_path / "a.pdf", grey, dpi=149.9)
    assert np.array_equal(only_page(path).image, grey)


def test_the_hidden_text_of_character_recognition_leaves_a_page_a_scan(tmp_path):
    grey = page_picture(2)
    for mode, shape in ((3, grey.shape), (0, (990, 765))):
        writer = PdfWriter()
        image = writer.add(image_object(grey))
        drawing = f"q 183.6 0 0 237.6 0 0 cm /I0 Do Q BT /F 12 Tf {mode} Tr 20 20 Td (7) Tj ET"
        writer.add_page(drawing, size=(183.6, 237.6), images=[image])
        assert only_page(writer.write(tmp_path / f"{mode}.pdf")).image.shape == shape


def test_a_scan_in_strips_is_read_at_their_resolution(tmp_path):
    grey = page_picture(3)
    writer = PdfWriter()
    strips = [writer.add(image_object(part)) for part in (grey[:200], grey[200:])]
    drawing = "q 183.6 0 0 144 0 93.6 cm /I0 Do Q q 183.6 0 0 93.6 0 0 cm /I1 Do Q"
    writer.add_page(drawing, size=(183.6, 237.6), images=strips)
    page = only_page(writer.write(tmp_path / "a.pdf"))
    assert page.dpi == 100 and page.image.shape == grey.shape
    assert np.abs(page.image.astype(int) - grey).mean() < 5


def test_a_drawn_page_is_rendered_at_300_dpi(tmp_path):
    writer = PdfWriter()
    writer.add_page("0 0 306 792 re f")
    page = only_page(writer.write(tmp_path / "a.pdf"))
    assert page.image.shape == (3300, 2550) and page.dpi == 300
    assert page.image[:, :1274].max() == 0 and page.image[:, 1276:].min() == 255


def test_a_small_picture_on_a_page_does_not_make_it_a_scan(tmp_path):
    writer = PdfWriter()
    image = writer.add(image_object(page_picture()))
    writer.add_page("q 60 0 0 60 0 0 cm /I0 Do Q", images=[image])
    assert only_page(writer.write(tmp_path / "a.pdf")).dpi == 300


def test_a_pdf_that_gives_every_pixel_a_point_is_not_believed(tmp_path):
    # What programs write that know no resolution: A4 at 300 dpi as paper of 87 by 124 cm.
    grey = np.full((3508, 2480), 255, np.uint8)
    grey[100:200, 100:200] = 0
    assert only_page(write_scans(tmp_path / "a.pdf", grey, dpi=72)).dpi == 300


def test_a_page_ten_metres_wide_is_a_reject_that_is_never_allocated_and_its_neighbours_go_on(tmp_path):
    writer = PdfWriter()
    writer.add_page()
    writer.add_page(size=(28_346, 792))
    writer.add_scan(page_picture(), dpi=100)
    first, wide, last = read(writer.write(tmp_path / "a.pdf"))
    assert outcomes([first, wide, last]) == [(1, "read"), (2, "too_many_pixels"), (3, "read")]
    assert isinstance(wide, Reject) and wide.source_sha256
    assert "10,000 x 279 mm" in wide.reason and "LENET_IMAGE_MAX_PIXELS" in wide.reason


def test_a_page_past_the_limit_at_300_dpi_is_rendered_at_less_but_not_below_what_is_needed(tmp_path):
    writer = PdfWriter()
    writer.add_page()
    path = writer.write(tmp_path / "a.pdf")
    page = only_page(path, PageLimits(10**7, 5_000_000, 10))
    assert page.dpi is not None and 200 < page.dpi < 300 and page.image.size <= 5_000_000
    assert outcomes(read(path, PageLimits(10**7, 3_000_000, 10))) == [(1, "too_many_pixels")]


def test_an_encrypted_pdf_is_a_reject(tmp_path):
    reject = reject_of(write_encrypted(tmp_path / "a.pdf"))
    assert reject.kind == "encrypted_pdf" and reject.source_sha256


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_truncated_pdf_is_a_reject_even_where_pages_could_be_found_in_it(tmp_path, kept):
    path = write_scans(tmp_path / "a.pdf", page_picture(1), page_picture(2), filters="DCTDecode")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    assert reject_of(path).kind == "truncated_pdf"


def test_a_pdf_padded_after_its_end_is_read(tmp_path):
    path = write_scans(tmp_path / "a.pdf", page_picture())
    path.write_bytes(path.read_bytes() + b"\r\n" + b"\0" * 5000)
    assert outcomes(read(path)) == [(1, "read")]


@pytest.mark.parametrize(
    "tail",
    [b"\0" * 80_000, b"\0" * 2_000_000, b"<html>" + b"<p>upload page</p>\n" * 5000, b"0123456789 " * 9000],
    ids=["NULs", "many NULs", "web page", "digits"],
)
@pytest.mark.parametrize("gap", [b"", b"\r\n"])
def test_any_bytes_after_the_end_of_a_pdf_do_no_harm(tmp_path, tail, gap):
    grey = page_picture()
    path = write_scans(tmp_path / "a.pdf", grey)
    path.write_bytes(path.read_bytes() + gap + tail)
    assert np.array_equal(only_page(path).image, grey)


def test_a_pdf_that_was_changed_is_read_as_changed_and_truncated_in_its_change_is_a_reject(tmp_path):
    writer = PdfWriter()
    writer.add_page("0 0 306 792 re f")
    path = writer.write(tmp_path / "a.pdf")
    before = path.read_bytes()
    change = b"3 0 obj\n" + stream_object(b"306 0 306 792 re f") + b"\nendobj\n"
    table = b"xref\n3 1\n%010d 00000 n \n" % len(before)
    trailer = b"trailer\n<< /Size 5 /Root 1 0 R /Prev %d >>\n" % before.rindex(b"xref\n0")
    start = b"startxref\n%d\n%%%%EOF\n" % (len(before) + len(change))
    path.write_bytes(before + change + table + trailer + start + b"\0" * 80_000)
    page = only_page(path).image
    assert page[:, :1274].min() == 255 and page[:, 1276:].max() == 0
    for length in (20, len(change), len(change + table), len(change + table + trailer)):
        path.write_bytes(before + (change + table + trailer)[:length])
        assert reject_of(path).kind == "truncated_pdf"


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
@pytest.mark.parametrize("tail", [b"", b"\0" * 80_000])
def test_a_truncated_pdf_for_the_web_is_a_reject_although_it_has_an_end_in_the_middle(tmp_path, kept, tail):
    path = write_scans(tmp_path / "a.pdf", page_picture(1), page_picture(2))
    content = path.read_bytes().replace(b"2 0 obj", b"startxref\n0\n%%EOF\n2 0 obj", 1)
    path.write_bytes(content[: int(kept * content.rindex(b"%%EOF"))] + tail)
    assert reject_of(path).kind == "truncated_pdf"


# --- form fields of PDFs -----------------------------------------------------------------------------

HELVETICA = "/DR << /Font << /Helv << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
FIELD = (36, 36, 136, 66)  # points
VALUES = [f"7{digit}0358" for digit in range(10)]
# How a program may store a value: the text of the appearance ({} is the value), and the form's entries.
STORED = {
    "with an appearance": ("{}", HELVETICA),
    "without an appearance": (None, HELVETICA),
    "without any font": (None, ""),
    "appearances needed": (None, f"{HELVETICA} /NeedAppearances true"),
    "stale appearance": ("000000", f"{HELVETICA} /NeedAppearances true"),
    "copied without the form": ("{}", None),
    "beside an XFA form": (None, f"{HELVETICA} /XFA [(template) 2 0 R]"),
}


def write_filled(path: Path, value: str, stored: str, *, entries: str = "/F 4", page: str = "") -> Path:
    """Write a page of 172 x 102 points with one form field."""
    appearance, form = STORED[stored]
    writer = PdfWriter()
    writer.form = form
    field = writer.add_field(
        value, FIELD, appearance=appearance and appearance.format(value), entries=entries
    )
    writer.add_page(size=(172, 102), entries=f"/Annots [{field} 0 R] {page}")
    return writer.write(path)


def cropped_ink(grey: Grey) -> Grey:
    """Return the smallest part of a page that has all its ink."""
    rows, columns = np.nonzero(grey < 128)
    return grey[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Grey]:
    """The ink of each of ``VALUES``, as part of a page's content."""
    writer = PdfWriter()
    for value in VALUES:
        writer.add_page(f"BT /F 16 Tf 40 41 Td ({value}) Tj ET", size=(172, 102))
    pages = read(writer.write(tmp_path_factory.mktemp("printed") / "a.pdf"))
    return {
        value: cropped_ink(page.image)
        for value, page in zip(VALUES, pages, strict=True)
        if isinstance(page, Page)
    }


def read_value(page: Page | Reject, printed: dict[str, Grey]) -> str:
    """Return the one of ``VALUES`` that the ink of a page resembles most."""
    assert isinstance(page, Page)
    ink = cropped_ink(page.image)
    height, width = np.min([ink.shape, *(text.shape for text in printed.values())], axis=0)
    assert max(np.subtract(ink.shape, (height, width))) <= 1
    crops = {value: text[:height, :width].astype(int) for value, text in printed.items()}
    return min(crops, key=lambda value: np.abs(crops[value] - ink[:height, :width]).mean())


@pytest.mark.parametrize("stored", STORED)
def test_the_value_of_a_form_field_is_drawn_where_the_field_is(tmp_path, capfd, printed, stored):
    for value in VALUES[:4]:
        page = only_page(write_filled(tmp_path / "a.pdf", value, stored))
        assert read_value(page, printed) == value
        left, bottom, right, top = (side * 300 // 72 for side in FIELD)
        page.image[425 - top : 425 - bottom, left:right] = 255
        assert page.image.min() == 255
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("stored", ["with an appearance", "without an appearance", "copied without the form"])
def test_form_fields_turn_with_their_page_and_hidden_ones_are_not_drawn(tmp_path, stored):
    upright = only_page(write_filled(tmp_path / "a.pdf", VALUES[2], stored)).image
    turned = only_page(write_filled(tmp_path / "b.pdf", VALUES[2], stored, page="/Rotate 90")).image
    assert np.abs(np.rot90(turned).astype(int) - upright).mean() < 1
    hidden = only_page(write_filled(tmp_path / "c.pdf", VALUES[2], stored, entries="/F 2")).image
    assert hidden.min() == 255


def test_a_scan_with_form_fields_keeps_its_resolution_and_its_other_pixels(tmp_path):
    grey = page_picture(6)
    grey[-100:-40, 40:200] = 255
    writer = PdfWriter()
    writer.form = HELVETICA
    field = writer.add_field(VALUES[0], FIELD)
    writer.add_scan(grey, dpi=100, entries=f"/Annots [{field} 0 R]")
    page = only_page(writer.write(tmp_path / "a.pdf"))
    assert page.dpi == 100 and page.image.shape == grey.shape
    differs = page.image != grey
    assert page.image[differs].min() < 60
    differs[-100:-40, 40:200] = False
    assert not differs.any()


def test_the_pages_of_a_long_pdf_show_their_own_fields(tmp_path, printed):
    writer = PdfWriter()
    writer.form = HELVETICA
    values = [VALUES[number % 10] for number in range(60)]
    for value in values:
        writer.add_page(size=(172, 102), entries=f"/Annots [{writer.add_field(value, FIELD)} 0 R]")
    pages = read(writer.write(tmp_path / "a.pdf"))
    assert [read_value(page, printed) for page in pages] == values


@pytest.mark.parametrize("name", ["a.pdf", "a.png", "a.tif", "a.jpg"])
def test_an_empty_file_is_a_reject(tmp_path, name):
    (tmp_path / name).touch()
    assert reject_of(tmp_path / name).kind == "empty_file"


def test_a_pdf_without_pages_and_a_web_page_named_pdf_are_rejects(tmp_path):
    assert reject_of(PdfWriter().write(tmp_path / "a.pdf")).kind == "damaged_pdf"
    (tmp_path / "b.pdf").write_text("<html>not found</html>")
    assert reject_of(tmp_path / "b.pdf").kind == "damaged_pdf"


def test_ten_thousand_pages_are_one_reject_that_names_the_limit(tmp_path):
    writer = PdfWriter()
    for _ in range(10_000):
        writer.add_page()
    path = writer.write(tmp_path / "a.pdf")
    reject = reject_of(path)
    assert reject.kind == "too_many_pages"
    assert "10,000 pages, and the limit is 500" in reject.reason and "LENET_FORM_MAX_PAGES" in reject.reason
    raised = PageLimits(LIMITS.max_bytes, LIMITS.max_pixels, 10_000)
    assert outcomes(read(path, raised, range(9_999, 10_001))) == [(9_999, "read"), (10_000, "read")]


def test_a_pdf_whose_page_or_picture_is_damaged_loses_only_that_page(tmp_path):
    writer = PdfWriter()
    writer.add_scan(page_picture(1), dpi=100)
    for filters, content in (("DCTDecode", b"\xff\xd8rubbish"), ("FlateDecode", b"rubbish")):
        image = writer.add(image_object(page_picture(), filters=filters, content=content))
        writer.add_page("q 612 0 0 792 0 0 cm /I0 Do Q", images=[image])
    writer.kids.append(999)
    writer.add_scan(page_picture(2), dpi=100)
    pages = read(writer.write(tmp_path / "a.pdf"))
    damaged = "damaged_page"
    assert outcomes(pages) == [(1, "read"), (2, damaged), (3, damaged), (4, damaged), (5, "read")]


def test_a_blank_scan_is_a_page_and_no_damage(tmp_path):
    path = write_scans(tmp_path / "a.pdf", np.full((330, 255), 250, np.uint8))
    assert only_page(path).image.min() == 250


def test_pages_past_the_first_opening_of_a_long_pdf_are_the_right_ones(tmp_path):
    pictures = [page_picture(seed) for seed in range(120)]
    pages = read(write_scans(tmp_path / "a.pdf", *pictures))
    for number, (page, grey) in enumerate(zip(pages, pictures, strict=True), start=1):
        assert isinstance(page, Page) and page.number == number and np.array_equal(page.image, grey)


def test_reading_pdfs_leaves_nothing_on_the_terminal(tmp_path, capfd):
    test_a_pdf_whose_page_or_picture_is_damaged_loses_only_that_page(tmp_path)
    write_encrypted(tmp_path / "b.pdf")
    inspect_document(tmp_path / "b.pdf", LIMITS)
    assert capfd.readouterr() == ("", "")


# --- TIFFs -------------------------------------------------------------------------------------------

COMPRESSIONS = [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_page_of_a_tiff_is_read_at_its_resolution(tmp_path, compression):
    pictures = [page_picture(seed, height=300 + seed) for seed in range(3)]
    path = write_tiff(tmp_path / "a.tif", *pictures, compression=compression, dpi=(150, 150))
    for page, grey in zip(read(path), pictures, strict=True):
        assert isinstance(page, Page) and np.array_equal(page.image, grey) and page.dpi == 150


def damage_pixels(content: bytearray, directory: int) -> None:
    place = struct.unpack_from("<I", content, tiff_tag(content, directory, 273))[0]
    count = struct.unpack_from("<I", content, tiff_tag(content, directory, 273) - 4)[0]
    first = place if count == 1 else struct.unpack_from("<I", content, place)[0]
    content[first : first + 100] = b"\xaa" * 100


def damage_place_of_pixels(content: bytearray, directory: int) -> None:
    struct.pack_into("<I", content, tiff_tag(content, directory, 273), 10**9)


def damage_entries(content: bytearray, directory: int) -> None:
    content[directory + 2 : directory + 2 + 96] = b"\xff" * 96


@pytest.mark.parametrize("damage", [damage_pixels, damage_place_of_pixels, damage_entries])
@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_a_broken_second_page_of_a_tiff_is_a_reject_and_its_neighbours_go_on(
    tmp_path, capfd, compression, damage
):
    pictures = [page_picture(seed) for seed in range(3)]
    path = write_tiff(tmp_path / "a.tif", *pictures, compression=compression)
    content = bytearray(path.read_bytes())
    damage(content, tiff_directories(content)[1])
    path.write_bytes(content)
    first, second, third = read(path)
    assert isinstance(second, Reject) and second.page == 2
    for page, grey in ((first, pictures[0]), (third, pictures[2])):
        assert isinstance(page, Page) and np.array_equal(page.image, grey)
    assert capfd.readouterr() == ("", "")


def test_a_broken_first_page_of_a_tiff_does_not_take_the_others_with_it(tmp_path):
    path = write_tiff(tmp_path / "a.tif", *(page_picture(seed) for seed in range(3)))
    content = bytearray(path.read_bytes())
    damage_entries(content, tiff_directories(content)[0])
    path.write_bytes(content)
    assert outcomes(read(path)) == [(1, "damaged_image"), (2, "read"), (3, "read")]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_truncated_tiff_reports_that_pages_may_be_missing(tmp_path, compression):
    path = write_tiff(tmp_path / "a.tif", *(page_picture(seed) for seed in range(3)), compression=compression)
    content = path.read_bytes()
    path.write_bytes(content[: tiff_directories(content)[1] + 5])
    first, *others = read(path)
    assert isinstance(first, Page) and np.array_equal(first.image, page_picture(0))
    assert others and all(isinstance(page, Reject) for page in others)
    assert "later pages may be missing" in others[-1].reason


def test_a_tiff_with_a_circular_page_list_ends(tmp_path):
    path = write_tiff(tmp_path / "a.tif", page_picture(1), page_picture(2))
    content = bytearray(path.read_bytes())
    first, last = tiff_directories(content)
    (entries,) = struct.unpack_from("<H", content, last)
    struct.pack_into("<I", content, last + 2 + 12 * entries, first)
    path.write_bytes(content)
    assert outcomes(read(path)) == [(1, "read"), (2, "read")]


def test_a_big_tiff_is_read(tmp_path):
    path = write_tiff(tmp_path / "a.tif", page_picture(1), page_picture(2), big_tiff=True)
    assert path.read_bytes()[2] == 43
    assert [page.fingerprint for page in read(path)] == [
        page.fingerprint for page in read(write_tiff(tmp_path / "b.tif", page_picture(1), page_picture(2)))
    ]


REDUCED, SINGLE_PAGE, MASK = {254: 1}, {254: 2}, {254: 4}


@pytest.mark.parametrize(
    ("copy", "options"),
    [
        (REDUCED, {}),
        (REDUCED, {"big_tiff": True}),
        (REDUCED, {"compression": "tiff_adobe_deflate"}),
        (MASK, {}),
        ({254: 5}, {}),
        ({255: 2}, {}),
    ],
)
def test_a_reduced_copy_or_a_mask_in_a_tiff_is_not_a_page(tmp_path, copy, options):
    first, second = page_picture(1), page_picture(2)
    small = [(grey[::4, ::4], copy) for grey in (first, second)]
    full = [(first, SINGLE_PAGE), (second, SINGLE_PAGE)]
    for number, frames in enumerate(((full[0], small[0], full[1], small[1]), (*small, *full), full)):
        pages = read(write_tiff_of_kinds(tmp_path / f"{number}.tif", *frames, **options))
        assert outcomes(pages) == [(1, "read"), (2, "read")]
        for page, grey in zip(pages, (first, second), strict=True):
            assert isinstance(page, Page) and np.array_equal(page.image, grey)


def test_a_reduced_copy_in_a_big_endian_tiff_is_not_a_page(tmp_path):
    grey = (page_picture(1).astype(np.uint16) * 257).astype(">u2")
    path = write_tiff_of_kinds(tmp_path / "a.tif", (grey, {}), (grey[::4, ::4], REDUCED))
    assert path.read_bytes()[:2] == b"MM"
    assert np.array_equal(only_page(path).image, page_picture(1))


def test_a_tiff_of_reduced_copies_only_is_read(tmp_path):
    frames = [(page_picture(seed), REDUCED) for seed in range(2)]
    assert outcomes(read(write_tiff_of_kinds(tmp_path / "a.tif", *frames))) == [(1, "read"), (2, "read")]


def test_oblong_pixels_of_fax_are_made_square(tmp_path):
    grey = page_picture(height=980, width=1632)
    page = only_page(write_tiff(tmp_path / "a.tif", grey, dpi=(204, 98)))
    assert page.image.shape == (2040, 1632) and page.dpi == 204


# --- pictures of every kind --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("cmyk.jpg", "CMYK", {"quality": 95}),
        ("cmyk.tif", "CMYK", {}),
        ("one_bit.tif", "1", {"compression": "group4"}),
        ("one_bit.png", "1", {}),
        ("colour.jpg", "RGB", {"quality": 95}),
        ("colour.tif", "RGB", {"compression": "tiff_lzw"}),
        ("palette.png", "P", {}),
        ("alpha.png", "RGBA", {}),
        ("grey_alpha.png", "LA", {}),
        ("sixteen.png", "I;16", {}),
        ("sixteen.tif", "I;16", {}),
        ("bitmap.bmp", "L", {}),
    ],
)
def test_a_page_of_any_kind_of_pixels_becomes_the_same_grey_page(tmp_path, name, mode, options):
    grey = np.where(page_picture(4) < 200, 0, 255).astype(np.uint8)
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    else:
        image = Image.fromarray(grey).convert(mode)
    page = only_page(save(tmp_path / name, image, **options))
    assert page.image.shape == grey.shape
    assert np.abs(page.image.astype(int) - grey).mean() < 2


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_a_page_with_fewer_bits_than_its_file_has_the_levels_of_its_depth(tmp_path, suffix, bits):
    grey = page_picture(4)
    levels = np.rint(grey / 255 * (2**bits - 1)).astype(np.uint16)
    page = only_page(save(tmp_path / f"a{suffix}", Image.fromarray(levels)))
    assert np.array_equal(page.image, grey)


@pytest.mark.parametrize(("low", "high"), [(0, 4096), (200, 13_000), (9_000, 20_000), (50_000, 60_000)])
def test_a_dark_or_pale_page_of_sixteen_bits_stays_as_it_is(tmp_path, low, high):
    levels = np.random.default_rng(3).integers(low, high, (330, 255), dtype=np.uint16, endpoint=True)
    levels[0, 0] = high
    page = only_page(save(tmp_path / "a.png", Image.fromarray(levels)))
    assert np.array_equal(page.image, np.rint(levels / 257).astype(np.uint8))


def test_a_jpeg_is_turned_upright_by_its_exif_and_its_resolution_with_it(tmp_path):
    grey = page_picture(5)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned a quarter clockwise
    path = save(tmp_path / "a.jpg", Image.fromarray(grey), exif=exif, quality=95, dpi=(150, 150))
    page = only_page(path)
    assert page.image.shape == grey.T.shape and page.dpi == 150
    assert np.abs(page.image.astype(int) - np.rot90(grey, -1)).mean() < 3


@pytest.mark.parametrize(
    ("suffix", "options", "dpi"),
    [
        (".png", {"dpi": (240, 240)}, 240),
        (".jpg", {"dpi": (240, 240)}, 240),
        (".tif", {"resolution": 100, "resolution_unit": "cm"}, 254),
        (".tif", {"resolution": 300, "resolution_unit": 1}, None),
        (".jpg", {"dpi": (72, 72)}, None),
        (".png", {"dpi": (96, 96)}, None),
        (".png", {"dpi": (1, 1)}, None),
        (".png", {}, None),
    ],
)
def test_the_resolution_is_what_the_file_states_where_that_makes_sense(tmp_path, suffix, options, dpi):
    path = save(tmp_path / f"a{suffix}", Image.fromarray(page_picture()), **options)
    assert only_page(path).dpi == (None if dpi is None else pytest.approx(dpi, abs=0.01))


def test_a_jpeg_with_its_resolution_in_centimetres_is_read_in_inches(tmp_path):
    path = save(tmp_path / "a.jpg", Image.fromarray(page_picture()), dpi=(100, 100))
    content = bytearray(path.read_bytes())
    assert content[6:11] == b"JFIF\0"
    content[13] = 2  # units of the density: dots per centimetre
    path.write_bytes(content)
    assert only_page(path).dpi == pytest.approx(254)


@pytest.mark.parametrize(
    ("size", "stated", "dpi"),
    [
        ((2480, 3508), None, 300),
        ((3508, 2480), 72.0, 300),
        ((1653, 2339), None, 200),
        ((1700, 2200), 96.0, 200),
        ((595, 842), 72.0, 72),
        ((2480, 3508), 1.0, 300),
        ((2480, 3508), 5.0, 300),
        ((2480, 3508), float("nan"), 300),
        ((3000, 4000), None, None),
        ((3000, 4000), 72.0, None),
        ((3000, 4000), 350.0, 350),
    ],
)
def test_a_common_paper_size_gives_the_resolution_if_the_file_does_not(size, stated, dpi):
    assert judge_resolution(*size, stated) == dpi


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_truncated_picture_is_a_reject_of_its_page(tmp_path, suffix):
    path = save(tmp_path / f"a{suffix}", Image.fromarray(page_picture()))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    (reject,) = read(path)
    assert isinstance(reject, Reject) and (reject.page, reject.kind) == (1, "truncated_image")
    assert reject.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_limit_on_pixels_holds_and_can_be_raised_past_that_of_pillow(tmp_path, monkeypatch, suffix):
    path = save(tmp_path / f"a{suffix}", Image.fromarray(page_picture()))
    assert outcomes(read(path, PageLimits(10**7, 84_149, 10))) == [(1, "too_many_pixels")]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert outcomes(read(path, PageLimits(10**7, 84_150, 10))) == [(1, "read")]
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_too_many_bytes_are_a_reject_that_names_the_setting(tmp_path):
    reject = reject_of(write_scans(tmp_path / "a.pdf", page_picture()), PageLimits(100, 10**7, 10))
    assert reject.kind == "too_many_bytes" and "LENET_IMAGE_MAX_BYTES" in reject.reason


def test_an_animation_is_not_a_page(tmp_path):
    frames = [Image.fromarray(page_picture(seed)) for seed in range(2)]
    path = save(tmp_path / "a.png", frames[0], save_all=True, append_images=frames[1:])
    assert reject_of(path).kind == "several_frames"


# --- documents and pages -----------------------------------------------------------------------------


def test_a_document_is_known_by_its_content_and_its_pages_by_their_pixels(tmp_path):
    grey = page_picture(7)
    pdf, png = write_scans(tmp_path / "a.pdf", grey), save(tmp_path / "b.png", Image.fromarray(grey))
    document = inspect(pdf)
    assert document.sha256 == hashlib.sha256(pdf.read_bytes()).hexdigest()
    assert (document.pages, document.size_bytes) == (1, pdf.stat().st_size)
    assert only_page(pdf).fingerprint == only_page(png).fingerprint
    other = save(tmp_path / "c.png", Image.fromarray(grey.reshape(255, 330)))
    assert only_page(other).fingerprint != only_page(png).fingerprint


@pytest.mark.parametrize("kind", ["pdf", "tif"])
def test_only_the_numbers_asked_for_are_read(tmp_path, kind):
    write = write_scans if kind == "pdf" else write_tiff
    path = write(tmp_path / f"a.{kind}", *(page_picture(seed) for seed in range(4)))
    assert outcomes(read(path, numbers=range(2, 4))) == [(2, "read"), (3, "read")]
    assert outcomes(read(path, numbers=range(4, 9))) == [(4, "read")]
    assert read(path, numbers=range(0)) == []


def test_every_page_of_a_document_that_vanished_or_changed_is_a_reject(tmp_path):
    path = write_scans(tmp_path / "a.pdf", page_picture(1), page_picture(2))
    document = inspect(path)
    write_scans(path, page_picture(1))
    changed = [(1, "changed_file"), (2, "changed_file")]
    assert outcomes(list(read_pages(document, LIMITS))) == changed
    path.unlink()
    missing = [(1, "missing_file"), (2, "missing_file")]
    assert outcomes(list(read_pages(document, LIMITS))) == missing


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to see which files are open")
def test_a_reader_that_stops_early_closes_the_file(tmp_path):
    for path in (
        write_scans(tmp_path / "a.pdf", page_picture(1), page_picture(2)),
        write_tiff(tmp_path / "a.tif", page_picture(1), page_picture(2)),
    ):
        pages = read_pages(inspect(path), LIMITS)
        next(pages)
        assert path in {link.resolve() for link in Path("/proc/self/fd").iterdir()}
        pages.close()
        assert path not in {link.resolve() for link in Path("/proc/self/fd").iterdir()}


def test_no_damage_to_a_document_escapes_as_an_error(tmp_path):
    generator = np.random.default_rng(5)
    seeds = [
        write_scans(tmp_path / "a.pdf", page_picture(1), page_picture(2)),
        write_scans(tmp_path / "b.pdf", page_picture(1), filters="DCTDecode"),
        write_tiff(tmp_path / "a.tif", page_picture(1), page_picture(2), compression="tiff_lzw"),
        write_tiff(tmp_path / "b.tif", page_picture(1), page_picture(2)),
        write_filled(tmp_path / "c.pdf", VALUES[2], "appearances needed"),
        write_filled(tmp_path / "d.pdf", VALUES[2], "copied without the form"),
    ]
    contents = [path.read_bytes() for path in seeds]
    seen = set()
    for trial in range(600):
        content = bytearray(contents[trial % len(seeds)])
        for _ in range(generator.integers(1, 30)):
            content[generator.integers(0, len(content))] = generator.integers(0, 256)
        path = tmp_path / f"damaged{seeds[trial % len(seeds)].suffix}"
        path.write_bytes(content)
        document = inspect_document(path, PageLimits(10**7, 10**6, 50))
        pages = [document] if isinstance(document, Reject) else read_pages(document, LIMITS)
        seen |= {page.kind if isinstance(page, Reject) else "read" for page in pages}
    assert {"read", "damaged_image"} <= seen


# --- what is found -----------------------------------------------------------------------------------


def put(path: Path, grey: Grey | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return save(path, Image.fromarray(page_picture() if grey is None else grey))


def test_a_folder_tree_is_searched_in_order_and_other_files_are_named(tmp_path):
    names = ["b.png", "a/c.tif", "a/d.jpg"]
    for name in [*names, ".hidden.png", ".git/e.png"]:
        put(tmp_path / name)
    write_scans(tmp_path / "a" / "no suffix", page_picture())
    write_scans(tmp_path / "f.pdf", page_picture())
    (tmp_path / "README").write_text("read me")
    (tmp_path / "truth.csv").write_text("path,value\nb.png,7\n")
    found = find_documents(tmp_path)
    relative = [str(path.relative_to(tmp_path)) for path in found.paths]
    assert relative == ["a/c.tif", "a/d.jpg", "a/no suffix", "b.png", "f.pdf"]
    assert [path.name for path in found.unrecognised] == ["README", "truth.csv"]
    assert list_documents(tmp_path) == list(found.paths)
    assert all(isinstance(inspect_document(path, LIMITS), Document) for path in found.paths)


def test_a_scan_in_a_format_that_is_not_read_is_a_reject_and_not_left_out(tmp_path):
    put(tmp_path / "a.png")
    (tmp_path / "b.webp").write_bytes(b"RIFF\x10\0\0\0WEBPVP8 ")
    assert [path.name for path in list_documents(tmp_path)] == ["a.png", "b.webp"]
    assert reject_of(tmp_path / "b.webp").kind == "unsupported_format"


def test_a_single_file_is_always_a_document(tmp_path):
    (tmp_path / "notes.doc").write_text("no scan")
    assert list_documents(tmp_path / "notes.doc") == [tmp_path / "notes.doc"]
    assert reject_of(tmp_path / "notes.doc").kind == "not_a_document"


def test_a_document_is_recognised_by_its_content_instead_of_its_name(tmp_path):
    grey = page_picture()
    write_scans(tmp_path / "a.png", grey)
    save(tmp_path / "b.pdf", Image.fromarray(grey), format="PNG")
    assert len({only_page(path).fingerprint for path in list_documents(tmp_path)}) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_list_names_paths_relative_to_itself_each_once(tmp_path, encoding):
    put(tmp_path / "in" / "ä b.png")
    put(tmp_path / "c.png")
    text = f"in/ä b.png\r\n\r\n{tmp_path}/c.png\n./in/ä b.png\nmissing.png\n"
    (tmp_path / "list.txt").write_bytes(text.encode(encoding))
    expected = [tmp_path / "in" / "ä b.png", tmp_path / "c.png", tmp_path / "missing.png"]
    assert list_documents(tmp_path / "list.txt") == expected
    assert reject_of(expected[2]).kind == "missing_file"


def test_a_csv_lists_the_column_path(tmp_path):
    name = 'two\nlines, "quoted".png'
    put(tmp_path / name)
    quoted = name.replace('"', '""')
    (tmp_path / "list.csv").write_text(f'day,Path\n1,"{quoted}"\n2,\n3\n')
    assert list_documents(tmp_path / "list.csv") == [tmp_path / name]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("list.csv", "file,day\na,1\n", "expected a header row with a column path, found file, day"),
        ("list.csv", "", "found an empty file"),
        ("list.csv", "path\n", "contains no paths"),
        ("list.txt", "\n\n", "contains no paths"),
    ],
)
def test_a_list_that_names_nothing_is_one_clear_line(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(IngestError, match=said) as caught:
        list_documents(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_missing_path_and_a_folder_without_documents_are_one_clear_line(tmp_path):
    with pytest.raises(IngestError, match="cannot read"):
        list_documents(tmp_path / "missing")
    (tmp_path / "README").touch()
    with pytest.raises(IngestError, match="found no documents among 1 file in"):
        list_documents(tmp_path)


NAMES = ["two\nlines.pdf", 'it\'s "quoted".pdf', "試験 нота é.pdf", "  spaces  .pdf", "semi;colon,comma.pdf"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_with_any_letters_is_found_read_and_reported(tmp_path, name):
    write_scans(tmp_path / name, page_picture())
    (path,) = list_documents(tmp_path)
    assert inspect(path).source == str(tmp_path / name)
    assert outcomes(read(path)) == [(1, "read")]


def test_a_name_that_is_not_utf8_is_found_read_and_reported(tmp_path):
    content = write_scans(tmp_path / "a.pdf", page_picture()).read_bytes()
    with open(os.fsencode(tmp_path) + b"/\xff.pdf", "wb") as file:  # noqa: PTH123
        file.write(content)
    (tmp_path / "list.txt").write_bytes(b"\xff.pdf\n")
    (path,) = list_documents(tmp_path / "list.txt")
    assert inspect(path).source == f"{tmp_path}/\\xff.pdf"
    assert outcomes(read(path)) == [(1, "read")]


def test_a_folder_named_in_a_list_and_a_named_pipe_are_rejects(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe.pdf")
    assert reject_of(tmp_path / "folder").kind == "unreadable_folder"
    assert reject_of(tmp_path / "pipe.pdf").kind == "not_a_file"


# --- real scans --------------------------------------------------------------------------------------


def test_pdfs_with_bytes_after_their_end_are_read_until_they_are_truncated(tmp_path, cases_root):
    paths = list_documents(cases_root / "pdf-after-end")
    assert [path.name for path in paths] == ["html_after_end.pdf", "nul_padded_80k.pdf"]
    for path in paths:
        assert only_page(path).image.shape == (3508, 2480)
        content = path.read_bytes()
        for length in (content.rindex(b"%%EOF"), 500_000, 100_000):
            (tmp_path / "a.pdf").write_bytes(content[:length])
            assert reject_of(tmp_path / "a.pdf").kind == "truncated_pdf"


def test_a_thumbnail_in_a_scan_is_not_a_page(cases_root):
    assert only_page(cases_root / "tiff-with-thumbnail.tif").image.shape == (2339, 1654)


def test_each_exam_booklet_has_six_pages_at_the_resolution_it_was_scanned_at(forms_root):
    whole = [path for path in list_documents(forms_root / "exam-booklets") if path.match("*scan*.pdf")]
    whole = [path for path in whole if not path.stem.endswith(("odds", "evens"))]
    assert len(whole) == 7
    for path in whole:
        document = inspect(path)
        assert document.pages == 6
        dpi = 400 if path.stem.startswith("test-auto") else 300
        (page,) = read_pages(document, LIMITS, range(3, 4))
        assert isinstance(page, Page) and page.dpi == dpi
        assert page.image.shape == (11 * dpi, round(8.5 * dpi))
        assert page.image.min() < 60 and np.median(page.image) > 200
