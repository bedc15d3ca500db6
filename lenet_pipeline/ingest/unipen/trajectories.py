"""Read the digits of UNIPEN: the trajectories of pens on tablets, in the layout of its public release.

``data/1a/CONTRIBUTOR/.../NAME.dat`` names the files with the coordinates, relative to ``include``, and has a
line for each digit with its strokes and its label. The format is that of Guyon, Schomaker, Plamondon,
Liberman and Janet, "UNIPEN project of on-line data exchange and recognizer benchmarks" (1994).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest.batch import Reject, path_text
from lenet_pipeline.ingest.drawn_tables import ignore_progress
from lenet_pipeline.ingest.image_formats import UnreadableImageError
from lenet_pipeline.ingest.images import read_content
from lenet_pipeline.ingest.unipen.completeness import lacks_strokes

Stroke = NDArray[np.float64]  # (n, 2), x and y of the pen, with y downwards

_DIGITS = Path("data", "1a")  # UNIPEN's name for isolated digits
_INCLUDED = Path("include")
_STATEMENT = re.compile(r"^\.([A-Z_0-9]+)[ \t]*", re.MULTILINE)
_SEGMENT = re.compile(r'(\S+)\s+([\d:,-]+)\s+(?:([^\s"]+)\s+)?"(.*)"\s*', re.DOTALL)
_SPAN = re.compile(r"(\d+)(?::(\d+))?(?:-(\d+)(?::(\d+))?)?")
_CHARACTERS = frozenset({"CHARACTER", "CHAR", "DIGIT"})  # levels of segments that are characters
_BAD = "BAD"  # the quality of a segment that its contributor found unusable
_DEEPEST = 8  # files that include files; UNIPEN's own are at most three deep
_SHOWN = 5  # of the unusable digits of a file, in its reject
_FEWEST_POINTS = 4  # fewer are dots
# The kinds of rejects for digits that are unusable, and their reasons.
_UNUSABLE = {
    "bad_quality": f"marked {_BAD} by the contributor; no action needed",
    "missing_strokes": "outside the file's {strokes} strokes; copy UNIPEN again",
    "incomplete": "with shapes that their labels need more strokes for; no action needed",
    "too_few_points": f"with fewer than {_FEWEST_POINTS} points, too few to draw; no action needed",
}


@dataclass(frozen=True)
class WrittenDigit:
    """One digit as a pen wrote it.

    Attributes:
        contributor: the folder of the institution that collected it, such as ``aga``.
        writer: the person, with the contributor, such as ``aga/aga-004``.
        label: the digit, 0 to 9.
        strokes: the strokes in the order of writing, each float64 (n, 2), in one unit for x and y.
        source: the path of the file with the label.
        source_sha256: the sha256 of that file and the files that it includes, in hexadecimal.
        position: the position of the digit among the digits of its file, from 0.
    """

    contributor: str
    writer: str
    label: int
    strokes: tuple[Stroke, ...]
    source: str
    source_sha256: str
    position: int


@dataclass
class _Ink:
    """The contents of a file and the files that it includes, in the order of their statements."""

    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    size: int = 0  # in bytes
    columns: tuple[int, int, int] = (0, 1, 2)  # of x, of y, and their number
    resolution: dict[str, float] = field(default_factory=dict)  # points per length of X and Y
    writer: str | None = None
    strokes: list[Stroke] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)


def read_trajectories(
    root: Path, *, max_bytes: int, advance: Callable[[int], None] = ignore_progress
) -> tuple[list[WrittenDigit], list[Reject]]:
    """Read the isolated digits of UNIPEN, in order of path.

    Args:
        root: the folder with ``data`` and ``include``.
        max_bytes: the maximum size of a file with the files that it includes.
        advance: called with 1 after every file.

    Returns:
        The digits, and a reject for each file that cannot be read and for unusable digits of a file.

    Raises:
        IngestError: the folder is missing, or has no files of digits.
    """
    digits: list[WrittenDigit] = []
    rejects: list[Reject] = []
    root = _absolute(root)
    for path in list_trajectory_files(root):
        ink = _Ink()
        try:
            _read_file(path, root, ink, max_bytes)
            read, unusable = _cut_digits(ink, path, root)
            digits += read
            rejects += unusable
        except UnreadableImageError as exc:
            rejects.append(Reject(path_text(path), exc.kind, str(exc)))
        advance(1)
    return digits, rejects


def list_trajectory_files(root: Path) -> list[Path]:
    """Return the files of digits below ``data/1a``, sorted.

    Raises:
        IngestError: the folder is missing, or has no files of digits.
    """
    root = _absolute(root)
    folder = root / _DIGITS
    if not root.is_dir():
        raise IngestError(f"{path_text(root)} is not a folder; give UNIPEN's folder with data and include")
    if not folder.is_dir():
        raise IngestError(
            f"{path_text(root)} has no folder {_DIGITS}; give UNIPEN's folder with data and include"
        )
    paths = sorted(path for path in folder.rglob("*.dat") if len(path.relative_to(folder).parts) > 1)
    if not paths:
        raise IngestError(f"{path_text(folder)} has no .dat files; expected CONTRIBUTOR/NAME.dat below it")
    return paths


def is_unreadable_file(reject: Reject) -> bool:
    """Return whether a whole file could not be read, as opposed to some of its digits."""
    return reject.kind not in _UNUSABLE


def _absolute(root: Path) -> Path:
    return Path(os.path.abspath(root.expanduser()))  # noqa: PTH100  # resolve() would follow links


def _read_file(path: Path, root: Path, ink: _Ink, max_bytes: int, depth: int = 0) -> None:
    """Add the statements of a file, and of the files that it includes, to ``ink``.

    Raises:
        UnreadableImageError: a file or a stroke cannot be read.
    """
    content = read_content(path, max_bytes=max_bytes, noun="UNIPEN file")
    ink.digest.update(content)
    ink.size += len(content)
    if ink.size > max_bytes:  # a few small files that include each other many times never end
        raise UnreadableImageError(
            "too_many_bytes",
            f"with the files that it includes, it has more than {max_bytes:,} bytes; "
            "raise LENET_IMAGE_MAX_BYTES to read it",
        )
    text = content.decode("latin-1").replace("\r", "\n")
    marks = list(_STATEMENT.finditer(text))
    ends = [*(mark.start() for mark in marks), len(text)][1:]
    for mark, end in zip(marks, ends, strict=True):
        keyword, arguments = mark.group(1), text[mark.end() : end]
        if keyword == "INCLUDE":
            _include(arguments.strip(), root, ink, max_bytes, depth)
        elif keyword == "PEN_DOWN":
            ink.strokes.append(_read_stroke(arguments, ink, len(ink.strokes)))
        elif keyword == "SEGMENT":
            ink.segments.append(arguments)
        elif keyword == "COORD":
            ink.columns = _find_columns(arguments.split())
        elif keyword == "WRITER_ID" and arguments.strip():
            ink.writer = "-".join(arguments.split())
        elif keyword.startswith(("X_POINTS_PER_", "Y_POINTS_PER_")) and arguments.split():
            ink.resolution[keyword[0]] = _number(arguments.split()[0], keyword)


def _include(name: str, root: Path, ink: _Ink, max_bytes: int, depth: int) -> None:
    """Read an included file. A missing description is ignored, because it has no strokes."""
    path = root / _INCLUDED / name
    if not name or depth == _DEEPEST or not Path(os.path.abspath(path)).is_relative_to(root):  # noqa: PTH100
        raise UnreadableImageError(
            "bad_include",
            f"it includes {name!r}; expected a file in UNIPEN's folder {_INCLUDED}, at most {_DEEPEST} deep",
        )
    if not os.path.isfile(path):  # noqa: PTH113  # never raises, even if the name is too long
        if path.suffix.lower() == ".doc":
            return
        raise UnreadableImageError(
            "missing_include", f"it includes {path_text(path)}, which is missing; copy UNIPEN again"
        )
    _read_file(path, root, ink, max_bytes, depth + 1)


def _find_columns(names: Sequence[str]) -> tuple[int, int, int]:
    """Return the columns of x and y, and the number of columns."""
    if "X" not in names or "Y" not in names:
        raise UnreadableImageError(
            "bad_coordinates", f".COORD names the columns {' '.join(names) or 'none'}; expected X and Y"
        )
    return names.index("X"), names.index("Y"), len(names)


def _number(text: str, keyword: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UnreadableImageError("bad_number", f".{keyword} is {text!r}; expected a number") from None


def _read_stroke(text: str, ink: _Ink, number: int) -> Stroke:
    """Return the points after ``.PEN_DOWN``, with y downwards."""
    x, y, width = ink.columns
    try:
        points = np.array(text.split(), np.float64).reshape(-1, width)[:, (x, y)]
    except ValueError:
        raise UnreadableImageError(
            "bad_coordinates", f"stroke {number} has values that are not {width} numbers a point"
        ) from None
    # Some tablets have different resolutions across and down.
    across, down = ink.resolution.get("X", 0), ink.resolution.get("Y", 0)
    points = points * (1, -across / down if across > 0 and down > 0 else -1)
    if not np.isfinite(points).all():
        raise UnreadableImageError("bad_coordinates", f"stroke {number} has values that are not finite")
    return points


def _cut_digits(ink: _Ink, path: Path, root: Path) -> tuple[list[WrittenDigit], list[Reject]]:
    """Return the digits of a file, and one reject for each kind of problem."""
    contributor, *_ = path.relative_to(root / _DIGITS).parts
    name = path.relative_to(root / _DIGITS / contributor).with_suffix("").as_posix()
    writer = f"{contributor}/{ink.writer or name}"
    source, sha256 = path_text(path), ink.digest.hexdigest()
    digits: list[WrittenDigit] = []
    problems: dict[str, list[str]] = {}
    for position, (spans, quality, label) in enumerate(_digit_segments(ink)):
        strokes = _cut_strokes(ink.strokes, spans)
        if quality == _BAD:
            problems.setdefault("bad_quality", []).append(spans)
        elif strokes is None:
            problems.setdefault("missing_strokes", []).append(spans)
        elif sum(map(len, strokes)) < _FEWEST_POINTS:
            problems.setdefault("too_few_points", []).append(spans)
        elif lacks_strokes(strokes, label):
            problems.setdefault("incomplete", []).append(spans)
        else:
            digits.append(WrittenDigit(contributor, writer, label, strokes, source, sha256, position))
    rejects = [
        Reject(source, kind, _describe(kind, spans, len(ink.strokes)), source_sha256=sha256)
        for kind, spans in problems.items()
    ]
    if not digits and not rejects:
        reason = 'the file has no segments of digits; expected lines such as .SEGMENT CHARACTER 3-4 ? "5"'
        rejects.append(Reject(source, "no_digits", reason, source_sha256=sha256))
    return digits, rejects


def _digit_segments(ink: _Ink) -> Iterator[tuple[str, str, int]]:
    """Yield the strokes, the quality and the label of each segment that is one digit."""
    for arguments in ink.segments:
        found = _SEGMENT.fullmatch(arguments.strip())
        if found is None:
            continue
        level, spans, quality, label = found.groups()
        if level in _CHARACTERS and len(label) == 1 and label in "0123456789":
            yield spans, quality or "?", int(label)


def _cut_strokes(strokes: Sequence[Stroke], spans: str) -> tuple[Stroke, ...] | None:
    """Return the strokes of a segment such as ``3``, ``3-5``, ``3:12-4:5`` or ``3,5-6``.

    A number counts strokes from 0; one after a colon counts the points of that stroke from 0. Both ends are
    included. Return None if the file lacks a stroke.
    """
    chosen: list[Stroke] = []
    for span in spans.split(","):
        found = _SPAN.fullmatch(span)
        if found is None:
            return None
        first, start, last, end = (None if part is None else int(part) for part in found.groups())
        assert first is not None  # noqa: S101 - narrows: the pattern requires it
        if last is None:
            last, end = first, start
        if not first <= last < len(strokes):
            return None
        for number in range(first, last + 1):
            low = start if number == first and start is not None else 0
            high = end + 1 if number == last and end is not None else None
            chosen.append(strokes[number][low:high])
    return tuple(stroke for stroke in chosen if len(stroke))


def _describe(kind: str, spans: Sequence[str], strokes: int) -> str:
    """Return the reason why some digits of a file are unusable."""
    shown = ", ".join(spans[:_SHOWN]) + ", ..." * (len(spans) > _SHOWN)
    some = f"{len(spans)} digit{'s' * (len(spans) > 1)} (strokes {shown})"
    return f"{some} {_UNUSABLE[kind].format(strokes=strokes)}"
