"""Read the fields and rules of a template file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import cast

from lenet_pipeline.errors import PipelineError
from lenet_pipeline.forms.rules.across_rules import (
    AcrossRule,
    AgreementRule,
    ColumnSumRule,
    EqualRule,
    ProductRule,
    SumRule,
    UniqueRule,
)
from lenet_pipeline.forms.rules.digit_rules import rules_for_digits
from lenet_pipeline.forms.rules.field_rules import (
    Checksum,
    Length,
    OneOf,
    Pattern,
    Range,
    Rule,
    allows_length,
)
from lenet_pipeline.forms.rules.numerals import NumberForm
from lenet_pipeline.forms.templates.model import Cells, Field, UnusedMark, WritingBox
from lenet_pipeline.forms.templates.number_formats import NumberFormat
from lenet_pipeline.forms.templates.number_settings import read_number_format
from lenet_pipeline.forms.templates.shape import suggest
from lenet_pipeline.forms.templates.sheet import Sheet
from lenet_pipeline.forms.templates.yaml_text import Fault, FaultyFile, Located


def read_field(item: Located, sheet: Sheet) -> Field:
    """Read a field that has passed the schema.

    Args:
        item: the field in the file.
        sheet: the page, which converts the file's units to millimetres.

    Raises:
        FaultyFile: no value can pass the rules, or cells have no pitch.
    """
    place = _read_cells(item["cells"], sheet) if "cells" in item else _read_box(item["box"], sheet)
    numbers = read_number_format(item)
    written_rules = item.get("rules")
    rules = tuple(_read_rule(rule, numbers) for rule in written_rules.items()) if written_rules else ()
    if isinstance(place, Cells):
        lengths = range(1, place.columns * place.rows + 1)
    else:
        lengths = range(place.fewest, place.most + 1)
    if not _has_value(rules, lengths, numbers):
        names = ", ".join(rule.name for rule in rules)
        room = f"{lengths[0]} to {lengths[-1]} digits" if len(lengths) > 1 else "1 digit"
        reason = (
            f"the field has room for {room}, but no such value passes its rules ({names}); "
            "correct the field or its rules"
        )
        raise FaultyFile(Fault(item.line, reason))
    unused, blank = item.get("unused"), item.get("blank")
    return Field(
        name=item["name"].value,
        place=place,
        rules=rules,
        unused_mark=cast(UnusedMark, unused.value) if unused and unused.value != "none" else None,
        may_be_blank=blank is None or blank.value == "allowed",
        numbers=numbers,
    )


def _has_value(rules: Sequence[Rule], lengths: Sequence[int], numbers: NumberFormat) -> bool:
    """Return False if the kinds of the rules show that no value with one of these lengths can pass."""
    if numbers.is_plain:
        return any(all(allows_length(rule, length) for rule in rules) for length in lengths)
    forms = [
        NumberForm(places or None, is_negative)
        for places in range(lengths[-1])
        for is_negative in (False, True)
    ]
    return any(
        all(allows_length(rule, length) for rule in rules_for_digits(rules, form))
        for form in filter(numbers.allows, forms)
        for length in lengths
        if length > (form.places or 0)
    )


def _read_cells(cells: Located, sheet: Sheet) -> Cells:
    columns, rows = _whole(cells, "count", 1), _whole(cells, "rows", 1)
    for count, counted, pitch, expected in (
        (columns, "count", "pitch", "the distance between the left edges of neighbouring cells"),
        (rows, "rows", "row_pitch", "the distance between the top edges of neighbouring rows"),
    ):
        if count > 1 and pitch not in cells:
            reason = f"{pitch!r} is missing from cells, which have {counted}: {count}; expected {expected}"
            raise FaultyFile(Fault(cells.line, reason))
    return Cells(
        first=sheet.rectangle(cells),
        columns=columns,
        pitch=float(cells["pitch"].value) * sheet.across if "pitch" in cells else 0.0,
        rows=rows,
        row_pitch=float(cells["row_pitch"].value) * sheet.down if "row_pitch" in cells else 0.0,
    )


def _read_box(box: Located, sheet: Sheet) -> WritingBox:
    fewest, most = (int(item.value) for item in box["digits"].items())
    if fewest > most:
        reason = f"digits is [{fewest}, {most}]; expected the smaller number first"
        raise FaultyFile(Fault(box["digits"].line, reason))
    return WritingBox(sheet.rectangle(box), fewest, most)


def _whole(found: Located, key: str, default: int) -> int:
    return int(found[key].value) if key in found else default


def _read_rule(rule: Located, numbers: NumberFormat) -> Rule:
    try:
        if "pattern" in rule:
            return Pattern(rule["pattern"].value)
        if "range" in rule:
            return Range(*(_read_end(end, numbers) for end in rule["range"].items()))
        if "length" in rule:
            return Length(*(int(end.value) for end in rule["length"].items()))
        if "values" in rule:
            if not numbers.is_plain:
                reason = "a field with decimals or a sign takes no values; use a pattern, a range or both"
                raise FaultyFile(Fault(rule.line, reason))
            # Take the text, because YAML reads 007 as the number 7.
            return OneOf(tuple(value.text for value in rule["values"].items()))
        weights = rule["weights"].items() if "weights" in rule else []
        return Checksum(rule["checksum"].value, tuple(int(weight.value) for weight in weights))
    except PipelineError as exc:
        raise FaultyFile(Fault(rule.line, str(exc))) from exc


def _read_end(end: Located, numbers: NumberFormat) -> int | Decimal:
    """Read one end of a range. Only fields with decimals or a sign take fractions or negative numbers."""
    number = Decimal(str(end.value))
    is_whole = number == number.to_integral_value()
    if (number < 0 and not numbers.may_be_negative) or not (is_whole or numbers.separator):
        reason = f"an item of range is {end.text}; expected a whole number, 0 or more"
        hint = "add sign: allowed to the field" if number < 0 else "add decimals to the field"
        raise FaultyFile(Fault(end.line, f"{reason}, or {hint}"))
    return int(number) if is_whole else number


def find_name_faults(named: Iterable[tuple[Located, str]]) -> list[Fault]:
    """Return a fault for each name that an earlier one repeats, ignoring case as column names do.

    Args:
        named: each field or choice in the file, with its name.
    """
    lines: dict[str, int] = {}
    faults = []
    for item, name in named:
        line, key = item["name"].line, name.lower()
        if key in lines:
            reason = f"the name {name!r} is already used in line {lines[key]}; rename one of the fields"
            faults.append(Fault(line, reason))
        lines.setdefault(key, line)
    return faults


def read_across_rules(written: Located) -> tuple[tuple[AcrossRule, ...], list[Fault]]:
    """Return the rules across fields, and a fault for each invalid rule or unknown field name.

    Marks that check a field give a rule too.
    """
    found = written.get("rules")
    names = [item["name"].value for item in written["fields"].items()] if "fields" in written else []
    rules: list[AcrossRule] = []
    faults: list[Fault] = []
    for rule in found.items() if found else []:
        unknown = [name for name in _named_in(rule) if name.value not in names]
        faults += [
            Fault(name.line, f"unknown field {name.value!r} in the rule; {suggest(name.value, names)}")
            for name in unknown
        ]
        try:
            rules.append(_read_across_rule(rule))
        except PipelineError as exc:
            faults.append(Fault(rule.line, str(exc)))
    for item in written["marks"].items() if "marks" in written else []:
        if "checks" in item:
            rules.append(AgreementRule(field=item["checks"].value, choice=item["name"].value))
    return tuple(rules), faults


def _named_in(rule: Located) -> list[Located]:
    """Return the field names in a rule, with their lines."""
    for kind in ("sum", "product", "column_sum"):
        if kind in rule:
            return [*rule[kind]["of"].items(), rule[kind]["equals"]]
    return rule["equal"].items() if "equal" in rule else [rule["unique"]]


def _read_across_rule(rule: Located) -> AcrossRule:
    names = [name.value for name in _named_in(rule)]
    if "sum" in rule:
        return SumRule(of=tuple(names[:-1]), equals=names[-1])
    if "product" in rule:
        return ProductRule(of=tuple(names[:-1]), equals=names[-1])
    if "column_sum" in rule:  # a table expands to this kind, which is not part of the schema
        return ColumnSumRule(rule["column_sum"]["column"].value, of=tuple(names[:-1]), equals=names[-1])
    return EqualRule(tuple(names)) if "equal" in rule else UniqueRule(names[0])
