"""Image files: which are listed, which are read, and which become rejects."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest.batch import Reject, SourceBatch
from lenet_pipeline.ingest.folder import ListedImage, list_images, read_images
from lenet_pipeline.ingest.images import UnreadableImageError, decode_image
from lenet_pipeline.ingest.listing import describe_label_folders
from lenet_pipeline.schema import BRIGHT_ON_DARK, DARK_ON_BRIGHT, DIGITS, derive_digit_id
from tests.forms.document_builders import write_tiff_of_kinds

WIDTH, HEIGHT = 30, 40
INK = {"x": 9, "y": 6, "width": 13, "height": 26}


def picture(ink: int = 30, paper: int = 230) -> Image.Image:
    """Return a grey picture, 30 wide and 40 high, of a 7 whose ink box is ``INK``."""
    grey = np.full((HEIGHT, WIDTH), paper, np.uint8)
    grey[6:9, 9:22] = ink
    grey[6:32, 19:22] = ink
    return Image.fromarray(grey)


def save(path: Path, image: Image.Image | None = None, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image or picture()).save(path, **options)
    return path


def read(
    path: Path,
    *,
    max_pixels: int = 1_000_000,
    max_bytes: int = 1_000_000,
    listed: list[ListedImage] | None = None,
) -> SourceBatch:
    return read_images(
        list_images(path) if listed is None else listed, max_pixels=max_pixels, max_bytes=max_bytes
    )


def digit_of(path: Path) -> dict[str, object]:
    """Return the one row that reading a path gives."""
    batch = read(path)
    assert batch.rejects == ()
    (row,) = batch.digits.to_pylist()
    return row


def reject_of(path: Path, **limits: int) -> Reject:
    """Return the one reject that reading a path gives, and nothing else."""
    batch = read(path, **limits)
    assert len(batch.digits) == 0 and batch.unrecognised == 0
    (reject,) = batch.rejects
    assert reject.source == str(path)
    assert reject.reason and "\n" not in reject.reason
    return reject


def labels_by_name(listed: list[ListedImage]) -> dict[str, int | None]:
    return {item.path.name: item.label for item in listed}


# --- one image ---------------------------------------------------------------------------------------


def test_an_image_becomes_one_digit_with_all_that_is_known_of_it(tmp_path):
    path = save(tmp_path / "7" / "scan.png")
    batch = read(path)
    assert batch.digits.schema.equals(DIGITS)
    batch.digits.validate(full=True)
    (row,) = batch.digits.to_pylist()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert row["digit_id"] == derive_digit_id(sha256, 1, None, 0)
    assert (row["source"], row["source_sha256"], row["label"]) == (str(path), sha256, 7)
    assert (row["page"], row["field"], row["position"]) == (1, None, 0)
    assert (row["box"], row["source_box"], row["template"]) == (None, INK, None)
    assert row["polarity"] == DARK_ON_BRIGHT
    assert np.frombuffer(row["image"], np.uint8).max() == 255


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.bmp"])
def test_png_jpeg_tiff_and_bmp_are_read_in_either_polarity(tmp_path, name):
    images = []
    for ink, paper, polarity in ((20, 240, DARK_ON_BRIGHT), (240, 20, BRIGHT_ON_DARK)):
        row = digit_of(save(tmp_path / polarity / name, picture(ink, paper)))
        assert row["polarity"] == polarity
        images.append(np.frombuffer(row["image"], np.uint8).astype(int))
    assert np.abs(images[0] - images[1]).mean() < 4


def transparent(ink: int, *, opaque: int = 255) -> Image.Image:
    """Return a 7 of one grey on a transparent background."""
    alpha = np.asarray(picture(opaque, 0))
    return Image.merge("LA", [Image.new("L", (WIDTH, HEIGHT), ink), Image.fromarray(alpha)])


def in_palette(image: Image.Image) -> Image.Image:
    """Return a palette image whose palette is in an order that says nothing of brightness."""
    indices = (np.asarray(image) < 128).astype(np.uint8)
    found = Image.fromarray(indices)
    found.putpalette([250, 250, 240, 10, 20, 60])
    return found


def scaled(dtype: type, factor: float) -> Image.Image:
    return Image.fromarray((np.asarray(picture()).astype(np.float64) * factor).astype(dtype))


def keyed() -> Image.Image:
    """Return a grey image in which one level, that of the paper, stands for transparent."""
    image = picture(10, 60)
    image.info["transparency"] = 60
    return image


MODES: dict[str, tuple[Callable[[], Image.Image], str, str]] = {
    "1-bit": (lambda: picture().convert("1"), "png", DARK_ON_BRIGHT),
    "1-bit fax": (lambda: picture().convert("1"), "tif", DARK_ON_BRIGHT),
    "palette": (lambda: in_palette(picture()), "png", DARK_ON_BRIGHT),
    "16-bit png": (lambda: scaled(np.uint16, 257), "png", DARK_ON_BRIGHT),
    "16-bit tiff": (lambda: scaled(np.uint16, 257), "tif", DARK_ON_BRIGHT),
    "8 bits in 16": (lambda: scaled(np.uint16, 1), "tif", DARK_ON_BRIGHT),
    "10 bits in 16": (lambda: scaled(np.uint16, 4), "png", DARK_ON_BRIGHT),
    "12 bits in 16": (lambda: scaled(np.uint16, 16), "png", DARK_ON_BRIGHT),
    "32-bit whole": (lambda: scaled(np.int32, 1e6), "tif", DARK_ON_BRIGHT),
    "32-bit float": (lambda: scaled(np.float32, 1 / 255), "tif", DARK_ON_BRIGHT),
    "RGB": (lambda: picture().convert("RGB"), "png", DARK_ON_BRIGHT),
    "CMYK tiff": (lambda: picture().convert("CMYK"), "tif", DARK_ON_BRIGHT),
    "CMYK jpeg": (lambda: picture().convert("CMYK"), "jpg", DARK_ON_BRIGHT),
    "YCbCr": (lambda: picture().convert("YCbCr"), "tif", DARK_ON_BRIGHT),
    "Lab": (lambda: Image.merge("LAB", [picture()] * 3), "tif", DARK_ON_BRIGHT),
    "black on transparent": (lambda: transparent(0), "png", DARK_ON_BRIGHT),
    "white on transparent": (lambda: transparent(255), "png", BRIGHT_ON_DARK),
    "pale on transparent": (lambda: transparent(255, opaque=120), "png", BRIGHT_ON_DARK),
    "opaque alpha": (lambda: picture().convert("RGBA"), "png", DARK_ON_BRIGHT),
    "one level transparent": (keyed, "png", DARK_ON_BRIGHT),
}


@pytest.mark.parametrize("mode", sorted(MODES))
def test_every_mode_is_read_and_its_polarity_is_right(tmp_path, mode):
    make, suffix, polarity = MODES[mode]
    options = {"quality": 95} if suffix == "jpg" else {}
    row = digit_of(save(tmp_path / f"a.{suffix}", make(), **options))
    assert row["polarity"] == polarity
    found, expected = row["source_box"], INK
    assert all(abs(found[key] - expected[key]) <= 1 for key in expected)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_levels_of_ten_and_twelve_bits_are_as_bright_as_those_of_eight(tmp_path, suffix, bits):
    grey = np.asarray(picture())
    levels = np.rint(grey / 255 * (2**bits - 1)).astype(np.uint16)
    content = save(tmp_path / f"a.{suffix}", Image.fromarray(levels)).read_bytes()
    found = decode_image(content, suffix=f".{suffix}", max_pixels=10**6)
    assert np.abs(found - grey).max() < 0.2


@pytest.mark.parametrize(("ink", "paper"), [(0, 4096), (2_000, 13_000), (50_000, 60_000)])
def test_dark_and_pale_levels_of_sixteen_bits_stay_as_they_are(tmp_path, ink, paper):
    levels = np.where(np.asarray(picture()) < 128, ink, paper).astype(np.uint16)
    content = save(tmp_path / "a.png", Image.fromarray(levels)).read_bytes()
    found = decode_image(content, suffix=".png", max_pixels=10**6)
    assert np.allclose(found, levels / 257)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_colours_of_ten_and_twelve_bits_are_a_reject_and_those_of_sixteen_are_read(tmp_path, name, channels):
    grey = np.dstack([np.asarray(picture())] * 3).astype(np.uint16)
    for factor in (4, 16, 257):
        alpha = np.full((HEIGHT, WIDTH), 65535, np.uint16)
        cv2.imwrite(str(tmp_path / name), np.dstack([grey * factor, alpha])[:, :, :channels])
        if factor == 257:
            assert digit_of(tmp_path / name)["polarity"] == DARK_ON_BRIGHT
        else:
            reject = reject_of(tmp_path / name)
            assert reject.kind == "unsupported_depth" and "save it in grey" in reject.reason


def test_the_noise_of_a_black_picture_of_sixteen_bits_is_not_ink(tmp_path):
    for number, (level, noise) in enumerate(((0, 0), (60, 10), (300, 50), (1200, 200))):
        levels = np.random.default_rng(number).normal(level, noise, (60, 60)).clip(0).astype(np.uint16)
        assert reject_of(save(tmp_path / f"{number}.png", Image.fromarray(levels))).kind == "no_ink"


def test_a_scan_with_transparent_corners_keeps_its_paper(tmp_path):
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:5, :5] = alpha[-5:, -5:] = 0
    image = Image.merge("LA", [picture(), Image.fromarray(alpha)])
    row = digit_of(save(tmp_path / "a.png", image))
    assert row["polarity"] == DARK_ON_BRIGHT and row["source_box"] == INK


def test_an_image_that_is_wholly_transparent_has_no_ink(tmp_path):
    path = save(tmp_path / "a.png", Image.new("RGBA", (28, 28), (0, 0, 0, 0)))
    assert reject_of(path).kind == "no_ink"


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_the_orientation_in_the_metadata_is_honoured(tmp_path, name):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter to the right for viewing
    turned = picture().transpose(Image.Transpose.ROTATE_90)
    row = digit_of(save(tmp_path / name, turned, exif=exif))
    upright = digit_of(save(tmp_path / "upright" / name))
    assert all(abs(row["source_box"][key] - INK[key]) <= 1 for key in INK)
    images = [np.frombuffer(each["image"], np.uint8).astype(int) for each in (row, upright)]
    assert np.abs(images[0] - images[1]).mean() < 6


def test_a_jpeg_named_png_is_read_as_what_it_is(tmp_path):
    save(tmp_path / "a.jpg").rename(tmp_path / "a.png")
    assert digit_of(tmp_path / "a.png")["polarity"] == DARK_ON_BRIGHT


def test_an_image_without_an_extension_is_read(tmp_path):
    save(tmp_path / "a.png").rename(tmp_path / "a")
    assert digit_of(tmp_path / "a")["source"] == str(tmp_path / "a")


@pytest.mark.parametrize("kind", [1, 4])
@pytest.mark.parametrize("copy_first", [False, True])
def test_a_reduced_copy_or_a_mask_in_a_tiff_is_no_second_image(tmp_path, kind, copy_first):
    whole, copy = (np.asarray(picture()), {254: 0}), (np.asarray(picture())[::3, ::3], {254: kind})
    frames = (copy, whole) if copy_first else (whole, copy)
    row = digit_of(write_tiff_of_kinds(tmp_path / "a.tif", *frames))
    assert row["source_box"] == INK and row["polarity"] == DARK_ON_BRIGHT


def test_a_previews_frame_in_a_camera_jpeg_is_no_second_image(tmp_path):
    path = tmp_path / "a.jpg"
    picture().save(path, "MPO", save_all=True, append_images=[picture(0, 255)], quality=95)
    assert digit_of(path)["polarity"] == DARK_ON_BRIGHT


# --- what becomes a reject ---------------------------------------------------------------------------


def test_a_zero_byte_image_is_a_reject(tmp_path):
    (tmp_path / "a.png").touch()
    assert reject_of(tmp_path / "a.png").kind == "empty_file"


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif"])
@pytest.mark.parametrize("share", [0.001, 0.3, 0.7, 0.9])
def test_a_truncated_image_is_a_reject_that_says_so(tmp_path, name, share):
    noise = np.random.default_rng(0).integers(0, 255, (60, 60), dtype=np.uint8)
    path = save(tmp_path / name, Image.fromarray(noise))
    content = path.read_bytes()
    path.write_bytes(content[: max(9, int(len(content) * share))])
    reject = reject_of(path)
    assert reject.kind in ("truncated_image", "damaged_image")
    assert "truncated" in reject.reason or "the end of the file is missing" in reject.reason
    assert reject.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_text_file_named_png_is_a_reject(tmp_path):
    (tmp_path / "a.png").write_text("hello, world")
    reject = reject_of(tmp_path / "a.png")
    assert reject.kind == "not_an_image" and "68 65 6c 6c 6f" in reject.reason


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
@pytest.mark.parametrize("name", ["right", "a.png"])
def test_an_unsupported_image_says_which_formats_are_read(tmp_path, kind, name):
    path = tmp_path / (f"a.{kind.lower()}" if name == "right" else name)
    picture().save(path, kind)
    reject = reject_of(path)
    assert reject.kind == "unsupported_format" and "PNG, JPEG, TIFF or BMP" in reject.reason


def test_an_unsupported_image_is_known_by_its_name_too(tmp_path):
    (tmp_path / "a.heic").write_bytes(b"\x00\x00\x00\x18ftypheic")
    assert reject_of(tmp_path / "a.heic").kind == "unsupported_format"


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_several_frames_are_a_reject_that_counts_them(tmp_path, name):
    path = save(tmp_path / name, save_all=True, append_images=[picture(0, 255), picture(60, 255)])
    reject = reject_of(path)
    assert reject.kind == "several_frames" and "3 frames" in reject.reason


def test_a_file_larger_than_the_limit_is_not_opened(tmp_path):
    path = save(tmp_path / "a.bmp")
    reject = reject_of(path, max_bytes=1000)
    assert reject.kind == "too_many_bytes"
    assert f"{path.stat().st_size:,} bytes" in reject.reason and "1,000" in reject.reason
    assert reject.source_sha256 is None


def test_an_image_larger_than_the_limit_is_not_decoded(tmp_path):
    reject = reject_of(save(tmp_path / "a.png"), max_pixels=1199)
    assert reject.kind == "too_many_pixels" and "30 x 40 = 1,200 pixels" in reject.reason
    assert len(read(tmp_path / "a.png", max_pixels=1200).digits) == 1


@pytest.mark.parametrize("side", [10_000, 20_000])
def test_a_decompression_bomb_is_a_reject_and_no_warning_leaks(tmp_path, side):
    path = save(tmp_path / "bomb.png", Image.new("1", (side, side)))
    assert path.stat().st_size < 100_000
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reject = reject_of(path, max_pixels=10**9)
    assert reject.kind == "too_many_pixels" and f"{side * side}" in reject.reason
    assert caught == []
    assert time.perf_counter() - start < 2


def test_an_image_without_ink_is_a_reject(tmp_path):
    assert reject_of(save(tmp_path / "a.png", Image.new("L", (28, 28), 255))).kind == "no_ink"


def test_an_image_with_infinite_pixels_is_a_reject(tmp_path):
    values = np.asarray(picture()).astype(np.float32)
    values[0, 0] = np.inf
    assert reject_of(save(tmp_path / "a.tif", Image.fromarray(values))).kind == "damaged_image"


@pytest.fixture
def without_privileges() -> Iterator[Callable[[], None]]:
    """Give up the right to read every file, where the tests run with it."""
    user = os.geteuid()
    yield lambda: os.seteuid(65534) if user == 0 else None
    os.seteuid(user)


def test_an_unreadable_image_is_a_reject_and_the_others_are_read(tmp_path, without_privileges):
    listed = list_images(save(tmp_path / "closed" / "a.png"))
    (tmp_path / "closed").chmod(0)
    without_privileges()
    (reject,) = read(tmp_path, listed=listed).rejects
    os.seteuid(os.getuid())
    (tmp_path / "closed").chmod(0o700)
    assert reject.kind == "unreadable_file" and "permission denied" in reject.reason


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user may enter, unlike ``tmp_path``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_a_folder_that_cannot_be_listed_is_a_reject(public_folder, without_privileges):
    save(public_folder / "open.png")
    closed = public_folder / "closed"
    save(closed / "a.png")
    closed.chmod(0)
    without_privileges()
    listed = list_images(public_folder)
    os.seteuid(os.getuid())
    closed.chmod(0o700)
    batch = read(public_folder, listed=listed)
    assert len(batch.digits) == 1
    assert [(reject.source, reject.kind) for reject in batch.rejects] == [(str(closed), "unreadable_folder")]


def test_an_image_that_vanished_after_it_was_listed_is_a_reject(tmp_path):
    path = save(tmp_path / "a.png")
    listed = list_images(tmp_path)
    path.unlink()
    (reject,) = read(tmp_path, listed=listed).rejects
    assert reject.kind == "missing_file"


def test_a_named_pipe_does_not_wait_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    assert reject_of(tmp_path / "a.png").kind == "not_a_file"


def test_other_files_are_counted_and_are_no_rejects(tmp_path):
    save(tmp_path / "a.png")
    (tmp_path / "README").write_text("read me")
    (tmp_path / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (tmp_path / "notes.txt").write_text("BMP files are large")
    batch = read(tmp_path)
    assert (len(batch.digits), batch.rejects, batch.unrecognised) == (1, (), 3)


def test_a_file_that_the_user_names_is_a_reject_where_it_is_no_image(tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    assert reject_of(tmp_path / "notes.txt").kind == "not_an_image"


def test_one_bad_image_does_not_stop_the_others_and_progress_counts_every_file(tmp_path):
    save(tmp_path / "3" / "a.png")
    save(tmp_path / "3" / "c.png")
    (tmp_path / "3" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n rubbish")
    (tmp_path / "3" / "d.txt").write_text("text")
    steps: list[int] = []
    batch = read_images(list_images(tmp_path), max_pixels=10**6, max_bytes=10**6, advance=steps.append)
    assert batch.digits["source"].to_pylist() == [str(tmp_path / "3" / name) for name in ("a.png", "c.png")]
    assert [reject.source for reject in batch.rejects] == [str(tmp_path / "3" / "b.png")]
    assert steps == [1, 1, 1, 1]


def test_no_image_at_all_is_an_empty_table_with_the_schema_of_a_digit(tmp_path):
    digits = read(tmp_path, listed=[]).digits
    assert len(digits) == 0 and digits.schema.equals(DIGITS)


def test_a_damaged_tiff_leaves_nothing_on_the_terminal(tmp_path, capfd):
    noise = np.random.default_rng(0).integers(0, 255, (60, 60), dtype=np.uint8)
    path = save(tmp_path / "a.tif", Image.fromarray(noise), compression="tiff_lzw")
    content = bytearray(path.read_bytes())
    content[100:300] = b"\xaa" * 200
    path.write_bytes(content)
    assert reject_of(path).kind == "damaged_image"
    assert capfd.readouterr() == ("", "")


def test_no_damage_to_a_file_escapes_as_another_error():
    generator = np.random.default_rng(11)
    seeds = []
    for suffix, modes in (("PNG", "L P RGBA I;16"), ("JPEG", "L CMYK"), ("BMP", "L P"), ("TIFF", "L 1 F")):
        for mode in modes.split():
            stream = io.BytesIO()
            image = scaled(np.uint16, 200) if mode == "I;16" else picture().convert(mode)
            image.save(stream, suffix, **({"compression": "tiff_lzw"} if suffix == "TIFF" else {}))
            seeds.append(stream.getvalue())
    outcomes = set()
    for trial in range(1500):
        content = bytearray(seeds[trial % len(seeds)])
        for _ in range(generator.integers(1, 6)):
            content[generator.integers(0, min(len(content), 250))] = generator.integers(0, 256)
        end = generator.integers(20, len(content)) if trial % 4 == 0 else len(content)
        try:
            decode_image(bytes(content[:end]), suffix=".png", max_pixels=10**6)
            outcomes.add("read")
        except UnreadableImageError as error:
            outcomes.add(error.kind)
    assert {"read", "damaged_image", "truncated_image", "too_many_pixels"} <= outcomes


# --- what is listed ----------------------------------------------------------------------------------


def test_a_folder_tree_is_listed_in_order_with_labels_from_its_folders(tmp_path):
    for name in ("9/b.png", "0/a.png", "12/c.png", "x/3/d.png", "e.png", "٣/f.png", "²/g.png"):
        save(tmp_path / name)
    listed = list_images(tmp_path)
    assert [item.path for item in listed] == sorted(item.path for item in listed)
    assert labels_by_name(listed) == {
        "a.png": 0,
        "b.png": 9,
        "c.png": None,
        "d.png": 3,
        "e.png": None,
        "f.png": None,
        "g.png": None,
    }


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        ([str(month) for month in range(1, 13)], "1 to 9"),
        (["0", "7", "1"], "0, 1, 7"),
        (["7", "8"], "7, 8"),
        (["5", "05"], "5"),
        (["zero", "10", "eins"], None),
    ],
)
def test_the_folder_names_that_become_labels_are_described(tmp_path, folders, expected):
    for name in folders:
        save(tmp_path / name / "a.png")
    assert describe_label_folders(list_images(tmp_path)) == expected


def test_labels_of_a_csv_do_not_come_from_folder_names(tmp_path):
    save(tmp_path / "3" / "a.png")
    (tmp_path / "labels.csv").write_text("path,label\n3/a.png,4\n")
    assert describe_label_folders(list_images(tmp_path)) is None


def test_hidden_files_and_folders_are_skipped(tmp_path):
    for name in ("a.png", ".b.png", ".git/c.png", "5/.d/e.png"):
        save(tmp_path / name)
    assert [item.path.name for item in list_images(tmp_path)] == ["a.png"]


def test_a_loop_of_links_ends(tmp_path):
    save(tmp_path / "3" / "a.png")
    (tmp_path / "3" / "loop").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    listed = list_images(tmp_path)
    assert [item.path.name for item in listed] == ["a.png", "self"]
    assert [reject.source for reject in read(tmp_path).rejects] == [str(tmp_path / "self")]


def test_a_linked_folder_elsewhere_is_followed_once(tmp_path):
    save(tmp_path / "elsewhere" / "4" / "a.png")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "top").mkdir()
    for name in ("first", "second"):
        (tmp_path / "top" / name).symlink_to(tmp_path / "elsewhere")
    assert [(item.path.name, item.label) for item in list_images(tmp_path / "top")] == [("a.png", 4)]


def test_one_file_has_its_label_from_its_folder(tmp_path):
    assert list_images(save(tmp_path / "6" / "a.png"))[0].label == 6


@pytest.mark.parametrize(
    "make", [lambda path: None, Path.mkdir, lambda path: (path / "sub").mkdir(parents=True)]
)
def test_a_missing_path_and_a_folder_without_files_are_one_clear_line(tmp_path, make):
    make(tmp_path / "here")
    with pytest.raises(IngestError) as caught:
        list_images(tmp_path / "here")
    assert str(tmp_path / "here") in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_with_only_hidden_files_counts_as_empty(tmp_path):
    (tmp_path / ".DS_Store").touch()
    with pytest.raises(IngestError, match="contains no files"):
        list_images(tmp_path)


def test_a_name_that_is_no_utf8_is_read_and_stored(tmp_path):
    folder = tmp_path / "8"
    folder.mkdir()
    stream = io.BytesIO()
    picture().save(stream, "PNG")
    for name, content in ((b"\xff\xfe.png", stream.getvalue()), (b"\xfd.png", b"broken")):
        with open(os.fsencode(folder) + b"/" + name, "wb") as file:  # noqa: PTH123
            file.write(content)
    batch = read(tmp_path)
    assert batch.digits["source"].to_pylist() == [f"{folder}/\\xff\\xfe.png"]
    assert [reject.source for reject in batch.rejects] == [f"{folder}/\\xfd.png"]
    pq.write_table(batch.digits, tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").equals(batch.digits)


# --- CSVs --------------------------------------------------------------------------------------------


def write_csv(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize("column", ["path", "image", "file", "filename", " Image "])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_csv_lists_paths_relative_to_itself_with_labels(tmp_path, column, encoding):
    save(tmp_path / "img" / "ä.png")
    save(tmp_path / "b.png")
    text = f"{column},label\r\nimg/ä.png,4\r\n{tmp_path}/b.png,\r\n\r\n"
    listed = list_images(write_csv(tmp_path / "list.csv", text, encoding))
    assert [(item.path, item.label) for item in listed] == [
        (tmp_path / "b.png", None),
        (tmp_path / "img" / "ä.png", 4),
    ]
    assert len(read(tmp_path / "list.csv").digits) == 2


def test_the_columns_of_a_csv_may_stand_in_any_order_among_others(tmp_path):
    text = "writer,label,path\nann,3,a.png\nbob,7.0,b.png\ncy\n"
    listed = list_images(write_csv(tmp_path / "list.csv", text))
    assert labels_by_name(listed) == {"a.png": 3, "b.png": 7, "list.csv": None}
    assert [item.problem_kind for item in listed if item.problem] == ["no_path"]


def test_a_csv_may_name_the_writer_of_each_image(tmp_path):
    for number, name in enumerate(("a", "b", "c")):
        save(tmp_path / f"{name}.png", picture(ink=30 + number))
    text = "path,label,Writer\na.png,1,ann\nb.png,2,\nc.png,,bob\n"
    digits = read(write_csv(tmp_path / "list.csv", text)).digits
    assert digits["writer"].to_pylist() == ["ann", None, "bob"]
    assert digits["label"].to_pylist() == [1, 2, None]


def test_two_writers_of_one_image_keep_the_first_and_reject_the_later(tmp_path):
    save(tmp_path / "a.png")
    batch = read(write_csv(tmp_path / "list.csv", "path,label,writer\na.png,1,ann\na.png,1,bob\n"))
    assert batch.digits["writer"].to_pylist() == ["ann"]
    (reject,) = batch.rejects
    assert reject.kind == "conflicting_label"
    assert "line 3" in reject.reason
    assert "the label 1 and the writer bob, but an earlier line gives the label 1 and the writer ann" in (
        reject.reason
    )


@pytest.mark.parametrize("label", ["10", "-1", "x", "3.5", "²", "٣", "007"])
def test_a_label_outside_0_to_9_is_a_reject_that_names_its_line(tmp_path, label):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    batch = read(write_csv(tmp_path / "list.csv", f"path,label\na.png,1\nb.png,{label}\n"))
    assert batch.digits["label"].to_pylist() == [1]
    (reject,) = batch.rejects
    assert (reject.source, reject.kind) == (str(tmp_path / "b.png"), "bad_label")
    assert "line 3" in reject.reason and label in reject.reason and "expected 0 to 9" in reject.reason


def test_two_labels_for_one_image_keep_the_first_and_reject_the_later(tmp_path):
    save(tmp_path / "a.png")
    text = "path,label\na.png,1\n./a.png,1\nx/../a.png,2\na.png,11\n"
    batch = read(write_csv(tmp_path / "list.csv", text))
    assert batch.digits["label"].to_pylist() == [1]
    assert [reject.kind for reject in batch.rejects] == ["conflicting_label", "bad_label"]
    assert "line 4" in batch.rejects[0].reason and "line 5" in batch.rejects[1].reason


def test_an_image_that_a_csv_names_and_that_is_missing_is_a_reject(tmp_path):
    (reject,) = read(write_csv(tmp_path / "list.csv", "path,label\ngone.png,1\n")).rejects
    assert (reject.source, reject.kind) == (str(tmp_path / "gone.png"), "missing_file")


def test_a_path_that_no_system_allows_is_a_reject(tmp_path):
    text = f"path,label\na\0b.png,1\n{'n' * 300}.png,2\n"
    kinds = [reject.kind for reject in read(write_csv(tmp_path / "list.csv", text)).rejects]
    assert sorted(kinds) == ["missing_file", "unreadable_file"]


@pytest.mark.parametrize("text", ["", "a.png,3\n", "path,value\na.png,3\n", "label\n3\n"])
def test_a_csv_without_the_columns_says_what_it_needs(tmp_path, text):
    with pytest.raises(IngestError, match="expected a header row with the columns path and label, found"):
        list_images(write_csv(tmp_path / "list.csv", text))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("path;label\r\na.png;3\r\n", "utf-8-sig"),
        ("path\tlabel\r\na.png\t3\r\n", "utf-16"),
        ('"path,label";label;path\n;3.0;a.png\n', "utf-8"),
        ("sep=;\r\npath;label\r\na.png;3\r\n", "utf-8"),
    ],
)
def test_a_csv_is_read_as_spreadsheets_write_it(tmp_path, text, encoding):
    listed = list_images(write_csv(tmp_path / "list.csv", text, encoding=encoding))
    assert labels_by_name(listed) == {"a.png": 3}


def test_lines_are_counted_from_the_one_that_declares_the_delimiter(tmp_path):
    (listed,) = list_images(write_csv(tmp_path / "list.csv", "sep=;\npath;label\na.png;12\n"))
    assert listed.problem.startswith("line 3 of ")


def test_a_csv_without_rows_is_refused(tmp_path):
    with pytest.raises(IngestError, match="lists no images"):
        list_images(write_csv(tmp_path / "list.csv", "path,label\n"))


def test_a_csv_in_another_encoding_is_one_clear_line(tmp_path):
    path = write_csv(tmp_path / "list.csv", "path,label\nä.png,1\n", encoding="latin-1")
    with pytest.raises(IngestError, match="not a CSV in UTF-8 or UTF-16") as caught:
        list_images(path)
    assert "\n" not in str(caught.value)


def test_a_folder_takes_its_labels_from_the_one_csv_at_its_top(tmp_path):
    for name in ("img/a.png", "img/b.png", "5/c.png"):
        save(tmp_path / name)
    write_csv(tmp_path / "dataset.csv", "image,label\nimg/a.png,3\n")
    write_csv(tmp_path / "other.csv", "name,age\nann,30\n")
    write_csv(tmp_path / "img" / "deeper.csv", "image,label\nb.png,9\n")
    listed = list_images(tmp_path)
    assert [item.path for item in listed] == sorted(item.path for item in listed)
    assert labels_by_name(listed) == {
        "a.png": 3,
        "b.png": None,
        "c.png": None,
        "other.csv": None,
        "deeper.csv": None,
    }
    batch = read(tmp_path)
    assert (len(batch.digits), batch.rejects, batch.unrecognised) == (3, (), 2)


def test_two_csvs_at_the_top_of_a_folder_are_not_guessed_between(tmp_path):
    save(tmp_path / "a.png")
    for name in ("one.csv", "two.csv"):
        write_csv(tmp_path / name, "image,label\na.png,3\n")
    with pytest.raises(IngestError, match=r"one\.csv, two\.csv"):
        list_images(tmp_path)


# --- real images -------------------------------------------------------------------------------------


def test_hwd1000_gives_a_thousand_labelled_digits_and_no_reject(hwd1000: Path):
    batch = read(hwd1000)
    assert (len(batch.digits), batch.rejects) == (1000, ())
    digits: pa.Table = batch.digits
    assert set(digits["polarity"].to_pylist()) == {DARK_ON_BRIGHT}
    assert [digits["label"].to_pylist().count(label) for label in range(10)] == [100] * 10
    assert len(set(digits["digit_id"].to_pylist())) == 1000
