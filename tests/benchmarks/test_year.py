"""The simulated year, cut to a few weeks: the loop runs, and kills change no row."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.year import prepare, simulate
from benchmarks.year_claims import compare_rows
from benchmarks.year_home import YearPlan
from benchmarks.year_loop import NIGHT, POLL, Kills
from benchmarks.year_weeks import Week, windows

# Too few digits for a strict target, and enough for a policy that accepts some.
TINY = YearPlan(
    weeks=2,
    change=2,
    pages=3,
    initial=600,
    evidence=300,
    epochs=15,
    max_error=0.2,
    min_new_labels=200,
    on_drift=False,
)
KILLS = {(1, POLL): [(2.5, "flow")], (2, NIGHT): [(6.0, "flow")]}
OF_A_WHOLE_YEAR = ("the share for people", "the limit of")


@pytest.mark.slow
@pytest.mark.timeout(900)  # two simulations, of a minute together on an idle machine
def test_two_weeks_do_nothing_twice_and_kills_change_no_row(unipen_root: Path, tmp_path: Path) -> None:
    work, other_work, whole, killed = (tmp_path / name for name in ("work", "other", "whole", "killed"))
    for folder in (work, whole, killed):
        folder.mkdir()
    prepare(unipen_root, TINY, work)
    shutil.copytree(work, other_work)
    kills, lines = Kills(dict(KILLS)), list[str]()
    claims = simulate(unipen_root, TINY, work, whole, Kills(), has_prefect=False, report=lines.append)
    claims += simulate(unipen_root, TINY, other_work, killed, kills, has_prefect=False, report=lines.append)
    assert kills.done
    assert any("train" in line for line in lines), lines
    for claim in (*claims, *compare_rows(killed, whole)):
        assert claim.holds or claim.text.startswith(OF_A_WHOLE_YEAR), claim
    assert (whole / "year.png").stat().st_size > 10_000


def test_every_window_has_four_weeks() -> None:
    weeks = [Week(number, 240) for number in range(1, 7)]
    assert [[week.week for week in window] for window in windows(weeks)] == [
        [1, 2, 3, 4],
        [2, 3, 4, 5],
        [3, 4, 5, 6],
    ]
