"""Read a template from a YAML file and report every fault with its line.

The file is first checked against ``template_schema``. Once it passes, this module checks what a schema
cannot express: fields that overlap or extend beyond the page, and rules that name unknown fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, cast

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.templates.fields import find_name_faults, read_across_rules, read_field
from lenet_pipeline.forms.templates.json_schema import template_schema
from lenet_pipeline.forms.templates.marks import read_choices
from lenet_pipeline.forms.templates.model import AlignmentMethod, Cells, Choice, Field, Template
from lenet_pipeline.forms.templates.places import find_place_faults
from lenet_pipeline.forms.templates.shape import find_shape_faults
from lenet_pipeline.forms.templates.sheet import Sheet, read_sheet
from lenet_pipeline.forms.templates.table_lines import find_table_lines
from lenet_pipeline.forms.templates.tables import expand_tables
from lenet_pipeline.forms.templates.yaml_text import Fault, FaultyFile, Located, read_yaml
from lenet_pipeline.ingest import path_text
from lenet_pipeline.lake import fingerprint_record

_MOST_BYTES = 256 << 10  # the largest template in this project has 8,000
_MOST_LISTED = 10
_MAX_RESIDUAL_PX = 3.0  # 0.4 mm on the aligned page: less than a cell's margin
_FINGERPRINT_DECIMALS = 4  # in millimetres: smaller differences come from rounding


def read_template(path: Path, references: Path | None = None) -> Template:
    """Read a template from a YAML file.

    Args:
        path: the template file.
        references: a folder to search for the blank form before the template's own folder.

    Raises:
        IngestError: the file is unreadable or has faults. The message lists up to ten faults, one per
            line, each with its line in the file.
    """
    text = _read_text(path)
    folders = [path.parent] if references is None else [references, path.parent]
    try:
        written = read_yaml(text)
        faults = find_shape_faults(written, template_schema())
        if faults:
            raise FaultyFile(*faults)
        return _build_template(written, text, folders)
    except FaultyFile as exc:
        raise _refusal(path, exc.faults) from None


def _read_text(path: Path) -> str:
    try:
        if not path.is_file():
            raise IngestError(f"there is no template {path_text(path)}; give a YAML file")
        if path.stat().st_size > _MOST_BYTES:
            raise IngestError(
                f"the template {path_text(path)} has more than {_MOST_BYTES:,} bytes; expected a smaller file"
            )
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise IngestError(
            f"the template {path_text(path)} is not UTF-8 text (byte {exc.start}); save it as UTF-8"
        ) from exc
    except OSError as exc:
        raise IngestError(
            f"cannot read the template {path_text(path)} ({exc.strerror}); check the file"
        ) from exc


def _refusal(path: Path, faults: Sequence[Fault]) -> IngestError:
    if len(faults) == 1:
        return IngestError(f"template {path_text(path)}, line {faults[0].line}: {faults[0].reason}")
    lines = [f"  line {fault.line}: {fault.reason}" for fault in faults[:_MOST_LISTED]]
    if len(faults) > _MOST_LISTED:
        lines.append(f"  and {len(faults) - _MOST_LISTED} more")
    return IngestError("\n".join([f"template {path_text(path)} has {len(faults)} faults:", *lines]))


def _build_template(written: Located, text: str, folders: list[Path]) -> Template:
    sheet = read_sheet(written, folders)
    written = expand_tables(written, sheet, partial(find_table_lines, sheet=sheet))
    fields: list[tuple[Located, Field]] = []
    faults: list[Fault] = []
    choices: list[tuple[Located, Choice]] = []
    for item in written["fields"].items() if "fields" in written else []:
        try:
            fields.append((item, read_field(item, sheet)))
        except FaultyFile as exc:
            faults += exc.faults
    try:
        choices = read_choices(written, sheet)
    except FaultyFile as exc:
        faults += exc.faults
    found: list[tuple[Located, Field | Choice]] = [*fields, *choices]
    placed = [(item.line, each) for item, each in found]
    faults += find_place_faults(placed, width=sheet.width, height=sheet.height)
    rules, rule_faults = read_across_rules(written)
    named = [(item, each.name) for item, each in found]
    faults += [*find_name_faults(named), *rule_faults]
    if faults:
        raise FaultyFile(*sorted(faults, key=lambda fault: fault.line))
    residual = written.get("max_residual_px")
    template = Template(
        form=written["form"].value,
        width=sheet.width,
        height=sheet.height,
        fields=tuple(field for _, field in fields),
        alignment=_read_alignment(written, sheet),
        max_residual_px=float(residual.value) if residual else _MAX_RESIDUAL_PX,
        fingerprint="",
        text=text,
        reference=sheet.reference,
        rules=rules,
        choices=tuple(choice for _, choice in choices),
    )
    return _with_fingerprint(template, sheet.reference_sha256)


def _read_alignment(written: Located, sheet: Sheet) -> AlignmentMethod:
    found = written.get("register")
    if found is None:
        return "features" if sheet.reference else "scale"
    if found.value != "scale" and sheet.reference is None:
        reason = (
            f"register: {found.value} compares scans with a reference, and the template has none; "
            "add a reference or use scale"
        )
        raise FaultyFile(Fault(found.line, reason))
    return cast(AlignmentMethod, found.value)


def _with_fingerprint(template: Template, reference_sha256: str | None) -> Template:
    """Return a template with the sha256 over everything in it that affects reading."""
    record = {
        "form": template.form,
        "page": _rounded([template.width, template.height]),
        "register": template.alignment,
        "max_residual_px": _rounded(template.max_residual_px),
        "fields": [_field_record(field) for field in template.fields],
        "rules": [_rule_record(rule) for rule in template.rules],
        "reference": template.reference and [reference_sha256, template.reference.page],
    }
    if template.choices:  # templates without any keep their fingerprint from before
        record["marks"] = [_choice_record(choice) for choice in template.choices]
    return replace(template, fingerprint=fingerprint_record(record))


def _field_record(field: Field) -> dict[str, Any]:
    place = {key: _rounded(value) for key, value in asdict(field.place).items()}
    # Without these settings, a template has the fingerprint that it had before they existed.
    numbers = {} if field.numbers.is_plain else {"numbers": asdict(field.numbers)}
    return {
        "name": field.name,
        "cells" if isinstance(field.place, Cells) else "box": place,
        "unused": field.unused_mark,
        "may_be_blank": field.may_be_blank,
        "rules": [_rule_record(rule) for rule in field.rules],
        **numbers,
    }


def _choice_record(choice: Choice) -> dict[str, Any]:
    return {
        "name": choice.name,
        "kind": choice.kind,
        "fewest": choice.fewest,
        "options": [[each.name, each.position, _rounded(asdict(each.place))] for each in choice.options],
    }


def _rule_record(rule: Any) -> list[Any]:
    written = {
        key: str(value) if isinstance(value, Decimal) else value for key, value in asdict(rule).items()
    }
    return [type(rule).__name__, written]


def _rounded(value: Any) -> Any:
    """Round every number in a value, so that the fingerprint does not depend on the units."""
    if isinstance(value, dict):
        return {key: _rounded(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_rounded(held) for held in value]
    return round(float(value), _FINGERPRINT_DECIMALS)
