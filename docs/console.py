"""The console blocks of a page: run their commands, compare the output, or write it into the page.

    python -m docs.console README.md docs/tutorial.md             # compare; exits 1 if a block is stale
    python -m docs.console --update README.md docs/tutorial.md    # replace what is stale

Every page runs in a temporary folder of its own, from top to bottom, with the `lenet` of this checkout. A
block that cannot run offline has the line `<!-- not run: REASON -->` above it. In an expected output, `…`
stands for any text, and a line with nothing else for any lines. Numbers may differ a little: another
processor may read a digit more or less.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

ROOT = Path(__file__).parent.parent

_BLOCK = re.compile(
    r"(?P<skipped><!-- not run: .+? -->\n\n?)?^```console\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
_COMMENT = re.compile(r"\s{2,}# .*$", re.MULTILINE)

# What differs from run to run, and how a page shows it.
_VARYING = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "…"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "…"),
    (re.compile(r"(?<=scoring_run_id )( *)[0-9a-f]{8}-[0-9a-f]{4}"), r"\1…"),
    (re.compile(r"(?<=MLflow run )[0-9a-f]+"), "…"),
    (re.compile(r"at [\d,]+ a second"), "at … a second"),
    (re.compile(r"(\d{4}-\d\d-\d\d )?\b\d\d:\d\d:\d\d\b|\d{4}-\d\d-\d\d"), "…"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "…"),
    (re.compile(r"float32 compiled for .*"), "float32 compiled for …"),
)


@dataclass(frozen=True)
class Command:
    """A command of a page, the output that the page shows, and where in the page that output is."""

    line: str
    expected: str
    start: int
    end: int


@dataclass(frozen=True)
class Stale:
    """A command whose output is no longer what the page shows."""

    command: Command
    found: str

    def __str__(self) -> str:
        return f"$ {self.command.line}\nexpected:\n{self.command.expected}\nfound:\n{self.found}"


def read_commands(page: str) -> list[Command]:
    """Return the commands of a page's blocks that can run offline, in order."""
    return [
        command
        for block in _BLOCK.finditer(page)
        if not block["skipped"]
        for command in _split(block["text"], block.start("text"))
    ]


def _split(block: str, offset: int) -> Iterator[Command]:
    """Yield the commands of a block; a command ends where its quotes and backslashes end."""
    lines = block.splitlines(keepends=True)
    while lines:
        typed = lines.pop(0)
        while not _is_whole(typed.rstrip("\n")):
            typed += lines.pop(0)
        output = ""
        while lines and not lines[0].startswith("$ "):
            output += lines.pop(0)
        start = offset + len(typed)
        offset = start + len(output)
        yield Command(typed.removeprefix("$ ").rstrip("\n"), output, start, offset)


def _is_whole(line: str) -> bool:
    try:
        shlex.split(line)
    except ValueError:
        return False
    return not line.endswith("\\")


def run_page(page: str, folder: Path) -> list[Stale]:
    """Run a page's commands in a folder, and return those whose output the page does not show."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("LENET_", "PREFECT_"))
    }
    environment |= {"COLUMNS": "80", "LENET_ACTOR": "ada", "PYTHONPATH": str(ROOT)}
    stale = []
    with _inside(folder):
        for command in read_commands(page):
            found = mask(_run(command.line, environment), folder)
            if not matches(command.expected, found):
                stale.append(Stale(command, found))
    return stale


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in a folder that has the checkout's examples."""
    (folder / "examples").symlink_to(ROOT / "examples")
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _run(line: str, environment: dict[str, str]) -> str:
    line = _COMMENT.sub("", line.replace("\\\n", " "))
    words = shlex.split(line)
    if words[0] == "export":
        name, _, value = words[1].partition("=")
        environment[name] = value
        return ""
    if words[0] == "lenet" and not set(words) & {"|", ">"}:
        return _run_lenet(words[1:], environment)
    # `make demo` runs the real flows on a temporary server, which needs a process of its own.
    shell = line.replace("make demo", "lenet demo")
    shell = re.sub(r"\blenet(?= )", f"{shlex.quote(sys.executable)} -m lenet_pipeline.cli", shell)
    done = subprocess.run(  # noqa: S602 - the line comes from our own page
        shell, shell=True, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    return done.stdout + (done.stderr if done.returncode else "")


def _run_lenet(arguments: Sequence[str], environment: dict[str, str]) -> str:
    """Run ``lenet`` in this process, which saves its imports."""
    from lenet_pipeline.cli.app import app

    result = CliRunner().invoke(app, list(arguments), env=environment)
    return result.stdout + (result.stderr if result.exit_code else "")


def mask(output: str, folder: Path) -> str:
    """Replace what differs from run to run, and remove trailing blanks."""
    output = output.replace(f"{folder}/", "…/")
    for pattern, replacement in _VARYING:
        output = pattern.sub(replacement, output)
    return "\n".join(line.rstrip() for line in output.splitlines()).strip("\n")


def matches(expected: str, found: str) -> bool:
    """Return whether an output is what a page shows, up to blanks, ``…`` and small differences of numbers."""
    wanted = [" ".join(line.split()) for line in expected.splitlines() if line.strip()]
    lines = [" ".join(line.split()) for line in found.splitlines() if line.strip()]
    return _match_lines(wanted, lines)


def _match_lines(wanted: Sequence[str], lines: Sequence[str]) -> bool:
    if not wanted:
        return not lines
    if wanted[0] == "…":
        return any(_match_lines(wanted[1:], lines[start:]) for start in range(len(lines) + 1))
    return bool(lines) and _match_line(wanted[0], lines[0]) and _match_lines(wanted[1:], lines[1:])


def _match_line(wanted: str, line: str) -> bool:
    numbers = _NUMBER.findall(wanted)
    parts = (".*?".join(map(re.escape, part.split("…"))) for part in _NUMBER.split(wanted))
    found = re.fullmatch(f"({_NUMBER.pattern})".join(parts), line)
    return found is not None and all(map(_is_close, numbers, found.groups()))


def _is_close(wanted: str, found: str) -> bool:
    first, second = (float(number.replace(",", "")) for number in (wanted, found))
    return abs(first - second) <= max(3.0 if first.is_integer() else 0.1, 0.1 * abs(first))


def update(page: str, stale: Sequence[Stale]) -> str:
    """Return a page with the outputs that were found in place of the stale ones."""
    for item in reversed(stale):
        found = f"{item.found}\n" if item.found else ""
        page = page[: item.command.start] + found + page[item.command.end :]
    return page


def main() -> int:
    """Check or update the pages that the command line names."""
    parser = argparse.ArgumentParser(description="Run the console blocks of pages.")
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--update", action="store_true", help="replace the outputs that are stale")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # on networks this small, threads only wait for each other
    count = 0
    for path in options.pages:
        page = path.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            stale = run_page(page, Path(folder).resolve())
        count += len(stale)
        if options.update:
            path.write_text(update(page, stale), encoding="utf-8")
        for item in stale:
            print(f"{path}:\n{item}\n")  # noqa: T201 - this is a command
    return 0 if options.update or not count else 1


if __name__ == "__main__":
    sys.exit(main())
