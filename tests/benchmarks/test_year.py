"""The simulated year, cut to a few weeks: the loop runs, and kills change no row."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.year import simulate
from benchmarks.year_claims import Claim, compare_rows
from benchmarks.year_home import YearPlan
from benchmarks.year_loop import NIGHT, POLL, Kills
from benchmarks.year_weeks import Week, windows

# Too few digits for a strict target, and enough for a policy that accepts some.
TINY = YearPlan(
    weeks=4,
    change=3,
    pages=3,
    initial=600,
    evidence=300,
    epochs=15,
    max_error=0.2,
    min_new_labels=150,
    on_drift=False,
)
KILLS = {(1, POLL): [(2.5, "flow")], (2, NIGHT): [(4.0, "flow"), (6.0, "flow")]}


def simulated(unipen: Path, folder: Path, kills: Kills) -> tuple[list[Claim], list[str]]:
    work, output, lines = folder / "work", folder / "output", list[str]()
    work.mkdir(parents=True)
    output.mkdir()
    claims = simulate(unipen, TINY, work, output, kills, has_prefect=False, report=lines.append)
    return claims, lines


@pytest.mark.slow
def test_four_weeks_do_nothing_twice_and_kills_change_no_row(unipen_root: Path, tmp_path: Path) -> None:
    kills = Kills(dict(KILLS))
    claims, lines = simulated(unipen_root, tmp_path / "whole", Kills())
    killed_claims, _ = simulated(unipen_root, tmp_path / "killed", kills)
    for claim in (*claims, *killed_claims):
        assert claim.holds or claim.text.startswith(("the share for people", "the limit of")), claim
    assert any("train" in line for line in lines), lines
    assert kills.done
    for claim in compare_rows(tmp_path / "killed" / "output", tmp_path / "whole" / "output"):
        assert claim.holds, claim
    assert (tmp_path / "whole" / "output" / "year.png").stat().st_size > 10_000


def test_every_window_has_four_weeks() -> None:
    weeks = [Week(number, 240) for number in range(1, 7)]
    assert [[week.week for week in window] for window in windows(weeks)] == [
        [1, 2, 3, 4],
        [2, 3, 4, 5],
        [3, 4, 5, 6],
    ]
