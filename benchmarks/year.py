"""Simulate a year of the loop: scans arrive, people review, and the schedule retrains.

    python -m benchmarks.year ../shared/data/unipen --output year

Each of the 52 weeks drops 240 digits on forms into an inbox, polls it,
answers everything that waits for a person, and runs a night. In week 20 the
writers change. The digits are drawn from the pen strokes of UNIPEN. A Prefect
server and `lenet serve` run the jobs; with ``--no-prefect``, plain functions do.

Write the weeks, the plot and the final rows to the output folder, and print what
the year must show, each with its figures. With ``--kill 20``, kill the flows,
`lenet serve` and the server at 20 random moments; with ``--compare FOLDER``,
compare the final rows with those of another output folder.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.year_claims import Claim, check_claims, compare_rows, write_rows
from benchmarks.year_home import INBOX, Scanner, YearPlan, build_home, share_out
from benchmarks.year_loop import NIGHT, POLL, Kills, Loop, PlainLoop
from benchmarks.year_reviewer import answer_queue
from benchmarks.year_weeks import Week, draw_year, measure_readings, measure_retraining, write_weeks
from lenet_pipeline.jobs import declare_inbox
from lenet_pipeline.settings import Settings, read_settings

_LONGEST_S = (
    20.0  # the latest moment of a kill after the start of its job; a faster job leaves it to the next
)
_TARGETS = ("flow", "serve", "server")


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate a year; exit with 1 if it does not show what it must."""
    options = _parse(arguments)
    limit_threads()
    plan = replace(YearPlan(), weeks=options.weeks, change=options.change, seed=options.seed)
    kills = Kills.draw(options.kill, plan.weeks, _TARGETS, _LONGEST_S, plan.seed)
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folder = options.work or Path(scratch)
        claims = simulate(options.unipen, plan, folder, options.output, kills, has_prefect=options.prefect)
    if options.kill:
        hits = f"{len(kills.done)} of {options.kill}"
        claims.append(Claim("every kill hit a process", len(kills.done) == options.kill, hits))
    if options.compare:
        claims += compare_rows(options.output, options.compare)
    for claim in claims:
        _print(f"{'pass' if claim.holds else 'FAIL'}  {claim.text}: {claim.figures}")
    if not all(claim.holds for claim in claims):
        sys.exit(1)


def prepare(unipen: Path, plan: YearPlan, folder: Path) -> tuple[Settings, Scanner]:
    """Build the home of a simulation in a folder, or use the home that was copied there.

    Returns:
        The settings of the home, and what drops the scans into its inbox.
    """
    hands = share_out(unipen, plan)
    scanner = Scanner(hands, plan, folder)
    settings = read_settings(folder / "home", "year")
    if not settings.home.exists():
        build_home(settings, hands, plan, folder)
    declare_inbox(settings, INBOX, str(scanner.inbox), (scanner.template,), settle_s=0)
    return settings, scanner


def simulate(
    unipen: Path,
    plan: YearPlan,
    folder: Path,
    output: Path,
    kills: Kills,
    *,
    has_prefect: bool,
    report: Callable[[str], None] | None = None,
) -> list[Claim]:
    """Simulate a year in a folder, write its results to the output folder, and check what it must show."""
    report = report or _print
    started = time.perf_counter()
    settings, scanner = prepare(unipen, plan, folder)
    report(f"first champion after {time.perf_counter() - started:.0f} s")
    loop = _open_loop(settings, kills, has_prefect=has_prefect)
    weeks = []
    try:
        for number in range(1, plan.weeks + 1):
            weeks.append(_simulate_week(number, plan, scanner, settings, loop, kills))
            report(weeks[-1].describe())
            write_weeks(weeks, output)
    finally:
        loop.close()
    draw_year(weeks, plan.change, plan.max_error, output / "year.png")
    write_rows(settings, output)
    for done in kills.done:
        report(f"killed {done}")
    for repeated in loop.repeated:
        report(f"repeated without a kill: {repeated}")
    report(f"{len(kills.done)} kills, {time.perf_counter() - started:.0f} s")
    return check_claims(settings, weeks, plan)


def _simulate_week(
    number: int, plan: YearPlan, scanner: Scanner, settings: Settings, loop: Loop, kills: Kills
) -> Week:
    """Drop the scans of a week, poll, answer the queue, and run the night."""
    started = time.perf_counter()
    week = Week(number, plan.digits)
    scanner.drop(number)
    kills.start(number, POLL)
    loop.run(POLL, plan.poll_time(number))
    measure_readings(settings, week, plan.dataset(number), scanner.truth)
    week.fields, week.slips = answer_queue(settings, scanner.truth, number)
    kills.start(number, NIGHT)
    loop.run(NIGHT, plan.night_time(number))
    measure_retraining(settings, week, plan.night_time(number))
    week.seconds = time.perf_counter() - started
    return week


def _open_loop(settings: Settings, kills: Kills, *, has_prefect: bool) -> Loop:
    if not has_prefect:
        return PlainLoop(settings, kills)
    from benchmarks.year_prefect import PrefectLoop

    return PrefectLoop(settings, kills)


def limit_threads() -> None:
    """Keep torch to one thread here and in all children, so that every run gives the same weights."""
    import torch

    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    torch.set_num_threads(1)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("unipen", type=Path, help="the folder of UNIPEN, with data/ and include/")
    parser.add_argument("--output", type=Path, default=Path("year"), help="folder of the results")
    parser.add_argument(
        "--work", type=Path, help="empty folder of the home and the inbox (default: a temporary one)"
    )
    parser.add_argument("--weeks", type=int, default=YearPlan.weeks)
    parser.add_argument("--change", type=int, default=YearPlan.change, help="first week with other hands")
    parser.add_argument("--seed", type=int, default=YearPlan.seed)
    parser.add_argument("--kill", type=int, default=0, metavar="N", help="number of kills")
    parser.add_argument("--compare", type=Path, metavar="FOLDER", help="output folder of another run")
    parser.add_argument("--no-prefect", dest="prefect", action="store_false", help="run plain jobs")
    return parser.parse_args(arguments)


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
