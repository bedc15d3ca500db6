"""Reviews: export digits to review as a folder, and import the verdicts as records and labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lenet_pipeline.audit.chain import publish_chain_head
from lenet_pipeline.audit.final_values import revise
from lenet_pipeline.audit.pages import enlarge
from lenet_pipeline.audit.review_csv import Verdict, read_review_table, write_review_table
from lenet_pipeline.audit.shard_lookup import find_run_shards, read_shard_by_fingerprint, select_digits
from lenet_pipeline.errors import ReviewError
from lenet_pipeline.lake import (
    Amendment,
    Shard,
    amend_digits,
    find_manifest,
    images_array,
    read_manifest,
    read_shard,
)
from lenet_pipeline.schema import DIGITS, NEW_REVIEWS
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import describe_os_error
from lenet_pipeline.warehouse import (
    FOLDER,
    VerdictBatch,
    find_reviewed,
    read_run,
    record_dataset,
    record_verdicts,
    refresh_snapshot,
    run_audit,
)

REVIEWED = "reviewed/all"
_TABLE, _PICTURES = "reviews.csv", "pictures"
_SCALE = 8  # pixels in the picture per pixel of the digit


@dataclass(frozen=True)
class Exported:
    """The table of an exported folder, and its number of digits."""

    table: Path
    digits: int


@dataclass(frozen=True)
class Imported:
    """The result of an import.

    Attributes:
        recorded: number of new reviews.
        known: number of reviews that were recorded before.
        open: number of lines without a verdict.
        refused: number of lines that are invalid or match no prediction.
        problems: one message per inconsistency.
        amendment: how the dataset ``reviewed/all`` changed.
    """

    recorded: int
    known: int
    open: int
    refused: int
    problems: tuple[str, ...]
    amendment: Amendment


def export_reviews(settings: Settings, folder: Path, run: str, limit: int) -> Exported:
    """Export the digits of a run that need review: a picture of each, and a CSV file for the verdicts.

    Args:
        settings: of the home.
        folder: created if needed. An existing table is never overwritten.
        run: ``latest``, a scoring run's id, or its beginning.
        limit: largest number of digits, those with the lowest confidence first.

    Raises:
        ReviewError: the folder already has a table, or cannot be written.
        LakeError: the lake no longer has the images.
    """
    table = folder / _TABLE
    if table.exists():
        raise ReviewError(f"{table} already exists and may contain verdicts; name another folder")
    stored = read_run(settings.warehouse, run)
    asked = {"run": stored.scoring_run_id, "limit": str(limit)}
    digits = run_audit(settings.warehouse, "digits_to_review", asked)
    rows = digits.to_pylist()
    shards = {kept.shard_fingerprint: shard for kept, shard in find_run_shards(settings, stored)}
    try:
        (folder / _PICTURES).mkdir(parents=True, exist_ok=True)
        images = _read_images(settings, stored.dataset, shards, rows)
        for number, row in enumerate(rows, start=1):
            row["picture"] = f"{_PICTURES}/{number:05}.png"
            (folder / row["picture"]).write_bytes(enlarge(255 - images[row["digit_id"]], _SCALE))
        write_review_table(table, rows)
    except OSError as exc:
        raise ReviewError(f"cannot write reviews to {folder}: {describe_os_error(exc)}") from exc
    return Exported(table, len(rows))


def import_reviews(settings: Settings, folder: Path) -> Imported:
    """Record the verdicts of a folder, and update the labels of the dataset ``reviewed/all``.

    Empty lines stay open; invalid lines are reported; all other lines are recorded.

    Raises:
        ReviewError: the table cannot be read, or lacks a column.
        LakeError: the lake no longer has the images.
    """
    if folder.is_file():
        raise ReviewError(f"{folder} is a file; give the folder that `lenet review export` wrote")
    verdicts, problems, open_lines = read_review_table(folder / _TABLE)
    invalid = len(problems)
    batch = _review_table(verdicts)
    known = find_reviewed(settings.warehouse, batch, settings.actor).to_pylist()
    facts = {(UUID(row["digit_id"]), UUID(row["shard_score_id"])): row for row in known}
    problems += [text for each in verdicts for text in _find_conflicts(each, facts)]
    refused = invalid + sum(not facts[each.digit_id, each.shard_score_id]["is_known"] for each in verdicts)
    kept = [each for each in verdicts if facts[each.digit_id, each.shard_score_id]["is_known"]]
    # People may import the same folder every day: verdicts that are already recorded are skipped.
    reviews = _review_table(kept)
    batch = VerdictBatch(uuid4(), settings.actor, FOLDER, digits=reviews, skips_repeats=True)
    recorded = record_verdicts(settings.warehouse, batch, revise)
    publish_chain_head(settings)
    amendment = _amend_reviewed(settings, reviews)
    refresh_snapshot(settings.warehouse)
    return Imported(recorded, len(kept) - recorded, open_lines, refused, tuple(problems), amendment)


def _read_images(
    settings: Settings, dataset: str, shards: Mapping[str, Shard], rows: Sequence[Mapping[str, Any]]
) -> dict[str, NDArray[np.uint8]]:
    """Return the image, uint8 (28, 28), of each row's digit by ``digit_id``. Read each shard once."""
    images: dict[str, NDArray[np.uint8]] = {}
    for (fingerprint,), ids in _group_ids(rows, "shard_fingerprint").items():
        found = select_digits(read_shard(settings.lake, dataset, shards[fingerprint]), ids)
        texts = [str(each) for each in found["digit_id"].to_pylist()]
        images.update(zip(texts, images_array(found), strict=True))
    return images


def _group_ids(rows: Sequence[Mapping[str, Any]], *columns: str) -> dict[tuple[str, ...], set[str]]:
    """Group the ``digit_id`` of rows by the values of some columns."""
    groups: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in rows:
        groups[tuple(row[column] for column in columns)].add(row["digit_id"])
    return groups


def _review_table(verdicts: Sequence[Verdict]) -> pa.Table:
    return pa.Table.from_arrays(
        [
            pa.array([each.digit_id.bytes for each in verdicts], pa.uuid()),
            pa.array([each.shard_score_id.bytes for each in verdicts], pa.uuid()),
            pa.array([each.verdict for each in verdicts], pa.string()),
            pa.array([each.note for each in verdicts], pa.string()),
        ],
        schema=NEW_REVIEWS,
    )


def _find_conflicts(each: Verdict, facts: Mapping[tuple[UUID, UUID], Mapping[str, Any]]) -> Iterator[str]:
    """Report how a verdict conflicts with the warehouse, unless it was imported and reported before."""
    prefix = f"line {each.line}: the verdict is {each.verdict}, but"
    fact = facts[each.digit_id, each.shard_score_id]
    if fact["own_verdict"] == each.verdict:
        return
    if not fact["is_known"]:
        yield f"line {each.line}: no such prediction in this home; the verdict is ignored"
    if fact["truth"] is not None and str(fact["truth"]) != each.verdict:
        yield f"{prefix} the digit was ingested as {fact['truth']}"
    if fact["former_verdict"] not in (None, each.verdict):
        yield f"{prefix} an earlier review says {fact['former_verdict']}"


def _amend_reviewed(settings: Settings, reviews: pa.Table) -> Amendment:
    """Label digits in ``reviewed/all`` with the latest verdict of any actor.

    Digits whose latest verdict is ``blank``, ``not_a_digit`` or ``unreadable`` are removed.
    """
    # Read before the verdicts, so that a later import by another process is not undone.
    before = find_manifest(settings.lake, REVIEWED)
    latest = find_reviewed(settings.warehouse, reviews, settings.actor).to_pylist()
    rows = [row for row in latest if row["former_verdict"].isdecimal()]
    labels = {row["digit_id"]: int(row["former_verdict"]) for row in rows}
    removed = [UUID(row["digit_id"]).bytes for row in latest if row["digit_id"] not in labels]
    if before is None and not labels:
        return Amendment(added=0, relabelled=0, removed=0)
    tables = [DIGITS.empty_table()]
    for (dataset, fingerprint), ids in _group_ids(rows, "dataset", "shard_fingerprint").items():
        digits = select_digits(read_shard_by_fingerprint(settings, dataset, fingerprint), ids)
        verdicts = [labels[str(each)] for each in digits["digit_id"].to_pylist()]
        column = DIGITS.get_field_index("label")
        tables.append(digits.set_column(column, DIGITS.field("label"), pa.array(verdicts, pa.uint8())))
    amendment = amend_digits(
        settings.lake,
        REVIEWED,
        before,
        pa.concat_tables(tables),
        pa.array(removed, pa.binary(16)),
        shard_rows=settings.shard_rows,
        actor=settings.actor,
    )
    record_dataset(settings.warehouse, read_manifest(settings.lake, REVIEWED))
    return amendment
