"""Fields as the pages show them: picture, cells, the signs that are proposed, reasons, rules and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from lenet_pipeline.audit import data_url, read_template_content
from lenet_pipeline.ingest import Box
from lenet_pipeline.review.number_signs import add_number_signs, only_digits, pair_signs
from lenet_pipeline.review.page_rules import check_rules
from lenet_pipeline.review.reasons import doubts_by_cell, explain_all
from lenet_pipeline.warehouse import ReviewRecords

if TYPE_CHECKING:
    from lenet_pipeline.forms import RegisteredPage

Row = dict[str, Any]

_VERDICT_SIGNS = {"blank": "", "not_a_digit": "X", "unreadable": "?"}
_SURE_FROM = 0.95  # digits below are marked if the reason names no cell


def field_records(records: ReviewRecords) -> list[Row]:
    """Return fields as JSON values, in the order of their pages and templates."""
    pages = {row["page_id"]: row for row in records.pages}
    cells = _group(records.cells, "field_id")
    verdicts = _group(records.verdicts, "field_id")
    siblings = _group(records.siblings, "page_id")
    found = [
        _record(
            row,
            pages[row["page_id"]],
            cells.get(row["field_id"], []),
            verdicts.get(row["field_id"], []),
            {each["field"]: (each["status"], each["value"]) for each in siblings[row["page_id"]]},
        )
        for row in records.fields
    ]
    return sorted(found, key=lambda record: (record["page_id"], record["field_number"]))


def registered_page(row: Mapping[str, Any]) -> RegisteredPage:
    """Return how a page was registered; ``row`` is one of ``ReviewRecords.pages``."""
    from lenet_pipeline.forms import RegisteredPage  # loads OpenCV

    paper = read_template_content(row["text"]).paper
    return RegisteredPage(row["to_scan"], (row["width_px"], row["height_px"]), paper, row["warp"])


def propose_signs(row: Mapping[str, Any], cells: Sequence[Row], typed: str | None) -> list[str | None]:
    """Return the sign to show for each cell: the verdict, or else the digit as corrected or as read.

    A cell that the model refused has None: a person must decide it. If a person typed more or fewer
    characters than there are cells, each character has its own sign. A separator and a minus are signs too.

    Args:
        row: the field, with status, reason, value_read and value_corrected.
        cells: rows of ``ReviewRecords.cells``, in the order of positions.
        typed: the value of the verdict on the field, ``""`` for blank. None if no person typed it.
    """
    digits = [cell for cell in cells if cell["state"] == "digit"]
    corrected = only_digits(row["value_corrected"] or "")
    fits = len(corrected) == len(digits)
    read = {
        cell["position"]: corrected[number] if fits else _text(cell["label"])
        for number, cell in enumerate(digits)
    }
    refused = {at for at, doubt in doubts_by_cell(row["reason"]).items() if doubt == "refused"}
    signs: list[str | None] = []
    for cell in cells:
        if cell["verdict"] is not None:
            signs.append(_VERDICT_SIGNS.get(cell["verdict"], cell["verdict"]))
        elif cell["state"] == "blank":
            signs.append("")
        elif cell["state"] == "mark":
            signs.append("X")
        else:
            signs.append(None if cell["position"] in refused else read[cell["position"]])
    if typed is None:
        return add_number_signs(signs, cells, row["value_read"], is_typed=False)
    characters = only_digits(typed)
    if characters != "".join(sign for sign in signs if sign not in (None, "X")):
        own = [sign if cell["digit_id"] else "" for sign, cell in zip(signs, cells, strict=True)]
        signs = fit_signs(own, characters)
    return add_number_signs(signs, cells, typed, is_typed=True)


def fit_signs(signs: Sequence[str | None], typed: str) -> list[str | None]:
    """Put the characters that a person typed into blank cells, so that all cells together give the value.

    Returns:
        One sign for each cell, or one for each character if the cells cannot give the value.
    """
    found: list[list[str | None] | None] = [None] * (len(typed) + 1)
    found[0] = []
    for sign in signs:
        after: list[list[str | None] | None] = [None] * (len(typed) + 1)
        for count, so_far in enumerate(found):
            if so_far is None:
                continue
            if sign in ("", "X", None):
                after[count] = after[count] or [*so_far, sign or ""]
            if count < len(typed) and sign in ("", None, typed[count]):
                after[count + 1] = after[count + 1] or [*so_far, typed[count]]
        found = after
    return found[-1] or list(typed)


def _record(
    row: Row,
    page: Row,
    cells: list[Row],
    verdicts: list[Row],
    values: Mapping[str, tuple[str, str | None]],
) -> Row:
    from lenet_pipeline.forms import WritingBox, picture_area  # loads OpenCV

    content = read_template_content(page["text"])
    known = next(each for each in content.fields if each.name == row["field"])
    is_line = isinstance(known.place, WritingBox)
    signs = propose_signs(
        row, cells, _typed_value(verdicts) if row["origin"].startswith("reviewed") else None
    )
    confirmed = ["?" if sign is None else sign for sign in signs]
    path = PurePath(row["source"])
    return {
        "field_id": row["field_id"],
        "page_id": row["page_id"],
        "scoring_run_id": row["scoring_run_id"],
        "form": row["form"],
        "field": row["field"],
        "field_number": row["field_number"],
        "source": row["source"],
        "name": path.name,
        "folder": str(path.parent),
        "page": row["page"],
        "is_line": is_line,
        "has_separator": known.numbers.separator is not None,
        "has_minus": known.numbers.may_be_negative,
        "decision": row["decision"],
        "origin": row["origin"],
        "status": row["status"],
        "value": row["value"],
        "value_read": row["value_read"],
        "value_corrected": row["value_corrected"],
        "confidence": row["confidence"],
        "reasons": explain_all(row["reason"]),
        "box": row["box"],
        "picture": data_url(row["picture"]),
        "picture_box": vars(picture_area(Box(**row["box"]), registered_page(page).size)),
        "cells": _shown_cells(row, cells, signs),
        "signs": signs,
        "rules": check_rules(content, row["field"], values, confirmed)["rules"],
        "verdicts": [_shown_verdict(verdict) for verdict in verdicts],
    }


def _shown_cells(row: Row, cells: list[Row], signs: Sequence[str | None]) -> list[Row]:
    doubts = doubts_by_cell(row["reason"])
    is_unsure = row["decision"] == "review" and not doubts
    shown = []
    own = [sign for _, sign in pair_signs(cells, ["?" if sign is None else sign for sign in signs])]
    for number, cell in enumerate(cells):
        sign = own[number] if own else None
        doubt = doubts.get(cell["position"])
        if cell["verdict"] is not None or row["decision"] == "reviewed":
            doubt = None
        elif cell["state"] == "digit" and doubt != "refused":
            if sign in tuple("0123456789") and sign != _text(cell["label"]):
                doubt = "corrected"
            elif is_unsure and (cell["confidence"] or 0.0) < _SURE_FROM:
                doubt = "unsure"
        shown.append(
            {
                "position": cell["position"],
                "state": cell["state"],
                "sign": sign,
                "label": _text(cell["label"]) or None,
                "confidence": cell["confidence"],
                "not_a_digit": cell["not_a_digit"],
                "verdict": cell["verdict"],
                "doubt": doubt,
                "is_doubtful": doubt is not None,
                "box": cell["box"],
            }
        )
    return shown


def _typed_value(verdicts: Sequence[Row]) -> str | None:
    """Return the value of the newest verdict on the field, unless newer verdicts on digits replace it."""
    counting = [verdict for verdict in verdicts if not verdict["is_undone"]]
    for number, verdict in enumerate(counting):
        if verdict["position"] is None:
            is_superseded = number > 0 and verdict["has_all_digits"]
            return None if is_superseded else verdict["value"] or ""
    return None


def _shown_verdict(verdict: Row) -> Row:
    at: datetime = verdict["reviewed_at"]
    return {
        "actor": verdict["actor"],
        "mode": verdict["mode"],
        "cell": None if verdict["position"] is None else verdict["position"] + 1,
        "verdict": verdict["value"] if verdict["value"] is not None else verdict["verdict"].replace("_", " "),
        "at": at.strftime("%Y-%m-%d %H:%M"),
        "is_undone": verdict["is_undone"],
    }


def _text(label: int | None) -> str:
    return "" if label is None else str(label)


def _group(rows: Sequence[Row], name: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[name], []).append(row)
    return groups
