"""Evaluate forms: compare readings with known values, by field and choice, and draw the mistakes."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

import pyarrow as pa

from lenet_pipeline.errors import IngestError, WarehouseError
from lenet_pipeline.forms import DrawnMistake, draw_mistakes, normalise_numeral
from lenet_pipeline.jobs.form_drawing import save_picture
from lenet_pipeline.jobs.form_filling import TRUTH_COLUMNS
from lenet_pipeline.schema import CHOICE_TRUTHS, FIELD_TRUTHS, identifier_bytes
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import describe_os_error
from lenet_pipeline.warehouse import (
    find_finished_run,
    list_choices,
    list_fields,
    list_misread_fields,
    record_choice_truths,
    record_field_truths,
    run_audit,
)


@dataclass(frozen=True)
class Truth:
    """The known value of a field or choice.

    Attributes:
        source: the end of the document's path, such as its file name.
        page: number of the page, from 1.
        field: name of the field or choice.
        value: its value in normal form, or the marked options; empty if it is blank.
    """

    source: str
    page: int
    field: str
    value: str


@dataclass(frozen=True)
class FormEvaluation:
    """How well a run read the fields with known values.

    Attributes:
        accuracy: rows of the audit ``form_accuracy``.
        choices: rows of the audit ``choice_accuracy``.
        truths: number of known values.
        unknown: known values of fields and choices that the dataset does not have.
        mistakes: number of misread fields.
        picture: a drawing of the mistakes; None if there are none.
    """

    accuracy: pa.Table
    choices: pa.Table
    truths: int
    unknown: tuple[Truth, ...]
    mistakes: int
    picture: Path | None


def evaluate_forms(settings: Settings, dataset: str, truth: Path, at_least: float) -> FormEvaluation:
    """Record the true values of fields and choices, and compare them with the latest run over the dataset.

    Args:
        settings: of the home.
        dataset: the dataset of forms.
        truth: a CSV file, as `read_truths` reads it.
        at_least: confidence from which a field goes straight through, 0 to 1.

    Raises:
        IngestError: the file of true values cannot be read, or has no field of the dataset.
        WarehouseError: the dataset was not scored.
    """
    run = _latest_run(dataset, settings)
    choices = [
        row | {"field": row["choice"]} for row in list_choices(settings.warehouse, dataset).to_pylist()
    ]
    truths = read_truths(truth, frozenset(row["choice"] for row in choices))
    fields = list_fields(settings.warehouse, dataset).to_pylist()
    matched, unknown = _match(truths, [*fields, *(row | {"field": row["choice"]} for row in choices)])
    if not matched:
        raise IngestError(
            f"no row of {truth} matches a field of {dataset}; expected the name "
            "of a document or the end of its path as source, its page from 1, and a field of its template"
        )
    record_field_truths(settings.warehouse, _truth_table(matched, "field_id", FIELD_TRUTHS, settings))
    record_choice_truths(settings.warehouse, _truth_table(matched, "choice_id", CHOICE_TRUTHS, settings))
    accuracy = run_audit(settings.warehouse, "form_accuracy", {"run": str(run), "at_least": str(at_least)})
    by_choice = run_audit(settings.warehouse, "choice_accuracy", {"run": str(run)})
    misread = list_misread_fields(settings.warehouse, run).to_pylist()
    picture = None
    if misread:
        picture = settings.plots / f"mistakes-{run}.png"
        sheet = draw_mistakes([_drawn(row) for row in misread], f"{dataset}: fields misread")
        save_picture(sheet, picture)
    return FormEvaluation(accuracy, by_choice, len(truths), tuple(unknown), len(misread), picture)


def read_truths(path: Path, choices: frozenset[str] = frozenset()) -> list[Truth]:
    """Read a CSV file with the columns source, page, field and value. Page is optional and defaults to 1.

    A decimal comma becomes a point. The values of ``choices`` are names of options or digits.

    Raises:
        IngestError: the file cannot be read or lacks a column, or a row is malformed; the message names the
            line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(_parse_truths(path, csv.DictReader(file), choices))
    except OSError as exc:
        raise IngestError(f"cannot read the true values in {path}: {describe_os_error(exc)}") from exc
    except (UnicodeDecodeError, csv.Error) as exc:
        raise IngestError(f"{path} is not a CSV file in UTF-8 ({exc})") from exc


def _parse_truths(path: Path, rows: csv.DictReader[str], choices: frozenset[str]) -> Iterator[Truth]:
    missing = {"source", "field", "value"} - set(rows.fieldnames or ())
    if missing:
        raise IngestError(
            f"{path} has no column {', '.join(sorted(missing))}; expected {', '.join(TRUTH_COLUMNS)}"
        )
    for row in rows:
        if None in row or None in row.values():  # more cells than the header, or fewer
            raise IngestError(
                f"{path}, line {rows.line_num}: expected {len(rows.fieldnames or ())} cells, like the "
                "header; leave the value of a blank field empty"
            )
        page = (row.get("page") or "1").strip()
        written = (row["value"] or "").strip()
        name = (row["field"] or "").strip()
        value = normalise_numeral(written) if written and name not in choices else written
        if not page.isdecimal() or value is None or not row["source"]:
            raise IngestError(
                f"{path}, line {rows.line_num}: expected a source, a page from 1, and digits or nothing as "
                "value, or a number such as -300.00 for a field with decimals or a sign; found source "
                f"{row['source']!r}, page {page!r}, value {written!r}"
            )
        yield Truth(row["source"].strip(), int(page), name, value)


def _latest_run(dataset: str, settings: Settings) -> UUID:
    run = find_finished_run(settings.warehouse, dataset)
    if run is None:
        raise WarehouseError(f"{dataset} has no finished scoring run; run `lenet score {dataset}` first")
    return run


def _match(
    truths: list[Truth], fields: list[dict[str, Any]]
) -> tuple[list[tuple[dict[str, Any], Truth]], list[Truth]]:
    """Match true values with fields. A source matches the last parts of a document's path."""
    by_name: Mapping[str, list[str]] = _by_name({row["source"] for row in fields})
    places = defaultdict(list)
    for row in fields:
        places[row["source"], row["page"], row["field"]].append(row)
    matched, unknown = [], []
    for truth in truths:
        parts = PurePath(truth.source).parts
        sources = [
            source
            for source in by_name.get(PurePath(truth.source).name, ())
            if PurePath(source).parts[-len(parts) :] == parts
        ]
        found = [row for source in sources for row in places.get((source, truth.page, truth.field), ())]
        matched += [(row, truth) for row in found]
        if not found:
            unknown.append(truth)
    return matched, unknown


def _by_name(sources: set[str]) -> dict[str, list[str]]:
    by_name = defaultdict(list)
    for source in sorted(sources):
        by_name[PurePath(source).name].append(source)
    return by_name


def _truth_table(
    matched: list[tuple[dict[str, Any], Truth]], key: str, schema: pa.Schema, settings: Settings
) -> pa.Table:
    """Return the true values of the rows that have a key, ``field_id`` or ``choice_id``."""
    common = {"recorded_at": datetime.now(UTC), "actor": settings.actor}
    rows = {
        row[key]: {
            key: identifier_bytes(row[key]),
            "page_id": identifier_bytes(row["page_id"]),
            "truth": truth.value,
            **common,
        }
        for row, truth in matched
        if key in row
    }
    return pa.Table.from_pylist(list(rows.values()), schema=schema)


def _drawn(row: Mapping[str, Any]) -> DrawnMistake:
    return DrawnMistake(
        picture=row["picture"],
        field=row["field"],
        truth=row["truth"],
        reading=row["value"] if row["value"] is not None else row["raw_value"],
        where=f"{PurePath(row['source']).name}, page {row['page']}",
        confidence=row["confidence"],
    )
