"""Corrected and later labels reach the dataset, keep their history, and are scored once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from PIL import Image

from lenet_pipeline.errors import DatabaseBusyError, IngestError
from lenet_pipeline.jobs import (
    Ingested,
    IngestJob,
    PrintingJob,
    ScoringJob,
    UnipenJob,
    check,
    ingest,
    ingest_printed,
    ingest_unipen,
    score,
)
from lenet_pipeline.jobs.appending import append_to_dataset
from lenet_pipeline.jobs.ingest_journal import IngestJournal
from lenet_pipeline.lake import read_manifest, read_shard
from lenet_pipeline.schema import DIGITS
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.system import SILENT
from lenet_pipeline.warehouse import run_select
from tests.digit_builders import digits_table, put, separable_images
from tests.homes import Run
from tests.unipen_builders import write_unipen

DATASET = "inbox/all"
CLASSES = (0, 1, 2, 3, 4, 5)
STATED = {0: "0", 1: "1", 2: "2", 3: "", 4: "", 5: "9"}


@pytest.fixture
def empty_home(home: Path) -> Settings:
    return read_settings(home, "tester")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Six images without labels of their own, 0.png to 5.png."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    for name, image in zip(CLASSES, separable_images(list(CLASSES), 3), strict=True):
        Image.fromarray(255 - image).resize((56, 56)).save(folder / f"{name}.png")
    return folder


def give(settings: Settings, inbox: Path, labels: dict[int, str] | Iterable[tuple[int, str]]) -> Ingested:
    """Ingest images of the inbox with labels from a CSV."""
    rows = labels.items() if isinstance(labels, dict) else labels
    table = inbox.parent / "labels.csv"
    table.write_text("path,label\n" + "".join(f"inbox/{name}.png,{label}\n" for name, label in rows))
    (outcome,) = ingest(settings, IngestJob("images", table, DATASET))
    return outcome


def ask(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in run_select(settings.warehouse, statement).to_pylist()]


def stored_labels(settings: Settings, version: int | None = None) -> dict[str, int | None]:
    """Return the label of each image in a version of the dataset, by the name of its file."""
    manifest = read_manifest(settings.lake, DATASET, version)
    return {
        Path(row["source"]).stem: row["label"]
        for shard in manifest.shards
        for row in read_shard(settings.lake, DATASET, shard).select(["source", "label"]).to_pylist()
    }


def relabelled(settings: Settings, name: int, label: int) -> pa.Table:
    """Return an image of the dataset with another label."""
    shards = read_manifest(settings.lake, DATASET).shards
    digits = pa.concat_tables([read_shard(settings.lake, DATASET, shard) for shard in shards])
    found = digits.filter(pc.match_substring(digits["source"], f"/{name}.png"))
    assert len(found) == 1
    return found.set_column(2, DIGITS.field("label"), pa.array([label], pa.uint8()))


def history(settings: Settings) -> list[tuple[Any, ...]]:
    return ask(
        settings,
        "select former_label, label, manifest_version, actor from label_changes "
        "order by manifest_version, label",
    )


def versions(settings: Settings) -> list[tuple[Any, ...]]:
    return ask(
        settings,
        "select dataset, manifest_version, digits, shards, ingest_id is not null as is_ingest from datasets "
        "order by all",
    )


def violations(settings: Settings) -> list[str]:
    return [item.query.name for item in check(settings) if len(item.violations)]


def test_corrected_and_later_labels_replace_the_former_ones_and_keep_their_history(
    empty_home: Settings, inbox: Path
) -> None:
    first = give(empty_home, inbox, STATED)
    assert (first.added, first.labelled, first.relabelled, first.skipped, first.rejects) == (6, 4, 0, 0, 0)
    later = give(empty_home, inbox, STATED | {3: "3", 4: "4", 5: "5"})
    assert (later.added, later.labelled, later.relabelled, later.skipped, later.rejects) == (0, 0, 3, 3, 0)
    assert stored_labels(empty_home) == {str(name): name for name in CLASSES}
    assert stored_labels(empty_home, 1) == {"0": 0, "1": 1, "2": 2, "3": None, "4": None, "5": 9}
    assert history(empty_home) == [(None, 3, 2, "tester"), (None, 4, 2, "tester"), (9, 5, 2, "tester")]
    assert versions(empty_home) == [(DATASET, 1, 6, 1, True), (DATASET, 2, 6, 1, True)]
    brought = ask(
        empty_home,
        "select ingests.digits_relabelled, ingests.digits_skipped, ingests.rejected from label_changes "
        "inner join ingests using (ingest_id, dataset) inner join datasets using (ingest_id) "
        "where datasets.manifest_version = 2",
    )
    assert brought == [(3, 3, 0)] * 3


def test_the_same_labels_again_change_nothing(empty_home: Settings, inbox: Path) -> None:
    give(empty_home, inbox, STATED)
    give(empty_home, inbox, {5: "5"})
    before = read_manifest(empty_home.lake, DATASET)
    again = give(empty_home, inbox, {5: "5", 3: ""})
    assert (again.added, again.relabelled, again.skipped) == (0, 0, 2)
    assert read_manifest(empty_home.lake, DATASET) == before
    assert len(history(empty_home)) == 1
    assert [row[1] for row in versions(empty_home)] == [1, 2]
    assert ask(empty_home, "select count(*), count(finished_at) from ingests") == [(3, 3)]


def test_an_image_that_comes_without_a_label_keeps_the_one_it_has(empty_home: Settings, inbox: Path) -> None:
    give(empty_home, inbox, {1: "1"})
    again = give(empty_home, inbox, {1: ""})
    assert (again.relabelled, again.skipped) == (0, 1)
    assert stored_labels(empty_home) == {"1": 1}


def test_new_images_and_new_labels_are_one_version(empty_home: Settings, inbox: Path) -> None:
    give(empty_home, inbox, {0: "8", 1: "1"})
    both = give(empty_home, inbox, {0: "0", 2: "2"})
    assert (both.added, both.relabelled, both.rows) == (1, 1, 3)
    assert read_manifest(empty_home.lake, DATASET).version == 2
    assert stored_labels(empty_home) == {"0": 0, "1": 1, "2": 2}


@pytest.mark.parametrize("shard_rows", [100, 1])
def test_two_labels_for_one_image_in_one_ingest_are_a_reject_and_the_first_counts(
    home: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch, shard_rows: int
) -> None:
    """Also if the two files are read in different parts, and if one of the labels is already stored."""
    monkeypatch.setenv("LENET_SHARD_ROWS", str(shard_rows))
    monkeypatch.setenv("LENET_REJECT_LIMIT_PCT", "60")
    settings = read_settings(home, "tester")
    give(settings, inbox, {0: "0", 1: "1"})
    (inbox / "0-copy.png").write_bytes((inbox / "0.png").read_bytes())
    outcome = give(settings, inbox, [("0-copy", "8"), (0, "0")])
    assert (outcome.relabelled, outcome.skipped, outcome.rejects) == (1, 0, 1)
    assert stored_labels(settings)["0"] == 8
    ((kind, reason),) = ask(settings, "select kind, reason from rejects")
    assert kind == "conflicting_label"
    assert "labelled 0, but another file of this ingest has the same image with the label 8" in reason


def test_copies_of_an_image_are_one_label_change(empty_home: Settings, inbox: Path) -> None:
    give(empty_home, inbox, {0: "8"})
    (inbox / "0-copy.png").write_bytes((inbox / "0.png").read_bytes())
    outcome = give(empty_home, inbox, [("0-copy", "0"), (0, "0")])
    assert (outcome.relabelled, outcome.skipped) == (1, 1)
    assert history(empty_home) == [(8, 0, 2, "tester")]


@pytest.mark.slow
def test_scoring_again_scores_the_relabelled_shard_alone_and_truths_stay_as_they_were(
    settings: Settings, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENET_SHARD_ROWS", "2")
    settings = read_settings(settings.home, "tester")
    give(settings, inbox, STATED)
    first = score(settings, ScoringJob(DATASET))
    assert (first.shards, first.digits_scored) == (3, 6)
    give(settings, inbox, {5: "5"})
    again = score(settings, ScoringJob(DATASET))
    assert (again.shards, again.digits_scored) == (3, 2)
    assert again.scoring_run_id != first.scoring_run_id
    truths: dict[UUID, list[int | None]] = {first.scoring_run_id: [], again.scoring_run_id: []}
    for run, truth in ask(
        settings,
        "select scoring_run_id, truth from predictions inner join scoring_run_shards using (shard_score_id) "
        "order by truth",
    ):
        truths[UUID(str(run))].append(truth)
    assert truths[first.scoring_run_id] == [0, 1, 2, 9, None, None]
    assert truths[again.scoring_run_id] == [0, 1, 2, 5, None, None]
    assert violations(settings) == []
    # A label that changes back leads to a shard that is scored already.
    give(settings, inbox, {5: "9"})
    assert score(settings, ScoringJob(DATASET)).digits_scored == 0
    assert violations(settings) == []
    assert [row[:3] for row in history(settings)] == [(9, 5, 4), (5, 9, 5)]


def test_digits_that_were_never_scored_are_found_in_sql(settings: Settings, inbox: Path) -> None:
    unscored = (
        "select current_datasets.dataset, sum(dataset_shards.digits)::bigint as digits from current_datasets "
        "inner join dataset_shards using (dataset, manifest_version, manifest_fingerprint) "
        "anti join shard_scores using (shard_fingerprint) group by all order by all"
    )
    give(settings, inbox, STATED)
    assert (DATASET, 6) in ask(settings, unscored)
    score(settings, ScoringJob(DATASET))
    assert DATASET not in dict(ask(settings, unscored))
    give(settings, inbox, {5: "5"})
    assert dict(ask(settings, unscored))[DATASET] == 6


@pytest.mark.parametrize("touch", ["ingest", "score"])
def test_a_dataset_of_an_older_home_is_recorded_by_the_next_job(
    settings: Settings, inbox: Path, touch: str
) -> None:
    put(settings.lake, DATASET, digits_table(3))
    put(settings.lake, DATASET, digits_table(5))
    with duckdb.connect(str(settings.warehouse.path)) as connection:
        connection.execute("delete from datasets")
        connection.execute("delete from dataset_shards")
    if touch == "ingest":
        give(settings, inbox, {0: "0"})
    else:
        score(settings, ScoringJob(DATASET))
    expected = [(DATASET, 2, 5, 2, False), (DATASET, 3, 6, 3, True)]
    assert versions(settings) == expected[: 2 if touch == "ingest" else 1]
    assert ask(settings, "select actor from datasets where manifest_version = 2") == [("test",)]


@pytest.mark.parametrize("touch", ["ingest", "score"])
def test_label_changes_of_an_interrupted_ingest_are_found_by_the_next_job(
    settings: Settings, inbox: Path, monkeypatch: pytest.MonkeyPatch, touch: str
) -> None:
    give(settings, inbox, STATED)

    def fail(*_arguments: object, **_counts: object) -> None:
        raise DatabaseBusyError("busy")

    with monkeypatch.context() as patch, pytest.raises(DatabaseBusyError):
        patch.setattr(IngestJournal, "add", fail)
        append_to_dataset(
            settings,
            DATASET,
            [relabelled(settings, 5, 5)],
            SILENT,
            IngestJournal("images", "inbox", settings, SILENT),
            corrects_labels=True,
        )
    assert stored_labels(settings)["5"] == 5
    assert history(settings) == []
    for _ in range(2):
        if touch == "ingest":
            give(settings, inbox, {5: "5"})
        else:
            score(settings, ScoringJob(DATASET))
    assert history(settings) == [(9, 5, 2, "tester")]
    assert [row[:2] for row in versions(settings) if row[0] == DATASET] == [(DATASET, 1), (DATASET, 2)]


def test_an_ingest_that_adds_nothing_does_not_claim_the_version_it_finds(
    empty_home: Settings, inbox: Path
) -> None:
    put(empty_home.lake, DATASET, digits_table(3))
    give(empty_home, inbox, {0: "0"})
    with duckdb.connect(str(empty_home.warehouse.path)) as connection:
        connection.execute("update datasets set ingest_id = null")
    give(empty_home, inbox, {0: "0"})
    assert [row[4] for row in versions(empty_home)] == [False, False]


def test_every_source_records_its_ingest(empty_home: Settings, inbox: Path) -> None:
    ingest(empty_home, IngestJob("optdigits"))
    ingest_printed(empty_home, PrintingJob(per_font=1))
    root = write_unipen(inbox.parent / "unipen", [f"abc/{number:02}" for number in range(12)], [1])
    ingest_unipen(empty_home, UnipenJob(root, drawings=1))
    give(empty_home, inbox, STATED)
    rows = ask(
        empty_home,
        "select kind, dataset, digits_added, documents, actor, finished_at >= started_at as is_done "
        "from ingests order by all",
    )
    manifests = {row[1]: read_manifest(empty_home.lake, row[1]) for row in rows}
    assert [row[:2] for row in rows] == [
        ("images", DATASET),
        ("optdigits", "optdigits/test"),
        ("optdigits", "optdigits/train"),
        ("printed", "printed/test"),
        ("printed", "printed/train"),
        ("unipen", "unipen/test"),
        ("unipen", "unipen/train"),
    ]
    assert [row[2] for row in rows] == [manifests[row[1]].rows for row in rows]
    assert {row[3:] for row in rows} == {(None, "tester", True)}
    assert ask(empty_home, "select count(distinct ingest_id) from ingests") == [(4,)]


def test_an_ingest_that_fails_leaves_its_counts_and_no_end(empty_home: Settings, inbox: Path) -> None:
    for name in CLASSES[1:]:
        (inbox / f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(IngestError, match="5 of 6 images"):
        give(empty_home, inbox, STATED)
    rows = ask(empty_home, "select digits_added, rejected, finished_at from ingests")
    assert rows == [(1, 5, None)]


def test_the_command_says_how_many_labels_were_updated(lenet: Run, inbox: Path, tmp_path: Path) -> None:
    for label in ("8", "3"):
        folder = tmp_path / label
        folder.mkdir()
        for name in (0, 1, 2):
            (folder / f"{name}.png").write_bytes((inbox / f"{name}.png").read_bytes())
    assert (
        f"{DATASET}: 3 digits added (3 labelled); 3 in total\n  labels come from the folder name 8\n"
        in lenet("ingest", "images", str(tmp_path / "8"), "--name", DATASET).stdout
    )
    result = lenet("ingest", "images", str(tmp_path / "3"), "--name", DATASET)
    assert (result.returncode, result.stdout) == (
        0,
        f"{DATASET}: 0 digits added, 3 labels updated; 3 in total\n  labels come from the folder name 3\n",
    )
