"""The reference pages: written from the code, so that they never disagree with it.

python -m docs.reference            # write docs/reference/*.md
python -m docs.reference --check    # exit 1 if a page is stale
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer.main

from lenet_pipeline.cli.app import app
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import Query, Warehouse, list_audits, list_checks, migrate, run_select

FOLDER = Path(__file__).parent / "reference"
_COMMON = ("home", "actor", "debug")
_KINDS = {str: "TEXT", Path: "PATH", int: "N", float: "X"}
_DEFAULTS = {  # of settings whose default depends on the machine or on another setting
    "home": "the user data folder of the platform",
    "lake": "`lake` in the home",
    "predictions": "`predictions` in the home",
    "actor": "the system user",
}

_COMMANDS = """\
# Commands

`lenet COMMAND --help` prints the same. Written from the code by `python -m docs.reference`.

Every command takes these options, before its name or after it:
"""

_SETTINGS = """\
# Settings

Settings come from a command's option (`--home`, `--actor`), then from the environment, then from these
defaults. Written from the code by `python -m docs.reference`.
"""

_OTHER_SETTINGS = """\
`LENET_LAKE` and `LENET_PREDICTIONS` take a folder or the URL of an object store; see
[deployment](../guides/deployment.md#object-stores).

These variables of other programs matter too:

| variable | what it does here |
|---|---|
| `PREFECT_API_URL` | Commands run as flows on this Prefect server. If unset, they run directly. |
| `AWS_ACCESS_KEY_ID`, `AWS_PROFILE`, … | Credentials of an object store. |
| `LENET_TEST_DATA` | Folder of the real data sets, for tests only. |
"""

_TABLES = """\
# Tables

The database `audit.duckdb` in the home. Read it with `lenet sql`, or with DuckDB itself while no
command writes. Times are in UTC. Written from the comments in the database by
`python -m docs.reference`; `select * from duckdb_columns()` returns them too.

A prediction belongs to a *shard score*, one shard read by one model version. A *scoring run* is a list
of shard scores, so the predictions of a run are:

```sql
from predictions join scoring_run_shards using (shard_score_id) where scoring_run_id = …
```
"""

_AUDITS = """\
# Audits and checks

An *audit* is a named question: `lenet audit NAME --param KEY=VALUE`. A *check* is a question whose
answer must be empty; `lenet check` runs all of them. Written from the SQL files by
`python -m docs.reference`.

`lenet audit evidence --param digit=ID` is not a single query: it collects everything that is recorded
about one digit. See [auditing](../guides/auditing.md#evidence).
"""


def commands_page() -> str:
    """Return the page of commands, from the typer app."""
    lines = [
        *_COMMANDS.splitlines(),
        "",
        "| option | what it does |",
        "|---|---|",
    ]
    root: Any = typer.main.get_command(app)
    options = {parameter.name: parameter for parameter in root.params}
    lines += [f"| {_option(options[name])} | {_cell(options[name].help)} |" for name in _COMMON]
    lines += [
        "",
        "Exit codes: 0 done, 1 an error, 2 wrong usage, 3 a check failed, 130 interrupted.",
    ]
    for name, command in root.commands.items():
        lines += _command_lines(f"lenet {name}", command, level=2)
    return _page(lines)


def _command_lines(name: str, command: Any, level: int) -> Iterator[str]:
    yield from ("", f"{'#' * level} {name}", "", _prose(command.help))
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    options = [
        item
        for item in command.params
        if item.param_type_name == "option" and item.name not in (*_COMMON, "help") and not item.hidden
    ]
    usage = " ".join([name, *("[OPTIONS]" for _ in options[:1]), *map(_argument, arguments)])
    verbs = getattr(command, "commands", {})
    if not verbs or command.invoke_without_command:
        yield from ("", "```", usage, "```")
        if arguments or options:
            yield from ("", "| argument or option | what it does | default |", "|---|---|---|")
        for item in arguments:
            yield f"| `{_argument(item)}` | {_cell(item.help)} | {_default(item)} |"
        for item in options:
            yield f"| {_option(item)} | {_cell(item.help)} | {_default(item)} |"
    if command.epilog:
        yield from ("", _example(command.epilog))
    for verb, item in verbs.items():
        yield from _command_lines(f"{name} {verb}", item, level + 1)


def _example(epilog: str) -> str:
    word, _, line = epilog.partition(": ")
    return f"{word}: `{line}`"


def _argument(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return name if parameter.required else f"[{name}]"


def _option(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
    if parameter.is_flag:
        return names
    kind = parameter.type_descriptor.annotation
    if get_origin(kind) is Literal:
        return f"{names} `{'`, `'.join(get_args(kind))}`"
    kind = next(iter(get_args(kind)), kind)  # of list[str], str
    if issubclass(kind, Enum):
        return f"{names} `{'`, `'.join(choice.value for choice in kind)}`"
    return f"{names} `{parameter.metavar or _KINDS.get(kind, kind.__name__.upper())}`"


def _default(parameter: Any) -> str:
    default = parameter.default
    if parameter.required:
        return "required"
    if default is None or default is False or default == () or callable(default):
        return ""
    return f"`{getattr(default, 'value', default)}`"


def settings_page() -> str:
    """Return the page of settings, from the fields of `Settings`."""
    lines = [
        *_SETTINGS.splitlines(),
        "",
        "| variable | default | what it sets |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = _DEFAULTS.get(name) or f"`{field.default}`"
        lines.append(f"| `LENET_{name.upper()}` | {default} | {_cell(field.description)} |")
    lines += [
        "",
        *_OTHER_SETTINGS.splitlines(),
    ]
    return _page(lines)


def tables_page() -> str:
    """Return the page of tables, views and macros, from the comments of an empty database."""
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder) / "audit.duckdb")
        migrate(warehouse)
        tables = _rows(warehouse, "table_name as name, comment from duckdb_tables()")
        views = _rows(warehouse, "view_name as name, comment from duckdb_views()")
        columns = _rows(
            warehouse,
            "table_name, column_index, column_name, data_type, is_nullable, comment from duckdb_columns()",
        )
        macros = _rows(
            warehouse,
            "function_name as name, parameters, function_type, comment from duckdb_functions()",
        )
    by_table = {name: list(rows) for name, rows in groupby(columns, key=lambda row: row["table_name"])}
    lines = [
        *_TABLES.splitlines(),
    ]
    for kind, items in (("Tables", tables), ("Views", views)):
        lines += ["", f"## {kind}"]
        for item in items:
            lines += ["", f"### {item['name']}", "", _prose(item["comment"])]
            lines += ["", "| column | type | null | what it holds |", "|---|---|---|---|"]
            for column in by_table[item["name"]]:
                null = "yes" if column["is_nullable"] and kind == "Tables" else ""
                type_ = str(column["data_type"]).lower()
                lines.append(
                    f"| `{column['column_name']}` | `{type_}` | {null} | {_cell(column['comment'])} |"
                )
    lines += ["", "## Macros", "", "| macro | returns | what it computes |", "|---|---|---|"]
    for macro in macros:
        returns = "rows" if macro["function_type"] == "table_macro" else "a value"
        signature = f"{macro['name']}({', '.join(macro['parameters'])})"
        lines.append(f"| `{signature}` | {returns} | {_cell(macro['comment'])} |")
    return _page(lines)


def _rows(warehouse: Warehouse, rest: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = run_select(
        warehouse, f"select {rest} where not internal order by all"
    ).to_pylist()
    return rows


def audits_page() -> str:
    """Return the page of audits and checks, from the headers of their SQL files."""
    lines = [
        *_AUDITS.splitlines(),
        "",
        "## Audits",
    ]
    for query in list_audits():
        lines += _query_lines(query, "audit")
    lines += ["", "## Checks"]
    for query in list_checks():
        lines += _query_lines(query, "checks")
    return _page(lines)


def _query_lines(query: Query, folder: str) -> Iterator[str]:
    yield from ("", f"### {query.name}", "", f"{_prose(query.question)} {_prose(query.grain)}")
    yield from ("", f"SQL: [`{query.name}.sql`](../../sql/{folder}/{query.name}.sql)")
    if query.parameters:
        yield from ("", "| parameter | what it is | default |", "|---|---|---|")
        for parameter in query.parameters:
            default = "required" if parameter.default is None else f"`{parameter.default}`"
            yield f"| `{parameter.name}` | {_cell(parameter.description)} | {default} |"
    yield from ("", "| column | what it holds |", "|---|---|")
    for name, text in query.columns.items():
        yield f"| `{name}` | {_cell(text)} |"


def _prose(text: str | None) -> str:
    """Return a text for Markdown: paragraphs kept, lines joined, rich's marks removed."""
    paragraphs = re.split(r"\n\s*\n", (text or "").replace("\b", "").strip())
    return _escape("\n\n".join(" ".join(part.split()) for part in paragraphs))


def _cell(text: str | None) -> str:
    return _escape(" ".join((text or "").split())).replace("|", "\\|")


def _escape(text: str) -> str:
    """Escape what Markdown would read as markup, outside of code."""
    parts = text.split("`")
    return "`".join(
        part if index % 2 else re.sub(r"([*_<])", r"\\\1", part) for index, part in enumerate(parts)
    )


def _page(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "settings.md": settings_page,
    "tables.md": tables_page,
    "audits.md": audits_page,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or check that they are as the code has them."""
    parser = argparse.ArgumentParser(description="Write the reference pages from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is stale")
    options = parser.parse_args(arguments)
    stale = []
    for name, build in PAGES.items():
        path, text = FOLDER / name, build()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not options.check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    if stale and options.check:
        print(f"stale: {', '.join(stale)}; run `python -m docs.reference`", file=sys.stderr)  # noqa: T201
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
