"""The example of a table in the guide to forms is a template that loads as the guide says."""

from __future__ import annotations

import re
from pathlib import Path

from lenet_pipeline.forms.templates.template_file import read_template

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "forms-and-templates.md"


def test_the_table_of_the_guide_has_sixty_fields_and_a_total(tmp_path: Path) -> None:
    section = GUIDE.read_text(encoding="utf-8").split("### Tables", 1)[1]
    found = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert found is not None
    (tmp_path / "stock.yaml").write_text(found[1], encoding="utf-8")
    template = read_template(tmp_path / "stock.yaml")
    names = {field.name for field in template.fields}
    assert len(names) == 61
    assert {"jan.count", "jan.price", "dec.team", "total"} <= names
    assert [rule.name for rule in template.rules][-1] == "sum of amount = total"
    assert len(template.rules) == 13
