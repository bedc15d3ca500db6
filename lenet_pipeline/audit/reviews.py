"""Reviews: export digits to review as a folder, and import the verdicts as records and labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lenet_pipeline.audit.chain import publish_chain_head
from lenet_pipeline.audit.contact_sheet import write_contact_sheet
from lenet_pipeline.audit.final_values import revise
from lenet_pipeline.audit.pages import enlarge
from lenet_pipeline.audit.review_csv import Verdict, read_review_table, write_review_table
from lenet_pipeline.audit.reviewed_dataset import sync_reviewed
from lenet_pipeline.audit.shard_lookup import find_run_shards, group_ids, select_digits
from lenet_pipeline.errors import ReviewError
from lenet_pipeline.lake import Amendment, Shard, images_array, read_shard
from lenet_pipeline.schema import NEW_REVIEWS
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import describe_os_error
from lenet_pipeline.warehouse import (
    FOLDER,
    StoredRun,
    VerdictBatch,
    find_reviewed,
    list_final_values,
    read_run,
    record_verdicts,
    refresh_snapshot,
    run_audit,
)

_TABLE, _SHEET, _PICTURES = "reviews.csv", "contact-sheet.html", "pictures"
_SCALE = 8  # pixels in the picture per pixel of the digit


@dataclass(frozen=True)
class Exported:
    """An exported folder: its run, its table, its contact sheet, and its number of digits."""

    run: StoredRun
    table: Path
    sheet: Path
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
        fields_changed: number of form fields whose final value or status changed.
        amendment: how the dataset ``reviewed/all`` changed.
    """

    recorded: int
    known: int
    open: int
    refused: int
    problems: tuple[str, ...]
    fields_changed: int
    amendment: Amendment


def export_reviews(settings: Settings, folder: Path, run: str, limit: int) -> Exported:
    """Export the digits of a run that need review: pictures, a contact sheet and a CSV file for the verdicts.

    Args:
        settings: of the home.
        folder: created if needed. An existing table is never overwritten.
        run: ``latest``, a scoring run's id, or its beginning.
        limit: largest number of digits, those with the lowest confidence first.

    Raises:
        ReviewError: the folder already has a table, or cannot be written.
        LakeError: the lake no longer has the images.
    """
    table, sheet = folder / _TABLE, folder / _SHEET
    if table.exists():
        raise ReviewError(f"{table} already exists and may contain verdicts; name another folder")
    stored = read_run(settings.warehouse, run)
    asked = {"run": stored.scoring_run_id, "limit": str(limit)}
    rows = run_audit(settings.warehouse, "digits_to_review", asked).to_pylist()
    if not rows:
        return Exported(stored, table, sheet, 0)
    shards = {kept.shard_fingerprint: shard for kept, shard in find_run_shards(settings, stored)}
    pictures = folder / _PICTURES
    try:
        pictures.mkdir(parents=True, exist_ok=True)
        images = _read_images(settings, stored.dataset, shards, rows)
        for number, row in enumerate(rows, start=1):
            row |= {"number": number, "scoring_run_id": stored.scoring_run_id}
            row["picture"] = f"{_PICTURES}/{number:05}.png"
            (folder / row["picture"]).write_bytes(enlarge(255 - images[row["digit_id"]], _SCALE))
        write_contact_sheet(sheet, pictures, settings, stored, rows)
        write_review_table(table, rows)
    except OSError as exc:
        raise ReviewError(f"cannot write reviews to {folder}: {describe_os_error(exc)}") from exc
    return Exported(stored, table, sheet, len(rows))


def import_reviews(settings: Settings, folder: Path) -> Imported:
    """Record the verdicts of a folder, and bring the dataset ``reviewed/all`` in line with them.

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
    digits = [str(each.digit_id) for each in kept]
    before = _final_values(settings, digits)
    recorded = record_verdicts(settings.warehouse, batch, revise)
    publish_chain_head(settings)
    amendment = sync_reviewed(settings)
    refresh_snapshot(settings.warehouse)
    changed = {field for field, *_ in before ^ _final_values(settings, digits)} if recorded else set()
    return Imported(
        recorded=recorded,
        known=len(kept) - recorded,
        open=open_lines,
        refused=refused,
        problems=tuple(problems),
        fields_changed=len(changed),
        amendment=amendment,
    )


def _read_images(
    settings: Settings, dataset: str, shards: Mapping[str, Shard], rows: Sequence[Mapping[str, Any]]
) -> dict[str, NDArray[np.uint8]]:
    """Return the image, uint8 (28, 28), of each row's digit by ``digit_id``. Read each shard once."""
    images: dict[str, NDArray[np.uint8]] = {}
    for (fingerprint,), ids in group_ids(rows, "shard_fingerprint").items():
        found = select_digits(read_shard(settings.lake, dataset, shards[fingerprint]), ids)
        texts = [str(each) for each in found["digit_id"].to_pylist()]
        images.update(zip(texts, images_array(found), strict=True))
    return images


def _final_values(settings: Settings, digits: Sequence[str]) -> set[tuple[Any, ...]]:
    """Return the final values of the form pages that contain some digits, each with its field and reader."""
    return {tuple(row.values()) for row in list_final_values(settings.warehouse, digits).to_pylist()}


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
