"""Refuse templates with which values would be lost or mistaken without a sign."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from lenet_pipeline.audit import counted
from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms import (
    ALIGNED_DPI,
    Template,
    WrittenCells,
    are_alike,
    find_written_cells,
    render_reference,
)
from lenet_pipeline.ingest import path_text

_MOST_NAMED = 4  # fields


def check_templates(templates: Sequence[Template]) -> None:
    """Refuse a template given twice, two that no page can be told apart by, and a filled blank form.

    Raises:
        IngestError: the templates must not be used together, or one of them not at all.
    """
    if len({template.fingerprint for template in templates}) < len(templates):
        raise IngestError("the same template is given twice; give each template once")
    for one, other in combinations([each for each in templates if each.alignment == "scale"], 2):
        if (one.reference is None or other.reference is None) and are_alike(one, other):
            raise IngestError(
                f"templates {one.form!r} and {other.form!r} have register: scale and the same proportions, "
                "so only their print can tell their pages apart; add a blank form as reference to both, or "
                "ingest the pages of each form separately"
            )
    for template in templates:
        check_blank_form(template)


def check_blank_form(template: Template) -> None:
    """Refuse a template whose reference is a filled copy: its digits would be removed from every scan.

    Raises:
        IngestError: the cells of the reference contain writing, or it cannot be read.
    """
    reference = template.reference
    if reference is None or reference.has_print_in_cells:
        return
    picture = render_reference(template, ALIGNED_DPI)
    written = [] if picture is None else find_written_cells(picture, template)
    if written:
        cells = sum(each.count for each in written)
        raise IngestError(
            f"template {template.form!r}: its reference, page {reference.page} of "
            f"{path_text(reference.path)}, has writing in {counted(cells, 'cell')} "
            f"({list_cells(written)}), which would be removed from every scan; give a blank form, or, if "
            "the blank form has this print, add print_in_cells: true to its reference"
        )


def list_cells(written: Sequence[WrittenCells]) -> str:
    """Return fields with their cells, such as "positions 1 to 3 and 5 of customer, total"."""
    named = [_name_cells(each) for each in written[:_MOST_NAMED]]
    rest = len(written) - _MOST_NAMED
    return ", ".join(named) + (f" and {counted(rest, 'more field')}" if rest > 0 else "")


def _name_cells(written: WrittenCells) -> str:
    if not written.positions:
        return written.field
    *first, last = _runs(written.positions)
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"position{'s' if len(written.positions) > 1 else ''} {listed} of {written.field}"


def _runs(positions: Sequence[int]) -> list[str]:
    """Return runs of positions, counted from 1, such as ["1 to 3", "5"]."""
    runs: list[list[int]] = []
    for position in positions:
        if runs and position == runs[-1][-1] + 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    return [f"{run[0] + 1}" if len(run) == 1 else f"{run[0] + 1} to {run[-1] + 1}" for run in runs]
