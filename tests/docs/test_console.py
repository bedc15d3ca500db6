"""The commands of the README and the tutorial do what the pages show."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.console import Stale, mask, matches, read_commands, run_page, update
from tests.conftest import CHECKOUT

PAGE = """
```console
$ lenet datasets
no dataset yet
$ lenet sql "
select 1"
one
```

<!-- not run: needs a network -->
```console
$ lenet ingest mnist
```
"""


def read_page(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def run(name: str, folder: Path) -> str:
    return "\n\n".join(map(str, run_page(read_page(name), folder)))


@pytest.mark.slow
def test_tutorial_shows_what_its_commands_print(tmp_path: Path) -> None:
    assert run("docs/tutorial.md", tmp_path) == ""


@pytest.mark.slow
def test_readme_shows_what_its_commands_print(tmp_path: Path) -> None:
    """It runs `lenet demo` with its real flows on a temporary Prefect server."""
    assert run("README.md", tmp_path) == ""


def test_commands_are_read_with_their_outputs_up_to_their_last_line() -> None:
    commands = read_commands(PAGE)
    assert [command.line for command in commands] == ["lenet datasets", 'lenet sql "\nselect 1"']
    assert [command.expected for command in commands] == ["no dataset yet\n", "one\n"]


def test_stale_output_is_replaced_and_nothing_else() -> None:
    stale = [Stale(read_commands(PAGE)[0], "two\nlines")]
    assert update(PAGE, stale) == PAGE.replace("no dataset yet\n", "two\nlines\n")


def test_page_with_a_wrong_output_is_found_stale(tmp_path: Path) -> None:
    page = "```console\n$ export LENET_HOME=home\n$ lenet datasets\n3 datasets\n```\n"
    [stale] = run_page(page, tmp_path)
    assert stale.command.line == "lenet datasets"
    assert "lenet ingest" in stale.found


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ("351 digits at … a second", "351 digits at 1,846 a second"),
        ("optdigits/test 98.86%: 347 of 351 digits", "optdigits/test 98.58%: 346 of 351 digits"),
        ("first\n…\nlast", "first\nmore\nand more\nlast"),
        ("a  b\n\nc", "a b\nc"),
    ],
)
def test_output_matches(expected: str, found: str) -> None:
    assert matches(expected, found)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ("351 digits", "251 digits"),
        ("351 digits added", "351 digits were added"),
        ("confidence 0.9", "confidence 0.7"),
        ("first\nlast", "first\nmore\nlast"),
        ("passed", ""),
    ],
)
def test_output_does_not_match(expected: str, found: str) -> None:
    assert not matches(expected, found)


def test_what_varies_is_masked(tmp_path: Path) -> None:
    found = f"written to {tmp_path}/page.html at 2026-11-26 16:06:28   \nMLflow run 6c10a1fe"
    assert mask(found, tmp_path) == "written to …/page.html at …\nMLflow run …"
