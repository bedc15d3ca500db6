"""Measure the reading of scanned forms.

    python -m benchmarks.forms --home DIR --references DIR [PART ...]

The home holds a model and MNIST's test digits, as after ``lenet ingest mnist``
and ``lenet train mnist/train``. The benchmark only reads it. The references
folder holds the blank forms of the example templates. The parts are
``accuracy``, ``severity``, ``bent``, ``calibration``, ``runs``, ``lines``,
``papers``, ``checksum`` and ``speed``; the default is all of them. Print a table for each part. Write all
figures as JSON with a description of the machine, and a plot of the severities
next to the JSON file.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.forms.pages import limit_threads, read_test_digits
from lenet_pipeline.forms import SEVERITIES

if TYPE_CHECKING:
    from benchmarks.forms.model import Reader

PARTS = ("accuracy", "severity", "bent", "calibration", "runs", "lines", "papers", "checksum", "speed")
SURE = 0.9  # the confidence from which fields pass without review by default

_TEMPLATES = Path(__file__).parents[2] / "examples" / "templates"


def main() -> None:
    """Run the chosen parts and print their figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--home", type=Path, required=True, help="home with a model and mnist/test")
    parser.add_argument("--references", type=Path, help="folder of the example templates' blank forms")
    parser.add_argument("--model", default="champion", help="a model of the home, or packaged")
    parser.add_argument("--digits", default="mnist/test", help="dataset whose digits fill the pages")
    parser.add_argument(
        "--pages", type=float, default=1.0, help="share of the usual number of pages (default: 1)"
    )
    parser.add_argument(
        "--processes", type=int, default=2, help="processes that fill and read; speed ignores it"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--severity",
        choices=list(SEVERITIES),
        default="medium",
        help="quality of the scans in runs, lines and papers",
    )
    parser.add_argument("--output", type=Path, default=Path("forms.json"))
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown part {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
    limit_threads()
    from benchmarks.machine import describe_machine

    machine = {**describe_machine(), "model": arguments.model, "digits": arguments.digits}
    show(f"{name:<30} {value}" for name, value in machine.items())
    record: dict[str, Any] = {"machine": machine, "seed": arguments.seed}
    for part in PARTS:
        if arguments.parts and part not in arguments.parts:
            continue
        started = time.perf_counter()
        record[part], lines = measure(part, arguments)
        record[f"{part}_seconds"] = time.perf_counter() - started
        show(["", f"{part} ({record[f'{part}_seconds']:.0f} s)", *lines])
        arguments.output.write_text(json.dumps(record, indent=1))


def show(lines: Iterable[str]) -> None:
    """Print lines without buffering."""
    for line in lines:
        print(line, flush=True)  # noqa: T201 - a benchmark prints its figures


def measure(part: str, arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    """Measure one part; return its figures for JSON, and as lines."""
    if part == "speed":
        from benchmarks.forms import speed

        figures = speed.measure_speed(arguments.home, arguments.digits, arguments.pages, arguments.seed)
        return speed.speed_record(figures), speed.speed_table(figures)
    from benchmarks.forms.model import read_model

    reader = read_model(arguments.home, arguments.model, read_test_digits(arguments.home, arguments.digits))
    measured = {
        "accuracy": _measure_accuracy,
        "severity": _measure_severity,
        "bent": _measure_bent,
        "calibration": _measure_calibration,
        "runs": _measure_runs,
        "lines": _measure_lines,
        "papers": _measure_papers,
        "checksum": _measure_checksums,
    }
    return measured[part](reader, arguments)


def _pages(usual: int, arguments: argparse.Namespace) -> int:
    share: float = arguments.pages
    return max(1, round(usual * share))


def _measure_accuracy(reader: Reader, arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    from benchmarks.forms import accuracy

    templates = accuracy.read_example_templates(_TEMPLATES, arguments.references)
    pages = _pages(accuracy.PAGES, arguments)
    figures = accuracy.measure_accuracy(templates, reader, pages, arguments.seed, arguments.processes, SURE)
    return accuracy.accuracy_record(figures), accuracy.accuracy_table(figures, reader)


def _measure_severity(reader: Reader, arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    from benchmarks.forms import severity
    from benchmarks.forms.accuracy import read_example_templates

    templates = read_example_templates(_TEMPLATES, arguments.references)
    pages = _pages(severity.PAGES, arguments)
    points = severity.measure_severity(templates, reader, pages, arguments.seed, arguments.processes, SURE)
    severity.plot_severity(points, arguments.output.with_suffix(".png"))
    return severity.severity_record(points), severity.severity_table(points)


def _measure_bent(reader: Reader, arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    from benchmarks.forms import bent
    from benchmarks.forms.accuracy import read_example_templates

    templates = read_example_templates(_TEMPLATES, arguments.references)
    pages = _pages(bent.PAGES, arguments)
    papers = bent.measure_bent(templates, reader, pages, arguments.seed, arguments.processes, SURE)
    return bent.bent_record(papers), bent.bent_table(papers)


def _measure_calibration(reader: Reader, arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    from benchmarks.forms import calibration
    from benchmarks.forms.accuracy import read_example_templates

    templates = read_example_templates(_TEMPLATES, arguments.references)
    pages = _pages(calibration.PAGES, arguments)
    figures = calibration.measure_calibration(templates, reader, pages, arguments.seed, arguments.processes)
    return calibration.calibration_record(figures), calibration.calibration_table(figures)


def _measure_runs(reader: Reader, arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    from benchmarks.forms import runs

    pages = _pages(runs.PAGES, arguments)
    severity = SEVERITIES[arguments.severity]
    figures = runs.measure_runs(reader, pages, arguments.seed, arguments.processes, severity)
    return runs.runs_record(figures), runs.runs_table(figures)


def _measure_lines(reader: Reader, arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    from benchmarks.forms import lines

    pages = _pages(lines.PAGES, arguments)
    figures = lines.measure_lines(reader, pages, arguments.seed, SEVERITIES[arguments.severity], SURE)
    return lines.lines_record(figures), lines.lines_table(figures)


def _measure_papers(reader: Reader, arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    from benchmarks.forms import papers

    pages = _pages(papers.PAGES, arguments)
    figures = papers.measure_papers(reader, pages, arguments.seed, SEVERITIES[arguments.severity])
    papers.plot_papers(figures, arguments.output.with_suffix(".png"))
    return papers.papers_record(figures), papers.papers_table(figures)


def _measure_checksums(reader: Reader, arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    from benchmarks.forms import checksum

    pages = _pages(checksum.PAGES, arguments)
    figures = checksum.measure_checksums(reader, pages, arguments.seed, arguments.processes)
    return checksum.checksum_record(figures), checksum.checksum_table(figures)


if __name__ == "__main__":
    main()
