"""Draft a template, and draw its cells and readings on a page so that a person can check it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lenet_pipeline.audit import counted
from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms import (
    ALIGNED_DPI,
    CellReading,
    CellState,
    Draft,
    DrawnCell,
    DrawnField,
    FieldValue,
    Grey,
    Paper,
    Template,
    Unaligned,
    align_sheet,
    draft_template,
    draw_choices,
    draw_page,
    draw_residuals,
    find_written_cells,
    judge_paper,
    measure_residuals,
    outline_choices,
    outline_template,
    prepare_template,
    read_cells,
    read_choices,
    read_field_value,
    read_page,
    read_paper_size,
    read_scan,
    reduce_picture,
    render_reference,
    states_resolution,
    straighten,
    sum_to_one,
)
from lenet_pipeline.jobs.piece_reading import read_pieces
from lenet_pipeline.jobs.template_checks import check_blank_form, list_cells
from lenet_pipeline.registry import (
    CHAMPION,
    list_versions,
    read_packaged_model,
    read_version,
    resolve_version,
)
from lenet_pipeline.scoring import Engine, Scores
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import describe_os_error, written_whole

_GUESSED = (
    "The file does not state its resolution. The page is taken as {}; "
    "if that is wrong, draft again with --paper or --dpi."
)


class RejectedPageError(IngestError):
    """The page was rejected. ``picture`` shows where its print is."""

    def __init__(self, reason: str, picture: Image.Image) -> None:
        super().__init__(reason)
        self.picture = picture


@dataclass(frozen=True)
class DraftingJob:
    """Which page to draft a template from.

    Attributes:
        blank: the blank form: a PDF, TIFF, PNG or JPEG.
        page: number of the page, from 1.
        form: name of the form.
        dpi: resolution of the page in pixels per inch; read from the file if None.
        filled: whether the boxes already contain writing, so that no blank form exists.
        paper: the size of the paper, such as ``A4``; read from the file if None.
        built: whether the blank form was built from filled copies.
    """

    blank: Path
    form: str
    page: int = 1
    dpi: float | None = None
    filled: bool = False
    paper: str | None = None
    built: bool = False


@dataclass(frozen=True)
class DrawingJob:
    """The page to draw, and the model that reads it.

    Attributes:
        template: the template of the form.
        scan: a scanned document; the blank form of the template if None.
        page: number of the scan's page, from 1.
        model: the model version that reads the cells.
    """

    template: Template
    scan: Path | None = None
    page: int = 1
    model: str = "champion"


@dataclass(frozen=True)
class DraftedForm:
    """A draft, the paper of its page, and what a person should know before using it."""

    draft: Draft
    paper: Paper
    warnings: tuple[str, ...]


def draft_form(settings: Settings, job: DraftingJob) -> DraftedForm:
    """Find the cells on a page of a blank form.

    Raises:
        IngestError: the page cannot be read, or has no boxes.
    """
    page = read_page(job.blank, job.page, settings.page_limits)
    stated = page.dpi if states_resolution(job.blank, job.page, settings.page_limits) else None
    size = None if job.paper is None else read_paper_size(job.paper)
    height, width = page.image.shape
    paper = judge_paper((width, height), stated_dpi=stated, given_dpi=job.dpi, given_size=size)
    fitted = round(width * paper.height / paper.width)
    image = page.image if fitted == height else reduce_picture(page.image, fitted, width)
    draft = draft_template(
        straighten(image) if job.filled else image,
        paper.dpi,
        form=job.form,
        reference=None if job.filled else job.blank.name,
        reference_page=job.page,
        filled=job.filled,
        built=job.built,
        notes=[_GUESSED.format(paper.describe())] if paper.source == "guess" else [],
    )
    if not draft.fields:
        hint = "" if job.filled or job.built else ", or --filled if the boxes contain writing"
        raise IngestError(
            f"no box or row of cells was found on page {job.page} of {job.blank}, which is "
            f"{paper.describe()}; give the correct --paper or --dpi, or another --page{hint}"
        )
    return DraftedForm(draft, paper, () if job.filled else _find_writing(image, job, draft, paper))


def _find_writing(image: Grey, job: DraftingJob, draft: Draft, paper: Paper) -> tuple[str, ...]:
    """Return a warning if the cells of a blank form contain writing."""
    fields = draft.fields + draft.suggestions
    template = Template(job.form, *paper.size, fields, "features", 3.0, "", "")
    height, width = template.aligned_size
    written = find_written_cells(reduce_picture(image, height, width), template)
    if not written:
        return ()
    cells = sum(each.count for each in written)
    advice = (
        "build it again from more scans with other values, or erase these places in the picture with a "
        "paint program"
        if job.built
        else "use an empty copy, or build a blank form from filled copies with lenet forms blank"
    )
    return (
        f"{counted(cells, 'cell')} of {job.blank.name} {'seems' if cells == 1 else 'seem'} to contain "
        f"writing ({list_cells(written)}), and such a template is refused; {advice}",
    )


def draw_form(settings: Settings, job: DrawingJob) -> Image.Image:
    """Draw a template on its blank form, or on a scanned page together with the readings of a model.

    In a home without any model version, the packaged model stands in for the champion. Nothing is recorded.

    Raises:
        RejectedPageError: the page is the form, but it is too poor or too bent to read.
        IngestError: the page cannot be read or does not fit the template, or the blank form is a filled one.
        RegistryError: there is no model version, and the job names one by its number.
        UnknownNameError: model versions exist, but not this one.
    """
    template, scan = job.template, job.scan
    if scan is None:
        cells, fields = outline_template(template)
        boxes, choices = outline_choices(template)
        blank = render_reference(template, ALIGNED_DPI)
        paper = np.full(template.aligned_size, 255, np.uint8) if blank is None else blank
        caption = f"{template.form}: the template on its blank form"
        return draw_page(paper, [*cells, *boxes], caption, fields=[*fields, *choices])
    check_blank_form(template)
    prepared = prepare_template(template)
    found = align_sheet(scan, job.page, prepared, settings.page_limits)
    if isinstance(found, Unaligned):
        reason = f"page {job.page} of {scan} could not be read: {found.reason}"
        if found.prepared is None or found.to_scan is None:
            raise IngestError(reason)
        picture = read_scan(scan, job.page, settings.page_limits).image
        residuals = measure_residuals(picture, found.prepared, found.to_scan)
        raise RejectedPageError(reason, draw_residuals(residuals, f"{scan.name}, page {job.page}: rejected"))
    readings = read_cells(found.image, prepared.reference, template, found.to_scan, found.warp, read_pieces)
    drawn, fields = _with_readings(template, readings, _score(readings, job.model, settings))
    marks = read_choices(found.image, prepared.reference, template, found.to_scan, found.warp)
    boxes, marked = draw_choices(marks)
    residual = "" if found.residual_px is None else f", residual {found.residual_px:.2f} px"
    residual += "" if found.warp is None else ", flattened"
    caption = f"{template.form}: {scan.name}, page {job.page}{residual}"
    return draw_page(found.image, [*drawn, *boxes], caption, fields=[*fields, *marked])


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG, completely or not at all.

    Raises:
        IngestError: the file cannot be written.
    """
    try:
        with written_whole(path) as temporary:
            picture.save(temporary, "PNG")
    except OSError as exc:
        raise IngestError(f"cannot write the picture {path}: {describe_os_error(exc)}") from exc


def _score(readings: Sequence[CellReading], model: str, settings: Settings) -> Scores | None:
    """Score the cells that hold ink, in order; None if there are none."""
    images = [reading.image for reading in readings if reading.image is not None]
    if not images:
        return None
    registry = settings.registry
    if model == CHAMPION and not list_versions(registry):
        reader = read_packaged_model().model
    else:
        reader = read_version(registry, resolve_version(registry, model)).model
    return Engine(reader).score(np.stack(images))


def _with_readings(
    template: Template, readings: Sequence[CellReading], scores: Scores | None
) -> tuple[list[DrawnCell], list[DrawnField]]:
    """Return the cells and fields with their readings."""
    drawn: list[DrawnCell] = []
    states: dict[str, list[CellState]] = {field.name: [] for field in template.fields}
    scored = 0
    for reading in readings:
        cell = DrawnCell(reading.field, reading.position, reading.box, reading.state)
        probabilities = score = None
        if reading.image is not None and scores is not None:
            probabilities = sum_to_one(scores.probabilities[scored])
            label, confidence = int(scores.labels[scored]), float(scores.confidences[scored])
            score = None if scores.not_a_digit is None else float(scores.not_a_digit[scored])
            scored += 1
            if reading.state == "digit":
                cell = replace(cell, text=str(label), confidence=confidence)
        drawn.append(cell)
        if reading.state != "digit" or probabilities is not None:
            states[reading.field].append(_cell_state(reading, probabilities, score))
    _, outlines = outline_template(template)
    if scores is None:
        return drawn, outlines
    values = {field.name: read_field_value(field, states[field.name]) for field in template.fields}
    return drawn, [_with_value(outline, values[outline.name]) for outline in outlines]


def _cell_state(
    reading: CellReading, probabilities: NDArray[np.float64] | None, score: float | None
) -> CellState:
    shape = reading.possible_mark
    return CellState(
        reading.position,
        reading.state,
        probabilities,
        score,
        reading.mark,
        None if shape is None else shape.mark,
        shape is not None and shape.is_likely,
    )


def _with_value(outline: DrawnField, value: FieldValue) -> DrawnField:
    shown = "" if value.status == "blank" else value.value or value.raw_value
    return replace(outline, value=shown, confidence=value.confidence, broken_rules=value.broken_rules)
