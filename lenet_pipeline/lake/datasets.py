"""Datasets of digits: immutable Parquet shards and the versioned manifests that list them.

``lake/NAME/SPLIT/`` holds ``shard-<fingerprint>.parquet`` files and ``manifest-<version>.json`` files.
A manifest commits its shards: readers ignore a shard that no manifest lists. The manifest is written last,
and only if no other writer has written the same version. A lake is a folder or a place in an object store.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from lenet_pipeline.errors import LakeError, ManifestConflictError, ShardError, UnknownNameError
from lenet_pipeline.lake.fingerprints import fingerprint_digits, fingerprint_parts
from lenet_pipeline.lake.storage import AnyPlace, Place, open_place, open_sink
from lenet_pipeline.schema import DIGITS, ROW_GROUP_ROWS
from lenet_pipeline.system import describe_os_error, first_line

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*/[a-z0-9][a-z0-9_.-]*")
_MANIFEST = re.compile(r"manifest-(\d{6})\.json")
_WITHOUT_WRITERS = DIGITS.remove(DIGITS.get_field_index("writer"))  # the schema of old shards


@dataclass(frozen=True)
class Shard:
    """One immutable Parquet file of digits. ``fingerprint`` covers its content."""

    file: str
    fingerprint: str
    rows: int
    size_bytes: int


@dataclass(frozen=True)
class Manifest:
    """One committed version of a dataset: its shards in order, its actor, and its time in UTC (ISO 8601)."""

    dataset: str
    version: int
    fingerprint: str
    rows: int
    created_at: str
    actor: str
    shards: tuple[Shard, ...]


def validate_dataset(dataset: str) -> str:
    """Return ``dataset`` if it is a ``name/split`` of lower-case letters, digits, '_', '-' and '.'.

    Raises:
        LakeError: the name is malformed. Names become folders, so all other characters are refused.
    """
    if not _NAME.fullmatch(dataset) or ".." in dataset:
        raise LakeError(
            f"{dataset!r} is not a dataset name; write NAME/SPLIT in lower-case letters, digits, "
            "'_', '-' and '.', such as mnist/train"
        )
    return dataset


def list_datasets(lake: AnyPlace) -> list[str]:
    """Return the names of all datasets, sorted. No manifest is read, so a damaged dataset is listed too."""
    place = open_place(lake)
    datasets = [f"{name}/{split}" for name in place.names() for split in (place / name).names()]
    return sorted(dataset for dataset in datasets if _manifest_names(place / dataset))


def find_manifest(lake: AnyPlace, dataset: str) -> Manifest | None:
    """Return the newest manifest of a dataset, or None if the lake does not have the dataset.

    Raises:
        LakeError: the name is malformed, or the manifest cannot be read.
    """
    folder = open_place(lake) / validate_dataset(dataset)
    versions = _manifest_names(folder)
    return _parse_manifest(folder / versions[-1], dataset) if versions else None


def read_manifest(lake: AnyPlace, dataset: str, version: int | None = None) -> Manifest:
    """Return one version of a dataset's manifest, by default the newest.

    Raises:
        UnknownNameError: the lake does not have the dataset.
        LakeError: the manifest cannot be read.
    """
    if version is not None:
        return _parse_manifest(
            open_place(lake) / validate_dataset(dataset) / _manifest_name(version), dataset
        )
    manifest = find_manifest(lake, dataset)
    if manifest is None:
        raise UnknownNameError("dataset", dataset, list_datasets(lake), "Create one with `lenet ingest`")
    return manifest


def read_manifests(lake: AnyPlace, dataset: str) -> list[Manifest]:
    """Return all versions of a dataset's manifest, newest first.

    Raises:
        LakeError: a manifest cannot be read.
    """
    folder = open_place(lake) / validate_dataset(dataset)
    return [_parse_manifest(folder / name, dataset) for name in reversed(_manifest_names(folder))]


def shard_path(lake: AnyPlace, dataset: str, shard: Shard) -> Place:
    """Return the place of a shard."""
    return open_place(lake) / dataset / shard.file


def write_shard(lake: AnyPlace, dataset: str, digits: pa.Table) -> Shard:
    """Write one shard atomically. Readers ignore it until a manifest lists it.

    Raises:
        LakeError: the table does not have the schema ``DIGITS``, or the file cannot be written.
    """
    if not digits.schema.equals(DIGITS):
        raise LakeError(f"cannot write digits into {dataset}: {_difference(digits.schema)}")
    fingerprint = fingerprint_digits(digits)
    path = open_place(lake) / validate_dataset(dataset) / f"shard-{fingerprint[:32]}.parquet"
    try:
        with open_sink(path) as sink:
            # One row group for each shard, so that Arrow reads a column as one array.
            pq.write_table(
                digits, sink, compression="zstd", compression_level=1, row_group_size=ROW_GROUP_ROWS
            )
        return Shard(path.name, fingerprint, len(digits), path.size())
    except OSError as exc:
        raise LakeError(f"cannot write shard {path}: {describe_os_error(exc)}") from exc


def commit_shards(
    lake: AnyPlace,
    dataset: str,
    before: Manifest | None,
    new: list[Shard],
    *,
    actor: str,
    kept: Sequence[Shard] | None = None,
    may_be_empty: bool = False,
) -> Manifest:
    """Commit the manifest version after ``before``; return ``before`` if nothing changes.

    Args:
        lake: the lake's folder, or its place in an object store.
        dataset: ``name/split``.
        before: the newest manifest, or None if there is none.
        new: shards to add.
        actor: the user who commits.
        kept: the shards of ``before`` to keep; None keeps all.
        may_be_empty: allow a first manifest without shards, for forms that are all blank.

    Raises:
        ManifestConflictError: another writer committed this version first.
        LakeError: there are no shards to commit, or the manifest cannot be written.
    """
    former = before.shards if before else ()
    shards = (*(former if kept is None else kept), *new)
    if before is not None and shards == former:
        return before
    if before is None and not new and not may_be_empty:
        raise LakeError(f"cannot create dataset {dataset}: no digit could be read")
    manifest = Manifest(
        dataset=dataset,
        version=before.version + 1 if before else 1,
        fingerprint=fingerprint_parts(shard.fingerprint for shard in shards),
        rows=sum(shard.rows for shard in shards),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        actor=actor,
        shards=shards,
    )
    path = open_place(lake) / dataset / _manifest_name(manifest.version)
    try:
        written = path.write_new(json.dumps(asdict(manifest), indent=1).encode())
    except OSError as exc:
        raise LakeError(f"cannot write manifest {path}: {describe_os_error(exc)}") from exc
    if not written:
        raise ManifestConflictError(
            f"another writer committed version {manifest.version} of {dataset} first; "
            "run the same command again to add the missing digits"
        )
    return manifest


def read_shard(lake: AnyPlace, dataset: str, shard: Shard) -> pa.Table:
    """Read one shard and check it against its manifest.

    Returns:
        A table of schema ``DIGITS`` with ``shard.rows`` rows. Digits of old shards have no writer.

    Raises:
        ShardError: the file is missing or truncated, or its schema or fingerprint is wrong.
        StorageError: the store cannot be reached; the shard itself may be intact.
    """
    path = shard_path(lake, dataset, shard)
    remedy = "restore the file from a backup, or delete the dataset's folder and ingest it again"
    try:
        table = pq.read_table(path.readable(), partitioning=None, use_threads=False)
        table.validate(full=True)  # reading alone does not detect text that is not UTF-8
    except FileNotFoundError as exc:
        raise ShardError(f"shard {path} is missing; {remedy}") from exc
    except (pa.ArrowException, OSError, UnicodeDecodeError) as exc:
        raise ShardError(f"shard {path} is truncated or not Parquet ({first_line(exc)}); {remedy}") from exc
    if table.schema.equals(_WITHOUT_WRITERS):
        table = table.append_column(DIGITS.field("writer"), pa.nulls(len(table), pa.string()))
    if not table.schema.equals(DIGITS):
        raise ShardError(
            f"shard {path} does not have the schema of digits: {_difference(table.schema)}; {remedy}"
        )
    found = fingerprint_digits(table)
    if found != shard.fingerprint:
        raise ShardError(
            f"shard {path} was changed after it was written: its fingerprint is {found[:12]}, but the "
            f"manifest says {shard.fingerprint[:12]}; {remedy}"
        )
    return table


def _manifest_name(version: int) -> str:
    return f"manifest-{version:06}.json"


def _manifest_names(folder: Place) -> list[str]:
    return [name for name in folder.names() if _MANIFEST.fullmatch(name)]


def _parse_manifest(path: Place, dataset: str) -> Manifest:
    try:
        record = json.loads(path.read_bytes())
        shards = tuple(Shard(**shard) for shard in record.pop("shards"))
        if record["fingerprint"] != fingerprint_parts(shard.fingerprint for shard in shards):
            raise ValueError("its fingerprint does not match its shards")
        if record["dataset"] != dataset:
            raise ValueError(f"it is the manifest of {record['dataset']}")
        return Manifest(**record, shards=shards)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as exc:
        raise LakeError(f"cannot read manifest {path} ({exc}); restore it from a backup") from exc


def _difference(schema: pa.Schema) -> str:
    """Describe the first column in which a schema differs from ``DIGITS``."""
    for field in DIGITS:
        index = schema.get_field_index(field.name)
        if index < 0:
            return f"column {field.name} is missing"
        if schema.field(index) != field:
            found, expected = (
                f"{each.type}{'' if each.nullable else ' not null'}" for each in (schema.field(index), field)
            )
            return f"column {field.name} is {found}, expected {expected}"
    others = sorted(set(schema.names) - set(DIGITS.names))
    return f"unexpected columns {', '.join(others)}" if others else "its columns are in the wrong order"
