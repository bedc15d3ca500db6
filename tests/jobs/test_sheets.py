"""Several forms on one scan: each is read as a page of its own, once, and none is lost silently."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from lenet_pipeline.audit.evidence import gather_evidence
from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.filling.filled_pages import FilledPage, fill_pages
from lenet_pipeline.forms.filling.handwriting import LabelledImages
from lenet_pipeline.forms.filling.severities import SEVERITIES, Severity
from lenet_pipeline.forms.page import MM_PER_INCH
from lenet_pipeline.forms.templates.model import Cells, Field, Rectangle
from lenet_pipeline.forms.templates.template_file import read_template
from lenet_pipeline.ingest import read_optdigits
from lenet_pipeline.jobs import (
    DrawingJob,
    FormIngestJob,
    IngestedForms,
    ScoringJob,
    draw_form,
    ingest_forms,
    score,
)
from lenet_pipeline.lake import images_array
from lenet_pipeline.settings import Settings
from tests.forms import page_builders as build
from tests.forms.cell_builders import Grey
from tests.jobs.form_builders import ask, audit, broken_checks

pytestmark = pytest.mark.slow

A5 = (210.0, 148.0)  # landscape, in millimetres
FIELDS = {
    "order": Field("customer", Cells(Rectangle(20, 40, 7, 9), 8, 7)),
    "return": Field("parcel", Cells(Rectangle(110, 55, 7, 9), 8, 7)),
}
SCANNED = replace(SEVERITIES["light"], rotations=(0,))


def write_form(folder: Path, form: str) -> Path:
    """Draw a form of A5 and write its template."""
    width, height = (round(side / MM_PER_INCH * build.DRAWN_DPI) for side in A5)
    page, field = np.full((height, width), 255, np.uint8), FIELDS[form]
    rng = np.random.default_rng(len(form))
    build.write_text(page, f"{form} form", 20, 20)
    for line in range(4):
        build.write_text(page, "".join(rng.choice(list(build.LETTERS), 40)), 20, 100 + 9 * line, 1.0)
    build.draw_fields(page, [field], level=0)
    Image.fromarray(page).save(folder / f"{form}.png", dpi=(build.DRAWN_DPI,) * 2)
    place = field.place
    path = folder / f"{form}.yaml"
    path.write_text(
        f"form: {form}\npage: {{width: {A5[0]}, height: {A5[1]}}}\nreference: {form}.png\nfields:\n"
        f"  - {{name: {field.name}, blank: forbidden, rules: [{{length: [8, 8]}}], cells: "
        f"{{x: {place.first.x}, y: {place.first.y}, width: 7, height: 9, pitch: 7, count: 8}}}}\n"
    )
    return path


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("templates")
    return {form: write_form(folder, form) for form in FIELDS}


def fill(template: Path, numbers: range, severity: Severity = SCANNED) -> list[FilledPage]:
    digits = read_optdigits()["test"]
    images = LabelledImages(images_array(digits), digits["label"].to_numpy())
    return list(fill_pages(read_template(template), images, numbers=numbers, seed=3, severity=severity))


def stack(*pictures: Grey, axis: int = 0) -> Grey:
    """Return one picture of several sheets, below each other or side by side."""
    side = min(picture.shape[1 - axis] for picture in pictures)
    cut = [picture[:, :side] if axis == 0 else picture[:side] for picture in pictures]
    return np.concatenate(cut, axis=axis)


def upside_down(picture: Grey) -> Grey:
    return np.ascontiguousarray(np.rot90(picture, 2))


def save(path: Path, *pages: Grey) -> Path:
    first, *others = [Image.fromarray(page) for page in pages]
    first.save(path, dpi=(200, 200), **({"save_all": True, "append_images": others} if others else {}))
    return path


def statuses(settings: Settings) -> list[tuple[int, str, str | None]]:
    rows = ask(settings, "select page, status, form from pages order by source, page")
    return [(row["page"], row["status"], row["form"]) for row in rows]


def ingest(settings: Settings, path: Path, *templates: Path) -> IngestedForms:
    return ingest_forms(settings, FormIngestJob(path, templates, "forms/all", processes=1))


def read_values(settings: Settings, path: Path) -> dict[int, str]:
    """Score, and return the value of the one field of each page."""
    score(settings, ScoringJob("forms/all"))
    rows = audit(settings, "document_values", document=path.name)
    return {row["page"]: row["value_read"] or "" for row in rows}


def written(page: FilledPage) -> str:
    (value,) = page.truth.values()
    return value


def agrees(read: str, page: FilledPage) -> bool:
    """Tell whether most digits are right. The model of the tests misreads some; other values share few."""
    return len(read) == 8 and sum(map(str.__eq__, read, written(page))) >= 6


def test_two_copies_on_one_scan_are_two_pages_with_their_own_values(
    settings: Settings, templates: dict[str, Path], tmp_path: Path
) -> None:
    upper, lower = fill(templates["order"], range(2))
    path = save(tmp_path / "scan.png", stack(upper.image, upside_down(lower.image)))
    outcome = ingest(settings, path, templates["order"])
    assert (outcome.documents, outcome.pages, outcome.read, outcome.rejected) == (1, 1, 2, 0)
    assert (outcome.added, outcome.further_sheets) == (16, 1)
    assert statuses(settings) == [(1, "read", "order"), (2, "read", "order")]
    values = read_values(settings, path)
    assert agrees(values[1], upper)
    assert agrees(values[2], lower)
    rotations = ask(settings, "select rotation from pages order by page")
    assert [row["rotation"] for row in rotations] == [0, 180]
    boxes = ask(
        settings, "select page, source_box.y as y from fields join pages using (page_id) order by page"
    )
    assert boxes[0]["y"] < 1165 < boxes[1]["y"]  # both are places on the one scan
    assert broken_checks(settings) == []


def test_a_scan_of_several_sheets_is_stored_exactly_once(
    settings: Settings, templates: dict[str, Path], tmp_path: Path
) -> None:
    upper, lower = fill(templates["order"], range(2))
    path = save(tmp_path / "scan.png", stack(upper.image, lower.image))
    ingest(settings, path, templates["order"])
    digits = ask(settings, "select digit_id from cells order by digit_id")
    again = ingest(settings, path, templates["order"])
    assert (again.known, again.read, again.added, again.digits) == (1, 0, 0, 16)
    assert again.further_sheets == 0
    save(tmp_path / "copy.png", stack(upper.image, lower.image))
    with Image.open(tmp_path / "copy.png") as picture:
        picture.save(tmp_path / "copy.tif")
    copied = ingest(settings, tmp_path / "copy.tif", templates["order"])
    assert (copied.duplicates, copied.read, copied.added) == (2, 0, 0)
    assert ask(settings, "select digit_id from cells order by digit_id") == digits
    assert len({row["digit_id"] for row in digits}) == 16
    assert broken_checks(settings) == []


def test_pages_side_by_side_are_counted_from_the_left_and_after_the_pages_of_the_document(
    settings: Settings, templates: dict[str, Path], tmp_path: Path
) -> None:
    pages = fill(templates["order"], range(2)) + fill(templates["return"], range(2, 3))
    single = np.full((2330, 1654), 255, np.uint8)
    single[: pages[2].image.shape[0]] = pages[2].image[:, :1654]
    path = save(tmp_path / "scans.tif", single, stack(pages[0].image, pages[1].image, axis=1))
    outcome = ingest(settings, path, templates["order"], templates["return"])
    assert (outcome.pages, outcome.read) == (2, 3)
    assert statuses(settings) == [(1, "read", "return"), (2, "read", "order"), (4, "read", "order")]
    values = read_values(settings, path)
    assert [agrees(values[number], page) for number, page in zip((2, 4, 1), pages, strict=True)] == [True] * 3
    assert broken_checks(settings) == []


def test_four_sheets_on_a_scan_are_found_row_by_row(
    settings: Settings, templates: dict[str, Path], tmp_path: Path
) -> None:
    pages = fill(templates["order"], range(4))
    rows = [stack(pages[start].image, pages[start + 1].image, axis=1) for start in (0, 2)]
    path = save(tmp_path / "scan.png", stack(*rows))
    outcome = ingest(settings, path, templates["order"])
    assert (outcome.pages, outcome.read, outcome.further_sheets) == (1, 4, 3)
    values = read_values(settings, path)
    assert [agrees(values[number], page) for number, page in enumerate(pages, start=1)] == [True] * 4


def test_an_unknown_form_next_to_a_known_one_is_listed_with_advice(
    settings: Settings, templates: dict[str, Path], tmp_path: Path
) -> None:
    (order,), (other,) = fill(templates["order"], range(1)), fill(templates["return"], range(1))
    path = save(tmp_path / "scan.png", stack(order.image, other.image))
    outcome = ingest(settings, path, templates["order"])
    assert (outcome.read, outcome.unmatched) == (1, 1)
    (row,) = audit(settings, "pages_not_read")
    assert (row["page"], row["status"]) == (2, "unmatched")
    assert row["reason"].startswith(
        "sheet 2 of page 1: the rest of the scan, outside form 'order', has print"
    )
    assert "add its template and ingest the scan again" in row["reason"]
    assert broken_checks(settings) == []


@pytest.mark.parametrize("known_first", [True, False])
def test_an_unknown_form_is_read_once_its_template_is_added(
    settings: Settings, templates: dict[str, Path], tmp_path: Path, known_first: bool
) -> None:
    (order,), (other,) = fill(templates["order"], range(1)), fill(templates["return"], range(1, 2))
    sheets = [order, other] if known_first else [other, order]
    path = save(tmp_path / "scan.png", stack(*(sheet.image for sheet in sheets)))
    ingest(settings, path, templates["order"])
    ingest(settings, path, *templates.values())
    values = read_values(settings, path)
    assert [agrees(values[number], sheet) for number, sheet in enumerate(sheets, start=1)] == [True] * 2
    assert [row["form"] for row in audit(settings, "document_values", document=path.name)] == (
        ["order", "return"] if known_first else ["return", "order"]
    )
    assert audit(settings, "pages_not_read") == []
    again = ingest(settings, path, *templates.values())
    assert (again.known, again.read, again.added) == (1, 0, 0)
    assert broken_checks(settings) == []


def test_a_form_between_two_unknown_ones_is_never_stored_twice(
    settings: Settings, templates: dict[str, Path], tmp_path: Path
) -> None:
    (order,), others = fill(templates["order"], range(1)), fill(templates["return"], range(1, 3))
    path = save(tmp_path / "scan.png", stack(others[0].image, order.image, others[1].image))
    first = ingest(settings, path, templates["order"])
    assert (first.read, first.unmatched, first.added) == (1, 1, 8)
    ingest(settings, path, *templates.values())
    rows = ask(settings, "select field, count(*) as fields from fields group by field order by field")
    assert rows[0] == {"field": "customer", "fields": 1}
    assert broken_checks(settings) == []


def test_a_sheet_that_cannot_be_read_is_a_reject_and_the_other_is_read(
    settings: Settings, templates: dict[str, Path], tmp_path: Path
) -> None:
    good, poor = fill(templates["order"], range(2))
    grain = np.random.default_rng(0).normal(0, 60, poor.image.shape)
    noisy = np.clip(poor.image * 0.7 + 40 + grain, 0, 255).astype(np.uint8)
    path = save(tmp_path / "scan.png", stack(good.image, noisy))
    outcome = ingest(settings, path, templates["order"])
    assert (outcome.read, outcome.rejected) == (1, 1)
    assert ask(settings, "select page, kind from rejects") == [{"page": 2, "kind": "poor_scan"}]
    assert agrees(read_values(settings, path)[1], good)
    (row,) = audit(settings, "pages_not_read")
    assert row["page"] == 2
    assert row["reason"].startswith("sheet 2 of page 1: ")


@pytest.mark.parametrize("rest", ["white", "dark", "table"])
def test_one_form_on_a_larger_glass_is_one_page(
    settings: Settings, templates: dict[str, Path], tmp_path: Path, rest: str
) -> None:
    (order,) = fill(templates["order"], range(1))
    bed = np.full_like(order.image, 250 if rest == "white" else 25)
    if rest == "table":
        grain = np.random.default_rng(0).integers(40, 150, bed.shape).astype(np.uint8)
        bed = cv2.GaussianBlur(grain, (0, 0), 4)
    path = save(tmp_path / "scan.png", stack(order.image, bed))
    outcome = ingest(settings, path, templates["order"])
    assert (outcome.pages, outcome.read, outcome.unmatched, outcome.rejected) == (1, 1, 0, 0)


def test_show_draws_a_sheet_by_its_page_number(
    settings: Settings, templates: dict[str, Path], tmp_path: Path
) -> None:
    upper, lower = fill(templates["order"], range(2))
    path = save(tmp_path / "scan.png", stack(upper.image, lower.image))
    template = read_template(templates["order"])
    drawn = [np.asarray(draw_form(settings, DrawingJob(template, path, number))) for number in (1, 2)]
    assert drawn[0].shape == drawn[1].shape
    assert (drawn[0] != drawn[1]).any()
    with pytest.raises(IngestError, match="has 1 page, so there is no page 3") as caught:
        draw_form(settings, DrawingJob(template, path, 3))
    assert "the forms on page 1 are 1 and 2" in str(caught.value)


def test_the_evidence_of_a_digit_on_the_second_sheet_shows_its_place_on_the_scan(
    settings: Settings, templates: dict[str, Path], tmp_path: Path
) -> None:
    upper, lower = fill(templates["order"], range(2))
    path = save(tmp_path / "scan.png", stack(upper.image, lower.image))
    ingest(settings, path, templates["order"])
    score(settings, ScoringJob("forms/all"))
    (row,) = ask(
        settings,
        "select cells.digit_id from cells join pages using (page_id) where page = 2 and position = 3",
    )
    pictures = dict(gather_evidence(settings, str(row["digit_id"])).pictures)
    assert "scan" in pictures
