"""What a person checks a template by: a draft of it, and pages with its cells and readings drawn on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from lenet_pipeline.audit import find_version
from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms import (
    ALIGNED_DPI,
    CellReading,
    CellState,
    Draft,
    DrawnCell,
    DrawnField,
    FieldValue,
    Template,
    Unaligned,
    align_page,
    draft_template,
    draw_page,
    outline_template,
    prepare_template,
    read_cells,
    read_field_value,
    read_page,
    render_reference,
    sum_to_one,
)
from lenet_pipeline.registry import list_versions, read_version
from lenet_pipeline.scoring import Engine, Scores
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import describe_os_error, written_whole

_ASSUMED_DPI = 300  # of a blank form that does not say


def draft_form(
    settings: Settings, blank: Path, number: int, form: str, dpi: float | None, filled: bool
) -> Draft:
    """Find the cells on a page of a blank form.

    Raises:
        IngestError: the page cannot be read, or there is no box on it.
    """
    page = read_page(blank, number, settings.page_limits)
    resolution = dpi or page.dpi or _ASSUMED_DPI
    reference = None if filled else blank.name
    draft = draft_template(
        page.image, resolution, form=form, reference=reference, reference_page=number, filled=filled
    )
    if not draft.fields:
        raise IngestError(
            f"no box or row of cells was found on page {number} of {blank} at {resolution:g} dpi; if there "
            "is one, give its true --dpi, another --page, or --filled where something is written in it"
        )
    return draft


def draw_form(
    settings: Settings, template: Template, scan: Path | None, number: int, model: str
) -> Image.Image:
    """Draw a template on its blank form, or on a page with what a model reads in its cells.

    Where no model is trained yet, the cells are drawn with what is ink and what is not.

    Raises:
        IngestError: the page cannot be read, or does not fit the template.
        UnknownNameError: there are models, and none of this name.
    """
    if scan is None:
        cells, fields = outline_template(template)
        blank = render_reference(template, ALIGNED_DPI)
        paper = np.full(template.aligned_size, 255, np.uint8) if blank is None else blank
        return draw_page(paper, cells, f"{template.form}: the template on its blank form", fields=fields)
    prepared = prepare_template(template)
    found = align_page(read_page(scan, number, settings.page_limits), [prepared])
    if isinstance(found, Unaligned):
        raise IngestError(f"page {number} of {scan} was not read: {found.reason}")
    readings = read_cells(found.image, prepared.reference, template, found.to_scan)
    drawn, fields = _with_readings(template, readings, _score(readings, model, settings))
    residual = "" if found.residual_px is None else f", residual {found.residual_px:.2f} px"
    return draw_page(
        found.image, drawn, f"{template.form}: {scan.name}, page {number}{residual}", fields=fields
    )


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG, whole or not at all.

    Raises:
        IngestError: the disk refused.
    """
    try:
        with written_whole(path) as temporary:
            picture.save(temporary, "PNG")
    except OSError as exc:
        raise IngestError(f"cannot write the picture {path}: {describe_os_error(exc)}") from exc


def _score(readings: Sequence[CellReading], model: str, settings: Settings) -> Scores | None:
    """Score the cells that hold ink, in order; None where no model is trained yet, or nothing to score."""
    images = [reading.image for reading in readings if reading.image is not None]
    registry = settings.registry
    if not images or not list_versions(registry):
        return None
    resolved = read_version(registry, find_version(registry, model))
    return Engine(resolved.model).score(np.stack(images))


def _with_readings(
    template: Template, readings: Sequence[CellReading], scores: Scores | None
) -> tuple[list[DrawnCell], list[DrawnField]]:
    """Return cells and fields with what was read in them."""
    drawn: list[DrawnCell] = []
    states: dict[str, list[CellState]] = {field.name: [] for field in template.fields}
    scored = 0
    for reading in readings:
        cell = DrawnCell(reading.field, reading.position, reading.box, reading.state)
        probabilities = None
        if reading.image is not None and scores is not None:
            probabilities = sum_to_one(scores.probabilities[scored])
            label, confidence = int(scores.labels[scored]), float(scores.confidences[scored])
            scored += 1
            if reading.state == "digit":
                cell = replace(cell, text=str(label), confidence=confidence)
        drawn.append(cell)
        if reading.state != "digit" or probabilities is not None:
            states[reading.field].append(CellState(reading.position, reading.state, probabilities))
    _, outlines = outline_template(template)
    if scores is None:
        return drawn, outlines
    values = {field.name: read_field_value(field, states[field.name]) for field in template.fields}
    return drawn, [_with_value(outline, values[outline.name]) for outline in outlines]


def _with_value(outline: DrawnField, value: FieldValue) -> DrawnField:
    shown = "" if value.status == "blank" else value.value or value.raw_value
    return replace(outline, value=shown, confidence=value.confidence, broken_rules=value.broken_rules)
