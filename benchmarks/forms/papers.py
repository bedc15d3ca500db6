"""Watermarks, streaks and grey paper against faint pencil: blank cells and digits read correctly.

The limits that ink must exceed are multiplied by several factors. Each one gives a share of blank cells that
are blank and a share of digits that are right: the trade-off curve.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks.forms.lined_sheets import (
    PAGE_MM,
    REFERENCE_DPI,
    fill_lined_form,
    usual_fields,
    write_lined_form,
)
from benchmarks.forms.model import Reader, share_pct
from lenet_pipeline.forms import Severity, Template, Unaligned, align_page, prepare_template
from lenet_pipeline.forms.drawing.lettering import load_lettering
from lenet_pipeline.forms.filling.filled_pages import FilledPage
from lenet_pipeline.forms.filling.habits import Habits
from lenet_pipeline.forms.page import MM_PER_INCH, Grey, Page
from lenet_pipeline.forms.reading.digit_images import cut_digits
from lenet_pipeline.forms.reading.page_reading import clear_field, prepare_field
from lenet_pipeline.forms.reading.writing import find_strokes

PAGES = 2  # per paper, level and pencil
PENCILS = {"dark": (110.0, 120.0), "pale": (150.0, 160.0), "very pale": (180.0, 190.0)}  # grey levels
PAPERS = ("plain", "watermark", "streaks", "grey")
LEVELS = (1, 2, 3)
FACTORS = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)

_WATERMARKS = (243, 232, 215)  # grey levels on white
_STREAKS = (238, 215, 180)
_PAPERS = ((215, 3.0), (180, 6.0), (140, 9.0))  # the grey level, and the spread of its mottles


@dataclass
class PaperCounts:
    """How the cells of one kind of paper, written with one pencil, were read with one factor."""

    paper: str
    level: int
    pencil: str
    factor: float
    rejected: int = 0
    blanks: int = 0
    blanks_right: int = 0
    digits: int = 0
    right: int = 0
    alone: int = 0


def measure_papers(reader: Reader, pages: int, seed: int, severity: Severity) -> list[PaperCounts]:
    """Fill pages on every paper with every pencil, and read them with every factor."""
    figures = []
    with tempfile.TemporaryDirectory() as scratch:
        fields = usual_fields()
        template = write_lined_form(Path(scratch), "papers", fields)
        prepared = prepare_template(template)
        for number, (paper, level) in enumerate(_papers()):
            for name, pen in PENCILS.items():
                rows = [PaperCounts(paper, level, name, factor) for factor in FACTORS]
                for page in range(pages):
                    rng = np.random.default_rng([seed, number, list(PENCILS).index(name), page])
                    drawn = draw_paper(paper, level, rng)
                    # A pencil is as pale against grey paper as against white.
                    grey = float(np.median(drawn)) / 255
                    habits = Habits(pen=(pen[0] * grey, pen[1] * grey))
                    filled = fill_lined_form(template, fields, reader.digits, severity, rng, habits, drawn)
                    found = align_page(Page(1, filled.image, float(filled.dpi), ""), [prepared])
                    if isinstance(found, Unaligned):
                        for row in rows:
                            row.rejected += 1
                        continue
                    _count(rows, found.image, prepared.reference, template, filled, reader)
                figures += rows
    return figures


def _papers() -> Iterator[tuple[str, int]]:
    yield "plain", 0
    yield from ((paper, level) for paper in PAPERS[1:] for level in LEVELS)


def draw_paper(paper: str, level: int, rng: np.random.Generator) -> Grey:
    """Draw paper of a kind and a level from 1 to 3, uint8 (height, width)."""
    scale = REFERENCE_DPI / MM_PER_INCH
    width, height = (round(side * scale) for side in PAGE_MM)
    if paper == "watermark":
        image = Image.new("L", (width, height), 255)
        pen = ImageDraw.Draw(image)
        for size, step in ((45, 70), (9, 23)):
            font = load_lettering("Sans-Bold", size * scale)
            start = rng.uniform(0, step)
            for top in np.arange(start, PAGE_MM[1], step):
                place = rng.uniform(-10, 40) * scale, top * scale
                pen.text(place, "ORIGINAL 2026 COPY", fill=_WATERMARKS[level - 1], font=font)
        return np.array(image)
    page = np.full((height, width), 255, np.uint8)
    if paper == "streaks":
        for _ in range(12):
            left = int(rng.integers(width))
            page[:, left : left + round(rng.uniform(0.13, 0.5) * scale)] = _STREAKS[level - 1]
    elif paper == "grey":
        grey, spread = _PAPERS[level - 1]
        mottles = rng.standard_normal((height // 8 + 1, width // 8 + 1), np.float32) * np.float32(spread)
        mottles = cv2.resize(mottles, (width, height), interpolation=cv2.INTER_CUBIC)
        page = np.clip(np.rint(mottles + grey), 0, 255).astype(np.uint8)
    return page


def _count(
    rows: list[PaperCounts],
    page: Grey,
    reference: Grey | None,
    template: Template,
    filled: FilledPage,
    reader: Reader,
) -> None:
    """Read an aligned page with the factor of each row, and count its cells."""
    fields = [prepare_field(reference, field, template.aligned_size) for field in template.fields]
    cleared = [clear_field(page, field) for field in fields]
    written = [one.usual for one in cleared if one.usual is not None]
    usual = float(np.median(written)) if written else 0.0
    for row in rows:
        strokes = [find_strokes(one, usual, row.factor) for one in cleared]
        images: dict[tuple[str, int], NDArray[np.uint8]] = {}
        for field, one in zip(template.fields, strokes, strict=True):
            for position, digit in enumerate(cut_digits(one, one.cells, one.palest)):
                if digit is not None:
                    images[field.name, position] = digit.image
        labels = dict(
            zip(images, reader.engine.score(np.stack([*images.values()])).labels.tolist(), strict=True)
            if images
            else ()
        )
        for cell in filled.cells:
            label = labels.get((cell.field, cell.position))
            if cell.image is None:
                row.blanks += 1
                row.blanks_right += label is None
            else:
                row.digits += 1
                row.right += label == cell.label
                row.alone += bool(reader.is_right[cell.image])


def papers_record(figures: list[PaperCounts]) -> list[dict[str, Any]]:
    """Return the figures for JSON."""
    return [asdict(one) for one in figures]


def papers_table(figures: list[PaperCounts]) -> list[str]:
    """Format the figures with the usual limits by paper, then the trade-off by factor."""
    lines = [
        "shares in per cent: blank cells that are blank, and digits right minus the same images alone",
        f"{'paper':<14}{'rejected':>9}" + "".join(f"{name + ' pencil':>24}" for name in PENCILS),
    ]
    for paper, level in _papers():
        chosen = [one for one in figures if (one.paper, one.level, one.factor) == (paper, level, 1.0)]
        parts = "".join(_shares([one for one in chosen if one.pencil == name]) for name in PENCILS)
        lines.append(f"{paper} {level or '':<4}".ljust(14) + f"{sum(o.rejected for o in chosen):>9}{parts}")
    lines.append("all papers, by factor of the limits")
    for factor in FACTORS:
        chosen = [one for one in figures if one.factor == factor]
        parts = "".join(_shares([one for one in chosen if one.pencil == name]) for name in PENCILS)
        lines.append(f"{factor:<23g}{parts}")
    return lines


def _shares(chosen: list[PaperCounts]) -> str:
    return f"{_blanks_pct(chosen):>12.2f} / {_digits_points(chosen):>+7.2f}  "


def _blanks_pct(chosen: list[PaperCounts]) -> float:
    return share_pct(sum(one.blanks_right for one in chosen), sum(one.blanks for one in chosen))


def _digits_points(chosen: list[PaperCounts]) -> float:
    return share_pct(sum(one.right - one.alone for one in chosen), sum(one.digits for one in chosen))


def plot_papers(figures: list[PaperCounts], path: Path) -> None:
    """Plot the trade-off of each paper: a curve per pencil, a point per factor."""
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    for number, paper in enumerate(PAPERS[1:]):
        axes = figure.add_subplot(1, 3, number + 1)
        for color, name in enumerate(PENCILS):
            points = []
            for factor in FACTORS:
                chosen = [
                    one for one in figures if (one.paper, one.pencil, one.factor) == (paper, name, factor)
                ]
                points.append((_blanks_pct(chosen), _digits_points(chosen)))
            axes.plot(*zip(*points, strict=True), marker=".", color=f"C{color}", label=f"{name} pencil")
            axes.plot(*points[FACTORS.index(1.0)], marker="o", color=f"C{color}")
        axes.set(title=paper, xlabel="blank cells right, %", ylabel="digits, points from alone")
        axes.grid(alpha=0.3)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=120)
