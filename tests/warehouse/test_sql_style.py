"""The conventions of the SQL that ships, and of the Python that runs it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import duckdb
import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.errors import WarehouseError
from lenet_pipeline.warehouse import statements
from tests.english import find_stilted

SQL = statements.sql_directory()
QUERIES = [*warehouse.list_audits(), *warehouse.list_checks()]
FILES = sorted(SQL.rglob("*.sql"))
PYTHON = sorted(Path(statements.__file__).parent.glob("*.py"))


def names(queries: list[warehouse.Query]) -> list[str]:
    return [query.name for query in queries]


def code(path: Path) -> str:
    """Return a statement without comments and without what it quotes."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("--")]
    return re.sub(r"'[^']*'", "''", "\n".join(lines))


HEADER_LINE = re.compile(r"^-- (?:question|grain|param \w+|column \w+): (.*)\n", re.MULTILINE)
COMMENT = re.compile(r"(?:^ *--.*\n)+", re.MULTILINE)


def prose(path: Path) -> list[str]:
    """Return what a file says to people: header texts, whole comments, and quoted texts of several words."""
    text = path.read_text()
    rest = HEADER_LINE.sub("", text)
    comments = [re.sub(r"^ *-- ?", "", block, flags=re.MULTILINE) for block in COMMENT.findall(rest)]
    quoted = [found for found in re.findall(r"'((?:[^']|'')*)'", COMMENT.sub("", rest)) if " " in found]
    return [*HEADER_LINE.findall(text), *comments, *quoted]


def test_audits_that_the_project_promises_are_there() -> None:
    promised = {
        "predictions_of_run",
        "low_confidence",
        "who_scored_digit",
        "digit_history",
        "confusion",
        "class_precision_recall",
        "model_agreement",
        "promotions",
        "rejects_by_reason",
        "runs",
        "summary",
    }
    assert promised <= set(names(warehouse.list_audits()))


@pytest.mark.parametrize("query", QUERIES, ids=names(QUERIES))
def test_header_says_the_question_the_grain_and_the_columns(query: warehouse.Query) -> None:
    assert query.question.endswith("?")
    assert query.grain.startswith("One row")
    assert query.columns
    assert query.path.stem == query.name


@pytest.mark.parametrize("query", QUERIES, ids=names(QUERIES))
def test_parameters_of_the_header_are_those_of_the_statement(query: warehouse.Query) -> None:
    used = set(re.findall(r"\$(\w+)", code(query.path)))
    assert used == {parameter.name for parameter in query.parameters}


@pytest.mark.parametrize("query", QUERIES, ids=names(QUERIES))
def test_query_ends_with_a_select_from_final_in_a_deterministic_order(query: warehouse.Query) -> None:
    ending = r"\nselect\s[^*]+\nfrom final\norder by [\w, ]+(\nlimit .+)?"
    assert re.search(ending + r"\Z", code(query.path))


@pytest.mark.parametrize("query", QUERIES, ids=names(QUERIES))
def test_query_selects_explicit_columns(query: warehouse.Query) -> None:
    assert not re.search(r"select\s+\*|\.\*", code(query.path))


@pytest.mark.parametrize("check", warehouse.list_checks(), ids=names(warehouse.list_checks()))
def test_check_takes_no_parameter_but_a_shard_and_ends_with_the_problem(check: warehouse.Query) -> None:
    assert {parameter.name for parameter in check.parameters} <= {"shard"}
    assert list(check.columns)[-1] == "problem"


@pytest.mark.parametrize("query", QUERIES, ids=names(QUERIES))
def test_suffixes_say_what_a_column_is(query: warehouse.Query) -> None:
    for name, text in query.columns.items():
        assert name.endswith("_at") == ("(UTC)" in text), name
        assert not re.match(r"(pct|percent|num|n)_", name), name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sql_is_lower_case_within_the_line_and_without_tabs(path: Path) -> None:
    text = code(path)
    assert text == text.lower()
    assert "\t" not in path.read_text()
    assert max(len(line) for line in path.read_text().splitlines()) <= 110
    assert path.read_text().endswith("\n")


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.parent.name != "schema"], ids=lambda path: path.stem
)
def test_file_holds_one_statement(path: Path) -> None:
    assert len(duckdb.extract_statements(path.read_text())) == 1
    assert not path.read_text().rstrip().endswith(";")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sql_is_plain_english(path: Path) -> None:
    assert [(found, text) for text in prose(path) for found in find_stilted(text)] == []


def test_stilted_english_is_found() -> None:
    assert find_stilted("Whether it\nis told anew, or not.") == ["is told", "anew"]
    assert find_stilted("Read it. What was read stays. Who reads it? Whoever can.") == [
        "Whoever",
        "What was read stays.",
    ]
    assert find_stilted("What was scored, when, and how fast?") == []


def test_prose_of_a_file_is_its_header_its_comments_and_its_texts(tmp_path: Path) -> None:
    path = tmp_path / "some.sql"
    path.write_text(
        "-- question: Why?\n-- column a: b\nselect 'a text' as a, 'word'\n-- One,\n-- two.\nfrom b\n"
    )
    assert prose(path) == ["Why?", "b", "One,\ntwo.\n", "a text"]


def test_migrations_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:3]) for path in sorted((SQL / "schema").glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_statement_of_the_load_folder_is_used() -> None:
    source = "\n".join(path.read_text() for path in PYTHON)
    unused = [path.stem for path in (SQL / "load").glob("*.sql") if path.stem not in source]
    assert unused == []


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.stem)
def test_no_value_is_formatted_into_sql(path: Path) -> None:
    """A statement is a constant or the text of a file: never an f-string, a sum, ``%`` or ``format``."""
    running = {"execute", "executemany", "sql", "query", "extract_statements"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in running:
            statement = node.args[0]
            is_file = isinstance(statement, ast.Call) and ast.unparse(statement.func) == "read_statement"
            assert is_file or isinstance(statement, ast.Constant | ast.Name), ast.unparse(node)
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value for part in node.values if isinstance(part, ast.Constant))
            assert not re.match(
                r"\s*(select|insert|update|delete|create|with|copy|set)\s.*\s(from|into|table|=)\s", text
            )


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.stem)
def test_warehouse_modules_stay_short(path: Path) -> None:
    most = 350 if path.name == "__init__.py" else 250  # the door lists every name twice
    assert len(path.read_text().splitlines()) < most


def test_malformed_header_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wrong.sql"
    path.write_text("-- question: Why?\n-- colum a: b\nselect 1\n")
    with pytest.raises(WarehouseError, match=r"wrong.sql, line 2: not a header line"):
        statements.read_query(path)


def test_header_without_grain_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong.sql"
    path.write_text("-- question: Why?\nselect 1\n")
    with pytest.raises(WarehouseError, match=r"does not say the grain"):
        statements.read_query(path)


def test_parameter_without_default_is_required(tmp_path: Path) -> None:
    path = tmp_path / "ask.sql"
    path.write_text(
        "-- question: Why?\n-- grain: One row.\n-- param a: what (or when)\n"
        "-- param b: when (UTC) (default: now)\nselect 1\n"
    )
    assert statements.read_query(path).parameters == (
        warehouse.Parameter("a", "what (or when)", None),
        warehouse.Parameter("b", "when (UTC)", "now"),
    )
