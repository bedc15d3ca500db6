"""Small UNIPEN folders: a few writers who draw digits as straight strokes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

# The strokes of each digit, x and y upwards, in a field 60 wide and 100 high.
SHAPES: dict[int, list[list[tuple[int, int]]]] = {
    0: [[(10, 50), (20, 95), (45, 95), (55, 50), (45, 5), (20, 5), (10, 50)]],
    1: [[(15, 70), (35, 95), (35, 50), (35, 5)]],
    2: [[(10, 80), (30, 95), (50, 75), (10, 5), (55, 5)]],
    3: [[(10, 90), (45, 85), (25, 55), (50, 30), (10, 5)]],
    4: [[(35, 95), (10, 40), (55, 40)], [(42, 60), (42, 30), (42, 15), (42, 5)]],
    5: [[(50, 95), (15, 95), (12, 55), (50, 45), (45, 10), (10, 5)]],
    6: [[(40, 95), (12, 40), (20, 5), (48, 10), (45, 40), (15, 35)]],
    7: [[(10, 95), (55, 95), (30, 50), (20, 5)], [(20, 50), (28, 50), (36, 50), (45, 50)]],
    8: [[(50, 85), (20, 90), (45, 40), (30, 5), (12, 25), (45, 75), (50, 85)]],
    9: [[(48, 80), (15, 85), (15, 55), (48, 60), (45, 30), (40, 5)]],
}


def write_unipen(root: Path, writers: Sequence[str], labels: Sequence[int] = tuple(range(10))) -> Path:
    """Write a UNIPEN folder whose writers, such as ``abc/one``, each drew some labels, and return it."""
    for number, writer in enumerate(writers):
        contributor, name = writer.split("/")
        segments, strokes = [], []
        for position, label in enumerate(labels):
            first = len(strokes)
            # Every writer and digit has its own place and size.
            scale, left = 3 + number % 5, 80 * position * (3 + number % 5)
            strokes += [[(x * scale + left, y * scale) for x, y in stroke] for stroke in SHAPES[label]]
            last = len(strokes) - 1
            span = str(first) if first == last else f"{first}-{last}"
            segments.append(f'.SEGMENT CHARACTER {span} ? "{label}"')
        include = f"{contributor}/data/{name}.dat"
        write_file(root / "data" / "1a" / contributor / f"{name}.dat", f".INCLUDE {include}", *segments)
        write_file(root / "include" / include, ".COORD X Y", *map(stroke_text, strokes))
    return root


def stroke_text(points: Sequence[tuple[int, ...]]) -> str:
    """Return a stroke as UNIPEN writes it, one line per point."""
    return "\n".join([".PEN_DOWN", *(" ".join(map(str, point)) for point in points), ".PEN_UP"])


def write_file(path: Path, *lines: str) -> Path:
    """Write a UNIPEN file with its version and some lines, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([".VERSION 1.0", *lines, ""]), encoding="latin-1")
    return path
