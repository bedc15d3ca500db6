"""Expand the rules of a table to rules across its fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lenet_pipeline.forms.templates.shape import suggest
from lenet_pipeline.forms.templates.yaml_text import Fault, FaultyFile, Located


@dataclass(frozen=True)
class _Direction:
    """Rules for every row, with names of columns, or rules for every column, with names of rows."""

    key: Literal["row_rules", "column_rules"]
    lines: tuple[str, ...]
    items: tuple[str, ...]

    @property
    def restricted(self) -> str:
        """Return the key that restricts a rule to some lines."""
        return "rows" if self.key == "row_rules" else "columns"

    def field(self, line: str, item: str) -> str:
        """Return the name of a field of the table."""
        return f"{line}.{item}" if self.key == "row_rules" else f"{item}.{line}"


def expand_rules(
    table: Located, rows: Sequence[str], columns: Sequence[str], form_fields: Sequence[str]
) -> list[Located]:
    """Return the rules of a table as rules across fields.

    Args:
        table: a table that has passed the schema.
        rows: the names of its rows.
        columns: the names of its columns.
        form_fields: the names of the fields outside of tables.

    Raises:
        FaultyFile: a rule names an unknown row or column, or gives one field several totals.
    """
    rules: list[Located] = []
    faults: list[Fault] = []
    for direction in (
        _Direction("row_rules", tuple(rows), tuple(columns)),
        _Direction("column_rules", tuple(columns), tuple(rows)),
    ):
        for rule in table[direction.key].items() if direction.key in table else ():
            found = _find_faults(rule, direction, form_fields)
            faults += found
            if not found:
                lines = _lines_of(rule, direction)
                rules += [_expand_rule(rule, direction, line) for line in lines]
    if faults:
        raise FaultyFile(*faults)
    return rules


def _lines_of(rule: Located, direction: _Direction) -> list[str]:
    chosen = rule.get(direction.restricted)
    return [each.value for each in chosen.items()] if chosen else list(direction.lines)


def _find_faults(rule: Located, direction: _Direction, form_fields: Sequence[str]) -> list[Fault]:
    """Return a fault for each unknown name, and for a field that several lines would have to equal."""
    line_noun, item_noun = ("row", "column") if direction.key == "row_rules" else ("column", "row")
    chosen = rule.get(direction.restricted)
    faults = [
        Fault(each.line, f"unknown {line_noun} {each.value!r}; {suggest(each.value, direction.lines)}")
        for each in (chosen.items() if chosen else ())
        if each.value not in direction.lines
    ]
    known = (*direction.items, *form_fields)
    faults += [
        Fault(
            each.line,
            f"unknown {item_noun} or field {each.value!r} in the rule; {suggest(each.value, known)}",
        )
        for each in _names_in(rule)
        if each.value not in known
    ]
    lines = _lines_of(rule, direction)
    total = _names_in(rule)[-1]
    if not faults and "equal" not in rule and total.value not in direction.items and len(lines) > 1:
        reason = (
            f"the rule makes the field {total.value!r} the total of {len(lines)} {line_noun}s; add "
            f"{direction.restricted}: [{lines[0]}] to choose one, or name a {item_noun} of the table"
        )
        faults.append(Fault(total.line, reason))
    return faults


def _kind(rule: Located) -> str:
    return next(kind for kind in ("sum", "product", "equal") if kind in rule)


def _names_in(rule: Located) -> list[Located]:
    """Return the names in a rule, with the total last."""
    kind = _kind(rule)
    if kind == "equal":
        return rule["equal"].items()
    added = rule[kind].get("of")
    return [*(added.items() if added else ()), rule[kind]["equals"]]


def _expand_rule(rule: Located, direction: _Direction, line: str) -> Located:
    """Return a rule of a table for one row or column. A name of the table precedes a field of the form."""
    kind = _kind(rule)
    named = [
        Located(direction.field(line, each.value) if each.value in direction.items else each.value, each.line)
        for each in _names_in(rule)
    ]
    if kind == "equal":
        return Located({"equal": Located(named, rule.line)}, rule.line)
    *of, equals = named
    if "of" not in rule[kind]:
        others = [item for item in direction.items if direction.field(line, item) != equals.value]
        of = [Located(direction.field(line, item), rule.line) for item in others]
    content = {"of": Located(of, rule.line), "equals": equals}
    if kind == "sum" and direction.key == "column_rules":
        kind = "column_sum"
        content["column"] = Located(line, rule.line)
    return Located({kind: Located(content, rule.line)}, rule.line)
