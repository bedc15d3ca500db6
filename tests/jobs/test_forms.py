"""Forms end to end: scans in, values out, each once, and the bad ones told apart from the good."""

from __future__ import annotations

import csv
import io
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lenet_pipeline.audit.verification import VerificationJob, verify_run
from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.documents.reader import PageLimits, inspect_document
from lenet_pipeline.forms.filling.demo_form import draw_demo_form
from lenet_pipeline.forms.filling.habits import Habits
from lenet_pipeline.forms.filling.severities import SEVERITIES
from lenet_pipeline.forms.page_rows import FormJob, PagePart
from lenet_pipeline.forms.templates.template_file import read_template
from lenet_pipeline.jobs import (
    FillingJob,
    FormIngestJob,
    IngestedForms,
    ScoringJob,
    ScoringReport,
    TrainingJob,
    evaluate_forms,
    fill_forms,
    form_ingestion,
    form_reading,
    ingest_forms,
    retrain,
    score,
)
from lenet_pipeline.lake.datasets import read_manifest
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.system import SILENT
from lenet_pipeline.system.processes import Done, ProcessLostError
from lenet_pipeline.warehouse import record_policy
from tests.forms.document_builders import (
    page_picture,
    tiff_directories,
    tiff_tag,
    write_encrypted,
    write_scans,
    write_tiff,
)
from tests.homes import Run
from tests.jobs.deadly_readers import crash_at, fail_at
from tests.jobs.form_builders import (
    SLIP,
    SLIP_FIELDS,
    Row,
    ask,
    audit,
    broken_checks,
    count,
    fill_slips,
    grey,
    pick,
    read_truth,
    scans,
    write_template,
)
from tests.warehouse.policy_builders import POLICY

SLIPS, NOTES = "slips/all", "notes/all"


@dataclass(frozen=True)
class Read:
    """A home in which a folder of filled forms was ingested and scored."""

    settings: Settings
    folder: Path
    template: Path
    ingested: IngestedForms
    scored: ScoringReport

    @property
    def truth(self) -> dict[tuple[str, str], str]:
        return read_truth(self.folder)

    def values(self) -> list[Row]:
        return audit(self.settings, "document_values", document=str(self.folder))

    def again(self, folder: Path | None = None, *templates: Path) -> IngestedForms:
        """Ingest once more: the same unless said otherwise."""
        job = FormIngestJob(folder or self.folder, templates or (self.template,), self.ingested.dataset)
        return ingest_forms(self.settings, job)

    def score(self, model: str = "digits@champion") -> ScoringReport:
        return score(self.settings, ScoringJob(self.ingested.dataset, model))


def read_forms(trained: Settings, base: Path, dataset: str, folder: Path, template: Path) -> Read:
    settings = read_settings(Path(shutil.copytree(trained.home, base / "home")), "tester")
    ingested = ingest_forms(settings, FormIngestJob(folder, (template,), dataset))
    return Read(settings, folder, template, ingested, score(settings, ScoringJob(dataset)))


@pytest.fixture(scope="module")
def notes(trained: Settings, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Delivery notes, scanned at medium severity and read: look at them, never write."""
    base = tmp_path_factory.mktemp("notes")
    form = draw_demo_form(base)
    template = read_template(form.template)
    fill_forms(trained, FillingJob(template, "optdigits/test", 3, 3, SEVERITIES["medium"], base / "scans"))
    return read_forms(trained, base, NOTES, base / "scans", form.template)


@pytest.fixture(scope="module")
def slips_once(trained: Settings, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Slips, read: to copy."""
    base = tmp_path_factory.mktemp("slips")
    folder = fill_slips(trained, base / "scans", 4)
    return read_forms(trained, base, SLIPS, folder, write_template(base))


@pytest.fixture
def slips(slips_once: Read, home: Path) -> Read:
    """A copy of the home with four slips, for one test to do with as it likes."""
    shutil.copytree(slips_once.settings.home, home)
    copy = read_settings(home, "tester")
    return Read(copy, slips_once.folder, slips_once.template, slips_once.ingested, slips_once.scored)


def accepting_everything(settings: Settings, home: Path) -> Settings:
    """Copy a home and put policies in force that accept every reading without a reason against it."""
    shutil.copytree(settings.home, home)
    copy = read_settings(home, "tester")
    for subject in ("digit", "field"):
        generous = replace(POLICY, subject=subject, threshold=0.0, not_a_digit_from=1.0)
        record_policy(copy.warehouse, generous)
    return copy


def decisions_of(settings: Settings) -> dict[tuple[str, str], str]:
    rows = ask(settings, "select source, field, decision from final_values")
    return {(Path(row["source"]).name, row["field"]): row["decision"] for row in rows}


def queue_of(settings: Settings) -> dict[tuple[str, str], str]:
    """Return the reasons of the fields that wait for a person."""
    rows = audit(settings, "review_queue", limit="1000")
    return {(Path(row["source"]).name, row["field"]): row["reason"] for row in rows if row["kind"] == "field"}


def tables(settings: Settings) -> dict[str, int]:
    names = ("documents", "pages", "fields", "cells", "values_read", "predictions", "rejects")
    return {name: count(settings, name) for name in names}


def statuses(settings: Settings, folder: Path) -> list[tuple[str, int, str]]:
    rows = ask(settings, "select source, page, status from pages order by source, page, read_at")
    return [
        (Path(row["source"]).name, row["page"], row["status"])
        for row in rows
        if Path(row["source"]).parent == folder
    ]


def empty_slip(template: Path, number: int = 0) -> np.ndarray:
    """Draw a slip that nothing is written on, as a picture of its own."""
    form = read_template(template)
    page = np.full(form.aligned_size, 255, np.uint8)
    for field in form.fields:
        for rectangle in field.place.rectangles():
            left, top, right, bottom = (round(edge) for edge in rectangle.pixels())
            page[top : bottom + 2, [left, left + 1, right, right + 1]] = 40
            page[[top, top + 1, bottom, bottom + 1], left : right + 2] = 40
    page[350:352, 100 : 700 - number] = 40
    return page


@pytest.fixture(scope="module")
def dashes(trained: Settings, cases_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Delivery notes with dashes and with a digit struck out, read: look at them, never write."""
    base = tmp_path_factory.mktemp("dashes")
    return read_forms(trained, base, "forms/dashes", cases_root / "dashes", cases_root / "delivery-note.yaml")


# --- What is read --------------------------------------------------------------------------------------


def test_filled_pages_are_read_field_by_field_as_they_were_written(notes: Read) -> None:
    assert (notes.ingested.pages, notes.ingested.read, notes.ingested.rejected) == (3, 3, 0)
    assert (notes.scored.form_pages, notes.scored.digits) == (3, notes.ingested.added)
    values = notes.values()
    assert len(values) == 3 * 8
    truth = notes.truth
    read = {(Path(row["source"]).name, row["field"]): row for row in values}
    assert read.keys() == truth.keys()
    right = sum(
        (row["value_read"] or "")[position : position + 1] == digit
        for place, row in read.items()
        for position, digit in enumerate(truth[place])
    )
    assert right / sum(map(len, truth.values())) >= 0.85  # of digits 8 pixels high, written large
    blank = {place for place, value in truth.items() if not value}
    assert {place for place, row in read.items() if row["status"] == "blank"} == blank


def test_unexpected_marks_and_struck_digits_make_their_fields_doubtful_and_no_check_fails(
    dashes: Read,
) -> None:
    reasons = {
        (Path(row["source"]).name, row["field"]): row["reason"]
        for row in ask(
            dashes.settings,
            "select source, field, field_values.reason from field_values"
            " inner join fields using (field_id) inner join pages on pages.page_id = fields.page_id"
            " where is_doubtful",
        )
    }
    assert reasons["dash_0_26.jpg", "order"].startswith("mark: a dash at position 0")
    assert reasons["struck_out.jpg", "order"].startswith("extra_ink: a stroke through position 2")
    for field, positions in {"goods": 2, "freight": 3, "deposit": 4, "total": 3}.items():
        assert reasons["dashes.jpg", field].count("mark: a dash at position") == positions
    values = {row["field"]: row["value_read"] for row in dashes.values() if "dashes" in row["source"]}
    assert {name: len(values[name]) for name in ("goods", "freight", "deposit", "total")} == {
        "goods": 3,
        "freight": 2,
        "deposit": 1,
        "total": 3,
    }
    assert broken_checks(dashes.settings) == []


def test_unexpected_marks_and_struck_digits_are_never_accepted_and_wait_in_the_queue(
    dashes: Read, home: Path
) -> None:
    settings = accepting_everything(dashes.settings, home)
    decisions, waiting = decisions_of(settings), queue_of(settings)
    reasons = {
        ("dash_0_26.jpg", "order"): "mark",
        ("struck_out.jpg", "order"): "extra_ink",
        **{("dashes.jpg", field): "mark" for field in ("goods", "freight", "deposit", "total")},
    }
    for place, reason in reasons.items():
        assert decisions[place] == "review"
        assert waiting[place].startswith(f"{reason}: ")
    assert "accept" in decisions.values()  # the policy accepts clean fields
    assert broken_checks(settings) == []


def test_the_confidence_of_a_box_includes_the_probability_of_its_cuts(dashes: Read) -> None:
    rows = ask(
        dashes.settings,
        "select fields.field, fields.cut_probability, field_values.confidence,"
        " list_aggregate(list_transform(field_values.cells_read, lambda cell:"
        " if(cell.state = 'digit', cast(cell.confidence as double), 1.0)), 'product') as product"
        " from fields inner join field_values using (field_id)"
        " where field_values.confidence is not null and field_values.status = 'read'",
    )
    boxes = [row for row in rows if row["cut_probability"] is not None]
    assert {row["field"] for row in boxes} == {"quantity"}
    for row in boxes:
        assert row["confidence"] == pytest.approx(row["product"] * row["cut_probability"], rel=1e-4)


@pytest.mark.parametrize("severity", ["medium", pytest.param("none", marks=pytest.mark.slow)])
def test_values_with_a_decimal_comma_wait_in_the_queue_on_these_pages(
    trained: Settings, notes: Read, tmp_path: Path, severity: str
) -> None:
    folder, template = tmp_path / "scans", read_template(notes.template)
    filling = FillingJob(
        template, "optdigits/test", 3, 11, SEVERITIES[severity], folder, Habits(comma_rate=1.0)
    )
    fill_forms(trained, filling)
    read = read_forms(trained, tmp_path, "notes/commas", folder, notes.template)
    settings = accepting_everything(read.settings, tmp_path / "accepting")
    decisions, waiting = decisions_of(settings), queue_of(settings)
    # Of 391 such values on 50 pages, 390 waited: one comma touched its digit and was not seen as extra ink.
    with_comma = {place for place, value in read.truth.items() if len(value) > 1}
    assert len(with_comma) >= 20
    assert {decisions[place] for place in with_comma} == {"review"}
    assert [place for place in with_comma if "extra_ink: " not in waiting[place]] == []


def test_a_policy_that_accepts_everything_accepts_values_without_a_comma(notes: Read, home: Path) -> None:
    decisions = decisions_of(accepting_everything(notes.settings, home))
    values = [place for place, value in notes.truth.items() if len(value) > 1]
    assert sum(decisions[place] == "accept" for place in values) >= len(values) / 2


def test_every_check_holds_over_forms(notes: Read) -> None:
    assert broken_checks(notes.settings) == []


def test_every_cell_and_field_of_a_page_knows_its_place_on_the_page_and_in_the_scan(notes: Read) -> None:
    rows = ask(
        notes.settings,
        """
        select pages.source, fields.field, fields.box as field_box, cells.box, cells.source_box,
            pages.width_px, pages.height_px
        from cells inner join fields using (field_id) inner join pages on cells.page_id = pages.page_id
        """,
    )
    assert {row["field"] for row in rows} == set(read_template_fields(notes.template))
    for row in rows:
        box, field, scanned = row["box"], row["field_box"], row["source_box"]
        assert field["x"] - 8 <= box["x"] and box["x"] + box["width"] <= field["x"] + field["width"] + 8
        assert field["y"] - 8 <= box["y"] and box["y"] + box["height"] <= field["y"] + field["height"] + 8
        assert scanned["x"] >= 0 and scanned["x"] + scanned["width"] <= row["width_px"]
        assert scanned["y"] >= 0 and scanned["y"] + scanned["height"] <= row["height_px"]


def read_template_fields(template: Path) -> list[str]:
    return [field.name for field in read_template(template).fields]


def test_the_wide_table_has_a_row_a_document_and_a_column_a_field_in_csv_and_parquet(
    notes: Read, lenet: Run, tmp_path: Path
) -> None:
    given = ("audit", "documents_wide", "--home", str(notes.settings.home))
    fields = read_template_fields(notes.template)
    expected = {(Path(row["source"]).name, row["field"]): row["value"] for row in notes.values()}
    printed = lenet(*given, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(printed.stdout)))
    assert list(rows[0])[-len(fields) :] == fields
    found = {(Path(row["source"]).name, field): row[field] or None for row in rows for field in fields}
    assert found == expected
    lenet(*given, "--format", "parquet", "--output", str(tmp_path / "wide.parquet"))
    stored = pq.read_table(tmp_path / "wide.parquet").to_pylist()
    assert {(Path(row["source"]).name, field): row[field] for row in stored for field in fields} == expected


def test_audits_of_fields_say_what_the_values_say(notes: Read) -> None:
    values = notes.values()
    settings = notes.settings
    waiting = [row for row in values if row["status"] != "blank" or row["is_doubtful"]]
    look = audit(settings, "review_queue")  # without a policy, every value waits
    assert sorted(pick(look, "field_id")) == sorted(pick(waiting, "field_id"))
    confidences = [row["confidence"] for row in look if row["confidence"] is not None]
    assert confidences == sorted(confidences)

    (rate,) = audit(settings, "straight_through")
    assert (rate["pages"], rate["fields"], rate["to_review"]) == (3, len(waiting), len(waiting))
    assert rate["accepted"] == 0
    assert rate["template"] == read_template(notes.template).fingerprint

    corrected = [row for row in values if row["status"] == "corrected"]
    assert sorted(pick(audit(settings, "corrected_fields"), "field_id")) == sorted(
        pick(corrected, "field_id")
    )
    broken = [row for row in audit(settings, "rule_failures") if row["field"]]
    assert Counter(pick(broken, "field", "value")) == Counter(
        (row["field"], row["value_read"]) for row in values if row["broken_rule"]
    )
    sums = {row["source"] for row in audit(settings, "rule_failures") if not row["field"]}
    assert sums == sources_with_a_wrong_sum(values)


def sources_with_a_wrong_sum(values: list[Row]) -> set[str]:
    pages: dict[str, dict[str, str | None]] = {}
    for row in values:
        known = row["value_read"] if row["status"] == "unreadable" else row["value"]
        pages.setdefault(row["source"], {})[row["field"]] = known
    wrong = set()
    for source, page in pages.items():
        amounts = [page[name] for name in ("goods", "freight", "deposit", "total")]
        written = [int(amount) for amount in amounts if amount is not None]
        if written and (len(written) < 4 or sum(written[:3]) != written[3]):
            wrong.add(source)
    return wrong


def test_evaluation_counts_what_a_person_would_count(notes: Read) -> None:
    outcome = evaluate_forms(notes.settings, NOTES, notes.folder / "truth.csv", 0.9)
    truth, values = notes.truth, notes.values()
    right = {
        (Path(row["source"]).name, row["field"]): (row["value"] or "")
        == truth[Path(row["source"]).name, row["field"]]
        for row in values
    }
    overall, *by_field = outcome.accuracy.to_pylist()
    assert (overall["fields"], overall["fields_right"]) == (len(right), sum(right.values()))
    assert overall["digits"] == sum(map(len, truth.values()))
    assert outcome.mistakes == len(right) - sum(right.values())
    assert outcome.unknown == ()
    for row in by_field:
        of_field = [is_right for (_, field), is_right in right.items() if field == row["field"]]
        assert (row["fields"], row["fields_right"]) == (len(of_field), sum(of_field))
    if outcome.mistakes:
        assert outcome.picture is not None
        with Image.open(outcome.picture) as picture:
            assert min(picture.size) > 100

    positions = audit(notes.settings, "accuracy_by_position")
    same_length = [
        (row["value_read"], truth[Path(row["source"]).name, row["field"]])
        for row in values
        if len(row["value_read"] or "") == len(truth[Path(row["source"]).name, row["field"]])
    ]
    assert sum(row["digits"] for row in positions) == sum(len(true or "") for _, true in same_length)
    assert sum(row["correct"] for row in positions) == sum(
        one == other for raw, true in same_length for one, other in zip(raw or "", true, strict=True)
    )


@pytest.mark.slow
def test_rules_that_what_is_written_breaks_are_found_and_corrections_told(
    slips: Read, tmp_path: Path
) -> None:
    written = SLIP.replace("{length: [4, 4]}", "{range: [5000, 9999]}").replace(
        "{length: [3, 3]}", "{range: [100, 199]}"
    )
    folder = fill_slips(slips.settings, tmp_path / "broken", 4, written)
    # The same values once more, as another scanner saw them: another picture of another page.
    fill_slips(slips.settings, tmp_path / "once-more", 4, written, severity="light")
    assert read_truth(tmp_path / "once-more").values() is not None
    expected = SLIP.replace("{length: [4, 4]}", "{range: [1000, 4999]}") + (
        "rules:\n  - sum: {of: [one, other], equals: total}\n  - unique: key\n"
    )
    template = write_template(tmp_path, expected)
    for part in (folder, tmp_path / "once-more"):
        outcome = ingest_forms(slips.settings, FormIngestJob(part, (template,), "broken/all"))
        assert (outcome.read, outcome.duplicates) == (4, 0)
    score(slips.settings, ScoringJob("broken/all"))

    values = audit(slips.settings, "document_values", document=str(tmp_path))
    numbers = [row for row in values if row["field"] == "number"]
    corrected = audit(slips.settings, "corrected_fields")
    assert len(corrected) == sum(row["status"] == "corrected" for row in numbers) > 0
    for row in corrected:
        assert row["value_read"] != row["value"]
        assert 1000 <= int(row["value"]) <= 4999
        assert row["rule"] == "1000 to 4999"
        assert 0 <= row["probability"] < row["raw_probability"] <= 1
    failures = audit(slips.settings, "rule_failures")
    assert all(row["rule"] == "1000 to 4999" for row in failures if row["field"] == "number")
    sums = {row["source"] for row in failures if row["rule"] == "one + other = total"}
    assert len(sums) >= 6
    repeated = [row for row in failures if row["rule"] == "unique"]
    keys = Counter(row["value"] for row in values if row["field"] == "key" and row["value"])
    assert Counter(row["value"] for row in repeated) == {
        value: times for value, times in keys.items() if times > 1
    }
    assert len(repeated) >= 2
    assert broken_checks(slips.settings) == []


# --- Once, whatever is repeated ---------------------------------------------------------------------------


def test_a_second_ingest_reads_nothing_and_a_second_score_makes_no_value(slips: Read) -> None:
    before = tables(slips.settings)
    manifest = read_manifest(slips.settings.lake, SLIPS).fingerprint
    again = slips.again()
    assert (again.read, again.known, again.added) == (0, 4, 0)
    scored = slips.score()
    assert (scored.digits_scored, scored.form_pages) == (0, 0)
    assert tables(slips.settings) == before
    assert read_manifest(slips.settings.lake, SLIPS).fingerprint == manifest


@pytest.mark.slow
def test_a_second_version_reads_with_values_of_its_own_and_leaves_the_firsts(slips: Read) -> None:
    def values(run: object) -> list[tuple[object, ...]]:
        rows = audit(slips.settings, "document_values", document="", run=str(run))
        return pick(rows, "field_id", "value_read", "value", "confidence")

    before = values(slips.scored.scoring_run_id)
    retrain(slips.settings, TrainingJob(("optdigits/train",), epochs=1))
    report = slips.score("digits/2")
    assert report.form_pages == 4
    assert values(slips.scored.scoring_run_id) == before
    after = values(report.scoring_run_id)
    assert [row[0] for row in after] == [row[0] for row in before]
    assert after != before
    assert count(slips.settings, "values_read") == 2 * 4 * len(SLIP_FIELDS)
    assert slips.score("digits/2").form_pages == 0
    assert broken_checks(slips.settings) == []


@pytest.mark.slow
def test_the_same_scan_under_another_name_is_reported_and_not_doubled(slips: Read, tmp_path: Path) -> None:
    first = scans(slips.folder)[0]
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(first, inbox / name)
    before = tables(slips.settings)
    later = slips.again(inbox)
    assert (later.read, later.known, later.duplicates, later.added) == (0, 1, 1, 0)
    assert tables(slips.settings) == before
    fresh = ingest_forms(slips.settings, FormIngestJob(inbox, (slips.template,), "inbox/all"))
    assert (fresh.documents, fresh.pages, fresh.read, fresh.duplicates) == (2, 2, 1, 1)


@pytest.mark.slow
def test_the_same_picture_in_another_file_or_twice_in_one_is_read_once(slips: Read, tmp_path: Path) -> None:
    first, second = (grey(path) for path in scans(slips.folder)[:2])
    fresh = page_picture(5, height=first.shape[0], width=first.shape[1])
    before = tables(slips.settings)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    write_scans(inbox / "a.pdf", second, fresh, fresh, dpi=200)
    write_tiff(inbox / "b.tif", first, dpi=(200, 200))
    outcome = slips.again(inbox)
    assert (outcome.read, outcome.duplicates) == (1, 3)
    assert statuses(slips.settings, inbox) == [
        ("a.pdf", 1, "duplicate"),
        ("a.pdf", 2, "read"),
        ("a.pdf", 3, "duplicate"),
        ("b.tif", 1, "duplicate"),
    ]
    originals = ask(
        slips.settings,
        """
        select duplicates.source, duplicates.page, originals.source as original, originals.page as of_page
        from pages duplicates inner join pages originals on duplicates.duplicate_of = originals.page_id
        order by 1, 2
        """,
    )
    names = [(Path(row["original"]).name, row["of_page"]) for row in originals]
    slip = [path.name for path in scans(slips.folder)]
    assert names == [(slip[1], 1), ("a.pdf", 2), (slip[0], 1)]
    after = tables(slips.settings)
    assert after["fields"] - before["fields"] == len(SLIP_FIELDS)
    assert slips.again(inbox).known == 4
    assert tables(slips.settings) == after
    assert pick(audit(slips.settings, "pages_not_read", dataset=SLIPS), "status") == [("duplicate",)] * 3


def current_scans(settings: Settings, dataset: str) -> dict[str, tuple[str, int]]:
    rows = ask(settings, "select dataset, source, source_sha256, replaces from current_documents")
    return {
        Path(row["source"]).name: (row["source_sha256"], row["replaces"])
        for row in rows
        if row["dataset"] == dataset
    }


def wide_scans(settings: Settings) -> dict[str, str]:
    """Return the content of each document in the wide table of the newest run, which has a row for each."""
    rows = audit(settings, "documents_wide")
    names = [Path(row["source"]).name for row in rows]
    assert len(set(names)) == len(names)
    return dict(zip(names, (row["source_sha256"] for row in rows), strict=True))


@pytest.mark.slow
def test_a_document_scanned_again_under_the_same_name_becomes_the_current_one(
    slips: Read, tmp_path: Path, lenet: Run
) -> None:
    inbox, settings = tmp_path / "inbox", slips.settings
    shutil.copytree(slips.folder, inbox)
    first, second, *_ = scans(inbox)
    job = FormIngestJob(inbox, (slips.template,), "inbox/all")
    assert ingest_forms(settings, job).replaced == 0
    score(settings, ScoringJob("inbox/all"))
    before = wide_scans(settings)
    assert len(before) == 4
    extra = fill_slips(settings, tmp_path / "extra", 1, seed=99)
    shutil.copy(scans(extra)[0], first)
    Image.fromarray(np.full((400, 800), 255, np.uint8)).save(second)  # blank, so it replaces nothing
    command = ("ingest", "forms", str(inbox), "--template", str(slips.template), "--name", "inbox/all")
    shown = lenet(*command).stdout
    assert "1 document replaces an earlier scan of the same name" in shown
    current = current_scans(settings, "inbox/all")
    new = inspect_document(first, settings.page_limits).sha256
    assert current[first.name] == (new, 1)
    assert current[second.name] == (before[second.name], 0)
    assert wide_scans(settings) == before  # until the new scan is scored
    score(settings, ScoringJob("inbox/all"))
    assert wide_scans(settings) == {**before, first.name: new}
    assert ask(settings, "select count(*) as n from documents where dataset = 'inbox/all'") == [{"n": 6}]
    (last,) = ask(
        settings, "select * from ingests where dataset = 'inbox/all' order by started_at desc limit 1"
    )
    assert pick([last], "kind", "documents", "pages", "rejected") == [("forms", 4, 4, 0)]
    assert last["finished_at"] is not None and last["digits_added"] > 0
    assert "replace" not in lenet(*command).stdout
    assert broken_checks(settings) == []


def test_a_scan_that_shares_a_page_with_the_one_it_replaces_is_complete(slips: Read, tmp_path: Path) -> None:
    first, second = (grey(path) for path in scans(slips.folder)[:2])
    third = page_picture(5, height=first.shape[0], width=first.shape[1])
    path = tmp_path / "a.pdf"
    job = FormIngestJob(path, (slips.template,), "notes/all")
    write_scans(path, first, second, dpi=200)
    assert ingest_forms(slips.settings, job).read == 2
    write_scans(path, first, third, dpi=200)
    later = ingest_forms(slips.settings, job)
    assert (later.read, later.duplicates, later.replaced) == (2, 0, 1)
    # The content from before comes back: it is known, and current again.
    write_scans(path, first, second, dpi=200)
    back = ingest_forms(slips.settings, job)
    assert (back.known, back.replaced) == (2, 1)
    assert current_scans(slips.settings, "notes/all")["a.pdf"][1] == 2
    assert count(slips.settings, "documents") == 4 + 2


@pytest.mark.slow
def test_a_corrected_template_reads_again_and_both_readings_stay_apart(slips: Read, tmp_path: Path) -> None:
    corrected = write_template(tmp_path, SLIP.replace("x: 6, y: 6,", "x: 6.2, y: 6,"))
    before, first_run = tables(slips.settings), slips.scored.scoring_run_id
    outcome = slips.again(None, corrected)
    assert (outcome.read, outcome.known, outcome.duplicates) == (4, 0, 0)
    slips.score()
    after = tables(slips.settings)
    assert after["pages"] == 2 * before["pages"]
    assert after["values_read"] == 2 * before["values_read"]
    assert after["documents"] == before["documents"]
    digits = ask(slips.settings, "select digit_id, template from cells inner join fields using (field_id)")
    by_template = {row["template"]: set() for row in digits}
    for row in digits:
        by_template[row["template"]].add(row["digit_id"])
    one, other = (ids - {None} for ids in by_template.values())
    assert one and other and not one & other
    # Per document there is one row all the same: what was read last counts.
    assert len(audit(slips.settings, "documents_wide")) == 4
    assert len(audit(slips.settings, "documents_wide", run=str(first_run))) == 4
    assert broken_checks(slips.settings) == []
    assert slips.again(None, corrected).known == slips.again().known == 4


@pytest.mark.slow
def test_a_new_page_in_the_folder_is_all_that_is_read_and_scored_next(slips: Read, tmp_path: Path) -> None:
    inbox = Path(shutil.copytree(slips.folder, tmp_path / "inbox"))
    extra = fill_slips(slips.settings, tmp_path / "extra", 1, seed=99)
    shutil.copy(scans(extra)[0], inbox / "zz-new.png")
    outcome = slips.again(inbox)
    assert (outcome.known, outcome.read) == (4, 1)
    report = slips.score()
    assert (report.form_pages, report.digits_scored) == (1, outcome.added)
    assert len(audit(slips.settings, "documents_wide")) == 5
    assert broken_checks(slips.settings) == []


@pytest.mark.slow
def test_pages_whose_every_field_is_blank_have_blank_values(slips: Read, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for number in range(3):
        page = empty_slip(slips.template, number)
        Image.fromarray(page).save(inbox / f"{number}.png", dpi=(200, 200))
    shutil.copy(scans(slips.folder)[0], inbox / "filled.png")
    outcome = ingest_forms(slips.settings, FormIngestJob(inbox, (slips.template,), "blank/all"))
    assert outcome.read == 4
    score(slips.settings, ScoringJob("blank/all"))
    rows = audit(slips.settings, "document_values", document=str(inbox))
    blank = [row for row in rows if Path(row["source"]).name != "filled.png"]
    assert {row["status"] for row in blank} == {"blank"}
    filled = {row["field"]: row["value_read"] for row in rows if row not in blank}
    known = {
        row["field"]: row["value_read"]
        for row in audit(
            slips.settings, "document_values", document="slip-00000", run=str(slips.scored.scoring_run_id)
        )
    }
    assert filled == known


@pytest.mark.slow
def test_a_dataset_in_which_no_page_has_a_digit_is_scored_all_the_same(slips: Read, tmp_path: Path) -> None:
    Image.fromarray(empty_slip(slips.template)).save(tmp_path / "empty.png", dpi=(200, 200))
    job = FormIngestJob(tmp_path / "empty.png", (slips.template,), "none/all")
    outcome = ingest_forms(slips.settings, job)
    assert (outcome.read, outcome.added, outcome.digits) == (1, 0, 0)
    report = score(slips.settings, ScoringJob("none/all"))
    assert (report.digits, report.form_pages) == (0, 1)
    (row,) = audit(slips.settings, "documents_wide")
    assert [row[field] for field in SLIP_FIELDS] == [None] * 5
    assert broken_checks(slips.settings) == []


# --- Bad input beside good -------------------------------------------------------------------------------


def fill_inbox(slips: Read, folder: Path) -> Path:
    """Put good slips under awkward names beside documents that are bad in every way."""
    folder.mkdir()
    first, second, third, fourth = (grey(path) for path in scans(slips.folder))
    Image.fromarray(first).save(folder / "a 'quoted' \"name\".png", dpi=(200, 200))
    Image.fromarray(second).save(folder / "two\nlines.png", dpi=(200, 200))
    Image.fromarray(third).save(folder / "Übergabe-表-مستند.png", dpi=(200, 200))
    write_encrypted(folder / "encrypted.pdf")
    whole = write_scans(folder / "truncated.pdf", first, dpi=200)
    whole.write_bytes(whole.read_bytes()[:-400])
    (folder / "empty.pdf").write_bytes(b"")
    blank = np.full((394, 787), 250, np.uint8)
    other = page_picture(3, height=700, width=495)
    tiff = write_tiff(folder / "pages.tif", fourth, third, blank, other, dpi=(200, 200))
    content = bytearray(tiff.read_bytes())
    second_page = tiff_directories(bytes(content))[1]
    strips = tiff_tag(bytes(content), second_page, 273)
    content[strips : strips + 4] = (len(content) + 1000).to_bytes(4, "little")
    tiff.write_bytes(content)
    return folder


@pytest.mark.slow
def test_bad_documents_and_pages_are_told_apart_and_the_good_ones_are_read(
    slips: Read, lenet: Run, tmp_path: Path
) -> None:
    inbox = fill_inbox(slips, tmp_path / "inbox")
    command = ["ingest", "forms", str(inbox), "--template", str(slips.template), "--name", "mixed/all"]
    command += ["--processes", "1"]
    result = lenet(*command, "--home", str(slips.settings.home), LENET_REJECT_LIMIT_PCT="60")
    assert (result.returncode, result.stderr) == (0, "")
    shown = " ".join(result.stdout.split())
    assert "4 documents, 7 pages: 4 read, 1 without a matching template, 1 blank, 4 rejected" in shown
    rows = ask(
        slips.settings,
        "select source, page, status, reason from pages where dataset = 'mixed/all' order by source, page",
    )
    assert [(Path(row["source"]).name, row["page"], row["status"]) for row in rows] == [
        ("a 'quoted' \"name\".png", 1, "read"),
        ("pages.tif", 1, "read"),
        ("pages.tif", 2, "rejected"),
        ("pages.tif", 3, "blank"),
        ("pages.tif", 4, "unmatched"),
        ("two\nlines.png", 1, "read"),
        ("Übergabe-表-مستند.png", 1, "read"),
    ]
    assert all(row["reason"] and "\n" not in row["reason"] for row in rows if row["status"] != "read")
    rejects = {(Path(row["source"]).name, row["page"]): row for row in audit(slips.settings, "rejects")}
    assert sorted(rejects, key=str) == [
        ("empty.pdf", None),
        ("encrypted.pdf", None),
        ("pages.tif", 2),
        ("truncated.pdf", None),
    ]
    assert all(row["reason"] and "\n" not in row["reason"] for row in rejects.values())
    assert "password" in rejects["encrypted.pdf", None]["reason"]

    report = score(slips.settings, ScoringJob("mixed/all"))
    assert report.form_pages == 4
    wide = [Path(row["source"]).name for row in audit(slips.settings, "documents_wide")]
    assert len(wide) == 4 and "two\nlines.png" in wide
    assert broken_checks(slips.settings) == []

    beyond = lenet(*command, "--home", str(slips.settings.home), LENET_REJECT_LIMIT_PCT="30")
    assert beyond.returncode == 1
    (line,) = beyond.stderr.strip().splitlines()
    assert "4 of 10 pages" in line and "LENET_REJECT_LIMIT_PCT" in line


def test_a_page_past_a_limit_is_read_once_the_limit_is_raised(slips: Read, lenet: Run) -> None:
    command = ["ingest", "forms", str(slips.folder), "--template", str(slips.template), "--name", "large/all"]
    given = ("--home", str(slips.settings.home), "--format", "json")
    limits = {"LENET_IMAGE_MAX_PIXELS": "1000", "LENET_REJECT_LIMIT_PCT": "100"}
    refused = lenet(*command, *given, **limits)
    assert refused.returncode == 0, refused.stderr
    assert {status for *_, status in statuses_of(slips.settings, "large/all")} == {"rejected"}
    raised = lenet(*command, *given)
    assert raised.returncode == 0, raised.stderr
    assert '"read": 4' in raised.stdout
    assert audit(slips.settings, "pages_not_read", dataset="large/all") == []
    assert '"known": 4' in lenet(*command, *given).stdout


def statuses_of(settings: Settings, dataset: str) -> list[tuple[str, int, str]]:
    rows = ask(settings, f"select source, page, status from pages where dataset = '{dataset}'")  # noqa: S608
    return pick(rows, "source", "page", "status")


def test_a_page_is_read_with_the_template_that_fits_though_it_fitted_none_before(
    slips: Read, tmp_path: Path
) -> None:
    square = write_template(
        tmp_path,
        SLIP.replace("form: slip", "form: card").replace("width: 100, height: 50", "width: 100, height: 80"),
        "card.yaml",
    )
    before = ingest_forms(slips.settings, FormIngestJob(slips.folder, (square,), "late/all"))
    assert (before.read, before.unmatched) == (0, 4)
    assert len(audit(slips.settings, "pages_not_read", dataset="late/all")) == 4
    both = FormIngestJob(slips.folder, (square, slips.template), "late/all")
    after = ingest_forms(slips.settings, both)
    assert (after.read, after.known) == (4, 0)
    assert audit(slips.settings, "pages_not_read", dataset="late/all") == []
    one = FormIngestJob(slips.folder, (slips.template,), "late/all")
    assert ingest_forms(slips.settings, one).known == 4


def test_a_template_given_twice_is_one_clear_line(slips: Read) -> None:
    with pytest.raises(IngestError, match="the same template is given twice"):
        slips.again(None, slips.template, slips.template)


# --- Pages that end the process that reads them ---------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("read", "kind", "said"),
    [
        (crash_at, "crashed_reader", "ended the process"),
        pytest.param(fail_at, "failed_reader", "ZeroDivisionError", marks=pytest.mark.slow),
    ],
)
def test_a_page_that_ends_its_reader_is_a_reject_and_its_neighbours_are_read(
    slips: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: object, kind: str, said: str
) -> None:
    pages = [grey(path) for path in scans(slips.folder)]
    path = write_tiff(tmp_path / "four.tif", *pages, dpi=(200, 200))
    monkeypatch.setattr(form_reading, "read_part", partial(read, at=3))
    monkeypatch.setattr(form_ingestion, "_PAGES_WITHOUT_PROCESSES", 0)
    job = FormIngestJob(path, (slips.template,), "deadly/all", processes=1)
    outcome = ingest_forms(slips.settings, job)
    assert (outcome.pages, outcome.read, outcome.rejected) == (4, 3, 1)
    (reject,) = audit(slips.settings, "rejects")
    assert (reject["kind"], reject["page"]) == (kind, 3)
    assert said in reject["reason"] and "\n" not in reject["reason"]
    states = [(page, status) for _, page, status in statuses_of(slips.settings, "deadly/all")]
    assert sorted(states) == [(1, "read"), (2, "read"), (3, "rejected"), (4, "read")]
    assert broken_checks(slips.settings) == []


@pytest.mark.slow
def test_pages_are_read_in_processes_as_they_are_in_one(slips: Read, tmp_path: Path) -> None:
    folder = fill_slips(slips.settings, tmp_path / "many", 11, seed=21)
    outcome = ingest_forms(slips.settings, FormIngestJob(folder, (slips.template,), "many/all", processes=2))
    assert (outcome.read, outcome.rejected) == (11, 0)
    order = ask(slips.settings, "select source from pages where dataset = 'many/all' order by rowid")
    assert [Path(row["source"]).name for row in order] == [path.name for path in scans(folder)]
    alone = ingest_forms(slips.settings, FormIngestJob(scans(folder)[6], (slips.template,), "alone/all"))
    assert alone.read == 1
    digits = ask(slips.settings, "select count(distinct digit_id) as n from cells where digit_id is not null")
    assert digits == [{"n": slips.ingested.added + outcome.added}]  # those alone are among them


def test_a_lost_part_is_read_again_page_by_page(slips: Read, tmp_path: Path) -> None:
    pages = [grey(path) for path in scans(slips.folder)]
    path = write_tiff(tmp_path / "four.tif", *pages, dpi=(200, 200))
    document = inspect_document(path, PageLimits(10**8, 10**8, 100))
    template = read_template(slips.template)
    job = FormJob("lost/all", (template,), template.fingerprint, PageLimits(10**8, 10**8, 100))
    done = Done(PagePart(document, range(1, 5)), ProcessLostError())
    part = form_reading._read_one_by_one(job, done, SILENT)
    assert [rows.page["status"] for rows in part.pages] == ["read"] * 4
    assert part.rejects == ()


@pytest.mark.slow
def test_scans_in_two_datasets_are_verified_each_by_its_own_cells(slips: Read) -> None:
    settings = slips.settings
    ingest_forms(settings, FormIngestJob(slips.folder, (slips.template,), "again/all"))
    score(settings, ScoringJob("again/all"))
    for dataset in (SLIPS, "again/all"):
        asked = f"select scoring_run_id::varchar as run from scoring_runs where dataset = '{dataset}'"  # noqa: S608
        (row,) = ask(settings, asked)
        found = verify_run(settings, VerificationJob(row["run"], device="cpu"))
        assert (found.differing, found.misplaced) == (0, 0)


def test_a_cell_that_was_moved_in_the_database_is_found_by_verify(slips: Read) -> None:
    settings = slips.settings
    assert verify_run(settings, VerificationJob(sample=5, device="cpu")).misplaced == 0
    with duckdb.connect(str(settings.warehouse.path)) as connection:
        asked = "select min(digit_id) from cells where digit_id is not null"
        ((digit,),) = connection.execute(asked).fetchall()
        moved = "update cells set source_box = struct_update(source_box, x := 0) where digit_id = $digit"
        connection.execute(moved, {"digit": digit}).fetchall()
    found = verify_run(settings, VerificationJob(sample=5, device="cpu"))
    assert (found.misplaced, found.misplaced_examples, found.examples) == (1, (str(digit),), ())
