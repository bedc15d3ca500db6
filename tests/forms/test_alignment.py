"""Tests of alignment: pages of a form are found in any position, and other pages are refused."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pypdfium2
import pytest

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.alignment.aligned_pages import AlignedPage, Unaligned
from lenet_pipeline.forms.alignment.homographies import map_points, shifting, warp_picture
from lenet_pipeline.forms.alignment.layouts import guess_from_layouts
from lenet_pipeline.forms.alignment.page_alignment import align_page
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate, prepare_template
from lenet_pipeline.forms.alignment.refinement import Scan
from lenet_pipeline.forms.alignment.self_similarity import measure_lead
from lenet_pipeline.forms.filling.scanning import scan_sheet
from lenet_pipeline.forms.filling.severities import Severity
from lenet_pipeline.forms.page import MM_PER_INCH, Grey
from lenet_pipeline.forms.templates.model import Cells, Field, Rectangle, Template, WritingBox
from tests.forms import page_builders as build
from tests.forms.page_builders import HEAVY, MEDIUM, as_page, cells_at, make_template

HALF_MILLIMETRE_PX = 0.5 / MM_PER_INCH * 200
LETTER_FIELDS = (cells_at("number", 40, 105, 10), cells_at("date", 40, 125, 6))
GRID_FIELDS = (cells_at("rows", 30, 40, 7, rows=20), cells_at("more", 120, 40, 7, rows=20))
ROW_PITCH = 15.0  # millimetres
ROW_FIELDS = tuple(
    Field(name, Cells(Rectangle(x, 40, 7, 7), 8, 7, 10, ROW_PITCH))
    for name, x in (("left", 20), ("right", 110))
)


def lay(image: Grey, prepared: Iterable[PreparedTemplate]) -> AlignedPage | Unaligned:
    """Align a page without checking its legibility: alignment still works on pages too poor to read."""
    return align_page(as_page(image), [replace(one, gauge=None) for one in prepared])


def align(image: Grey, *prepared: PreparedTemplate) -> AlignedPage:
    found = lay(image, prepared)
    assert isinstance(found, AlignedPage), found
    return found


def refuse(image: Grey, *prepared: PreparedTemplate) -> Unaligned:
    found = align_page(as_page(image), prepared)
    assert isinstance(found, Unaligned), found.prepared.template.form
    return found


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the drawn blank forms."""
    folder = tmp_path_factory.mktemp("forms")
    build.draw_letter(folder / "letter.png", seed=1, fields=LETTER_FIELDS)
    build.draw_letter(folder / "sibling_1.png", seed=2, fields=LETTER_FIELDS, marks="form 1")
    build.draw_letter(folder / "sibling_2.png", seed=2, fields=LETTER_FIELDS, marks="form 2")
    build.draw_letter(folder / "other.png", seed=3, fields=(cells_at("a", 120, 30, 5),))
    build.draw_grid(folder / "grid.png", GRID_FIELDS)
    return folder


@pytest.fixture(scope="module")
def letter(drawn: Path) -> PreparedTemplate:
    return prepare_template(make_template("letter", drawn / "letter.png", LETTER_FIELDS))


@pytest.fixture(scope="module")
def grid(drawn: Path) -> PreparedTemplate:
    return prepare_template(make_template("grid", drawn / "grid.png", GRID_FIELDS, method="markers"))


@pytest.fixture(scope="module")
def rows(drawn: Path) -> PreparedTemplate:
    path = build.draw_rows(drawn / "rows.png", ROW_FIELDS)
    return prepare_template(make_template("rows", path, ROW_FIELDS))


@pytest.fixture(scope="module")
def letter_sheet(letter: PreparedTemplate) -> Grey:
    return build.lay_sheet(letter.template)


@pytest.mark.parametrize(
    "turn", [pytest.param(90, marks=pytest.mark.slow), pytest.param(180, marks=pytest.mark.slow), 270]
)
def test_a_page_turned_any_way_is_upright_when_aligned(
    letter: PreparedTemplate, letter_sheet: Grey, turn: int
) -> None:
    scan = scan_sheet(
        letter_sheet, build.SHEET_DPI, replace(MEDIUM, rotations=(turn,)), np.random.default_rng(turn)
    )
    found = align(scan.image, letter)
    assert found.rotation == -turn % 360
    assert found.image.shape == letter.template.aligned_size
    assert build.cell_errors(found, scan).max() < 1
    assert letter.reference is not None
    likeness = np.corrcoef(cv2.GaussianBlur(found.image, (0, 0), 2).ravel(), letter.reference.ravel())[0, 1]
    assert likeness > 0.6


@pytest.mark.parametrize(
    "severity", [pytest.param(MEDIUM, id="medium", marks=pytest.mark.slow), pytest.param(HEAVY, id="heavy")]
)
@pytest.mark.parametrize("form", ["letter", "grid"])
def test_every_cell_of_a_filled_page_is_within_a_pixel_of_its_place(
    form: str, severity: Severity, request: pytest.FixtureRequest
) -> None:
    prepared = request.getfixturevalue(form)
    sheet = build.lay_sheet(prepared.template)
    scan = build.scan_filled(sheet, prepared.template, severity, 0)
    found = align(scan.image, prepared)
    assert found.rotation == -scan.rotation % 360
    assert build.cell_errors(found, scan).max() < 1
    assert found.residual_px is not None and found.residual_px < 1
    assert found.score is not None and 0.4 < found.score <= 1


@pytest.mark.parametrize(
    "dpi", [75, pytest.param(150, marks=pytest.mark.slow), pytest.param(600, marks=pytest.mark.slow)]
)
def test_the_resolution_does_not_matter_and_need_not_be_known(
    letter: PreparedTemplate, letter_sheet: Grey, dpi: int
) -> None:
    severity = Severity(dpi=dpi, skew_degrees=3, scale=0.05, blur_px=0.5, noise=5)
    scan = scan_sheet(letter_sheet, build.SHEET_DPI, severity, np.random.default_rng(dpi))
    assert build.cell_errors(align(scan.image, letter), scan).max() < 1


@pytest.mark.slow
def test_stamps_dark_borders_watermarks_and_cropped_margins_do_no_harm(
    letter: PreparedTemplate, letter_sheet: Grey
) -> None:
    scan = scan_sheet(letter_sheet, build.SHEET_DPI, MEDIUM, np.random.default_rng(7))
    code = (
        np.kron(np.random.default_rng(0).integers(0, 2, (25, 25)), np.ones((12, 12))).astype(np.uint8) * 255
    )
    stamped = scan.image.copy()
    stamped[20:320, 20:320] = code
    bordered = np.pad(scan.image, 150, constant_values=9)
    cover = np.full(scan.image.shape, 255, np.uint8)
    cv2.putText(cover, "COPY", (150, 1200), cv2.FONT_HERSHEY_SIMPLEX, 12, 0, 60)
    watermarked = (scan.image * (0.6 + 0.4 * cover / 255.0)).astype(np.uint8)
    cropped = scan.image[60:, 60:]
    for image, shift in ((stamped, 0), (bordered, 150), (watermarked, 0), (cropped, -60)):
        found = align(np.ascontiguousarray(image), letter)
        moved = replace(
            found, to_scan=np.array([[1, 0, -shift], [0, 1, -shift], [0, 0, 1.0]]) @ found.to_scan
        )
        assert build.cell_errors(moved, scan).max() < 1


@pytest.mark.slow
def test_a_scan_of_ink_and_paper_only_is_aligned_without_its_pale_boxes(drawn: Path) -> None:
    fields = GRID_FIELDS
    path = build.draw_letter(drawn / "pale.png", seed=5, fields=())
    blank = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    pale = cv2.imread(str(build.draw_grid(drawn / "boxes.png", fields)), cv2.IMREAD_GRAYSCALE)
    assert blank is not None and pale is not None
    cv2.imwrite(str(path), np.minimum(blank, pale))
    prepared = prepare_template(make_template("pale", path, fields))
    assert prepared.bilevel is not None
    scan = scan_sheet(
        build.lay_sheet(prepared.template),
        build.SHEET_DPI,
        Severity(skew_degrees=2, noise=5),
        np.random.default_rng(1),
    )
    found = align(np.where(scan.image > 128, np.uint8(255), np.uint8(0)), prepared)
    assert build.cell_errors(found, scan).max() < 1


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))])
@pytest.mark.parametrize(
    "severity", [MEDIUM, pytest.param(HEAVY, marks=pytest.mark.slow)], ids=["medium", "heavy"]
)
def test_rows_of_equal_cells_are_never_aligned_one_row_off(
    rows: PreparedTemplate, severity: Severity, seed: int
) -> None:
    scan = build.scan_filled(build.lay_sheet(rows.template), rows.template, severity, seed)
    found = align(scan.image, rows)
    assert found.rotation == -scan.rotation % 360
    assert build.cell_errors(found, scan).max() < 1


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3, 4, 5))]
)
def test_of_two_editions_the_right_one_is_found_though_one_has_all_the_print_of_the_other(
    drawn: Path, seed: int
) -> None:
    shorter, longer = (cells_at("a", 20, 30, 8), cells_at("a", 20, 30, 8, rows=20))
    prepared = [
        prepare_template(make_template(name, build.draw_rows(drawn / f"{name}.png", [field]), [field]))
        for name, field in (("shorter", shorter), ("longer", longer))
    ]
    for one in prepared:
        scan = build.scan_filled(build.lay_sheet(one.template), one.template, MEDIUM, seed)
        assert align(scan.image, *prepared).prepared.template.form == one.template.form


@pytest.mark.parametrize(
    ("worse", "reason"),
    [({"noise": 90}, "too noisy"), ({"blur_px": 6}, "blurred"), ({"speckle": 250}, "specks")],
    ids=str,
)
def test_an_aligned_but_illegible_page_is_refused(
    rows: PreparedTemplate, worse: dict[str, float], reason: str
) -> None:
    scan = build.scan_filled(build.lay_sheet(rows.template), rows.template, Severity(**worse), 0)
    assert build.cell_errors(align(scan.image, rows), scan).max() < 1
    refused = refuse(scan.image, rows)
    assert (refused.kind, refused.nearest) == ("poor_scan", "rows")
    assert reason in refused.reason


def test_equal_cells_are_found_by_their_layout_alone_in_any_position(rows: PreparedTemplate) -> None:
    sheet, landmarks = build.lay_sheet(rows.template), rows.landmarks
    assert landmarks is not None
    for turn in (0, 90, 180):
        severity = replace(MEDIUM, skew_degrees=5, scale=0.05, shift_mm=10, rotations=(turn,))
        scan = build.scan_filled(sheet, rows.template, severity, turn)
        page = Scan(scan.image)
        layout, from_layout = page.layout(rows.template)
        guesses = guess_from_layouts(landmarks.layout, layout, from_layout, size=rows.template.aligned_size)
        corners = np.array([[0.0, 0], [1654, 0], [0, 2339], [1654, 2339]])
        apart = map_points(np.linalg.inv(scan.homography) @ guesses[0].to_scan, corners) - corners
        assert np.hypot(*apart.T).max() < ROW_PITCH / 3 / MM_PER_INCH * 200


def test_a_page_one_row_or_cell_off_has_a_negative_lead(rows: PreparedTemplate) -> None:
    landmarks = rows.landmarks
    assert landmarks is not None and len(landmarks.self_matches)
    scan = build.scan_filled(build.lay_sheet(rows.template), rows.template, Severity(noise=8), 0)
    size, ink = rows.template.aligned_size, landmarks.layout.ink
    for x, y, is_off in (
        (0, 0, False),
        (0, ROW_PITCH, True),
        (0, -ROW_PITCH, True),
        (7, 0, True),
        (-7, 0, True),
    ):
        to_scan = scan.homography @ shifting(x / MM_PER_INCH * 200, y / MM_PER_INCH * 200)
        lead = measure_lead(
            warp_picture(scan.image, to_scan, size, paper=255), ink.shape, landmarks.self_matches
        )
        assert (lead < 0) if is_off else (lead > 0.6), (x, y)


def test_a_page_with_an_ambiguous_position_is_refused(drawn: Path) -> None:
    path = build.draw_rows(drawn / "unlabelled.png", ROW_FIELDS, labels=False)
    prepared = prepare_template(make_template("unlabelled", path, ROW_FIELDS))
    sheet = build.lay_sheet(prepared.template)
    scan = scan_sheet(sheet, build.SHEET_DPI, Severity(noise=5), np.random.default_rng(0))
    # Without its title and its last row: the other rows fit as well where they are as one row below.
    covered = scan.image.copy()
    covered[:280], covered[1340:] = 255, 255
    found = refuse(covered, prepared)
    assert found.kind == "poor_registration"
    assert "its rows or cells repeat" in found.reason


def test_an_empty_sheet_is_a_blank_page(letter: PreparedTemplate) -> None:
    rng = np.random.default_rng(0)
    paper = rng.normal(232, 12, (2339, 1654)) - np.linspace(0, 60, 1654)
    for x, y in rng.integers(0, 1600, (60, 2)):
        paper[y : y + 2, x : x + 2] = 30
    paper[:, :45] = 10
    found = refuse(np.clip(paper, 0, 255).astype(np.uint8), letter)
    assert (found.kind, found.nearest) == ("blank_page", None)


@pytest.mark.parametrize("shape", [(1, 1), (3, 4000), (4000, 3), (40, 30)])
def test_pictures_too_small_to_be_pages_are_refused_without_an_error(
    letter: PreparedTemplate, grid: PreparedTemplate, shape: tuple[int, int]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert refuse(noise, letter, grid).kind in ("blank_page", "unmatched_page")


def test_a_page_of_another_form_is_unmatched_and_says_so(
    drawn: Path, letter: PreparedTemplate, grid: PreparedTemplate
) -> None:
    other = make_template("other", drawn / "other.png")
    scan = build.scan_filled(build.lay_sheet(other), other, MEDIUM, 1)
    found = refuse(scan.image, letter, grid)
    assert found.kind == "unmatched_page"
    assert "\n" not in found.reason and "another form" in found.reason


@pytest.mark.slow
def test_of_two_forms_that_differ_in_one_digit_the_right_one_is_chosen(drawn: Path) -> None:
    templates = [make_template(f"form {n}", drawn / f"sibling_{n}.png", LETTER_FIELDS) for n in (1, 2)]
    prepared = [prepare_template(template) for template in templates]
    for template in templates:
        scan = build.scan_filled(build.lay_sheet(template), template, MEDIUM, 4)
        assert align(scan.image, *prepared).prepared.template.form == template.form


def test_a_crumpled_page_is_refused(letter: PreparedTemplate, letter_sheet: Grey) -> None:
    scan = scan_sheet(letter_sheet, build.SHEET_DPI, Severity(noise=5), np.random.default_rng(0))
    y, x = np.mgrid[: scan.image.shape[0], : scan.image.shape[1]].astype(np.float32)
    crumpled = cv2.remap(
        scan.image, x + 9 * np.sin(y / 40), y + 9 * np.sin(x / 43), cv2.INTER_LINEAR, borderValue=255
    )
    found = refuse(np.asarray(crumpled, dtype=np.uint8), letter)
    assert found.kind in ("poor_registration", "unmatched_page")
    assert found.nearest == "letter"


@pytest.mark.slow
def test_a_residual_above_the_templates_limit_is_poor_registration(
    letter: PreparedTemplate, letter_sheet: Grey
) -> None:
    strict = replace(letter, template=replace(letter.template, max_residual_px=0.01))
    scan = scan_sheet(letter_sheet, build.SHEET_DPI, MEDIUM, np.random.default_rng(0))
    found = refuse(scan.image, strict)
    assert (found.kind, found.nearest) == ("poor_registration", "letter")
    assert "the limit is 0.01 px" in found.reason
    assert found.residual_px is not None and 0.01 < found.residual_px < 0.5


def test_a_field_beyond_the_scan_is_not_read_as_blank(letter: PreparedTemplate, letter_sheet: Grey) -> None:
    scan = scan_sheet(letter_sheet, build.SHEET_DPI, Severity(noise=5), np.random.default_rng(0))
    found = refuse(np.ascontiguousarray(scan.image[:, 450:]), letter)
    assert found.kind == "poor_registration"
    assert "'number' extends beyond the scan" in found.reason


@pytest.mark.slow
def test_the_same_page_gives_the_same_alignment(letter: PreparedTemplate, letter_sheet: Grey) -> None:
    scan = build.scan_filled(letter_sheet, letter.template, MEDIUM, 3)
    once = align(scan.image, letter)
    again = align(scan.image, pickle.loads(pickle.dumps(letter)))  # noqa: S301 - ours
    np.testing.assert_array_equal(once.to_scan, again.to_scan)
    np.testing.assert_array_equal(once.image, again.image)


def test_without_a_reference_the_page_is_scaled_and_nothing_claims_to_be_checked() -> None:
    prepared = prepare_template(make_template("plain", None, LETTER_FIELDS, method="scale"))
    assert prepared.reference is None
    page = np.full((1170, 827), 250, np.uint8)
    page[200:260, 100:700] = 20
    found = align(page, prepared)
    assert (found.rotation, found.residual_px, found.score) == (0, None, None)
    assert found.image.shape == (2339, 1654)
    assert found.image[460, 800] < 60 < 200 < found.image[700, 800]
    np.testing.assert_allclose(map_points(found.to_scan, np.array([[1654.0, 2339.0]])), [[827, 1170]])

    lying = align(np.ascontiguousarray(np.rot90(page, 1)), prepared)
    assert lying.rotation == 90
    np.testing.assert_array_equal(lying.image, found.image)
    assert refuse(np.ascontiguousarray(page[:800]), prepared).kind == "unmatched_page"


def test_a_template_that_pages_cannot_be_aligned_with_is_refused_with_advice(drawn: Path) -> None:
    blank = drawn / "blank.png"
    cv2.imwrite(str(blank), np.full((351, 248), 255, np.uint8))
    with pytest.raises(IngestError, match="has no reference; add a blank form"):
        prepare_template(make_template("none", None))
    with pytest.raises(IngestError, match="only 0 places with print"):
        prepare_template(make_template("white", blank))
    with pytest.raises(IngestError, match="lacks four equal discs"):
        prepare_template(make_template("unmarked", blank, method="markers"))


# Real forms and scans.

POINT = MM_PER_INCH / 72
COVERS = {
    "midterm_scan_100": {1},
    "midterm_scan_101": {3},
    "midterm_scan_102": {1},
    "midterm_scan_103": {1},
    "midterm_scan_104": {1},
    "midterm_scan_104_evens": set(),
    "midterm_scan_104_odds": {1},
    "test-auto-parse-scan-blank": {1},
    "test-auto-parse-scan-success": {1},
}


def box_at(name: str, x: float, y: float, width: float, height: float) -> Field:
    return Field(name, WritingBox(Rectangle(x, y, width, height), 1, 10))


def booklet(folder: Path) -> Template:
    return make_template(
        "booklet",
        folder / "exam-booklets" / "midterm1-v2-test.pdf",
        [box_at("student", 64.6, 122, 77, 8)],
        size=(612 * POINT, 792 * POINT),
    )


def marked_forms(folder: Path) -> list[Template]:
    pages, size = folder / "blank-templates", (842 * POINT, 595 * POINT)
    marks = [
        cells_at("id", 115, 55, 7),
        cells_at("left", 113, 80, 2, rows=8),
        cells_at("right", 183, 80, 2, rows=8),
    ]
    students = [
        box_at(f"{x}-{row}", x, 61.3 + 12.33 * row, 49.7, 9) for x in (66.6, 165.1) for row in range(10)
    ]
    return [
        make_template(
            "marks", pages / "Gujrat_1s_12_questions_hwdigits.pdf", marks, size=size, method="markers"
        ),
        make_template(
            "attendance", pages / "Attendance-sheetLayout.pdf", students, size=size, method="markers"
        ),
    ]


def render(path: Path, number: int, dpi: int) -> Grey:
    with pypdfium2.PdfDocument(path) as document:
        bitmap = document[number - 1].render(scale=dpi / 72, grayscale=True)
        return np.asarray(bitmap.to_numpy(), dtype=np.uint8).reshape(bitmap.height, bitmap.width).copy()


@pytest.mark.slow
def test_the_cover_is_found_among_the_pages_of_a_shuffled_booklet(forms_root: Path) -> None:
    prepared = prepare_template(booklet(forms_root))
    path = forms_root / "exam-booklets" / "midterm_scan_101.pdf"
    for number, turns in ((3, 2), (1, 0)):
        found = align_page(as_page(np.rot90(render(path, number, 150), turns).copy()), [prepared])
        if number == 3:
            assert isinstance(found, AlignedPage), found
            assert (found.rotation, found.score) == (90 * turns, 1.0)
            assert found.residual_px is not None and found.residual_px < 1
        else:
            assert isinstance(found, Unaligned)
            assert found.kind == "unmatched_page"


@pytest.mark.slow
@pytest.mark.parametrize("name", COVERS)
def test_of_every_booklet_exactly_the_covers_are_found(forms_root: Path, name: str) -> None:
    prepared = prepare_template(booklet(forms_root))
    path = forms_root / "exam-booklets" / f"{name}.pdf"
    with pypdfium2.PdfDocument(path) as document:
        count = len(document)
    covers = set()
    for number in range(1, count + 1):
        image = render(path, number, 300)
        for turns in range(4):
            found = align_page(as_page(np.rot90(image, turns).copy()), [prepared])
            if isinstance(found, AlignedPage):
                covers.add(number)
                assert found.rotation == 90 * turns
                assert found.residual_px is not None and found.residual_px < 1
                assert found.score is not None and found.score > 0.9
            else:
                assert number not in COVERS[name], found
    assert covers == COVERS[name]


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_form_that_has_changed_since_is_aligned_by_the_print_it_kept(forms_root: Path, number: int) -> None:
    folder = forms_root / "answer-sheets"
    prepared = prepare_template(
        make_template("answers", folder / "reference.png", [box_at("student", 142, 102, 39, 7)])
    )
    image = cv2.imread(str(folder / f"sample_roll_0{number}.jpg"), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    found = align(np.asarray(image, dtype=np.uint8), prepared)
    assert found.rotation == 0
    assert found.residual_px is not None and found.residual_px < 1.5
    assert prepared.reference is not None
    # The table of marks, which both have, lies on itself.
    part = (slice(1265, 1780), slice(1015, 1450))
    theirs, ours = (
        cv2.GaussianBlur(page[part], (0, 0), 1.5).ravel() for page in (found.image, prepared.reference)
    )
    assert np.corrcoef(theirs, ours)[0, 1] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("severity", [MEDIUM, HEAVY], ids=["medium", "heavy"])
def test_many_real_forms_are_never_confused_nor_misplaced(forms_root: Path, severity: Severity) -> None:
    templates = [booklet(forms_root), *marked_forms(forms_root)]
    prepared = [prepare_template(template) for template in templates]
    rejected = 0
    for template in templates:
        sheet = build.lay_sheet(template)
        for seed in range(12):
            scan = build.scan_filled(sheet, template, severity, 1, seed)
            found = lay(scan.image, prepared)
            if isinstance(found, Unaligned):
                rejected += 1
                continue
            assert found.prepared.template.form == template.form
            assert found.rotation == -scan.rotation % 360
            assert build.cell_errors(found, scan).max() < HALF_MILLIMETRE_PX
    assert rejected <= (0 if severity is MEDIUM else 2)


@pytest.mark.slow
def test_one_marked_form_is_not_taken_for_the_other(forms_root: Path) -> None:
    templates = marked_forms(forms_root)
    prepared = [prepare_template(template) for template in templates]
    for template, ours, other in ((templates[0], *prepared), (templates[1], *reversed(prepared))):
        scan = build.scan_filled(build.lay_sheet(template), template, MEDIUM, 2)
        assert build.cell_errors(align(scan.image, *prepared), scan).max() < 1
        assert align(scan.image, ours).prepared.template.form == template.form
        assert refuse(scan.image, other).kind == "unmatched_page"
