"""MNIST is read from a folder, with a clear error for every fault, or downloaded."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest import mnist
from lenet_pipeline.ingest.batch import derive_row_ids
from lenet_pipeline.ingest.idx import read_idx
from lenet_pipeline.ingest.mnist import download_mnist, read_mnist
from lenet_pipeline.schema import BRIGHT_ON_DARK, DIGITS, derive_digit_id

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
NAMES = (IMAGES, LABELS, TEST_IMAGES, TEST_LABELS)


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a small MNIST: 30 digits for training, 20 for testing, not packed."""
    generator = np.random.default_rng(0)
    for images, labels, count in ((IMAGES, LABELS, 30), (TEST_IMAGES, TEST_LABELS, 20)):
        pixels = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        (tmp_path / images).write_bytes(idx(pixels))
        (tmp_path / labels).write_bytes(idx(np.arange(count, dtype=np.uint8) % 10))
    return tmp_path


@pytest.fixture
def originals(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the small MNIST be the original one."""
    read = {name: read_idx(root / name, axes=3 if "images" in name else 1) for name in NAMES}
    originals = {
        name: mnist._Original(len(file.values), file.values.ndim, file.sha256) for name, file in read.items()
    }
    monkeypatch.setattr(mnist, "_ORIGINALS", originals)


def pack(root: Path, name: str) -> Path:
    """Replace a file by its packed form."""
    content = (root / name).read_bytes()
    (root / name).unlink()
    packed = root / f"{name}.gz"
    packed.write_bytes(gzip.compress(content, mtime=0))
    return packed


def fault_of(root: Path) -> str:
    """Return the one line that reading a folder ends with."""
    with pytest.raises(IngestError) as caught:
        read_mnist(root)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.usefixtures("originals")
def test_unpacked_files_are_read_row_by_row(root):
    tables = read_mnist(root)
    assert {split: len(table) for split, table in tables.items()} == {"train": 30, "test": 20}
    for table in tables.values():
        assert table.schema.equals(DIGITS)
        table.validate(full=True)
    row = tables["train"].slice(13, 1).to_pylist()[0]
    content = (root / IMAGES).read_bytes()
    assert row["image"] == content[16 + 13 * 784 : 16 + 14 * 784]
    assert (row["label"], row["position"], row["page"], row["field"]) == (3, 13, 1, None)
    assert (row["source"], row["polarity"]) == (str(root / IMAGES), BRIGHT_ON_DARK)
    assert row["box"] is None and row["source_box"] is None
    assert row["digit_id"] == derive_digit_id(row["source_sha256"], 1, None, 13)


@pytest.mark.usefixtures("originals")
@pytest.mark.parametrize("folder", ["raw", "MNIST/raw"])
def test_files_are_found_in_the_folders_of_torchvision(root, folder):
    (root / folder).mkdir(parents=True)
    for name in NAMES:
        (root / name).rename(root / folder / name)
    assert len(read_mnist(root)["train"]) == 30


def test_row_identifiers_made_in_bulk_are_those_of_the_schema():
    found = [bytes(row) for row in derive_row_ids("ab" * 32, 300)]
    assert found == [derive_digit_id("ab" * 32, 1, None, row).bytes for row in range(300)]
    assert derive_row_ids("ab" * 32, 0).shape == (0, 16)


def test_missing_files_are_named_with_the_places_searched(root):
    (root / LABELS).unlink()
    (root / TEST_IMAGES).unlink()
    message = fault_of(root)
    assert LABELS in message and TEST_IMAGES in message
    assert IMAGES not in message
    assert str(root / "MNIST/raw") in message and "--root" in message


def test_a_root_that_does_not_exist_says_what_to_give(tmp_path):
    assert "--root" in fault_of(tmp_path / "nowhere")


def test_an_empty_file_is_named_empty(root):
    (root / IMAGES).write_bytes(b"")
    assert f"{root / IMAGES} is empty" in fault_of(root)


def test_truncated_idx_names_the_missing_bytes(root):
    content = (root / IMAGES).read_bytes()
    (root / IMAGES).write_bytes(content[:-1234])
    message = fault_of(root)
    assert f"{root / IMAGES} is truncated: 1,234 bytes are missing" in message
    assert f"{len(content):,}" in message and f"{len(content) - 1234:,}" in message


def test_a_header_cut_short_names_the_missing_bytes(root):
    (root / LABELS).write_bytes(b"\x00\x00\x08\x01\x00")
    assert "3 bytes of its 8-byte header are missing" in fault_of(root)


def test_a_truncated_gz_is_reported_as_truncated_before_its_checksum(root):
    packed = pack(root, IMAGES)
    packed.write_bytes(packed.read_bytes()[:10_000])
    message = fault_of(root)
    assert f"{packed} is truncated" in message and "bytes are missing" in message
    assert "checksum" not in message


def test_a_gz_that_lost_only_its_last_bytes_is_damaged(root):
    packed = pack(root, LABELS)
    packed.write_bytes(packed.read_bytes()[:-5])
    assert "the end of its gzip stream is missing" in fault_of(root)


def test_a_gz_with_a_flipped_bit_is_damaged(root):
    packed = pack(root, IMAGES)
    content = bytearray(packed.read_bytes())
    content[5_000] ^= 0x10
    packed.write_bytes(content)
    assert f"{packed} is damaged" in fault_of(root)


def test_a_gz_file_that_is_not_gzip_is_reported(root):
    packed = pack(root, IMAGES)
    packed.write_bytes(b"<html>404</html>")
    assert "not a gzip file" in fault_of(root)


@pytest.mark.parametrize("is_packed", [True, False])
def test_files_of_another_set_are_refused_by_their_number_of_rows(root, is_packed):
    path = pack(root, IMAGES) if is_packed else root / IMAGES
    assert fault_of(root) == (
        f"{path} is not MNIST's: it has 30 rows, expected 60,000; omit --root to download the original "
        "files, or ingest another set with `lenet ingest idx`"
    )


@pytest.mark.usefixtures("originals")
@pytest.mark.parametrize("is_packed", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_files_with_as_many_rows_but_other_content_are_refused_by_their_checksum(root, name, is_packed):
    content = bytearray((root / name).read_bytes())
    content[-1] ^= 1
    (root / name).write_bytes(content)
    path = pack(root, name) if is_packed else root / name
    found, expected = hashlib.sha256(content).hexdigest(), mnist._ORIGINALS[name].sha256
    fault = f"it has content with the sha256 {found[:12]}…, expected {expected[:12]}…; omit --root"
    assert f"{path} is not MNIST's: {fault}" in fault_of(root)


@pytest.mark.usefixtures("originals")
def test_the_original_files_are_read_however_they_were_packed(root):
    for name in NAMES:
        pack(root, name)
    assert len(read_mnist(root)["test"]) == 20


def test_a_wrong_magic_number_says_what_was_expected_and_found(root):
    (root / IMAGES).write_bytes((root / LABELS).read_bytes())
    message = fault_of(root)
    assert "magic number is 2049, expected 2051" in message and IMAGES in message


def test_bytes_behind_the_last_image_are_named(root):
    (root / IMAGES).write_bytes((root / IMAGES).read_bytes() + b"more")
    assert "4 bytes more than the" in fault_of(root)


def test_images_of_another_size_are_refused(root):
    (root / IMAGES).write_bytes(idx(np.zeros((30, 32, 32), np.uint8)))
    assert "32 x 32 pixels, expected 28 x 28" in fault_of(root)


def test_different_numbers_of_images_and_labels_are_refused(root):
    (root / LABELS).write_bytes(idx(np.zeros(29, np.uint8)))
    message = fault_of(root)
    assert "30 images" in message and "29 labels" in message


def test_a_label_outside_0_to_9_is_named_with_its_row(root):
    labels = np.zeros(30, np.uint8)
    labels[[7, 11]] = 10
    (root / LABELS).write_bytes(idx(labels))
    message = fault_of(root)
    assert "2 of 30" in message and "10 in row 7" in message


def test_a_folder_in_place_of_a_file_counts_as_missing(root):
    (root / IMAGES).unlink()
    (root / IMAGES).mkdir()
    assert f"{IMAGES} (or the same with .gz) not found" in fault_of(root)


@pytest.mark.mnist
def test_all_of_mnist_is_read_packed_and_its_checksums_hold(mnist_root):
    before = sorted(mnist_root.rglob("*"))
    tables = read_mnist(mnist_root)
    assert {split: len(table) for split, table in tables.items()} == {"train": 60_000, "test": 10_000}
    assert tables["train"]["label"].to_pylist()[:5] == [5, 0, 4, 1, 9]
    assert tables["test"]["label"].to_pylist()[:5] == [7, 2, 1, 0, 4]
    assert len(set(tables["train"]["digit_id"].combine_chunks().storage.to_pylist())) == 60_000
    assert sorted(mnist_root.rglob("*")) == before


@pytest.mark.mnist
def test_mnist_is_read_unpacked_and_refused_if_its_images_are_transposed(mnist_root, tmp_path):
    for name in NAMES:
        (tmp_path / name).write_bytes(gzip.decompress((mnist_root / f"MNIST/raw/{name}.gz").read_bytes()))
    assert len(read_mnist(tmp_path)["train"]) == 60_000
    images = read_idx(tmp_path / IMAGES, axes=3).values
    (tmp_path / IMAGES).write_bytes(idx(images.transpose(0, 2, 1).copy()))
    assert f"{tmp_path / IMAGES} is not MNIST's" in fault_of(tmp_path)


@pytest.fixture
def mirror(monkeypatch):
    """Let torchvision download from nowhere but a given address."""
    from torchvision.datasets import MNIST

    return lambda address: monkeypatch.setattr(MNIST, "mirrors", [address])


def test_no_network_says_how_to_use_root(tmp_path, mirror, capfd):
    mirror("http://127.0.0.1:9/")  # nothing listens on the discard port
    with pytest.raises(IngestError, match=r"lenet ingest mnist --root DIR") as caught:
        download_mnist(tmp_path / "downloads")
    assert "\n" not in str(caught.value)
    assert "Connection refused" in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def serve() -> Iterator:
    """Serve a folder over HTTP; return its address."""
    servers = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    def start(folder: Path) -> str:
        handler = functools.partial(Handler, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_download_that_fails_its_checksum_is_refused(root, tmp_path, serve, mirror):
    for name in NAMES:
        pack(root, name)
    mirror(serve(root))
    with pytest.raises(IngestError, match=r"could not be downloaded .*corrupted"):
        download_mnist(tmp_path / "downloads")


def test_a_download_to_a_place_that_is_a_file_blames_the_disk(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(IngestError, match="cannot write MNIST to"):
        download_mnist(tmp_path / "file")


@pytest.mark.mnist
def test_files_that_are_not_mnists_are_downloaded_again(mnist_root, root, tmp_path, serve, mirror):
    downloads = tmp_path / "downloads" / "MNIST" / "raw"
    downloads.mkdir(parents=True)
    for name in NAMES:  # torchvision would take these
        (downloads / name).write_bytes((root / name).read_bytes())
    mirror(serve(mnist_root / "MNIST" / "raw"))
    assert len(read_mnist(download_mnist(tmp_path / "downloads"))["train"]) == 60_000


@pytest.mark.mnist
def test_a_download_ends_in_a_root_that_can_be_read(mnist_root, tmp_path, serve, mirror):
    mirror(serve(mnist_root / "MNIST" / "raw"))
    root = download_mnist(tmp_path / "downloads")
    assert len(read_mnist(root)["test"]) == 10_000
