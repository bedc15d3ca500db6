"""Evidence: one digit's whole chain at the terminal, as JSON and as one page of HTML."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
from PIL import Image

from lenet_pipeline.settings import Settings

Run = Callable[..., Any]
TEST = "optdigits/test"


@pytest.fixture
def scored(lenet: Run, scored: Settings) -> Settings:
    """The scored home, with a policy."""
    lenet("policy", "set", "--max-error", "0.1", "--on", TEST)
    return scored


@pytest.fixture
def digit(scored: Settings) -> str:
    with duckdb.connect(str(scored.warehouse.path), read_only=True) as connection:
        return str(connection.execute("select min(digit_id) from predictions").fetchall()[0][0])


def test_the_terminal_shows_paper_reading_version_and_people(lenet: Run, digit: str) -> None:
    done = lenet("audit", "evidence", "-p", f"digit={digit[:13]}")
    assert done.returncode == 0, done.stderr
    for section in ("Location on paper", "Predictions", "Model versions", "Reviews"):
        assert section in done.stdout
    assert "no champion yet" in done.stdout
    assert "audit chain head  6:" in done.stdout


def test_a_version_is_said_once_above_its_events(lenet: Run, digit: str) -> None:
    printed = lenet("audit", "evidence", "-p", f"digit={digit}").stdout
    assert printed.count("weights_sha256") == 1
    versions = printed[printed.index("Model versions") :]
    events = r"training_fingerprint .*\naction .*\nregister .*\npromote "
    assert re.search(events, versions, re.DOTALL)


def test_json_has_the_whole_chain_and_the_image(lenet: Run, digit: str) -> None:
    evidence = json.loads(lenet("audit", "evidence", "-p", f"digit_id={digit}", "--format", "json").stdout)
    (prediction,) = evidence["predictions"]
    assert len(prediction["probabilities"]) == 10
    assert (prediction["policy_number"], prediction["model_version"]) == (1, "digits/1")
    assert re.fullmatch("[0-9a-f]{64}", prediction["predictions_sha256"])
    assert {row["action"] for row in evidence["versions"]} == {"register", "promote"}
    assert evidence["places"][0]["digit_id"] == digit
    assert evidence["chain_head"] == evidence["published_head"]
    with Image.open(BytesIO(b64decode(evidence["pictures"]["normalised"]))) as picture:
        assert picture.size == (224, 224)


def test_a_page_needs_no_other_file_and_escapes_what_it_shows(
    lenet: Run, scored: Settings, digit: str, tmp_path: Path
) -> None:
    with duckdb.connect(str(scored.warehouse.path)) as connection:
        connection.execute("update digits set source = '<script>alert(1)</script>'")
    page = tmp_path / "evidence.html"
    done = lenet("audit", "evidence", "-p", f"digit={digit}", "--output", str(page))
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    assert "not on this machine" in text


def test_a_review_is_part_of_the_evidence(lenet: Run, scored: Settings, digit: str, tmp_path: Path) -> None:
    lenet("review", "export", str(tmp_path / "review"), "--limit", "1")
    table = tmp_path / "review" / "reviews.csv"
    lines = table.read_text(encoding="utf-8-sig").splitlines()
    lines[1] = lines[1].replace(",,,", ",unreadable,smudged,", 1)
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    lenet("review", "import", str(tmp_path / "review"), "--actor", "ada")
    reviewed = lines[1].split(",")[-2]
    done = lenet("audit", "evidence", "-p", f"digit={reviewed}", "--format", "json")
    (review,) = json.loads(done.stdout)["reviews"]
    assert (review["actor"], review["verdict"], review["note"]) == ("ada", "unreadable", "smudged")


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ([], "evidence needs a digit"),
        (
            ["-p", "digit=00000000-0000-0000-0000-000000000000"],
            "has no prediction; `lenet audit decisions` lists",
        ),
        (["-p", "digit=zzz"], "expected: digit_id, or its beginning"),
    ],
)
def test_a_digit_that_is_none_is_one_line(
    lenet: Run, scored: Settings, parameters: list[str], problem: str
) -> None:
    done = lenet("audit", "evidence", *parameters)
    assert done.returncode == 1
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1
