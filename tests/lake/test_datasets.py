"""Datasets are immutable shards under a manifest that is written last."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lenet_pipeline.errors import LakeError, ManifestConflictError, ShardError, UnknownNameError
from lenet_pipeline.lake.appending import Amendment, amend_digits, append_digits
from lenet_pipeline.lake.datasets import (
    Manifest,
    Shard,
    commit_shards,
    find_manifest,
    list_datasets,
    read_manifest,
    read_shard,
    shard_path,
    validate_dataset,
    write_shard,
)
from lenet_pipeline.lake.fingerprints import fingerprint_digits, fingerprint_parts
from lenet_pipeline.schema import DIGITS
from tests.digit_builders import digits_table, put, without_writers

NAME = "scans/train"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def all_digits(lake: Path, manifest: Manifest) -> pa.Table:
    return pa.concat_tables([read_shard(lake, manifest.dataset, shard) for shard in manifest.shards])


def positions(lake: Path, dataset: str = NAME) -> list[int]:
    return all_digits(lake, read_manifest(lake, dataset))["position"].to_pylist()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if not path.is_dir())


def is_one_line_with(error: pytest.ExceptionInfo[BaseException], *parts: object) -> bool:
    message = str(error.value)
    return "\n" not in message and all(str(part) in message for part in parts)


# Writing and reading


def test_what_was_written_is_read_back(lake):
    table = digits_table(5, labels=[0, None, 9, 3, None])
    append = put(lake, NAME, table)
    assert all_digits(lake, append.manifest).equals(table)
    assert (append.added, append.labelled, append.skipped) == (5, 3, 0)
    assert append.manifest == read_manifest(lake, NAME) == find_manifest(lake, NAME)


def test_a_manifest_says_what_there_is_and_who_put_it_there(lake):
    manifest = put(lake, NAME, digits_table(5), shard_rows=3).manifest
    assert (manifest.dataset, manifest.version, manifest.rows, manifest.actor) == (NAME, 1, 5, "test")
    assert manifest.created_at.endswith("+00:00")
    assert manifest.fingerprint == fingerprint_parts(shard.fingerprint for shard in manifest.shards)
    for shard in manifest.shards:
        path = Path(shard_path(lake, NAME, shard))
        assert shard.size_bytes == path.stat().st_size
        assert shard.fingerprint == fingerprint_digits(pq.read_table(path))


def test_a_shard_is_cut_when_it_is_full_whatever_the_batches_are(lake):
    batches = [digits_table(7), digits_table(5, start=7), digits_table(9, start=12)]
    manifest = put(lake, NAME, *batches, shard_rows=8).manifest
    assert [shard.rows for shard in manifest.shards] == [8, 8, 5]
    assert positions(lake) == list(range(21))


def test_the_same_digits_in_other_batches_make_the_same_dataset(lake):
    one = put(lake, "a/x", digits_table(21), shard_rows=8).manifest
    many = put(lake, "b/x", *(digits_table(1, start=i) for i in range(21)), shard_rows=8).manifest
    assert one.fingerprint == many.fingerprint
    assert [shard.file for shard in one.shards] == [shard.file for shard in many.shards]


def test_small_batches_do_not_make_small_row_groups(lake):
    manifest = put(lake, NAME, *(digits_table(1, start=i) for i in range(30))).manifest
    parquet = pq.ParquetFile(shard_path(lake, NAME, manifest.shards[0]))
    assert parquet.num_row_groups == 1


def test_an_empty_batch_among_others_changes_nothing(lake):
    append = put(lake, NAME, digits_table(0), digits_table(3), digits_table(0))
    assert (append.added, append.skipped) == (3, 0)


# Adding to a dataset


def test_the_same_digits_again_add_nothing_and_commit_nothing(lake):
    first = put(lake, NAME, digits_table(6), shard_rows=4)
    before = files(lake)
    second = put(lake, NAME, digits_table(6), shard_rows=4)
    assert (second.added, second.skipped) == (0, 6)
    assert second.manifest == first.manifest
    assert files(lake) == before


def test_more_digits_add_shards_and_keep_the_old_ones(lake):
    first = put(lake, NAME, digits_table(4), shard_rows=3).manifest
    stamps = {shard.file: Path(shard_path(lake, NAME, shard)).stat().st_mtime_ns for shard in first.shards}
    append = put(lake, NAME, digits_table(6), shard_rows=3)
    assert (append.added, append.labelled, append.skipped) == (2, 2, 4)
    assert append.manifest.version == 2
    assert append.manifest.shards[:2] == first.shards
    assert len(append.manifest.shards) == 3
    assert append.manifest.fingerprint != first.fingerprint
    assert {name: (lake / NAME / name).stat().st_mtime_ns for name in stamps} == stamps
    assert positions(lake) == list(range(6))


def test_a_digit_twice_in_one_batch_or_in_two_is_taken_once(lake):
    twice = pa.concat_tables([digits_table(3), digits_table(2)])
    append = put(lake, NAME, twice, digits_table(4))
    assert (append.added, append.skipped) == (4, 5)
    assert positions(lake) == [0, 1, 2, 3]


def test_the_same_digit_in_two_datasets_is_in_both(lake):
    put(lake, "scans/train", digits_table(3))
    assert put(lake, "scans/test", digits_table(3)).added == 3


def test_nothing_at_all_makes_no_dataset(lake):
    with pytest.raises(LakeError, match="cannot create dataset scans/train"):
        put(lake, NAME)
    assert find_manifest(lake, NAME) is None


def test_a_source_that_breaks_halfway_commits_nothing(lake):
    def batches() -> Iterator[pa.Table]:
        yield digits_table(10)
        raise LakeError("the scanner went away")

    with pytest.raises(LakeError, match="the scanner went away"):
        append_digits(lake, NAME, batches(), shard_rows=4, actor="test")
    assert find_manifest(lake, NAME) is None
    assert put(lake, NAME, digits_table(10), shard_rows=4).added == 10


def test_digits_of_another_schema_are_refused_before_they_are_written(lake):
    with pytest.raises(LakeError) as caught:
        put(lake, NAME, digits_table(3).drop_columns(["polarity"]))
    assert is_one_line_with(caught, NAME, "column polarity is missing")
    assert files(lake) == []


# Two writers


def test_a_writer_that_comes_second_says_so_and_loses_nothing(lake):
    put(lake, NAME, digits_table(2))

    def batches() -> Iterator[pa.Table]:
        yield digits_table(3, start=2)
        put(lake, NAME, digits_table(4, scan="other"))  # another writer, faster

    def write() -> int:
        return append_digits(lake, NAME, batches(), shard_rows=1000, actor="test").added

    with pytest.raises(ManifestConflictError) as caught:
        write()
    assert is_one_line_with(caught, "version 2 of scans/train", "run the same command again")
    assert read_manifest(lake, NAME).rows == 2 + 4

    assert put(lake, NAME, digits_table(3, start=2)).added == 3
    assert read_manifest(lake, NAME).rows == 2 + 4 + 3
    assert not any(name.endswith(".tmp") for name in files(lake))


def test_a_manifest_version_is_never_written_twice(lake):
    shard = write_shard(lake, NAME, digits_table(2))
    committed = commit_shards(lake, NAME, None, [shard], actor="first")
    with pytest.raises(ManifestConflictError):
        commit_shards(lake, NAME, None, [write_shard(lake, NAME, digits_table(3))], actor="second")
    assert read_manifest(lake, NAME) == committed


# Names


UNSAFE = ["../x", "a/..", "a/../b", "a/b..c", ".a/b", "a/.b", "/etc/passwd", "~/x", "C:/x", "a\\b/c", "a/b\0"]
MALFORMED = [
    "",
    "/",
    "mnist",
    "mnist/",
    "/train",
    "a/b/c",
    "-a/b",
    "MNIST/train",
    "mnist/Train",
    "a b/c",
    "a/b\n",
    "é/x",
]


@pytest.mark.parametrize("name", [*UNSAFE, *MALFORMED])
def test_a_name_that_is_no_dataset_is_refused_before_any_folder_is_made(lake, name):
    for call in (
        validate_dataset,
        lambda bad: put(lake, bad, digits_table(1)),
        lambda bad: read_manifest(lake, bad),
    ):
        with pytest.raises(LakeError) as caught:
            call(name)
        assert is_one_line_with(caught, "is not a dataset name", "NAME/SPLIT")
    assert not lake.exists()


@pytest.mark.parametrize("name", ["mnist/train", "a/b", "hwd-1000/all_2", "0.1/v1.2"])
def test_a_name_and_a_split_are_a_dataset(name):
    assert validate_dataset(name) == name


def test_an_unknown_dataset_names_those_there_are(lake):
    put(lake, "scans/train", digits_table(1))
    put(lake, "optdigits/test", digits_table(1))
    with pytest.raises(UnknownNameError) as caught:
        read_manifest(lake, "scans/test")
    assert is_one_line_with(caught, "'scans/test'", "optdigits/test, scans/train", "lenet ingest")


def test_an_empty_lake_has_no_datasets_and_says_so(lake):
    assert list_datasets(lake) == []
    with pytest.raises(UnknownNameError, match="none yet"):
        read_manifest(lake, NAME)


def test_datasets_are_listed_by_name_at_their_newest_version(lake):
    for name in ("b/x", "a/y", "a/x"):
        put(lake, name, digits_table(1))
    put(lake, "b/x", digits_table(2))
    assert list_datasets(lake) == ["a/x", "a/y", "b/x"]
    newest = read_manifest(lake, "b/x")
    assert (newest.version, newest.rows) == (2, 2)


def test_a_copied_dataset_folder_is_not_taken_for_the_dataset_it_was_copied_from(lake):
    put(lake, NAME, digits_table(1))
    shutil.copytree(lake / NAME, lake / "copies" / "train")
    with pytest.raises(LakeError, match=f"it is the manifest of {NAME}"):
        read_manifest(lake, "copies/train")
    assert read_manifest(lake, NAME).rows == 1


def test_a_repeated_digit_with_another_label_is_reported_and_keeps_its_first_label(lake):
    put(lake, NAME, digits_table(3, labels=[1, None, 3]))
    again = put(lake, NAME, digits_table(3, labels=[8, 5, 3]))
    assert (again.added, again.skipped) == (0, 3)
    assert again.relabelled["label"].to_pylist() == [8, 5]
    assert put(lake, NAME, digits_table(3, labels=[None, None, None])).relabelled.num_rows == 0
    shard = read_manifest(lake, NAME).shards[0]
    assert read_shard(lake, NAME, shard)["label"].to_pylist() == [1, None, 3]


def amend(lake, digits, removed=()):
    identifiers = pa.array([each.bytes for each in removed], pa.binary(16))
    before = find_manifest(lake, NAME)
    return amend_digits(lake, NAME, before, digits, identifiers, shard_rows=2, actor="test")


def labels_of(lake, version=None):
    manifest = read_manifest(lake, NAME, version)
    tables = [read_shard(lake, NAME, shard) for shard in manifest.shards]
    return {
        row["position"]: row["label"]
        for table in tables
        for row in table.select(["position", "label"]).to_pylist()
    }


def test_an_amended_label_is_in_the_newest_version_alone_and_other_shards_are_reused(lake):
    first = put(lake, NAME, digits_table(6), shard_rows=2).manifest
    assert amend(lake, digits_table(2, start=2, labels=[2, 9])) == Amendment(0, 1, 0)
    newest = read_manifest(lake, NAME)
    assert (newest.version, newest.rows) == (2, 6)
    assert set(first.shards) & set(newest.shards) == {first.shards[0], first.shards[2]}
    assert labels_of(lake) == {0: 0, 1: 1, 2: 2, 3: 9, 4: 4, 5: 5}
    assert labels_of(lake, 1)[3] == 3


def test_an_amendment_adds_what_is_missing_and_takes_out_what_is_no_digit(lake):
    put(lake, NAME, digits_table(3), shard_rows=2)
    ids = digits_table(3)["digit_id"].to_pylist()
    assert amend(lake, digits_table(3, start=3), removed=ids[1:]) == Amendment(3, 0, 2)
    assert labels_of(lake) == {0: 0, 3: 3, 4: 4, 5: 5}
    assert amend(lake, digits_table(0), removed=digits_table(6)["digit_id"].to_pylist()) == Amendment(0, 0, 4)
    assert read_manifest(lake, NAME).shards == ()


def test_an_amendment_that_changes_nothing_commits_nothing(lake):
    put(lake, NAME, digits_table(3, labels=[0, 1, None]))
    assert amend(lake, digits_table(2)) == Amendment(0, 0, 0)
    assert read_manifest(lake, NAME).version == 1


def test_an_amendment_never_undoes_what_was_committed_meanwhile(lake):
    before = put(lake, NAME, digits_table(1)).manifest
    amend(lake, digits_table(1, labels=[8]))
    none = pa.array([], pa.binary(16))
    with pytest.raises(ManifestConflictError):
        amend_digits(lake, NAME, before, digits_table(1, labels=[7]), none, shard_rows=2, actor="late")
    assert labels_of(lake) == {0: 8}


# Damage


@pytest.fixture
def stored(lake: Path) -> tuple[Path, Shard]:
    """One committed shard of ten digits: its file, and what the manifest says of it."""
    shard = put(lake, NAME, digits_table(10)).manifest.shards[0]
    return Path(shard_path(lake, NAME, shard)), shard


def test_a_missing_shard_is_named_with_a_remedy(lake, stored):
    path, shard = stored
    path.unlink()
    with pytest.raises(ShardError) as caught:
        read_shard(lake, NAME, shard)
    assert is_one_line_with(caught, path, "is missing", "restore")


@pytest.mark.parametrize("keep", [0, 3, 0.5, -1])
def test_a_truncated_shard_is_named_with_a_remedy(lake, stored, keep):
    path, shard = stored
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(ShardError) as caught:
        read_shard(lake, NAME, shard)
    assert is_one_line_with(caught, path, "truncated or not Parquet", "restore")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop_columns(["label"]), "column label is missing"),
        (lambda t: t.append_column("mood", pa.array(["good"] * len(t))), "mood"),
        (
            lambda t: t.set_column(5, "page", t["page"].cast(pa.int64())),
            "column page is int64, expected int32 not null",
        ),
        (lambda t: t.set_column(1, "image", pa.array([b"x"] * len(t))), "column image is binary"),
        (lambda t: t.select(DIGITS.names[::-1]), "order"),
        (lambda t: t.cast(pa.schema([field.with_nullable(True) for field in DIGITS])), "null"),
    ],
    ids=["fewer", "more", "type", "image", "order", "nullable"],
)
def test_a_shard_of_another_schema_names_the_column(lake, stored, change, words):
    path, shard = stored
    pq.write_table(change(pq.read_table(path)), path)
    with pytest.raises(ShardError) as caught:
        read_shard(lake, NAME, shard)
    assert is_one_line_with(caught, path, "schema of digits", words, "restore")


def test_a_shard_from_before_the_column_of_writers_is_read_without_writers(lake, stored):
    path, shard = stored
    digits = pq.read_table(path)
    pq.write_table(without_writers(digits), path)
    found = read_shard(lake, NAME, shard)
    assert found.schema.equals(DIGITS)
    assert found.equals(digits)
    assert found["writer"].null_count == len(found)


def test_one_other_pixel_is_found(lake, stored):
    path, shard = stored
    table = pq.read_table(path)
    images = table["image"].to_pylist()
    images[4] = images[4][:100] + bytes([images[4][100] ^ 1]) + images[4][101:]
    pq.write_table(table.set_column(1, DIGITS.field("image"), pa.array(images, pa.binary(784))), path)
    with pytest.raises(ShardError) as caught:
        read_shard(lake, NAME, shard)
    assert is_one_line_with(
        caught, path, "was changed after it was written", shard.fingerprint[:12], "restore"
    )


def test_one_row_less_is_found(lake, stored):
    path, shard = stored
    pq.write_table(pq.read_table(path).slice(0, 9), path)
    with pytest.raises(ShardError, match="was changed"):
        read_shard(lake, NAME, shard)


@pytest.mark.parametrize("mask", [0x10, 0x80])
def test_a_flipped_bit_anywhere_is_found_or_changes_no_content(lake, stored, mask):
    path, shard = stored
    content = path.read_bytes()
    found = 0
    for place in range(0, len(content), 50):
        path.write_bytes(content[:place] + bytes([content[place] ^ mask]) + content[place + 1 :])
        try:
            table = read_shard(lake, NAME, shard)
        except ShardError as exc:
            assert "\n" not in str(exc)
            found += 1
        else:
            assert fingerprint_digits(table) == shard.fingerprint
    assert found > 100


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"in/scan.png", b"in/sc\xffn.png"),
        (b"bright_on_dark", b"bright\xe1on_dark"),
        (b"polarity", b"p\xeflarity"),
    ],
    ids=["path", "content", "column-name"],
)
def test_text_that_is_not_utf8_is_found(lake, stored, before, after):
    path, shard = stored
    pq.write_table(
        pq.read_table(path), path, compression="none", use_dictionary=False, write_statistics=False
    )
    content = path.read_bytes()
    assert before in content
    path.write_bytes(content.replace(before, after))
    with pytest.raises(ShardError) as caught:
        read_shard(lake, NAME, shard)
    assert is_one_line_with(caught, path, "restore")


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:200]),
        lambda path: pq.write_table(pq.read_table(path).drop_columns(["digit_id"]), path),
        lambda path: pq.write_table(pa.table({"digit_id": ["a", "b"]}), path),
        lambda path: pq.write_table(pa.table({"digit_id": pa.array([b"a"], pa.binary(1))}), path),
    ],
    ids=["missing", "truncated", "no-identifiers", "text-identifiers", "short-identifiers"],
)
def test_a_damaged_shard_stops_an_append_in_one_line(lake, stored, damage):
    path, _ = stored
    damage(path)
    with pytest.raises(ShardError) as caught:
        put(lake, NAME, digits_table(12))
    assert is_one_line_with(caught, path, "restore")
    assert read_manifest(lake, NAME).version == 1


def edit(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """Turn a change of a manifest's record into one of its bytes."""

    def edited(content: bytes) -> bytes:
        record = json.loads(content)
        change(record)
        return json.dumps(record).encode()

    return edited


DAMAGE = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[:-10],
    "not-utf8": lambda content: b"\xff\xfe" + content,
    "list": lambda content: b"[]",
    "null": lambda content: b"null",
    "no-actor": edit(lambda record: record.pop("actor")),
    "no-shards": edit(lambda record: record.pop("shards")),
    "one-more-key": edit(lambda record: record.update(colour="red")),
    "not-a-shard": edit(lambda record: record.update(shards=[{"file": "x"}])),
    "shard-taken-out": edit(lambda record: record["shards"].pop()),
    "shards-reordered": edit(lambda record: record["shards"].reverse()),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_manifest_is_named_with_a_remedy(lake, damage):
    put(lake, NAME, digits_table(6), shard_rows=3)
    path = lake / NAME / "manifest-000001.json"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(LakeError) as caught:
        read_manifest(lake, NAME)
    assert is_one_line_with(caught, path, "restore")


def test_a_shard_cannot_stand_in_for_another(lake):
    first, second = put(lake, NAME, digits_table(6), shard_rows=3).manifest.shards
    with pytest.raises(ShardError, match="was changed"):
        read_shard(lake, NAME, replace(first, file=second.file))


# Disks that refuse


def test_a_full_disk_leaves_no_file_and_no_dataset(mount_disk):
    lake = mount_disk("size=64k") / "lake"
    with pytest.raises(LakeError) as caught:
        put(lake, NAME, digits_table(300))  # 235 kB that nothing can compress
    assert is_one_line_with(caught, "cannot write shard", lake / NAME, "the disk is full")
    assert files(lake) == []
    assert find_manifest(lake, NAME) is None


def test_a_disk_that_fills_up_before_the_manifest_commits_nothing_and_can_go_on(mount_disk, tmp_path):
    table = digits_table(20)
    probe = put(tmp_path / "probe", NAME, table).manifest.shards[0]
    disk = mount_disk(f"size={-(-probe.size_bytes // 4096) * 4}k")
    with pytest.raises(LakeError) as caught:
        put(disk / "lake", NAME, table)
    assert is_one_line_with(caught, "cannot write manifest", "the disk is full")
    assert files(disk) == [probe.file]
    assert find_manifest(disk / "lake", NAME) is None

    subprocess.run(["mount", "-o", "remount,size=1m", str(disk)], check=True)
    assert put(disk / "lake", NAME, table).added == 20
    assert positions(disk / "lake") == list(range(20))


def test_a_disk_that_fills_up_keeps_the_dataset_that_was_there(mount_disk):
    lake = mount_disk("size=128k") / "lake"
    before = put(lake, NAME, digits_table(20)).manifest
    with pytest.raises(LakeError, match="the disk is full"):
        put(lake, NAME, digits_table(300))
    assert read_manifest(lake, NAME) == before
    assert positions(lake) == list(range(20))


def test_a_read_only_disk_says_so(mount_disk):
    lake = mount_disk("ro,size=64k") / "lake"
    with pytest.raises(LakeError) as caught:
        put(lake, NAME, digits_table(2))
    assert is_one_line_with(caught, "cannot write shard", "read-only", "--home")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_one_may_not_write_to_says_so(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(LakeError) as caught:
            put(tmp_path / "lake", NAME, digits_table(2))
    finally:
        tmp_path.chmod(0o700)
    assert is_one_line_with(caught, "cannot write shard", os.strerror(errno.EACCES).lower())


def test_a_home_that_is_a_file_says_so(tmp_path):
    (tmp_path / "home").write_text("not a folder")
    with pytest.raises(LakeError) as caught:
        put(tmp_path / "home" / "lake", NAME, digits_table(2))
    assert is_one_line_with(caught, "cannot write shard", "a part of the path is a file")
