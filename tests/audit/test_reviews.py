"""Reviews: out as a folder that a person works through, back with every inconsistency told, and learned."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import numpy as np
import pytest
from PIL import Image

from lenet_pipeline.audit.reviewed_dataset import REVIEWED
from lenet_pipeline.audit.shard_lookup import read_shard_by_fingerprint
from lenet_pipeline.lake.datasets import read_manifest
from lenet_pipeline.settings import Settings
from lenet_pipeline.training.training_sets import read_labelled
from lenet_pipeline.warehouse.queries import run_audit

Run = Callable[..., Any]
TEST = "optdigits/test"


@pytest.fixture
def folder(lenet: Run, scored: Settings, tmp_path: Path) -> Path:
    """A folder of the twelve digits that the model is least sure of."""
    done = lenet("review", "export", str(tmp_path / "review"), "--limit", "12")
    assert done.returncode == 0, done.stderr
    return tmp_path / "review"


def read(folder: Path) -> list[dict[str, str]]:
    with (folder / "reviews.csv").open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def write(folder: Path, rows: list[dict[str, str]]) -> None:
    with (folder / "reviews.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def audit(settings: Settings, name: str, **parameters: str) -> list[dict[str, Any]]:
    return list(run_audit(settings.warehouse, name, parameters).to_pylist())


def truths(settings: Settings) -> dict[str, int]:
    return {row["digit_id"]: row["truth"] for row in audit(settings, "decisions", limit="400")}


def test_the_least_sure_digits_come_as_pictures_and_a_table_to_fill_in(folder: Path) -> None:
    rows = read(folder)
    assert len(rows) == 12
    confidences = [float(row["confidence"]) for row in rows]
    assert confidences == sorted(confidences)
    assert {row["verdict"] for row in rows} == {""}
    with Image.open(folder / rows[0]["picture"]) as picture:
        assert (picture.size, picture.mode) == ((224, 224), "L")
        assert np.asarray(picture).mean() > 128  # dark ink on bright paper, as on the scan


@pytest.mark.slow
def test_verdicts_are_recorded_with_who_said_them_and_become_digits_to_learn_from(
    lenet: Run, scored: Settings, folder: Path
) -> None:
    rows, known = read(folder), truths(scored)
    for row in rows[:10]:
        row["verdict"] = str(known[row["digit_id"]])
    rows[10]["verdict"], rows[10]["note"] = "not_a_digit", "a stain"
    write(folder, rows)
    done = lenet("review", "import", str(folder), "--actor", "ada")
    assert done.returncode == 0, done.stderr
    assert "11 reviews recorded by ada; 1 line still open, 0 refused; 10 digits added" in done.stdout.replace(
        "\n", " "
    )
    reviews = audit(scored, "reviews")
    assert {row["actor"] for row in reviews} == {"ada"}
    assert [row["note"] for row in reviews if row["verdict"] == "not_a_digit"] == ["a stain"]
    digits = read_labelled(scored.lake, [read_manifest(scored.lake, REVIEWED)])
    assert sorted(digits.labels.tolist()) == sorted(known[row["digit_id"]] for row in rows[:10])
    trained = lenet("train", "optdigits/train", REVIEWED, "--epochs", "1")
    assert trained.returncode == 0, trained.stderr
    assert lenet("check").returncode == 0
    with duckdb.connect(str(scored.warehouse.path)) as connection:
        connection.execute("update reviews set actor = 'bob' where verdict = 'not_a_digit'")
    altered = lenet("check")
    assert altered.returncode == 3
    assert "chain_covers_what_happened" in altered.stderr


def test_what_was_reviewed_is_not_for_review_again(
    lenet: Run, scored: Settings, folder: Path, tmp_path: Path
) -> None:
    rows = read(folder)
    for row in rows:
        row["verdict"] = "unreadable"
    write(folder, rows)
    lenet("review", "import", str(folder))
    lenet("review", "export", str(tmp_path / "next"), "--limit", "12")
    assert not {row["digit_id"] for row in read(tmp_path / "next")} & {row["digit_id"] for row in rows}


def test_a_folder_imported_again_adds_only_what_is_new(lenet: Run, scored: Settings, folder: Path) -> None:
    rows = read(folder)
    rows[0]["verdict"] = "3"
    write(folder, rows)
    lenet("review", "import", str(folder))
    rows[1]["verdict"] = "blank"
    write(folder, rows)
    assert "1 review recorded" in lenet("review", "import", str(folder)).stdout
    assert "0 reviews recorded" in lenet("review", "import", str(folder)).stdout
    assert len(audit(scored, "reviews")) == 2


def test_every_inconsistency_is_told_by_its_line_and_the_rest_is_recorded(
    lenet: Run, scored: Settings, folder: Path
) -> None:
    rows, known = read(folder), truths(scored)
    other = next(str(digit) for digit in range(10) if digit != known[rows[0]["digit_id"]])
    rows[0]["verdict"] = other
    rows[1]["verdict"] = "a seven"
    rows[2]["digit_id"], rows[2]["verdict"] = "nonsense", "1"
    rows[3]["digit_id"], rows[3]["verdict"] = str(uuid4()), "1"
    rows[4] = {**rows[0], "verdict": "blank"}
    write(folder, rows)
    done = lenet("review", "import", str(folder))
    assert done.returncode == 1
    assert done.stderr.splitlines()[:-1] == [
        f"line 3: 'a seven' is not a verdict; use {', '.join('0123456789')}, blank, not_a_digit, unreadable",
        "line 4: digit_id or shard_score_id was changed; keep them as exported",
        f"line 6: repeats the digit of line 2; its verdict {other} counts",
        f"line 2: the verdict is {other}, but the digit was ingested as {known[rows[0]['digit_id']]}",
        "line 5: no such prediction in this home; the verdict is ignored",
    ]
    assert "4 lines refused, see above; all other verdicts are recorded" in done.stderr.splitlines()[-1]
    assert [row["verdict"] for row in audit(scored, "reviews")] == [other]


def test_the_newest_verdict_counts_among_the_reviewed_digits(
    lenet: Run, scored: Settings, folder: Path
) -> None:
    rows = read(folder)
    said = []
    for actor, verdicts in (("ada", "39"), ("bob", "89"), ("ada", "39"), ("cem", ("not_a_digit", "9"))):
        rows[0]["verdict"], rows[1]["verdict"] = verdicts
        write(folder, rows)
        done = lenet("review", "import", str(folder), "--actor", actor)
        digits = read_labelled(scored.lake, [read_manifest(scored.lake, REVIEWED)])
        told = " ".join(done.stdout.split()).partition("refused; ")[2]
        said.append((told, sorted(digits.labels.tolist())))
    assert said == [
        ("2 digits added to reviewed/all", [3, 9]),
        ("0 digits added to reviewed/all, 1 relabelled", [8, 9]),
        ("0 digits added to reviewed/all", [8, 9]),  # what ada says again is no news: bob was later
        ("0 digits added to reviewed/all, 1 removed", [9]),
    ]
    (first,) = read_manifest(scored.lake, REVIEWED, 1).shards
    assert sorted(read_shard_by_fingerprint(scored, REVIEWED, first.fingerprint)["label"].to_pylist()) == [
        3,
        9,
    ]


def test_somebody_who_says_otherwise_is_told_and_both_stay(
    lenet: Run, scored: Settings, folder: Path
) -> None:
    rows = read(folder)
    rows[0]["verdict"] = "blank"
    write(folder, rows)
    lenet("review", "import", str(folder), "--actor", "ada")
    rows[0]["verdict"] = "unreadable"
    write(folder, rows)
    done = lenet("review", "import", str(folder), "--actor", "bob")
    assert "the verdict is unreadable, but an earlier review says blank" in done.stderr
    found = [(row["actor"], row["verdict"]) for row in audit(scored, "reviews", digit=rows[0]["digit_id"])]
    assert found == [("bob", "unreadable"), ("ada", "blank")]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"digit_id,verdict\n", "has no column shard_score_id"),
        (b"\xff\xfe\x00", "is not a CSV in UTF-8 or UTF-16"),
        (b"", "has no column digit_id, shard_score_id, verdict"),
    ],
)
def test_a_table_that_is_none_is_one_line(lenet: Run, folder: Path, content: bytes, problem: str) -> None:
    (folder / "reviews.csv").write_bytes(content)
    done = lenet("review", "import", str(folder))
    assert done.returncode == 1
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_folder_with_verdicts_in_it_is_never_written_over(lenet: Run, folder: Path) -> None:
    before = (folder / "reviews.csv").read_bytes()
    done = lenet("review", "export", str(folder))
    assert done.returncode == 1
    assert "already exists and may contain verdicts" in done.stderr
    assert (folder / "reviews.csv").read_bytes() == before


def test_the_export_names_its_run_in_the_line_the_table_and_the_sheet(
    lenet: Run, scored: Settings, tmp_path: Path
) -> None:
    done = lenet("review", "export", str(tmp_path / "review"), "--limit", "3")
    (run,) = {row["scoring_run_id"] for row in read(tmp_path / "review")}
    assert f"run {run}: optdigits/test, read by digits/1" in done.stdout
    assert str(tmp_path / "review" / "contact-sheet.html") in done.stdout
    assert run in (tmp_path / "review" / "contact-sheet.html").read_text()
    assert [row["scoring_run_id"] for row in audit(scored, "runs")] == [run]


def test_digits_that_the_policy_refused_are_exported_with_their_reason(
    lenet: Run, scored: Settings, tmp_path: Path
) -> None:
    lenet("policy", "set", "--max-error", "0.2", "--on", TEST, "--review-rate", "0")
    with duckdb.connect(str(scored.warehouse.path)) as connection:
        connection.execute(
            "update predictions set not_a_digit = 0.97 "
            "where digit_id = (select arg_max(digit_id, confidence) from predictions)"
        )
    lenet("review", "export", str(tmp_path / "review"))
    refused = [row for row in read(tmp_path / "review") if row["reason"] == "not_a_digit: score 0.97"]
    assert [row["decision"] for row in refused] == ["not_a_digit"]
    others = {row["reason"].partition(":")[0] for row in read(tmp_path / "review")}
    assert others <= {"not_a_digit", "unsure"}


def test_a_table_of_an_older_release_is_imported(lenet: Run, scored: Settings, folder: Path) -> None:
    new = ("number", "decision", "reason", "scoring_run_id")
    rows = [{name: value for name, value in row.items() if name not in new} for row in read(folder)]
    rows[0]["verdict"] = "4"
    write(folder, rows)
    done = lenet("review", "import", str(folder))
    assert done.returncode == 0
    assert "1 review recorded by tester" in done.stdout


def test_the_sample_of_accepted_digits_measures_what_the_policy_promised(
    lenet: Run, scored: Settings, tmp_path: Path
) -> None:
    lenet("policy", "set", "--max-error", "0.2", "--on", TEST, "--review-rate", "0.5")
    lenet("review", "export", str(tmp_path / "all"), "--limit", "400")
    rows, known = read(tmp_path / "all"), truths(scored)
    for row in rows:
        row["verdict"] = str(known[row["digit_id"]])
    write(tmp_path / "all", rows)
    lenet("review", "import", str(tmp_path / "all"))
    (measured,) = audit(scored, "guarantee_in_production")
    sampled = json.loads(lenet("audit", "decisions", "-p", "limit=400", "--format", "json").stdout)
    of_them = [row for row in sampled if row["is_sampled"]]
    assert measured["sampled"] == len(of_them) > 50
    assert measured["errors"] == sum(row["label"] != row["truth"] for row in of_them)
