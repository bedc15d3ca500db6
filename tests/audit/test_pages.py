"""Pages of HTML: they need no other file, escape what they show, and are looked at in a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from PIL import Image

from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse.queries import run_audit

Run = Callable[..., Any]
TEST = "optdigits/test"


def write_report(lenet: Run, page: Path) -> str:
    done = lenet("report", "--output", str(page))
    assert done.returncode == 0, done.stderr
    return page.read_text()


def test_a_report_says_what_was_read_by_whom_and_what_became_of_it(
    lenet: Run, scored: Settings, tmp_path: Path
) -> None:
    text = write_report(lenet, tmp_path / "report.html")
    assert "No policy is in force" in text
    lenet("policy", "set", "--max-error", "0.1", "--on", TEST, "--review-rate", "0")
    text = write_report(lenet, tmp_path / "report.html")
    assert "Policy 1 allows an error rate of at most 10 % among accepted" in text
    assert "<b>351</b>digits read" in text
    assert text.count("data:image/png;base64,") == 24 + 2  # the least certain digits, and two charts
    assert not re.search(r"(src|href)=\"(?!data:)", text)


def test_a_report_escapes_names_from_outside(lenet: Run, scored: Settings, tmp_path: Path) -> None:
    with duckdb.connect(str(scored.warehouse.path)) as connection:
        connection.execute("update scoring_runs set actor = '<script>alert(1)</script>'")
    text = write_report(lenet, tmp_path / "report.html")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_without_a_name_the_report_lies_in_the_home(lenet: Run, scored: Settings) -> None:
    assert lenet("report").returncode == 0
    assert len(list(scored.plots.glob("report-*.html"))) == 1


def test_a_run_that_is_none_is_one_line(lenet: Run, scored: Settings) -> None:
    done = lenet("report", "ffff")
    assert done.returncode == 1
    assert "no scoring run begins with 'ffff'" in done.stderr


def test_risk_and_coverage_are_of_the_digits_of_known_truth(lenet: Run, scored: Settings) -> None:
    rows = run_audit(scored.warehouse, "risk_coverage", {}).to_pylist()
    with duckdb.connect(str(scored.warehouse.path), read_only=True) as connection:
        for row in rows[:-1]:
            expected = connection.execute(
                "select count(*), count(*) filter (where label <> truth) from predictions "
                "where confidence::double >= $threshold - 1e-9 and not_a_digit < 0.5",
                {"threshold": row["threshold"]},
            ).fetchall()
            assert expected == [(row["accepted"], row["errors"])]
        ((refused,),) = connection.execute(
            "select count(*) from predictions where not_a_digit >= 0.5"
        ).fetchall()
    assert rows[-1]["accepted"] == 351 - refused
    assert rows[-1]["coverage_pct"] == pytest.approx(100 * (351 - refused) / 351, abs=1e-3)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium on this machine")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [500, 1300])
def test_a_browser_shows_pages_wide_and_narrow_light_and_dark(
    lenet: Run, scored: Settings, tmp_path: Path, width: int, scheme: str
) -> None:
    with duckdb.connect(str(scored.warehouse.path), read_only=True) as connection:
        ((digit,),) = connection.execute("select min(digit_id) from predictions").fetchall()
    evidence, report = tmp_path / "evidence.html", tmp_path / "report.html"
    lenet("audit", "evidence", "-p", f"digit={digit}", "--output", str(evidence))
    write_report(lenet, report)
    for page in (evidence, report):
        shown = shoot(page, tmp_path / "shot.png", width, scheme)
        assert shown.shape[1] == width
        paper = shown[0, 0]
        assert (paper > 200) == (scheme == "light")
        # Text and pictures all the way down, and nothing at the right edge, past which it would be cut off.
        assert (shown[:1500].std(axis=1) > 0).sum() > 500
        assert shown[:, -4:].std() == 0


def shoot(page: Path, shot: Path, width: int, scheme: str) -> np.ndarray:
    """Return a page as a browser of that width shows it: greys (height, width)."""
    dark = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    subprocess.run(
        [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *dark,
            f"--window-size={width},2400", f"--screenshot={shot}", page.as_uri(),
        ],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    with Image.open(shot) as picture:
        return np.asarray(picture.convert("L"))
