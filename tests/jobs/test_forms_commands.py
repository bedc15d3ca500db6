"""``lenet forms`` and ``lenet ingest forms`` as a person meets them: pictures, tables, one clear line."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lenet_pipeline.forms.filling.demo_form import DemoForm, draw_demo_form
from lenet_pipeline.forms.templates.model import Cells, WritingBox
from lenet_pipeline.forms.templates.template_file import read_template
from lenet_pipeline.jobs import FormIngestJob, ScoringJob, ingest_forms, score
from lenet_pipeline.settings import Settings, read_settings
from tests.cli.test_command_line import one_error_line
from tests.homes import Run
from tests.jobs.form_builders import (
    SLIP,
    SLIP_FIELDS,
    count,
    fill_slips,
    read_truth,
    scans,
    write_template,
)

DATASET = "slips/all"
COMMANDS = [
    ["ingest", "forms"],
    *(["forms", verb] for verb in ("draft", "blank", "show", "fill", "evaluate")),
]


@pytest.fixture(scope="module")
def demo_form(tmp_path_factory: pytest.TempPathFactory) -> DemoForm:
    """A blank form and its template: look at them, never write."""
    return draw_demo_form(tmp_path_factory.mktemp("form"))


@pytest.fixture(scope="module")
def slips(trained: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four filled slips."""
    return fill_slips(trained, tmp_path_factory.mktemp("slips") / "scans", 4)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return write_template(tmp_path)


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands of this process run in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def widest(text: str, *long: object) -> int:
    """Return the length of the longest line, what is as long as it has to be left out."""
    for each in long:
        text = text.replace(str(each), "")
    return max(map(len, text.splitlines()))


def test_every_command_of_forms_explains_itself_and_takes_the_common_options(lenet: Run) -> None:
    for arguments in COMMANDS:
        result = lenet(*arguments, "--help")
        assert result.returncode == 0, arguments
        for option in ("--home", "--actor", "--debug"):
            assert option in result.stdout, (arguments, option)
        assert "Example:" in result.stdout, arguments
        assert widest(result.stdout) <= 80


# --- Drafts -------------------------------------------------------------------------------------------


def test_a_draft_of_a_blank_form_reads_back_as_a_template_of_its_cells(
    lenet: Run, demo_form: DemoForm, tmp_path: Path
) -> None:
    blank = Path(shutil.copy(demo_form.blank, tmp_path / "blank.png"))
    output = tmp_path / "draft.yaml"
    result = lenet("forms", "draft", str(blank), "--form", "note", "--output", str(output))
    assert (result.returncode, result.stderr) == (0, "")
    assert "7 fields written" in result.stdout
    draft, made = read_template(output), read_template(demo_form.template)
    assert draft.form == "note"
    drawn = sorted(
        (field.place.columns, round(field.outline.x), round(field.outline.y))
        for field in made.fields
        if isinstance(field.place, Cells)
    )
    found = [field for field in draft.fields if isinstance(field.place, Cells)]
    for (columns, x, y), field in zip(
        drawn, sorted(found, key=lambda each: (each.place.columns, round(each.outline.x))), strict=True
    ):
        assert field.place.columns == columns
        assert abs(field.outline.x - x) < 1.1 and abs(field.outline.y - y) < 1.1
    assert not any(isinstance(field.place, WritingBox) for field in draft.fields)
    assert "box:" in output.read_text()  # suggested in a comment


def test_a_draft_without_an_output_is_printed_and_never_over_a_file_that_is_there(
    lenet: Run, demo_form: DemoForm, tmp_path: Path
) -> None:
    printed = lenet("forms", "draft", str(demo_form.blank))
    assert printed.returncode == 0
    assert "form: delivery-note" in printed.stdout.replace('"', "")
    edited = tmp_path / "edited.yaml"
    edited.write_text("form: mine\n")
    result = lenet("forms", "draft", str(demo_form.blank), "--output", str(edited))
    assert result.returncode == 1
    assert "already exists and may contain edits; choose another file" in one_error_line(result)
    assert edited.read_text() == "form: mine\n"


def test_a_page_without_a_box_gives_no_draft_that_could_not_be_read_back(lenet: Run, tmp_path: Path) -> None:
    page = Image.new("L", (827, 1169), 255)
    ImageDraw.Draw(page).text((100, 100), "Dear Sir or Madam,", fill=0, font_size=24)
    page.save(tmp_path / "letter.png", dpi=(100, 100))
    output = tmp_path / "draft.yaml"
    result = lenet("forms", "draft", str(tmp_path / "letter.png"), "--output", str(output))
    assert result.returncode == 1
    assert "no box or row of cells was found on page 1" in one_error_line(result)
    assert not output.exists()


# --- Pictures -----------------------------------------------------------------------------------------


def test_filled_scans_give_a_blank_form_and_a_template_of_its_cells(
    lenet: Run, slips: Path, tmp_path: Path
) -> None:
    output = tmp_path / "slip.yaml"
    result = lenet("forms", "draft", str(slips), "--output", str(output))
    assert result.returncode == 0, result.stderr
    assert "slip-blank.png built from 4 scans of 4" in " ".join(result.stdout.split())
    draft = read_template(output)
    assert draft.reference is not None
    assert draft.reference.path == tmp_path / "slip-blank.png"
    made = read_template(write_template(tmp_path))
    cells = sum(len(field.place.rectangles()) for field in made.fields if isinstance(field.place, Cells))
    found = sum(len(field.place.rectangles()) for field in draft.fields if isinstance(field.place, Cells))
    assert found == cells


def test_several_scans_need_an_output_for_their_blank_form(lenet: Run, slips: Path) -> None:
    result = lenet("forms", "draft", *(str(scan) for scan in scans(slips)))
    assert result.returncode == 1
    assert "several scans need --output" in one_error_line(result)


def test_a_blank_form_leaves_out_what_does_not_fit_and_never_replaces_a_file(
    lenet: Run, slips: Path, demo_form: DemoForm, tmp_path: Path
) -> None:
    blank = tmp_path / "blank.png"
    result = lenet("forms", "blank", str(slips), str(demo_form.blank), "--output", str(blank))
    assert result.returncode == 0, result.stderr
    assert "is left out: its print is that of another form" in " ".join(result.stderr.split())
    with Image.open(blank) as picture:
        assert round(picture.info["dpi"][0]) == 200
    again = lenet("forms", "blank", str(slips), "--output", str(blank))
    assert "already exists" in one_error_line(again)


def test_the_size_of_a_page_without_a_resolution_is_a_stated_guess(
    lenet: Run, demo_form: DemoForm, tmp_path: Path
) -> None:
    with Image.open(demo_form.blank) as picture:
        picture.convert("L").resize((1000, 1414)).save(tmp_path / "blank.png")
    guessed = lenet("forms", "draft", str(tmp_path / "blank.png"), "--output", str(tmp_path / "a.yaml"))
    assert "the page is 210 x 297 mm (A4) at 121 pixels per inch, which is a guess" in guessed.stdout
    assert "is a guess; if that is wrong" in (tmp_path / "a.yaml").read_text()
    for number, option in enumerate((["--paper", "A5"], ["--page", "A5"], ["--dpi", "171.6"])):
        output = tmp_path / f"{number}.yaml"
        stated = lenet("forms", "draft", str(tmp_path / "blank.png"), *option, "--output", str(output))
        assert "the page is 148 x 209 mm (A5)" in stated.stdout.replace("148 x 210", "148 x 209")
        assert "guess" not in stated.stdout
        assert read_template(output).width == pytest.approx(148, abs=0.2)


def test_a_draft_of_a_filled_form_warns_that_it_is_no_blank_form(lenet: Run, tmp_path: Path) -> None:
    page = Image.new("L", (1654, 2339), 255)
    draw = ImageDraw.Draw(page)
    for column in range(8):
        draw.rectangle((200 + 56 * column, 400, 256 + 56 * column, 470), outline=0, width=2)
    draw.line((218, 420, 240, 420, 222, 455), fill=0, width=4)
    draw.line((330, 418, 330, 455), fill=0, width=7)
    page.save(tmp_path / "page.png", dpi=(200, 200))
    filled = lenet("forms", "draft", str(tmp_path / "page.png"), "--filled")
    assert filled.returncode == 0
    assert "count: 8" in filled.stdout
    empty = Image.new("L", (1654, 2339), 255)
    empty.save(tmp_path / "empty.png", dpi=(200, 200))
    none = lenet("forms", "draft", str(tmp_path / "empty.png"), "--filled")
    assert "no box or row of cells was found" in one_error_line(none)
    assert "--filled" not in one_error_line(none)


def test_a_template_is_shown_on_its_blank_form_and_a_scan_with_what_is_read(
    lenet: Run, demo_form: DemoForm, slips: Path, template: Path, settings: Settings, inside: Path
) -> None:
    shown = lenet("forms", "show", str(demo_form.template))
    assert (shown.returncode, shown.stderr) == (0, "")
    with Image.open(settings.plots / "delivery-note-template.png") as picture:
        assert min(picture.size) > 1600  # A4 at 200 dpi, and a line above it
    scan = scans(slips)[0]
    read = lenet("forms", "show", str(template), str(scan))
    assert read.returncode == 0, read.stderr
    assert read.stdout.strip() == str(settings.plots / f"{scan.stem}-1.png")
    with Image.open(settings.plots / f"{scan.stem}-1.png") as picture, Image.open(scan) as before:
        drawn = np.asarray(picture.convert("RGB"))
        assert drawn.shape[1] >= before.width
        assert (drawn.max(axis=2) - drawn.min(axis=2)).max() > 100  # in colour: cells and readings


def test_a_picture_never_takes_the_place_of_what_it_is_drawn_from(lenet: Run, demo_form: DemoForm) -> None:
    before = demo_form.blank.read_bytes()
    result = lenet("forms", "show", str(demo_form.template), "--output", str(demo_form.blank))
    assert result.returncode == 1
    assert "is an input of the picture; choose another file" in result.stderr
    assert demo_form.blank.read_bytes() == before


def test_a_scan_is_shown_with_the_packaged_model_before_any_version_exists_and_nothing_is_recorded(
    lenet: Run, slips: Path, template: Path, inside: Path, home: Path
) -> None:
    result = lenet("forms", "show", str(template), str(scans(slips)[0]), "--output", "page.png")
    assert (result.returncode, result.stderr) == (0, "")
    assert (inside / "page.png").stat().st_size > 1000
    assert not (home / "mlflow.db").exists()
    named = lenet("forms", "show", str(template), str(scans(slips)[0]), "--model", "1")
    assert "digits has no version yet" in named.stderr


def test_pages_are_filled_with_known_truth_and_the_same_again_for_the_same_seed(
    lenet: Run, settings: Settings, template: Path, tmp_path: Path
) -> None:
    command = [
        "forms",
        "fill",
        str(template),
        "--digits",
        "optdigits/test",
        "--pages",
        "3",
        "--severity",
        "light",
    ]
    folders = {"one": "5", "two": "5", "three": "6"}
    for folder, seed in folders.items():
        given = ("--seed", seed, "--severity", "light", "--output", str(tmp_path / folder))
        result = lenet(*command, *given)
        assert (result.returncode, result.stderr) == (0, "")
        assert "3 pages of slip" in result.stdout
    truths = [read_truth(tmp_path / folder) for folder in folders]
    assert truths[0] == truths[1] != truths[2]
    assert {field for _, field in truths[0]} == set(SLIP_FIELDS)
    contents = [
        [path.read_bytes() for path in scans(tmp_path / folder)] for folder in ("one", "two", "three")
    ]
    assert contents[0] == contents[1] != contents[2]


def test_filled_faults_change_the_scans_and_never_the_truth(
    lenet: Run, settings: Settings, tmp_path: Path
) -> None:
    template = write_template(tmp_path, SLIP.replace("length: [4, 4]", "length: [2, 2]"), "short.yaml")
    command = ["forms", "fill", str(template), "--digits", "optdigits/test", "--pages", "1"]
    contents = []
    for fault in ("", "--commas", "--strikes", "--dashes"):
        folder = tmp_path / f"filled{fault}"
        result = lenet(*command, *([fault, "1"] if fault else []), "--output", str(folder))
        assert (result.returncode, result.stderr) == (0, "")
        assert read_truth(folder) == read_truth(tmp_path / "filled")
        contents.append(b"".join(path.read_bytes() for path in scans(folder)))
    assert len(set(contents)) == 4


# --- From scans to how rightly they are read --------------------------------------------------------------


@pytest.mark.slow
def test_forms_are_ingested_scored_and_evaluated_by_commands(
    lenet: Run, settings: Settings, slips: Path, template: Path
) -> None:
    ingest = ["ingest", "forms", str(slips), "--template", str(template), "--name", DATASET]
    result = lenet(*ingest)
    assert (result.returncode, result.stderr) == (0, "")
    shown = " ".join(result.stdout.split())
    assert "slips/all: 4 documents, 4 pages: 4 read" in shown
    assert "1 file ignored (only documents are read): truth.csv" in shown
    (again,) = json.loads(lenet(*ingest, "--format", "json").stdout)
    assert (again["known"], again["read"], again["added"]) == (4, 0, 0)

    unscored = lenet("forms", "evaluate", DATASET, "--truth", str(slips / "truth.csv"))
    assert unscored.returncode == 1
    assert "run `lenet score slips/all` first" in one_error_line(unscored)
    scored = lenet("score", DATASET)
    assert scored.returncode == 0, scored.stderr
    assert "4 pages" in scored.stdout

    evaluate = ["forms", "evaluate", DATASET, "--truth", str(slips / "truth.csv")]
    table = lenet(*evaluate)
    assert (table.returncode, table.stderr) == (0, "")
    assert widest(table.stdout, settings.home) <= 80
    assert "(" in table.stdout.splitlines()[0] and f"of {4 * len(SLIP_FIELDS)})" in table.stdout
    rows = json.loads(lenet(*evaluate, "--format", "json").stdout)
    assert [row["field"] for row in rows] == [None, *sorted(SLIP_FIELDS)]
    assert rows[0]["fields"] == sum(row["fields"] for row in rows[1:]) == 4 * len(SLIP_FIELDS)
    as_csv = list(csv.DictReader(io.StringIO(lenet(*evaluate, "--format", "csv").stdout)))
    assert [int(row["fields_right"]) for row in as_csv] == [row["fields_right"] for row in rows]
    if rows[0]["fields_right"] < rows[0]["fields"]:
        (picture,) = settings.plots.glob("mistakes-*.png")
        assert str(picture) in table.stdout

    policy = lenet("policy", "set", "--fields", "--on", DATASET, "--max-error", "0.5", "--certainty", "0.5")
    assert policy.returncode == 0, policy.stderr
    assert "expected calibration error" in policy.stdout
    decided = json.loads(lenet("audit", "field_decisions", "--format", "json").stdout)
    by_confidence = [row for row in decided if row["confidence"] is not None]
    calibrated = [row["calibrated_confidence"] for row in by_confidence]
    assert calibrated == sorted(calibrated) and 0 < calibrated[0] <= calibrated[-1] < 1

    for name in ("documents_wide", "changed_values", "straight_through", "accuracy_by_position"):
        audit = lenet("audit", name)
        assert audit.returncode == 0, audit.stderr
        assert widest(audit.stdout) <= 80, name
    assert lenet("check").returncode == 0


def test_truths_that_are_of_no_field_are_told_and_do_not_count(
    lenet: Run, read_home: Settings, slips: Path, tmp_path: Path
) -> None:
    truth = tmp_path / "some.csv"
    name = scans(slips)[0].name
    truth.write_text(
        f"\ufeffsource,page,field,value\n{name},1,number,1234\n{name},2,number,12\nnone.png,1,key,1\n"
    )
    result = lenet("forms", "evaluate", DATASET, "--truth", str(truth))
    assert result.returncode == 0, result.stderr
    assert "2 true values without a reading, such as number on page 2" in " ".join(result.stdout.split())
    assert count(read_home, "field_truths") == 1


@pytest.fixture(scope="module")
def read_once(trained: Settings, slips: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home in which the slips were read: to copy."""
    base = tmp_path_factory.mktemp("read")
    settings = read_settings(Path(shutil.copytree(trained.home, base / "home")), "tester")
    ingest_forms(settings, FormIngestJob(slips, (write_template(base),), DATASET))
    score(settings, ScoringJob(DATASET))
    return settings


@pytest.fixture
def read_home(read_once: Settings, home: Path) -> Settings:
    shutil.copytree(read_once.home, home)
    return read_settings(home, "tester")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,page,value\na.png,1,2\n", "has no column field"),
        ("", "has no column field, source, value"),
        (
            "source,page,field,value\nslip-00000.png,1,number,12a4\n",
            "line 2: expected a source, a page",
        ),
        (
            "source,page,field,value\nslip-00000.png,one,number,12\n",
            "line 2: expected a source, a page",
        ),
        ("source,page,field,value\nslip-00000.png,1,number,12\n,1,number,12\n", "line 3: expected a source"),
        ("source,page,field,value\nslip-00000.png,1,number\n", "line 2: expected 4 cells"),
        ("source,page,field,value\nslip-00000.png,1,number,1,2\n", "line 2: expected 4 cells"),
        ("source,field,value\nother.png,number,12\n", "truth.csv matches a field of"),
        (b"source,field,value\n\xff\xfe,number,1\n", "is not a CSV file in UTF-8"),
        (None, "cannot read the true values"),
    ],
)
def test_a_malformed_table_of_truths_is_one_line_that_names_where(
    lenet: Run, read_once: Settings, tmp_path: Path, text: str | bytes | None, message: str
) -> None:
    truth = tmp_path / "truth.csv"
    if text is not None:
        truth.write_bytes(text if isinstance(text, bytes) else text.encode())
    result = lenet("forms", "evaluate", DATASET, "--truth", str(truth), "--home", str(read_once.home))
    assert result.returncode == 1
    assert message in one_error_line(result)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ingest", "forms", "SCAN", "--template", "missing.yaml"], "there is no template missing.yaml"),
        (["ingest", "forms", "nowhere", "--template", "TEMPLATE"], "nowhere"),
        (["ingest", "forms", "SCAN", "--template", "TEMPLATE", "--name", "x"], "not a dataset name"),
        (["ingest", "forms", "HERE", "--template", "TEMPLATE"], "found no documents among"),
        (["forms", "show", "missing.yaml"], "there is no template missing.yaml"),
        (["forms", "show", "TEMPLATE", "OTHER"], "page 1 of OTHER could not be read: the page"),
        (["forms", "show", "TEMPLATE", "SCAN", "--page", "2"], "has 1 page, so there is no page 2"),
        (["forms", "show", "TEMPLATE", "TEMPLATE"], "it is not a PDF, TIFF, PNG or JPEG"),
        (["forms", "show", "TEMPLATE", "SCAN", "--model", "digits/9"], "the model digits has no version '9'"),
        (["forms", "show", "TEMPLATE", "SCAN", "--output", "BELOW"], "cannot write the picture"),
        (["forms", "draft", "nowhere.pdf"], "nowhere.pdf"),
        (
            ["forms", "fill", "TEMPLATE", "--digits", "optdigits/test", "--severity", "dire"],
            "there is no severity 'dire'; available: folded, heavy, light, medium, none, phone",
        ),
        (["forms", "fill", "TEMPLATE", "--digits", "nowhere/test"], "there is no dataset 'nowhere/test'"),
        (["forms", "fill", "TEMPLATE", "--digits", "optdigits/test", "--output", "SCAN"], "cannot write"),
        (["forms", "evaluate", "nowhere/all", "--truth", "SCAN"], "nowhere/all has no finished scoring run"),
    ],
)
def test_a_mistake_is_one_clear_line(
    lenet: Run,
    trained: Settings,
    slips: Path,
    template: Path,
    inside: Path,
    arguments: list[str],
    message: str,
) -> None:
    other = inside.parent / "other.png"
    picture = Image.new("L", (400, 400), 255)
    ImageDraw.Draw(picture).rectangle((80, 80, 200, 300), fill=0)
    picture.save(other)
    paths = {"SCAN": scans(slips)[0], "TEMPLATE": template, "OTHER": other, "HERE": inside}
    paths["BELOW"] = template / "page.png"
    given = [str(paths.get(argument, argument)) for argument in arguments]
    result = lenet(*given, "--home", str(trained.home))
    assert result.returncode == 1, result.stdout
    line = one_error_line(result)
    assert message.replace("OTHER", str(other)) in line


def test_a_faulty_template_is_told_with_its_line_before_anything_is_read(
    lenet: Run, slips: Path, tmp_path: Path
) -> None:
    faulty = write_template(tmp_path, SLIP.replace("count: 4", "cuont: 4"))
    result = lenet("ingest", "forms", str(slips), "--template", str(faulty))
    assert result.returncode == 1
    assert "line 7: unknown key 'cuont'" in one_error_line(result)


def test_a_usage_mistake_of_forms_exits_with_2(lenet: Run) -> None:
    assert lenet("ingest", "forms", "scans").returncode == 2  # without any template
    assert lenet("forms", "fill", "x.yaml", "--digits", "a/b", "--pages", "0").returncode == 2
    assert lenet("forms", "evaluate", "a/b").returncode == 2
