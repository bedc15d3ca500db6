"""Folders of digits of forms to review: what they show, and what their verdicts change."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from lenet_pipeline.audit import export_reviews, import_reviews, revise
from lenet_pipeline.audit.reviews import Exported
from lenet_pipeline.jobs import FormIngestJob, ScoringJob, ingest_forms, score
from lenet_pipeline.schema import NEW_FIELD_REVIEWS
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.warehouse import VerdictBatch, record_verdicts
from tests.jobs.form_builders import ask, broken_checks, fill_slips, scans, write_template

HOSTILE = '"><script>alert(1)<!--.png'
VALUE = "select value, value_read, status, origin from final_values where field = '{}' order by source"


pytestmark = pytest.mark.slow  # filled and scored forms


@pytest.fixture(scope="module")
def read_once(trained: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Path]:
    """A home with two slips that were read, one with a hostile name, and their folder: to copy."""
    base = tmp_path_factory.mktemp("slips")
    settings = read_settings(Path(shutil.copytree(trained.home, base / "home")), "ada")
    folder = fill_slips(trained, base / "scans", 2)
    scan = scans(folder)[0]
    scan.rename(folder / HOSTILE)
    ingest_forms(settings, FormIngestJob(folder, (write_template(base),), "slips/all"))
    score(settings, ScoringJob("slips/all"))
    return settings, folder


@pytest.fixture
def slips(read_once: tuple[Settings, Path], home: Path) -> Settings:
    """A copy of the home that a test may change."""
    shutil.copytree(read_once[0].home, home)
    return read_settings(home, "ada")


def export(settings: Settings, folder: Path, limit: int = 500) -> tuple[Exported, str, list[dict[str, str]]]:
    """Export a folder; return its contact sheet and the rows of its table too."""
    done = export_reviews(settings, folder, "latest", limit)
    with done.table.open(newline="", encoding="utf-8-sig") as file:
        return done, done.sheet.read_text(encoding="utf-8"), list(csv.DictReader(file))


def fill_in(done: Exported, rows: list[dict[str, str]]) -> None:
    with done.table.open("w", newline="", encoding="utf-16") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def test_the_sheet_shows_each_digit_in_its_field_and_on_its_page(slips: Settings, tmp_path: Path) -> None:
    done, sheet, rows = export(slips, tmp_path / "out")
    assert sheet.count("<article") == len(rows) == done.digits > 20
    assert done.run.scoring_run_id in sheet
    assert {row["scoring_run_id"] for row in rows} == {done.run.scoring_run_id}
    assert {row["reason"].partition(":")[0] for row in rows} <= {"no_policy", "not_a_digit"}
    named = set(re.findall(r'(?:src|href)="([^"]+)"', sheet))
    assert named == {f"pictures/{path.name}" for path in (tmp_path / "out" / "pictures").iterdir()}
    assert len([name for name in named if "page-" in name]) == 2
    assert "no picture" not in sheet
    article = sheet.split('id="digit-1"')[1].split("</article>")[0]
    assert f"field {rows[0]['field']}, position {rows[0]['position']}" in article
    assert rows[0]["reason"] in article


def test_the_outlines_surround_the_cell_and_the_field(slips: Settings, tmp_path: Path) -> None:
    _, sheet, rows = export(slips, tmp_path / "out")
    number = next(row["number"] for row in rows if (row["field"], row["position"]) == ("number", "2"))
    article = sheet.split(f'id="digit-{number}"')[1].split("</article>")[0]
    styles = re.findall(r"left:([\d.]+)%;top:([\d.]+)%;width:([\d.]+)%;height:([\d.]+)%", article)
    cell, field = np.array(styles, dtype=float)
    # Millimetres of the slip: four cells of 6 x 8 from (6, 6) on a page of 100 x 50, with a margin of 2.
    assert np.allclose(cell, np.array([(2 + 12) / 28, 2 / 12, 6 / 28, 8 / 12]) * 100, atol=2.5)
    assert np.allclose(field, [6, 12, 24, 16], atol=0.5)
    page = tmp_path / "out" / re.search(r'href="([^"]+)"', article)[1]  # type: ignore[index]
    with Image.open(page) as picture:
        assert picture.width / picture.height == pytest.approx(2, rel=0.02)


def test_a_script_in_a_file_name_is_text_on_the_sheet(slips: Settings, tmp_path: Path) -> None:
    _, sheet, rows = export(slips, tmp_path / "out")
    assert any(row["source"].endswith(HOSTILE) for row in rows)
    assert "<script" not in sheet
    assert "&#34;&gt;&lt;script&gt;alert(1)&lt;!--.png" in sheet


def test_a_scan_that_changed_is_not_drawn(
    slips: Settings, read_once: tuple[Settings, Path], tmp_path: Path
) -> None:
    scan = read_once[1] / HOSTILE
    before = scan.read_bytes()
    try:
        Image.new("L", (800, 400), 255).save(scan)
        _, sheet, _ = export(slips, tmp_path / "out")
    finally:
        scan.write_bytes(before)
    assert "1 page has no picture: the scan is no" in sheet
    assert len(list((tmp_path / "out" / "pictures").glob("page-*"))) == 1
    assert len(list((tmp_path / "out" / "pictures").glob("field-*"))) > 4


def test_a_verdict_on_a_digit_changes_the_value_of_its_field(slips: Settings, tmp_path: Path) -> None:
    done, _, rows = export(slips, tmp_path / "out")
    before = ask(slips, VALUE.format("key"))
    of_field = [row for row in rows if row["field"] == "key" and row["source"].endswith(HOSTILE)]
    first = min(of_field, key=lambda row: int(row["position"]))
    other = str((int(first["label"]) + 1) % 10)
    first["verdict"] = f"{other},0"
    fill_in(done, rows)
    imported = import_reviews(slips, tmp_path / "out")
    assert (imported.recorded, imported.refused, imported.fields_changed) == (1, 0, 1)
    changed, same = sorted(ask(slips, VALUE.format("key")), key=lambda row: row["origin"] == "read")
    assert same in before
    assert changed["value"] == other + changed["value_read"][1:]
    assert changed["origin"] == "reviewed by ada"
    assert broken_checks(slips) == []
    again = import_reviews(slips, tmp_path / "out")
    assert (again.recorded, again.known, again.fields_changed) == (0, 1, 0)


def test_a_verdict_that_confirms_a_digit_changes_no_value(slips: Settings, tmp_path: Path) -> None:
    done, _, rows = export(slips, tmp_path / "out")
    chosen = next(row for row in rows if row["field"] == "total")
    chosen["verdict"] = chosen["label"]
    fill_in(done, rows)
    imported = import_reviews(slips, tmp_path / "out")
    assert (imported.recorded, imported.fields_changed) == (1, 0)


def test_digits_of_a_reviewed_field_are_left_out(slips: Settings, tmp_path: Path) -> None:
    _, _, rows = export(slips, tmp_path / "all")
    (field, *_) = ask(slips, "select field_id, page_id, source from final_values where field = 'total'")
    said = pa.table(
        [
            pa.array([UUID(field["field_id"]).bytes], pa.uuid()),
            pa.array([UUID(field["page_id"]).bytes], pa.uuid()),
            ["value"],
            ["123"],
            [False],
            [None],
        ],
        schema=NEW_FIELD_REVIEWS,
    )
    record_verdicts(slips.warehouse, VerdictBatch(uuid4(), "bob", "fields", fields=said), revise)
    _, _, left = export(slips, tmp_path / "left")
    missing = {row["digit_id"] for row in rows} - {row["digit_id"] for row in left}
    assert missing == {
        row["digit_id"] for row in rows if (row["field"], row["source"]) == ("total", field["source"])
    }
    assert missing
