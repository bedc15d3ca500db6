"""Calibration of confidences on filled forms, for digits and for whole fields, at three severities."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from benchmarks.forms.model import Reader, field_values
from benchmarks.forms.pages import FillJob, ReadPage, read_filled_pages, split_pages
from lenet_pipeline.forms import SEVERITIES, Template
from lenet_pipeline.training import calibrate_unseen, measure_reliability, uncalibrated_confidences

PAGES = 150  # of each form, at each severity
LEVELS = ("light", "medium", "heavy")


@dataclass
class Outcomes:
    """The confidence of each reading before and after calibration, and whether it was right."""

    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    is_right: list[bool] = field(default_factory=list)


@dataclass(frozen=True)
class Calibration:
    """Accuracy and expected calibration errors (15 bins) of digits or fields at one severity."""

    severity: str
    what: str
    readings: int
    accuracy: float
    before: float
    after: float


def measure_calibration(
    templates: tuple[Template, ...], reader: Reader, pages: int, seed: int, processes: int
) -> list[Calibration]:
    """Fill and read pages of each form at every severity.

    Digits are calibrated by the model's temperature. Fields that need no review are calibrated by a sigmoid
    fitted to other fields of the same severity.
    """
    job, figures = FillJob(templates, reader.digits, seed), []
    for level in LEVELS:
        digits, fields = Outcomes(), Outcomes()
        parts = [
            part for number in range(len(templates)) for part in split_pages(number, SEVERITIES[level], pages)
        ]
        for part, read in read_filled_pages(job, parts, processes):
            for page in read:
                if not page.fault:
                    _add_digits(digits, page, reader)
                    _add_fields(fields, page, templates[part.template], reader)
        confidences, is_right = np.array(fields.before, np.float32), np.array(fields.is_right, bool)
        fields.after = calibrate_unseen(confidences, is_right).tolist()
        figures += [_measure(level, "digits", digits), _measure(level, "fields", fields)]
    return figures


def _add_digits(digits: Outcomes, page: ReadPage, reader: Reader) -> None:
    """Add the readings of cells that hold a digit."""
    labels = {
        (cell.field, cell.position): cell.label
        for cell in page.written
        if cell.state == "digit" and cell.image is not None
    }
    read = [
        one
        for one in page.readings
        if one.state == "digit" and one.image is not None and (one.field, one.position) in labels
    ]
    if read:
        images = np.stack([one.image for one in read])  # type: ignore[arg-type]
        scores = reader.engine.score(images)
        truth = np.array([labels[one.field, one.position] for one in read])
        digits.before += uncalibrated_confidences(reader.engine.raw_scores(images)).tolist()
        digits.after += scores.confidences.tolist()
        digits.is_right += (scores.labels == truth).tolist()


def _add_fields(fields: Outcomes, page: ReadPage, template: Template, reader: Reader) -> None:
    """Add the fields that need no review, because a policy could accept them."""
    for name, value in field_values(page, {each.name: each for each in template.fields}, reader).items():
        if value.status == "read" and not value.is_doubtful and value.confidence is not None:
            fields.before.append(value.confidence)
            fields.is_right.append(value.value == page.truth[name])


def _measure(severity: str, what: str, outcomes: Outcomes) -> Calibration:
    is_right = np.array(outcomes.is_right, bool)
    before, after = (
        measure_reliability(np.array(confidences, np.float32), is_right).expected_error
        for confidences in (outcomes.before, outcomes.after)
    )
    return Calibration(severity, what, len(is_right), float(is_right.mean()), before, after)


def calibration_record(figures: list[Calibration]) -> list[dict[str, Any]]:
    """Return the figures for JSON."""
    return [asdict(each) for each in figures]


def calibration_table(figures: list[Calibration]) -> list[str]:
    """Format the figures as lines."""
    return [
        f"{'severity':<12}{'':<10}{'read':>10}{'right':>10}{'ECE before':>13}{'ECE after':>12}",
        *(
            f"{each.severity:<12}{each.what:<10}{each.readings:>10,}{each.accuracy:>10.2%}"
            f"{each.before:>13.4f}{each.after:>12.4f}"
            for each in figures
        ),
    ]
