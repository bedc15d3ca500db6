"""The fields and rules of a recorded template.

Scoring reads them from the template's text alone, because the blank form may no longer exist by then.
"""

from __future__ import annotations

from dataclasses import dataclass

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.rules.across_rules import AcrossRule
from lenet_pipeline.forms.templates.fields import read_across_rules, read_field
from lenet_pipeline.forms.templates.json_schema import template_schema
from lenet_pipeline.forms.templates.model import Field
from lenet_pipeline.forms.templates.page_sizes import named_page_size
from lenet_pipeline.forms.templates.shape import find_shape_faults
from lenet_pipeline.forms.templates.sheet import Sheet
from lenet_pipeline.forms.templates.tables import expand_tables
from lenet_pipeline.forms.templates.yaml_text import FaultyFile, Located, read_yaml

_NO_SHEET = Sheet(width=0, height=0, across=1, down=1, reference=None, reference_sha256=None)


@dataclass(frozen=True)
class TemplateContent:
    """The fields of a template, in the units of its file, and the rules across them.

    ``paper`` is the width and height of the page in millimetres, or None if only the blank form states it.
    """

    fields: tuple[Field, ...]
    rules: tuple[AcrossRule, ...]
    paper: tuple[float, float] | None = None


def read_content(text: str) -> TemplateContent:
    """Read the fields and rules of a template that was valid when it was recorded.

    Args:
        text: the YAML of the template.

    Raises:
        IngestError: the template is not valid in this release.
    """
    try:
        written = read_yaml(text)
        if faults := find_shape_faults(written, template_schema()):
            raise FaultyFile(*faults)
        written = expand_tables(written, None)
        items = written["fields"].items() if "fields" in written else []
        fields = tuple(read_field(item, _NO_SHEET) for item in items)
        rules, faults = read_across_rules(written)
        if faults:
            raise FaultyFile(*faults)
        return TemplateContent(fields, rules, _read_paper(written.get("page")))
    except FaultyFile as exc:
        raise IngestError(
            f"a recorded template is no longer valid: {exc}; correct the template and ingest its pages again"
        ) from exc


def _read_paper(page: Located | None) -> tuple[float, float] | None:
    if page is None:
        return None
    if isinstance(page.value, str):
        return named_page_size(page.value)
    return float(page["width"].value), float(page["height"].value)
