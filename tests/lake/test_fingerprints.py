"""A fingerprint covers the content of digits, not their storage."""

from __future__ import annotations

import hashlib
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lenet_pipeline.lake.digits import digit_ids_array, images_array
from lenet_pipeline.lake.fingerprints import fingerprint_digits, fingerprint_parts, fingerprint_record
from lenet_pipeline.schema import DIGITS, derive_digit_id, derive_uuid
from tests.digit_builders import digits_table, without_writers

BOX = {"x": 1, "y": 2, "width": 20, "height": 24}

# For each content column another value for the second of the table's digits.
CHANGES = {
    "digit_id": derive_digit_id("another", 1, None, 0).bytes,
    "image": bytes(783) + b"\x01",
    "label": 9,
    "source_sha256": "another",
    "page": 2,
    "field": "amount",
    "position": 7,
    "box": {**BOX, "height": 25},
    "source_box": BOX,
    "polarity": "dark_on_bright",
    "template": "form-a",
    "writer": "aga/aga-004",
}


def with_value(table: pa.Table, name: str, row: int, value: object) -> pa.Table:
    """Return the table with one cell replaced."""
    index, field = DIGITS.get_field_index(name), DIGITS.field(name)
    values = table[name].to_pylist()
    if name == "digit_id":
        values = [each.bytes for each in values]
    values[row] = value
    return table.set_column(index, field, pa.array(values, field.type))


def test_the_fingerprint_of_a_digit_does_not_change_from_version_to_version():
    table = digits_table(3, labels=[7, None, 0])
    table = table.set_column(1, DIGITS.field("image"), pa.array([bytes(784)] * 3, pa.binary(784)))
    assert fingerprint_digits(table) == "5f1d6602e2a5b2689b3e4b08b20634c603f69a28112d5b0adec039ae86fba864"


def test_digits_without_writers_keep_the_fingerprint_from_before_that_column():
    table = digits_table(3, labels=[7, None, 0])
    assert fingerprint_digits(table) == fingerprint_digits(without_writers(table))
    with_writer = with_value(table, "writer", 2, "ada")
    assert fingerprint_digits(with_writer) != fingerprint_digits(table)


def test_a_file_that_was_moved_is_the_same_digits():
    table = digits_table(4)
    moved = with_value(table, "source", 1, "elsewhere/scan.png")
    assert moved["source"] != table["source"]
    assert fingerprint_digits(moved) == fingerprint_digits(table)


def test_chunks_slices_and_offsets_change_nothing():
    whole = digits_table(12, labels=[3, None] * 6)
    expected = fingerprint_digits(whole)
    pieces = [digits_table(n, start=s, labels=[3, None] * (n // 2)) for s, n in ((0, 2), (2, 6), (8, 4))]
    assert fingerprint_digits(pa.concat_tables(pieces)) == expected
    longer = digits_table(20, labels=[3, None] * 10)
    assert fingerprint_digits(longer.slice(0, 12)) == expected
    assert fingerprint_digits(longer.slice(4, 8)) == fingerprint_digits(whole.slice(4, 8))


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "none"},
        {"compression": "gzip", "row_group_size": 5},
        {"compression": "zstd", "row_group_size": 1, "use_dictionary": False},
        {"data_page_size": 100, "data_page_version": "2.0"},
    ],
)
def test_compression_pages_and_row_groups_change_nothing(tmp_path, options):
    table = digits_table(12, labels=[3, None] * 6)
    pq.write_table(table, tmp_path / "a.parquet", **options)
    assert fingerprint_digits(pq.read_table(tmp_path / "a.parquet")) == fingerprint_digits(table)


def test_every_column_but_the_path_is_content():
    assert set(CHANGES) == set(DIGITS.names) - {"source"}


@pytest.mark.parametrize("column", CHANGES)
def test_another_value_is_another_fingerprint(column):
    table = digits_table(3)
    changed = with_value(table, column, 1, CHANGES[column])
    assert fingerprint_digits(changed) != fingerprint_digits(table)


@pytest.mark.parametrize(
    ("column", "value"),
    [("label", 0), ("field", ""), ("template", ""), ("source_box", dict.fromkeys(BOX, 0)), ("writer", "")],
)
def test_unknown_is_not_the_same_as_nothing(column, value):
    table = digits_table(3)
    unknown, nothing = with_value(table, column, 1, None), with_value(table, column, 1, value)
    assert fingerprint_digits(unknown) != fingerprint_digits(nothing)


def test_text_that_moves_from_one_row_to_the_next_is_another_fingerprint():
    table = digits_table(2)
    first = with_value(with_value(table, "field", 0, "ab"), "field", 1, "c")
    second = with_value(with_value(table, "field", 0, "a"), "field", 1, "bc")
    assert fingerprint_digits(first) != fingerprint_digits(second)


def test_another_order_of_the_same_digits_is_another_fingerprint():
    table = digits_table(3)
    assert fingerprint_digits(table.take([2, 1, 0])) != fingerprint_digits(table)


def test_parts_are_fingerprinted_in_their_order():
    assert fingerprint_parts(["a", "b"]) == hashlib.sha256(b"a\nb").hexdigest()
    assert fingerprint_parts(["a", "b"]) != fingerprint_parts(["b", "a"])
    assert fingerprint_parts(["a", "b"]) != fingerprint_parts(["ab"])


def test_a_record_is_fingerprinted_whatever_the_order_of_its_keys():
    assert fingerprint_record({"a": 1, "b": 2.5}) == hashlib.sha256(b'{"a":1,"b":2.5}').hexdigest()
    assert fingerprint_record({"b": 2.5, "a": 1}) == fingerprint_record({"a": 1, "b": 2.5})


def test_a_digit_is_named_by_where_it_is_on_paper():
    place = ("sha", 1, "amount", 3)
    assert derive_digit_id(*place) == derive_digit_id(*place)
    others = [("ahs", 1, "amount", 3), ("sha", 2, "amount", 3), ("sha", 1, None, 3), ("sha", 1, "amount", 4)]
    assert len({derive_digit_id(*place), *(derive_digit_id(*other) for other in others)}) == 5


def test_derived_identifiers_are_version_8_uuids_and_do_not_change():
    found = derive_uuid("a", 1, None)
    assert (found.version, found.variant) == (8, uuid.RFC_4122)
    digest = hashlib.sha256(b"a\x1f1\x1f").hexdigest()
    assert found.hex[:12] == digest[:12]
    assert found.hex[-14:] == digest[18:32]


def test_columns_become_arrays_of_the_same_values_without_a_copy():
    table = digits_table(6).slice(2, 3)
    images, ids = images_array(table), digit_ids_array(table)
    assert images.shape == (3, 28, 28)
    assert [image.tobytes() for image in images] == table["image"].to_pylist()
    assert [row.tobytes() for row in ids] == [each.bytes for each in table["digit_id"].to_pylist()]
    column = table["image"].chunk(0)
    assert images.ctypes.data == column.buffers()[1].address + column.offset * 784  # Arrow's own memory
