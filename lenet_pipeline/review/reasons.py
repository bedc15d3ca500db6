"""Reasons for a review in plain words. The database stores them as one text; see ``forms``."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NEXT = re.compile(r"; (?=[a-z_]+: )")
_AT = re.compile(r"position (\d+)")
_NUMBER = re.compile(r"(?:score|confidence) (\d+(?:\.\d+)?)")
_POSITIONS = re.compile(r"\bpositions? (\d+)(?: and (\d+))?")
_BREAKS = re.compile(r"(\S+) breaks (.+?)(?:, (\S+) passes)?")

# Words of reasons that cast doubt on one cell, and the doubt that the pages mark.
DOUBTS: Mapping[str, str] = {"not_a_digit": "refused", "unsure": "unsure", "gap": "gap"}


def split_reasons(reason: str | None) -> list[str]:
    """Return the reasons in a stored text, in order and without repetitions."""
    return list(dict.fromkeys(each for each in _NEXT.split(reason or "") if each))


def explain(reason: str) -> str:
    """Return one reason as a sentence. Cells count from 1."""
    word, _, detail = reason.partition(": ")
    at, number = _AT.search(detail), _NUMBER.search(detail)
    cell = f"Cell {int(at[1]) + 1}" if at else "The value"
    score = f" ({number[1]})" if number else ""
    match word:
        case "not_a_digit":
            return f"{cell}: the ink is probably not a digit{score}"
        case "unsure":
            return f"{cell}: the reading is unsure{score}"
        case "gap":
            state = "crossed out" if detail.endswith("crossed out") else "blank"
            return f"{cell} between two digits is {state}"
        case "corrected" | "rule_failed":
            return _explain_rule(detail)
        case "blank":
            return "A value is required, but the field is blank"
        case "extra_ink":
            return f"Ink that belongs to no digit: {_count_from_one(detail)}"
        case "mark":
            return f"Unexpected mark: {_count_from_one(detail)}"
        case "sample":
            return "A random check of accepted values, which measures how often they are wrong"
        case "unreadable":
            return "A person could not read it"
        case "no_policy" | "cut":
            return detail[:1].upper() + detail[1:]
        case _:
            return f"{word.replace('_', ' ').capitalize()}: {detail}" if detail else word


def explain_all(reason: str | None) -> list[str]:
    """Return the reasons in a stored text as sentences; unsure cells share one."""
    found, unsure = list[str](), list[str]()
    for each in split_reasons(reason):
        at, number = _AT.search(each), _NUMBER.search(each)
        if each.startswith("unsure: ") and at:
            unsure.append(f"{int(at[1]) + 1}" + (f" ({number[1]})" if number else ""))
        else:
            found.append(explain(each))
    if unsure:
        found.append(f"{'Cell' if len(unsure) == 1 else 'Cells'} read with doubt: {', '.join(unsure)}")
    return found


def doubts_by_cell(reason: str | None) -> dict[int, str]:
    """Return the doubt about each cell that a reason names, by position: refused, unsure or gap."""
    found: dict[int, str] = {}
    for each in split_reasons(reason):
        at = _AT.search(each)
        doubt = DOUBTS.get(each.partition(":")[0])
        if at and doubt:
            found.setdefault(int(at[1]), doubt)
    return found


def _count_from_one(detail: str) -> str:
    """Replace the positions in a text, which count from 0, by cells."""

    def name(found: re.Match[str]) -> str:
        cells = [str(int(each) + 1) for each in found.groups() if each is not None]
        return f"cell{'s' if len(cells) > 1 else ''} {' and '.join(cells)}"

    return _POSITIONS.sub(name, detail).replace("several positions", "several cells")


def _explain_rule(detail: str) -> str:
    broken = _BREAKS.fullmatch(detail)
    if broken is None:
        return f"The fields break the rule {detail}"
    value, rule, corrected = broken.groups()
    if corrected:
        return f"{value} was read, which breaks the rule {rule}; corrected to {corrected}"
    return f"{value} breaks the rule {rule}"
