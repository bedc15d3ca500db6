"""The run form of Prefect: a description of each parameter of a job, and its choices."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

from pydantic import ConfigDict, Field

_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n {8,}.+)*)", re.MULTILINE)


def choices(names: Iterable[str]) -> Any:
    """Return the annotation of a text field that offers these names.

    Only the JSON schema lists them. The job itself looks a name up, and its error suggests the nearest one.
    """
    return Field(json_schema_extra={"enum": list(names)})


DEVICE = choices(("auto", "cpu", "cuda"))


def _describe(schema: dict[str, Any], job: type[Any]) -> None:
    """Copy the docstring's summary and its ``Attributes:`` section into the JSON schema of a job."""
    summary, _, attributes = _plain(inspect.getdoc(job) or "").partition("\nAttributes:\n")
    schema["description"] = " ".join(summary.split())
    for name, text in _ATTRIBUTE.findall(attributes):
        if name in schema.get("properties", {}):
            description = " ".join(text.split())
            schema["properties"][name]["description"] = description[:1].upper() + description[1:]


def _plain(text: str) -> str:
    return text.replace("``", "")


RUN_FORM = ConfigDict(json_schema_extra=_describe)
