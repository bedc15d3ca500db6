"""Scan severity: worsen one property of the scan at a time until pages are no longer read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.forms.model import Counts, Reader, share_pct
from benchmarks.forms.pages import FillJob, read_filled_pages, split_pages
from lenet_pipeline.forms import SEVERITIES, Severity, Template

PAGES = 20  # per point

BASE = SEVERITIES["light"]
SWEPT: dict[str, tuple[float, ...]] = {
    "skew_degrees": (0, 1, 2, 3, 5, 8, 15),
    "dpi": (400, 300, 200, 150, 100, 75, 60),
    "noise": (0, 8, 16, 32, 48, 64, 96),
    "speckle": (0, 6, 25, 100, 200, 400, 800),
    "blur_px": (0, 0.7, 1.5, 2.5, 4, 6, 9),
    "contrast": (1, 0.6, 0.4, 0.2, 0.1, 0.06, 0.03),
    "jpeg_quality": (95, 60, 35, 20, 10, 5, 2),
}
_WHOLE = ("dpi", "jpeg_quality")
_TITLES = {
    "skew_degrees": "largest skew, degrees",
    "dpi": "resolution, dpi",
    "noise": "noise, standard deviation",
    "speckle": "specks per square inch",
    "blur_px": "blur, pixels at 200 dpi",
    "contrast": "contrast, share of black",
    "jpeg_quality": "JPEG quality",
}


@dataclass
class Point:
    """The pages at one severity.

    Attributes:
        swept: the property of the scan that is worsened.
        value: its value.
        pages: pages filled.
        read: pages read.
        misread: pages read with misplaced cells.
        faults: pages not read, by reason.
        counts: the cells and digits of the pages read.
    """

    swept: str
    value: float
    pages: int = 0
    read: int = 0
    misread: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)

    @property
    def rejected_pct(self) -> float:
        return share_pct(self.pages - self.read, self.pages)


def severity_points() -> list[tuple[Point, Severity]]:
    """Return every point with its severity, which is light except for the swept property."""
    return [(Point(name, value), _worsen(name, value)) for name, values in SWEPT.items() for value in values]


def _worsen(name: str, value: float) -> Severity:
    changed: dict[str, Any] = {name: int(value) if name in _WHOLE else value}
    return replace(BASE, **changed)


def measure_severity(
    templates: tuple[Template, ...],
    reader: Reader,
    pages: int,
    seed: int,
    processes: int,
    sure: float,
    points: Iterable[tuple[Point, Severity]] | None = None,
) -> list[Point]:
    """Fill and read pages at every point, the same number for each form."""
    planned = list(points or severity_points())
    each = max(1, pages // len(templates))
    parts = [
        (point, part)
        for point, severity in planned
        for number in range(len(templates))
        for part in split_pages(number, severity, each)
    ]
    job = FillJob(templates, reader.digits, seed)
    done = read_filled_pages(job, [part for _, part in parts], processes)
    for (point, part), (_, read) in zip(parts, done, strict=True):
        for page in read:
            point.pages += 1
            if page.fault:
                kind = page.fault.partition(":")[0]
                point.faults[kind] = point.faults.get(kind, 0) + 1
                continue
            point.read += 1
            if page.is_misread:
                point.misread.append(f"{templates[part.template].form} page {page.number}")
            point.counts.add(page, reader, sure)
    return [point for point, _ in planned]


def severity_record(points: list[Point]) -> list[dict[str, Any]]:
    """Return the points for JSON."""
    return [asdict(point) for point in points]


def severity_table(points: list[Point]) -> list[str]:
    """Format the points as lines; digits count only on pages that were read."""
    lines = [
        "shares of all pages, and of the digits on pages read; alone: the original images",
        f"{'':<22}{'pages':>16}{'':>4}{'digits':>30}",
        f"{'':<18}{'rejected':>10}{'misread':>9}{'right':>11}{'alone':>10}{'blank':>9}{'sure, wrong':>13}",
    ]
    swept = ""
    for point in points:
        if point.swept != swept:
            swept = point.swept
            lines.append(_TITLES[swept])
        lines.append(f"{point.value:>18g}{point.rejected_pct:>8.0f} %{len(point.misread):>9}{_digits(point)}")
    return lines


def _digits(point: Point) -> str:
    counts = point.counts
    if not counts.digits:
        return f"{'-':>11}{'-':>10}{'-':>9}{'-':>13}"
    blank, wrong = (share_pct(part, counts.digits) for part in (counts.ink_as_blank, counts.sure_wrong))
    return f"{counts.accuracy_pct:>9.2f} %{counts.accuracy_alone_pct:>8.2f} %{blank:>7.2f} %{wrong:>11.2f} %"


def plot_severity(points: list[Point], path: Path) -> None:
    """Plot the share of correct digits and of rejected pages against each property."""
    names = list(dict.fromkeys(point.swept for point in points))
    figure = Figure(figsize=(11, 2.6 * ((len(names) + 2) // 3)), layout="constrained")
    for number, name in enumerate(names):
        axes = figure.add_subplot((len(names) + 2) // 3, 3, number + 1)
        chosen = [point for point in points if point.swept == name]
        places = range(len(chosen))
        axes.bar(places, [point.rejected_pct for point in chosen], color="0.85", label="pages rejected")
        read = [(at, point.counts.accuracy_pct) for at, point in enumerate(chosen) if point.counts.digits]
        axes.plot(*zip(*read, strict=True), marker="o", color="C0", label="digits right")
        axes.set_xticks(places, [f"{point.value:g}" for point in chosen])
        axes.set(title=_TITLES[name], ylim=(0, 103), ylabel="%")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower right")
    figure.savefig(path, dpi=120)
