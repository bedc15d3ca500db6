"""The views and macros of this release, as the migrations create them."""

from __future__ import annotations

import re
from functools import cache
from graphlib import TopologicalSorter

from lenet_pipeline.warehouse.migrations import list_migrations
from lenet_pipeline.warehouse.statements import read_statement

# A statement with the comment above it. Statements end at the first semicolon at the end of a line.
_CREATION = re.compile(
    r"(?:^--[^\n]*\n)*^create (?:or replace )?(?:view|macro) (?P<name>\w+).*?;\n", re.MULTILINE | re.DOTALL
)
_WORD = re.compile(r"\w+")


@cache
def read_definitions() -> tuple[str, ...]:
    """Return the statements that create the views and macros, each after the ones that it uses.

    They come from the migrations, never from a user's database, which someone may have altered.
    """
    texts: dict[str, str] = {}
    for _, migration in list_migrations():
        for created in _CREATION.finditer(read_statement(f"schema/{migration}")):
            texts[created["name"]] = created[0]
    # A word in a text may also be a column or a comment, which only moves its statement further down.
    words = {name: set(_WORD.findall(text)) - {name} for name, text in texts.items()}
    uses = {name: [other for other in texts if other in words[name]] for name in texts}
    return tuple(texts[name] for name in TopologicalSorter(uses).static_order())
