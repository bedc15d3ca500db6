"""Append digits to a dataset or amend their labels; each change commits one new version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lenet_pipeline.errors import ShardError
from lenet_pipeline.lake.datasets import (
    Manifest,
    Shard,
    commit_shards,
    find_manifest,
    read_shard,
    shard_path,
    write_shard,
)
from lenet_pipeline.lake.fingerprints import one_array
from lenet_pipeline.lake.storage import AnyPlace
from lenet_pipeline.schema import DIGITS, LABEL_CHANGES
from lenet_pipeline.system import first_line

_KNOWN = pa.schema([("digit_id", pa.binary(16)), ("label", pa.uint8())])
_RELABELLED = DIGITS.append(pa.field("former_label", pa.uint8()))


@dataclass(frozen=True)
class Append:
    """The result of an append.

    Attributes:
        manifest: the newest version of the dataset.
        added: the number of new digits.
        labelled: the number of new digits that came with a label.
        skipped: the number of digits that the dataset already had.
        relabelled: the skipped digits that came with a different label, of schema ``DIGITS`` plus
            ``former_label``, the label in the dataset (null if it had none).
    """

    manifest: Manifest
    added: int
    labelled: int
    skipped: int
    relabelled: pa.Table


@dataclass(frozen=True)
class Amendment:
    """The result of an amendment: the numbers of digits added, relabelled and removed."""

    added: int
    relabelled: int
    removed: int


def append_digits(
    lake: AnyPlace,
    dataset: str,
    batches: Iterable[pa.Table],
    *,
    shard_rows: int,
    actor: str,
    may_be_empty: bool = False,
    corrects_labels: bool = False,
) -> Append:
    """Write the digits that the dataset lacks as new shards, and commit them as one version.

    The former version and its shards stay, so the lake keeps every label that a digit ever had.

    Args:
        lake: the lake's folder, or its place in an object store.
        dataset: ``name/split``.
        batches: tables of schema ``DIGITS``, of any size. About one shard of them is held in memory.
        shard_rows: maximum rows in one shard.
        actor: the user who appends, recorded in the manifest.
        may_be_empty: create the dataset even if there are no digits.
        corrects_labels: give known digits the label that they come with, in the same version. Shards with
            such digits are written again. Otherwise the dataset keeps its labels.

    Raises:
        LakeError: the dataset name is malformed, there are no digits, or a file cannot be written.
        ManifestConflictError: another writer committed first. Its digits are kept; running the same command
            again adds the missing ones.
    """
    before = find_manifest(lake, dataset)
    known = read_labels(lake, before)
    relabelled = [_RELABELLED.empty_table()]
    labelled = skipped = 0

    def new_digits() -> Iterator[pa.Table]:
        nonlocal known, labelled, skipped
        for batch in batches:
            is_new = _is_new(batch, known)
            unknown = batch.filter(is_new)
            known = pa.concat_tables([known, _identities(unknown)]).combine_chunks()
            repeated = batch.filter(pc.invert(is_new))
            labelled += len(unknown) - unknown["label"].null_count
            skipped += len(repeated)
            relabelled.append(_relabelled(repeated, known))
            yield unknown

    new = [write_shard(lake, dataset, rows) for rows in _regroup(new_digits(), shard_rows)]
    shards = [*(before.shards if before else ()), *new]
    changed = pa.concat_tables(relabelled)
    if corrects_labels and len(changed):
        shards = [_relabel_shard(lake, dataset, shard, _identities(changed)) for shard in shards]
    return Append(
        manifest=commit_shards(
            lake, dataset, before, shards, kept=(), actor=actor, may_be_empty=may_be_empty
        ),
        added=sum(shard.rows for shard in new),
        labelled=labelled,
        skipped=skipped,
        relabelled=changed,
    )


def _relabel_shard(lake: AnyPlace, dataset: str, shard: Shard, given: pa.Table) -> Shard:
    """Return a shard with the given labels: the shard itself if no label changes, else a new one."""
    labels, is_relabelled = _amend_labels(_read_identities(lake, dataset, shard), given)
    if not pc.any(is_relabelled).as_py():
        return shard
    return write_shard(lake, dataset, _with_labels(read_shard(lake, dataset, shard), labels))


def amend_digits(
    lake: AnyPlace,
    dataset: str,
    before: Manifest | None,
    digits: pa.Table,
    removed: pa.Array,
    *,
    shard_rows: int,
    actor: str,
) -> Amendment:
    """Commit a version with changed labels, added digits and removed digits.

    Digits that the dataset lacks are added. Only shards that change are rewritten.

    Args:
        lake: the lake's folder, or its place in an object store.
        dataset: ``name/split``.
        before: the newest manifest at the time the labels were read, None if there was no dataset. A later
            commit by another writer therefore raises a conflict instead of being undone.
        digits: of schema ``DIGITS``, each digit once, with a label.
        removed: identifiers, binary(16), of the digits to remove.
        shard_rows: maximum rows in a shard of added digits.
        actor: the user who amends, recorded in the manifest.

    Raises:
        LakeError: a file cannot be written, or the dataset does not exist and there are no digits.
        ManifestConflictError: another writer committed first.
    """
    given = _identities(digits)
    kept: list[Shard] = []
    new: list[Shard] = []
    known = [_KNOWN.empty_table()]
    relabelled = taken_out = 0
    for shard in before.shards if before else ():
        there = _read_identities(lake, dataset, shard)
        known.append(there)
        labels, is_relabelled = _amend_labels(there, given)
        is_removed = pc.is_in(one_array(there["digit_id"]), value_set=removed)
        changes = pc.sum(is_relabelled).as_py(), pc.sum(is_removed).as_py()
        if not any(changes):
            kept.append(shard)
            continue
        relabelled, taken_out = relabelled + changes[0], taken_out + changes[1]
        rows = _with_labels(read_shard(lake, dataset, shard), labels).filter(pc.invert(is_removed))
        new += [write_shard(lake, dataset, rows)] if len(rows) else []
    is_new = _is_new(digits, pa.concat_tables(known))
    new += [write_shard(lake, dataset, rows) for rows in _regroup([digits.filter(is_new)], shard_rows)]
    commit_shards(lake, dataset, before, new, kept=kept, actor=actor)
    return Amendment(pc.sum(is_new).as_py() or 0, relabelled, taken_out)


def compare_labels(lake: AnyPlace, before: Manifest, after: Manifest) -> pa.Table:
    """Return the digits whose label differs between two versions of a dataset, of schema ``LABEL_CHANGES``.

    Shards that both versions have are not read. A label that was removed does not count.

    Raises:
        ShardError: a shard cannot be read.
    """
    former, new = (
        pa.concat_tables(
            [_KNOWN.empty_table()]
            + [
                _read_identities(lake, one.dataset, shard)
                for shard in one.shards
                if shard not in other.shards
            ]
        )
        for one, other in ((before, after), (after, before))
    )
    places = pc.index_in(one_array(new["digit_id"]), value_set=one_array(former["digit_id"]))
    labels, former_labels = one_array(new["label"]), one_array(former["label"]).take(places)
    is_other = pc.fill_null(pc.not_equal(labels, former_labels), fill_value=True)
    changed = pc.and_(pc.and_(places.is_valid(), labels.is_valid()), is_other)
    ids = pa.ExtensionArray.from_storage(pa.uuid(), one_array(new["digit_id"]))
    return pa.table([ids, former_labels, labels], schema=LABEL_CHANGES).filter(changed)


def read_labels(lake: AnyPlace, manifest: Manifest | None) -> pa.Table:
    """Return the identifiers, binary(16), and the labels of a dataset's digits. No image is read.

    Raises:
        ShardError: a shard is missing or damaged.
    """
    shards = manifest.shards if manifest else ()
    known = [_read_identities(lake, manifest.dataset, shard) for shard in shards] if manifest else []
    return pa.concat_tables([_KNOWN.empty_table(), *known]).combine_chunks()


def _amend_labels(there: pa.Table, given: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Return the new label of each digit, and whether it differs from the stored one."""
    places = pc.index_in(one_array(there["digit_id"]), value_set=one_array(given["digit_id"]))
    former = one_array(there["label"])
    labels = pc.coalesce(one_array(given["label"]).take(places), former)
    is_other = pc.fill_null(pc.not_equal(labels, former), fill_value=True)
    return labels, pc.and_(is_other, places.is_valid())


def _with_labels(digits: pa.Table, labels: pa.Array) -> pa.Table:
    return digits.set_column(DIGITS.get_field_index("label"), DIGITS.field("label"), labels)


def _read_identities(lake: AnyPlace, dataset: str, shard: Shard) -> pa.Table:
    path = shard_path(lake, dataset, shard)
    try:
        with path.open() as file:  # an object store sends only these two columns
            return _identities(pq.read_table(file, columns=_KNOWN.names, partitioning=None))
    except (pa.ArrowException, OSError, UnicodeDecodeError, KeyError, AttributeError) as exc:
        raise ShardError(
            f"shard {path} cannot be read ({first_line(exc)}); restore it from a backup"
        ) from exc


def _identities(digits: pa.Table) -> pa.Table:
    return pa.table([one_array(digits["digit_id"]).storage, one_array(digits["label"])], schema=_KNOWN)


def _is_new(batch: pa.Table, known: pa.Table) -> pa.Array:
    """Return a mask of the rows whose digit is neither known nor earlier in the batch."""
    ids = one_array(batch["digit_id"]).storage
    rows = pa.array(np.arange(len(ids)))
    first = pa.table({"id": ids, "row": rows}).group_by("id").aggregate([("row", "min")])["row_min"]
    is_known = pc.is_in(ids, value_set=one_array(known["digit_id"]))
    return pc.and_(pc.is_in(rows, value_set=one_array(first)), pc.invert(is_known))


def _relabelled(repeated: pa.Table, known: pa.Table) -> pa.Table:
    """Return the rows with a label that differs from the digit's known label, and that label."""
    ids, labels = one_array(repeated["digit_id"]).storage, one_array(repeated["label"])
    places = pc.index_in(ids, value_set=one_array(known["digit_id"]))
    known_labels = one_array(known["label"]).take(places)
    differs = pc.fill_null(pc.not_equal(labels, known_labels), fill_value=True)
    return repeated.append_column(_RELABELLED.field("former_label"), known_labels).filter(
        pc.and_(pc.is_valid(labels), differs)
    )


def _regroup(batches: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Regroup tables of any size into tables of exactly ``rows`` rows; the last one may be shorter."""
    held: list[pa.Table] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += len(batch)
        while count >= rows:
            table = pa.concat_tables(held)
            yield table.slice(0, rows).combine_chunks()
            held, count = [table.slice(rows)], count - rows
    if count:
        yield pa.concat_tables(held).combine_chunks()
