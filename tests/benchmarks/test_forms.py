"""The form benchmarks: each part on a page or two, filled with the digits that ship with scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.forms import accuracy, checksum, memory, runs, severity, speed
from benchmarks.forms.memory import Memory, Sample
from benchmarks.forms.model import Reader
from benchmarks.forms.pages import read_page
from benchmarks.forms.runs import Run, RunCounts
from benchmarks.forms.severity import Point
from benchmarks.forms.sheets import cells_form, checksum_form
from lenet_pipeline.forms import (
    SEVERITIES,
    CellState,
    FieldValue,
    FormJob,
    LabelledImages,
    Template,
    fill_pages,
    prepare_template,
    read_field_value,
    read_template,
)
from lenet_pipeline.forms.documents.reader import read_pages
from lenet_pipeline.forms.page import Page
from lenet_pipeline.ingest import read_optdigits
from lenet_pipeline.lake import images_array
from lenet_pipeline.scoring import Engine
from lenet_pipeline.training import LabelledDigits, find_recipe, train_network

SURE = 0.9
CLEAN = replace(SEVERITIES["none"], dpi=100)


@pytest.fixture(scope="module")
def reader() -> Reader:
    """A briefly trained model, and the digits to fill pages with."""
    table = read_optdigits()["test"].slice(0, 500)
    images, labels = images_array(table), table["label"].to_numpy()
    recipe = find_recipe("modern", "quick")
    trained = train_network("lenet5", recipe, LabelledDigits(images, labels), None, epochs=4, device="cpu")
    return Reader(Engine(trained.model, "cpu"), LabelledImages(images, labels))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A form of six numbers of nine digits with a check digit."""
    return checksum_form(tmp_path_factory.mktemp("form"), rows=3)


def test_clean_pages_are_read_in_place_and_their_digits_as_well_as_the_original_images(reader, template):
    (form,) = accuracy.measure_accuracy((template,), reader, 1, 0, 0, SURE, CLEAN)
    counts = form.counts
    assert (form.pages, form.faults, form.misread, form.far) == (1, {}, [], [])
    assert counts.digits + counts.blanks == 54
    assert abs(counts.right - counts.right_alone) <= 0.1 * counts.digits
    assert counts.right > 0.5 * counts.digits
    table = "\n".join(accuracy.accuracy_table([form], reader))
    assert f"{counts.accuracy_pct:.2f} % of {counts.digits}" in table
    assert len(max(table.splitlines(), key=len)) <= 80


def test_a_page_taken_for_another_form_is_misread(reader, template, tmp_path):
    shifted = tmp_path / "shifted.yaml"
    text = template.text.replace("luhn-numbers\n", "other\n", 1).replace("x: 14", "x: 15.5")
    shifted.write_text(text)
    assert template.reference is not None
    other = read_template(shifted, template.reference.path.parent)
    (filled,) = fill_pages(template, reader.digits, numbers=[0], seed=0, severity=CLEAN)
    as_other, as_itself = (
        read_page(0, filled, template, [prepare_template(one)]) for one in (other, template)
    )
    assert (as_other.fault, as_itself.fault) == ("", "")
    assert (as_other.is_misread, as_itself.is_misread) == (True, False)
    far = replace(as_itself, distances_mm={**as_itself.distances_mm, ("number_1", 0): 1.01})
    assert far.is_misread


def test_invisible_pages_count_as_rejected(reader, template, tmp_path):
    points = [
        (Point("contrast", 1), CLEAN),
        (Point("contrast", 0), replace(CLEAN, contrast=0.0)),
    ]
    seen, unseen = severity.measure_severity((template,), reader, 1, 0, 0, SURE, points)
    assert (seen.pages, seen.read, unseen.pages, unseen.read) == (1, 1, 1, 0)
    assert unseen.faults == {"blank_page": 1}
    table = severity.severity_table([seen, unseen])
    assert max(map(len, table)) <= 80
    severity.plot_severity([seen, unseen], tmp_path / "severity.png")
    assert (tmp_path / "severity.png").read_bytes().startswith(b"\x89PNG")


def test_every_severity_point_changes_at_most_one_property():
    for point, worsened in severity.severity_points():
        changed = {
            name: value
            for name, value in vars(worsened).items()
            if value != getattr(SEVERITIES["light"], name)
        }
        assert changed in ({point.swept: point.value}, {})


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("123", "123", 0),
        ("123", "1234", 1),
        ("123", "13", 1),
        ("123", "193", 1),
        ("", "12", 2),
        ("12", "21", 2),
    ],
)
def test_the_edit_distance_counts_changes_additions_and_omissions(one: str, other: str, distance: int):
    assert runs.edit_distance(one, other) == distance


def test_touching_digits_count_only_in_runs_of_the_right_length():
    counts = RunCounts()
    counts.add(Run("range", "lattice", "1234", "1734", (True, True, False, False), 4, 0.9, False))
    counts.add(Run("range", "lattice", "56", "5", (True, True), 2, 0.9, False))
    assert counts == RunCounts(runs=2, counted=1, whole=0, digits=6, right=4, alone=6, near=2, near_right=1)


def test_runs_of_every_length_are_written_and_read(reader):
    figures = runs.measure_runs(reader, 1, 0, 0, CLEAN)
    assert figures.rejected == 0
    assert {counts.runs for counts in figures.counts.values()} == {1}
    apart, touching = (figures.of_length(rate, "known", "lattice", 0) for rate in (0.0, 1.0))
    assert (apart.digits, apart.near) == (54, 0)
    assert touching.near > 0
    assert apart.counted >= 7
    assert sum(own.runs for own in figures.bins.values()) <= 2 * 3 * len(runs.LENGTHS)
    assert max(map(len, runs.runs_table(figures))) <= 80


def test_a_correction_that_differs_from_the_truth_counts_as_wrong(template):
    field = template.fields[0]
    right, wrong = (_read_number(field, value) for value in ("000000019", "000000018"))
    assert (right.status, wrong.status) == ("corrected", "read")
    figures = checksum.ChecksumFigures("luhn", "cells", "light", "lattice")
    assert right.value is not None
    figures.add(right, right.value)
    figures.add(right, "000000117")
    figures.add(wrong, "000000117")
    assert (figures.fields, figures.raw_right, figures.right) == (3, 0, 1)
    assert (figures.corrected, figures.wrongly_corrected, figures.passed_wrong) == (2, 1, 1)
    assert max(map(len, checksum.checksum_table([figures]))) <= 80


def test_a_wrong_value_is_silent_unless_a_sum_on_its_page_is_wrong(template):
    wrong = replace(_read_number(template.fields[0], "000000018"), probability=0.95)
    figures = checksum.ChecksumFigures("sum", "boxes", "light", "lattice")
    figures.add(wrong, "000000117")
    figures.add(wrong, "000000117", is_in_broken_sum=True)
    assert (figures.fields, figures.silent, figures.passed_wrong, figures.failed) == (2, 1, 1, 1)


def test_numbers_in_boxes_are_read_in_both_ways_from_the_same_pages(reader, monkeypatch):
    boxes = {place: form for place, form in checksum.FORMS.items() if place[1] == "boxes"}
    monkeypatch.setattr(checksum, "FORMS", boxes)
    monkeypatch.setattr(checksum, "LEVELS", ("medium",))
    figures = checksum.measure_checksums(reader, 1, 0, 0)
    assert [(one.checksum, one.way, one.fields) for one in figures] == [
        (rule, way, fields)
        for rule, fields in (("luhn", 32), ("mod-97-10", 32), ("sum", 48))
        for way in ("repair", "lattice")
    ]
    assert max(map(len, checksum.checksum_table(figures))) <= 80


def _read_number(field, value: str) -> FieldValue:
    """Read a number whose digits are all certain except the last."""
    cells = []
    for position, digit in enumerate(value):
        chances = np.full(10, 0.001)
        chances[int(digit)] = 0.991
        if position == len(value) - 1:
            chances = np.full(10, 0.05)
            chances[int(digit)] = 0.55
        cells.append(CellState(position, "digit", chances))
    return read_field_value(field, cells)


def test_timed_scans_are_read_from_png_and_pdf(reader, tmp_path):
    template = cells_form(tmp_path, 8)
    documents = speed.write_scans(tmp_path, template, reader.digits, 1, 0, 100)
    job = FormJob("timed/all", (template,), "", speed.LIMITS)
    turn = speed.read_timed(documents["PNG"][0], job)
    assert turn.is_read
    assert turn.processor_seconds > 0
    stages = speed.time_stages("PDF", 8, template, documents["PDF"])
    assert min(stages.read_ms, stages.align_ms, stages.cut_ms) > 0


def test_pages_for_the_memory_benchmark_all_differ(tmp_path):
    memory.write_documents(tmp_path, [np.full((200, 200), 255, np.uint8)], 100, 30)
    prints = set()
    for path in sorted(tmp_path.iterdir()):
        document = speed.inspect(path)
        for page in read_pages(document, speed.LIMITS):
            assert isinstance(page, Page)
            prints.add(page.fingerprint)
    assert len(prints) == 30


def test_memory_is_the_peak_up_to_each_share_of_the_reading_time():
    samples = [Sample(at, 100 + at, 50 if at < 15 else 70) for at in range(10, 21)]
    before = [Sample(0, 300, 0)]
    assert memory.summarise_samples([*before, *samples], 100) == [
        Memory(10, 111, 50),
        Memory(50, 115, 70),
        Memory(100, 120, 70),
    ]
