"""Real scanned forms, read with the templates of the examples and a model of MNIST."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lenet_pipeline.forms.documents.reader import PageLimits, inspect_document, read_pages
from lenet_pipeline.jobs import (
    FormIngestJob,
    IngestedForms,
    IngestJob,
    ScoringJob,
    TrainingJob,
    ingest,
    ingest_forms,
    retrain,
    score,
)
from lenet_pipeline.settings import Settings, read_settings
from tests.conftest import CHECKOUT
from tests.jobs.form_builders import Row, ask, audit, broken_checks, count

TEMPLATES = CHECKOUT / "examples" / "templates"
LIMITS = PageLimits(max_bytes=10**9, max_pixels=10**8, max_pages=100)
BLANK_COVERS = {
    ("midterm1-v2-test.pdf", 1),
    ("midterm_scan_100.pdf", 1),
    ("midterm_scan_101.pdf", 3),  # the pages are shuffled
    ("midterm_scan_102.pdf", 1),
    ("midterm_scan_103.pdf", 1),
    ("midterm_scan_104.pdf", 1),
    ("midterm_scan_104_odds.pdf", 1),
    ("test-auto-parse-scan-blank.pdf", 1),
}
FILLED_COVER = ("test-auto-parse-scan-success.pdf", 1)

pytestmark = [pytest.mark.mnist, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def reader(mnist_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with the model that users have: the default recipe's, learned from MNIST."""
    settings = read_settings(tmp_path_factory.mktemp("reader") / "home", "tester")
    ingest(settings, IngestJob("mnist", mnist_root))
    report = retrain(settings, TrainingJob(("mnist/train",), ("mnist/test",)))
    assert report.tests[0].accuracy >= 0.99
    return settings


def read(settings: Settings, path: Path, template: str, dataset: str, references: Path) -> IngestedForms:
    job = FormIngestJob(path, (TEMPLATES / f"{template}.yaml",), dataset, references)
    outcome = ingest_forms(settings, job)
    score(settings, ScoringJob(dataset))
    return outcome


def values(settings: Settings, path: Path) -> dict[tuple[str, int, str], Row]:
    """Return the latest run's fields of documents below a path, by their place."""
    rows = audit(settings, "document_values", document=str(path))
    return {(Path(row["source"]).name, row["page"], row["field"]): row for row in rows}


def test_of_every_booklet_the_cover_is_found_and_its_number_read_and_all_else_is_another_page(
    reader: Settings, forms_root: Path
) -> None:
    folder = forms_root / "exam-booklets"
    outcome = read(reader, folder, "exam-booklet", "booklets/all", folder)
    assert (outcome.pages, outcome.read, outcome.unmatched) == (56, 9, 47)
    assert (outcome.rejected, outcome.blank, outcome.duplicates) == (0, 0, 0)
    assert count(reader, "rejects") == 0

    found = values(reader, folder)
    assert {place[:2] for place in found} == BLANK_COVERS | {FILLED_COVER}
    filled = found.pop((*FILLED_COVER, "student_number"))
    assert (filled["status"], filled["value"]) == ("read", "0123456789")
    assert {row["status"] for row in found.values()} == {"blank"}
    cells = audit(reader, "document_cells", document=str(folder))
    blank = Counter((Path(row["source"]).name, row["page"]) for row in cells if row["state"] == "blank")
    assert blank == dict.fromkeys(BLANK_COVERS, 10)
    residuals = ask(reader, "select max(residual_px) as worst from pages where status = 'read'")
    assert residuals[0]["worst"] < 1.0
    assert broken_checks(reader) == []


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_cover_is_read_however_it_is_turned(
    reader: Settings, forms_root: Path, tmp_path: Path, quarters: int
) -> None:
    folder = forms_root / "exam-booklets"
    document = inspect_document(folder / FILLED_COVER[0], LIMITS)
    (page,) = read_pages(document, LIMITS, range(1, 2))
    Image.fromarray(np.rot90(page.image, -quarters)).save(tmp_path / "turned.png", dpi=(page.dpi, page.dpi))
    read(reader, tmp_path / "turned.png", "exam-booklet", f"turned/{quarters}", folder)
    (row,) = values(reader, tmp_path).values()
    assert row["value"] == "0123456789"
    (turned,) = ask(
        reader,
        f"select rotation from pages where dataset = 'turned/{quarters}'",  # noqa: S608 - ours
    )
    assert turned["rotation"] == (360 - 90 * quarters) % 360


def test_a_strip_cut_from_a_page_is_read_with_its_empty_boxes(reader: Settings, forms_root: Path) -> None:
    folder = forms_root / "exam-booklets"
    path = folder / "student_info_num.jpg"
    assert read(reader, path, "student-number-strip", "strip/all", folder).read == 1
    (row,) = values(reader, path).values()
    assert (row["status"], row["value"]) == ("read", "0001250981")
    cells = audit(reader, "document_cells", document=str(path))
    assert [cell["state"] for cell in cells] == ["digit"] * 10 + ["blank"] * 6


def test_answer_sheets_are_read_and_the_letter_beside_the_number_is_ink_with_its_probabilities(
    reader: Settings, forms_root: Path
) -> None:
    folder = forms_root / "answer-sheets"
    outcome = read(reader, folder, "answer-sheet", "sheets/all", folder)
    assert (outcome.read, outcome.unmatched, outcome.rejected) == (4, 0, 0)
    found = values(reader, folder)
    numbers = {source: row["value"] for (source, _, field), row in found.items() if field == "student_number"}
    assert numbers == {
        "reference.png": None,
        "sample_roll_01.jpg": "0188877",
        "sample_roll_02.jpg": "0203959",
        "sample_roll_03.jpg": "0204729",
    }
    letters = audit(reader, "document_cells", document="sample_roll", field="check_letter")
    assert len(letters) == 3
    for letter in letters:
        assert letter["state"] == "digit"
        assert letter["ink"] > 1
        assert sum(letter["probabilities"]) == pytest.approx(1, abs=1e-4)
    assert broken_checks(reader) == []
