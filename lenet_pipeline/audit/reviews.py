"""Reviews: what people should look at as a folder to work through, and back as verdicts and labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lenet_pipeline.audit.chain import publish_chain_head
from lenet_pipeline.audit.pages import enlarge
from lenet_pipeline.audit.review_tables import Verdict, read_review_table, write_review_table
from lenet_pipeline.audit.scored_shards import choose_digits, find_run_shards, find_shard
from lenet_pipeline.errors import ReviewError
from lenet_pipeline.lake import Amendment, Shard, amend_digits, find_manifest, images_array, read_shard
from lenet_pipeline.schema import DIGITS, NEW_REVIEWS
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import describe_os_error
from lenet_pipeline.warehouse import find_reviewed, read_run, record_reviews, run_audit

REVIEWED = "reviewed/all"
_TABLE, _PICTURES = "reviews.csv", "pictures"
_ENLARGED = 8  # times: 28 pixels are too few to look at


@dataclass(frozen=True)
class Exported:
    """A folder to work through: its table, and how many digits are in it."""

    table: Path
    digits: int


@dataclass(frozen=True)
class Imported:
    """What an import did: reviews recorded, lines left open and refused, and each inconsistency as a line.

    ``known`` ones were recorded before.
    ``amendment`` is what became of the dataset ``reviewed/all``.
    """

    recorded: int
    known: int
    open: int
    refused: int
    problems: tuple[str, ...]
    amendment: Amendment


def export_reviews(settings: Settings, folder: Path, run: str, limit: int) -> Exported:
    """Write what a run leaves for people as pictures and a table whose column ``verdict`` they fill in.

    Args:
        settings: of the home.
        folder: made where it is missing; a table in it is never written over.
        run: ``latest``, an id or its beginning.
        limit: most digits, the least sure first.

    Raises:
        ReviewError: the folder has a table already, or cannot be written.
        LakeError: the lake has not the images.
    """
    table = folder / _TABLE
    if table.exists():
        raise ReviewError(f"{table} is there already, perhaps with verdicts in it; name another folder")
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
            (folder / row["picture"]).write_bytes(enlarge(255 - images[row["digit_id"]], _ENLARGED))
        write_review_table(table, rows)
    except OSError as exc:
        raise ReviewError(f"cannot write reviews to {folder}: {describe_os_error(exc)}") from exc
    return Exported(table, len(rows))


def import_reviews(settings: Settings, folder: Path) -> Imported:
    """Record the verdicts of a folder, and put what they say last into the dataset ``reviewed/all``.

    A line that says nothing is left open; one that cannot be is told, and the others are recorded.

    Raises:
        ReviewError: the table cannot be read, or has not the columns that were exported.
        LakeError: the lake has not the images.
    """
    if folder.is_file():
        raise ReviewError(f"{folder} is a file: give the folder that `lenet review export` wrote")
    verdicts, problems, left_open = read_review_table(folder / _TABLE)
    misread = len(problems)
    batch = _review_table(verdicts)
    known = find_reviewed(settings.warehouse, batch, settings.actor).to_pylist()
    facts = {(UUID(row["digit_id"]), UUID(row["shard_score_id"])): row for row in known}
    problems += [text for each in verdicts for text in _doubts(each, facts)]
    refused = misread + sum(not facts[each.digit_id, each.shard_score_id]["is_known"] for each in verdicts)
    kept = [each for each in verdicts if facts[each.digit_id, each.shard_score_id]["is_known"]]
    # A folder that is worked on day by day is imported day by day: what was said already is not recorded.
    reviews = _review_table(kept)
    recorded = record_reviews(
        settings.warehouse,
        uuid4(),
        reviews,
        datetime.now(UTC),
        settings.actor,
    )
    publish_chain_head(settings)
    amendment = _amend_reviewed(settings, reviews)
    return Imported(recorded, len(kept) - recorded, left_open, refused, tuple(problems), amendment)


def _read_images(
    settings: Settings, dataset: str, shards: Mapping[str, Shard], rows: Sequence[Mapping[str, Any]]
) -> dict[str, NDArray[np.uint8]]:
    """Return the image, uint8 (28, 28), of each row's digit, by its id; each shard is read once."""
    images: dict[str, NDArray[np.uint8]] = {}
    for fingerprint, wanted in _by(rows, "shard_fingerprint").items():
        ids = {row["digit_id"] for row in wanted}
        found = choose_digits(read_shard(settings.lake, dataset, shards[fingerprint]), ids)
        texts = [str(each) for each in found["digit_id"].to_pylist()]
        images.update(zip(texts, images_array(found), strict=True))
    return images


def _by(rows: Sequence[Mapping[str, Any]], name: str) -> dict[str, list[Mapping[str, Any]]]:
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row[name]].append(row)
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


def _doubts(each: Verdict, facts: Mapping[tuple[UUID, UUID], Mapping[str, Any]]) -> Iterator[str]:
    """Say what about a verdict does not fit what is known."""
    fact = facts[each.digit_id, each.shard_score_id]
    if fact["own_verdict"] == each.verdict:
        return  # it was told when it was said
    if not fact["is_known"]:
        yield f"line {each.line}: there is no such prediction in this home; it is left out"
    if fact["truth"] is not None and str(fact["truth"]) != each.verdict:
        yield f"line {each.line}: it says {each.verdict}, and the digit was ingested as {fact['truth']}"
    if fact["former_verdict"] not in (None, each.verdict):
        yield f"line {each.line}: it says {each.verdict}, and a review before said {fact['former_verdict']}"


def _amend_reviewed(settings: Settings, reviews: pa.Table) -> Amendment:
    """Give digits the label that was said of them last, by whomever, in ``reviewed/all``.

    One that was said last to be no digit, or unreadable, is not in it.
    """
    before = find_manifest(settings.lake, REVIEWED)  # as it was before asking: who is later is not undone
    said = find_reviewed(settings.warehouse, reviews, settings.actor).to_pylist()
    rows = [row for row in said if row["former_verdict"].isdecimal()]
    labels = {row["digit_id"]: int(row["former_verdict"]) for row in rows}
    others = [UUID(row["digit_id"]).bytes for row in said if row["digit_id"] not in labels]
    if before is None and not labels:
        return Amendment(added=0, relabelled=0, removed=0)
    tables = [DIGITS.empty_table()]
    for (dataset, fingerprint), wanted in _by_shard(rows).items():
        digits = choose_digits(find_shard(settings, dataset, fingerprint), wanted)
        verdicts = [labels[str(each)] for each in digits["digit_id"].to_pylist()]
        column = DIGITS.get_field_index("label")
        tables.append(digits.set_column(column, DIGITS.field("label"), pa.array(verdicts, pa.uint8())))
    return amend_digits(
        settings.lake,
        REVIEWED,
        before,
        pa.concat_tables(tables),
        pa.array(others, pa.binary(16)),
        shard_rows=settings.shard_rows,
        actor=settings.actor,
    )


def _by_shard(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], set[str]]:
    groups: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        groups[row["dataset"], row["shard_fingerprint"]].add(row["digit_id"])
    return groups
