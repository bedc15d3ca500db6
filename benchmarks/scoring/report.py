"""Results of the scoring contest, as a table, a JSON record and a plot."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from matplotlib.figure import Figure

from benchmarks.scoring.contestants import CONTESTANTS, Contestant
from benchmarks.scoring.memory import show_mib

_COLOURS = {
    "ours": "#4477aa",
    "peer": "#cc6677",
    "ceiling": "#bbbbbb",
}  # as in training/figures.py


@dataclass(frozen=True)
class Turn:
    """One turn of one contestant.

    Attributes:
        name: the contestant.
        round: from 1.
        images: the number scored.
        seconds: wall time of scoring, without ``start_up_s``; None if the turn failed.
        start_up_s: wall time of start-up and warm-up.
        peak_mib: peak memory of the process and its children.
        agreement: share of the sampled labels that equal ours, 0 to 1.
        failure: why the turn failed, if it did.
    """

    name: str
    round: int
    images: int
    seconds: float | None = None
    start_up_s: float | None = None
    peak_mib: float | None = None
    agreement: float | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Standing:
    """The medians of a contestant's turns; ``slowest`` and ``fastest`` are single turns, in images/s."""

    contestant: Contestant
    images_per_second: float
    slowest: float
    fastest: float
    start_up_s: float
    peak_mib: float | None


def find_standings(turns: Sequence[Turn]) -> list[Standing]:
    """Return the medians of each contestant without a failed turn, in the order of ``CONTESTANTS``."""
    failed = {turn.name for turn in turns if turn.failure}
    return [
        _find_standing(contestant, [turn for turn in turns if turn.name == name])
        for name, contestant in CONTESTANTS.items()
        if name not in failed and any(turn.name == name for turn in turns)
    ]


def _find_standing(contestant: Contestant, turns: Sequence[Turn]) -> Standing:
    speeds = [turn.images / turn.seconds for turn in turns if turn.seconds]
    peaks = [turn.peak_mib for turn in turns if turn.peak_mib is not None]
    return Standing(
        contestant,
        statistics.median(speeds),
        min(speeds),
        max(speeds),
        statistics.median(turn.start_up_s for turn in turns if turn.start_up_s is not None),
        max(peaks, default=None),
    )


def find_ratios(standings: Iterable[Standing]) -> dict[str, float]:
    """Return the speed of ours divided by that of each peer, and by that of the ceiling."""
    speeds = {standing.contestant.name: standing.images_per_second for standing in standings}
    ratios = {}
    for ours, ceiling in (("ours", "ceiling"), ("ours-fast", "ceiling-fast")):
        for name, speed in speeds.items():
            if ours in speeds and (CONTESTANTS[name].kind == "peer" or name == ceiling):
                ratios[f"{ours} / {name}"] = speeds[ours] / speed
    return ratios


def find_best_peer(standings: Iterable[Standing]) -> Standing | None:
    """Return the fastest peer that writes every column."""
    peers = [
        each
        for each in standings
        if each.contestant.kind == "peer" and each.contestant.rows.startswith("all")
    ]
    return max(peers, key=lambda peer: peer.images_per_second, default=None)


def contest_table(turns: Sequence[Turn]) -> list[str]:
    """Format the figures as lines of at most 80 columns."""
    standings = find_standings(turns)
    lines = [f"{'':<24}{'images/s':>9}{'spread':>16}{'memory':>10}  columns on disk", "-" * 80]
    lines += [
        f"{each.contestant.title:<24}{each.images_per_second:>9,.0f}"
        f"{f'{each.slowest:,.0f}-{each.fastest:,.0f}':>16}{show_mib(each.peak_mib):>10}"
        f"  {each.contestant.rows}"
        for each in standings
    ]
    failures = {turn.name: turn.failure for turn in turns if turn.failure}
    lines += [f"{CONTESTANTS[name].title:<24} no figure: {why}"[:80] for name, why in failures.items()]
    return [*lines, "-" * 80, *_compare(standings)]


def _compare(standings: Sequence[Standing]) -> list[str]:
    """Compare ours with the best peer and with the ceiling."""
    best, ratios = find_best_peer(standings), find_ratios(standings)
    lines = []
    for ours, ceiling in (("ours", "ceiling"), ("ours-fast", "ceiling-fast")):
        title = CONTESTANTS[ours].title
        if best and (ratio := ratios.get(f"{ours} / {best.contestant.name}")):
            lines.append(
                f"{title}: {ratio:.2f} times the best peer with all columns, {best.contestant.title}"
            )
        if ratio := ratios.get(f"{ours} / {ceiling}"):
            lines.append(f"{title}: {ratio:.0%} of its ceiling, {CONTESTANTS[ceiling].title}")
    return lines


def contest_record(turns: Sequence[Turn]) -> dict[str, Any]:
    """Return the figures for JSON."""
    standings = find_standings(turns)
    best = find_best_peer(standings)
    return {
        "standings": [asdict(each) for each in standings],
        "ratios": find_ratios(standings),
        "best_peer_with_all_columns": best.contestant.name if best else None,
        "turns": [asdict(turn) for turn in turns],
    }


def draw_contest(turns: Sequence[Turn], title: str) -> Figure:
    """Draw each contestant's images per second as a bar, with the spread of its rounds."""
    standings = find_standings(turns)
    figure = Figure(figsize=(7, 0.8 + 0.4 * len(standings)), layout="constrained")
    axes = figure.subplots()
    speeds = [each.images_per_second for each in standings]
    spread = (
        [each.images_per_second - each.slowest for each in standings],
        [each.fastest - each.images_per_second for each in standings],
    )
    colours = [_COLOURS[each.contestant.kind] for each in standings]
    bars = axes.barh([each.contestant.title for each in standings], speeds, color=colours, xerr=spread)
    axes.bar_label(bars, labels=[f" {speed:,.0f}" for speed in speeds], fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(xlabel="images/s", title=title)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.spines[["top", "right"]].set_visible(False)
    return figure
