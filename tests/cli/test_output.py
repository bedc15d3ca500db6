"""How rows look to a person in 80 columns, and to a program."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from lenet_pipeline.cli.commands.form_accuracy import print_evaluation, sum_by_column
from lenet_pipeline.cli.output import Format, counted, plain_text, print_records, print_rows
from lenet_pipeline.jobs import FormEvaluation

ROWS = pa.table(
    {
        "digit_id": [str(uuid.UUID(int=number << 64)) for number in range(60)],
        "source": ["/archive/2026/november/box-17/sheet-0042.png"] * 60,
        "field": pa.nulls(60, pa.string()),
        "label": list(range(60)),
        "at": [datetime(2026, 11, 2, 9, 30, tzinfo=UTC)] * 60,
    }
)


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_a_table_fits_80_columns_leaves_out_empty_columns_and_says_what_it_cut(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_rows(ROWS, Format.TABLE, title="Which digits?")
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "field" not in printed
    assert "00000000-0000 " in printed
    assert "first 50 of 60 rows; use --format csv to see all" in printed


def test_what_cannot_stand_side_by_side_is_stacked(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(pa.table({f"a_rather_long_column_{number}": [1] for number in range(6)}), Format.TABLE)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines == [[f"a_rather_long_column_{number}", "1"] for number in range(6)]


def test_rows_that_are_stacked_stand_beside_one_another(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{f"a_rather_long_column_{number}": f"of the {row}" for number in range(9)} for row in "abcd"]
    print_rows(pa.Table.from_pylist(rows), Format.TABLE)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert printed.count("a_rather_long_column_0  of the a  of the b  of the c  of the d") == 1


def test_no_rows_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(ROWS.slice(0, 0), Format.TABLE, title="Which digits?")
    assert capsys.readouterr().out == "Which digits?\nno rows\n"


def test_markup_in_a_value_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(pa.table({"source": ["scans/[bold]1.png"]}), Format.TABLE)
    assert "[bold]1.png" in capsys.readouterr().out


def test_json_keeps_whole_ids_times_and_nulls(tmp_path: Path) -> None:
    print_rows(ROWS.slice(0, 1), Format.JSON, tmp_path / "rows.json")
    (row,) = json.loads((tmp_path / "rows.json").read_text())
    assert row == {
        "digit_id": "00000000-0000-0000-0000-000000000000",
        "source": "/archive/2026/november/box-17/sheet-0042.png",
        "field": None,
        "label": 0,
        "at": "2026-11-02T09:30:00+00:00",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "yes"),
        (9999, "9999"),
        (10_000, "10,000"),
        (0.5, "0.5"),
        (1e-9, "1e-09"),
        (0.0, "0"),
    ],
)
def test_a_value_is_shown_as_a_person_reads_it(value: object, text: str) -> None:
    assert plain_text(value) == text


def test_what_rows_say_alike_is_said_once_where_they_would_not_fit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [
        {"policy_number": number, "evidence": "mnist/test", "max_error": number / 100}
        | {f"a_rather_long_column_{place}": "alike" for place in range(6)}
        for number in (1, 2)
    ]
    print_rows(pa.Table.from_pylist(rows), Format.TABLE, title="Which?")
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    lines = [line.split() for line in printed.splitlines() if line.strip()]
    assert lines == [
        ["Which?"],
        ["same", "in", "every", "row:"],
        ["evidence", "mnist/test"],
        *([f"a_rather_long_column_{place}", "alike"] for place in range(6)),
        ["policy_number", "max_error"],
        ["1", "0.01"],
        ["2", "0.02"],
    ]


def test_headings_that_are_wider_than_their_columns_are_broken_after_underscores(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [{f"digits_with_truth_{place}": row for place in range(6)} for row in (1, 2)]
    print_rows(pa.Table.from_pylist(rows), Format.TABLE)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["digits_"] * 6,
        ["with_"] * 6,
        [f"truth_{place}" for place in range(6)],
        ["1"] * 6,
        ["2"] * 6,
    ]


def test_rows_with_the_same_first_column_are_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"run": run, "measure": measure, "index": 0.5}
        | {f"a_rather_long_column_{place}": f"of {run}" for place in range(5)}
        for run in ("first", "second")
        for measure in ("class", "ink")
    ]
    print_rows(pa.Table.from_pylist(rows), Format.TABLE)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    group = [["measure"], ["class"], ["ink"]]
    assert [line for line in lines if line[0] in ("run", "measure", "class", "ink")] == [
        ["run", "first"], *group, ["run", "second"], *group
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("count", "nouns", "text"),
    [
        (0, ("digit",), "0 digits"),
        (1, ("digit",), "1 digit"),
        (12_000, ("digit",), "12,000 digits"),
        (1, ("box", "boxes"), "1 box"),
        (2, ("box", "boxes"), "2 boxes"),
    ],
)
def test_one_thing_is_counted_in_the_singular(count: int, nouns: tuple[str, ...], text: str) -> None:
    assert counted(count, *nouns) == text


def test_the_name_of_a_column_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_records([{"[/x] [red]a": 1}], Format.TABLE)
    assert "[/x] [red]a" in capsys.readouterr().out


def test_an_evaluation_shows_up_to_a_hundred_fields(capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "fields": 5,
        "fields_right": 5,
        "field_accuracy_pct": 100.0,
        "digits": 15,
        "digits_right": 15,
        "digit_accuracy_pct": 100.0,
        "straight_through_pct": 90.0,
        "straight_through_wrong": 0,
        "wrong_corrections": 0,
    }

    def printed(fields: int) -> str:
        names = [None, *(f"row{number}.count" for number in range(1, fields + 1))]
        accuracy = pa.Table.from_pylist([{"field": name, **row} for name in names])
        print_evaluation(FormEvaluation(accuracy, accuracy.slice(0, 0), 5 * fields, (), 0, None))
        return capsys.readouterr().out

    assert "row100.count" in printed(100)
    assert "first" not in printed(100)
    assert "first 100 of 101 rows" in printed(101)


def test_fields_of_a_table_are_summed_up_by_column() -> None:
    def row(field: str, right: int, digits_right: int, straight_through_pct: float) -> dict[str, object]:
        counts = {"fields": 4, "fields_right": right, "digits": 10, "digits_right": digits_right}
        return {"field": field, **counts, "straight_through_pct": straight_through_pct}

    rows = [
        row("a.count", 4, 10, 100),
        row("a.price", 1, 7, 25),
        row("b.count", 2, 8, 50),
        row("total", 0, 0, 0),
        {**row("b.price", 4, 0, 75), "fields": 12, "fields_right": 12, "digits": 0},
    ]
    assert sum_by_column(rows) == [
        {
            "column": "count",
            "fields": 8,
            "field_accuracy_pct": 75.0,
            "digit_accuracy_pct": 90.0,
            "straight_through_pct": 75.0,
        },
        {
            "column": "price",
            "fields": 16,
            "field_accuracy_pct": 81.25,
            "digit_accuracy_pct": 70.0,
            "straight_through_pct": 62.5,
        },
    ]
