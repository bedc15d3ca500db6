"""The SQL questions of the auditing guide, with their answers on a small database."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from lenet_pipeline import warehouse
from tests.conftest import CHECKOUT

Row = tuple[Any, ...]

_QUESTION = re.compile(r"^### (?P<question>[^\n]+\?)\n(?P<prose>.*?)^```sql\n(?P<sql>.*?)^```$", re.M | re.S)


def read_questions() -> dict[str, str]:
    """Return the SQL of each question."""
    text = (CHECKOUT / "docs" / "guides" / "auditing.md").read_text(encoding="utf-8")
    return {found["question"]: found["sql"] for found in _QUESTION.finditer(text)}


QUESTIONS = read_questions()


def on(month: int, day: int, hour: int, minute: int) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def expected_rows(home: Any) -> dict[str, list[Row]]:
    """Return the answer to each question; see ``build_auditor_home`` for what happened."""
    verdicts = "folder; digits: 3; verdicts: 1 (1), 3 (1), 5 (1)"
    digit = str(home.builder.digit_id("cat", 1))
    rolled_back = on(11, 5, 9, 30)
    return {
        "What did bob do in November 2026?": [
            (on(11, 4, 11, 30), "review", str(home.november_batch), verdicts),
            (on(11, 4, 21, 30), "export", "/audit/2026-11", "tables; rows: 120"),
        ],
        "Which decisions of the latest run would change under policy 1?": [
            (digit, 2, pytest.approx(0.7), "review", "accept")
        ],
        "Which documents were scored by a version that was rolled back later?": [
            ("inbox/ark.pdf", 2, on(11, 4, 9, 30), rolled_back),
            ("scans/ark.tiff", 2, on(11, 3, 15, 30), rolled_back),
            ("scans/bay.tiff", 2, on(11, 3, 15, 30), rolled_back),
        ],
        "How accurate are the fields, by month and by form?": [
            ("2026-11", "note", 3, 33.33, 100.0),
            ("2026-12", "bill", 1, 100.0, 100.0),
        ],
        "Who was champion on 4 November 2026?": [("digits", 2, on(11, 3, 10, 30), rolled_back, "grace")],
        "Which digits were accepted, then overturned by a person?": [
            ("scans/cat.tiff", 2, 1, 2, pytest.approx(0.7), "7", "carol", on(12, 6, 21, 30))
        ],
        "Which documents and digits were never scored?": [
            ("document", "forms/march", "inbox/cove.pdf", None),
            ("shard", "scans/march", "fox" * 8, 3),
        ],
        "Who approved version 2, and on what evidence?": [
            (
                on(11, 3, 10, 30),
                "grace",
                "promote",
                "better",
                "1000 gate digits: challenger 992 right, champion 980 right, p = 0.004",
                "train split",
                0.99,
                "2" * 64,
            )
        ],
        "Which values did a person change?": [
            ("inbox/ark.pdf", 1, "amount", "45", "45", "46", "bob", on(12, 6, 9, 30)),
            ("inbox/ark.pdf", 2, "number", "124", "125", "124", "carol", on(12, 6, 15, 30)),
        ],
        "Which fields did a rule change?": [
            ("inbox/ark.pdf", 2, "number", "124", "125", "luhn", "124", "reviewed by carol")
        ],
        "How long does a document take from scan to final value?": [
            ("inbox/ark.pdf", on(11, 2, 9, 30), 0, on(12, 6, 15, 30), 822.0),
            ("inbox/bay.pdf", on(11, 2, 9, 30), 0, on(12, 3, 9, 31), 744.0),
        ],
        "How often do two people agree?": [("bob", "carol", 4, 3, 75.0)],
    }


def test_guide_answers_the_twelve_questions(auditor_home: Any) -> None:
    assert list(QUESTIONS) == list(expected_rows(auditor_home))
    assert len(QUESTIONS) == 12


@pytest.mark.parametrize("question", QUESTIONS)
def test_sql_of_the_guide_gives_the_right_answer(question: str, auditor_home: Any) -> None:
    rows = warehouse.run_select(auditor_home.warehouse, QUESTIONS[question]).to_pylist()
    assert [tuple(row.values()) for row in rows] == expected_rows(auditor_home)[question]
