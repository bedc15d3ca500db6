"""Measure the structure of the code: its rooms, and the imports between them.

    python -m benchmarks.floor_plan [--checkout DIR]

A room is a folder or a loose module directly under ``lenet_pipeline``. An arrow
from one room to another means that some module of the first imports some module
of the second, at any place in the code. A room that imports no other room is on
floor 1; any other room is one floor above the highest room that it imports.
Rooms that import each other in a cycle share a floor. Nothing is executed; the
counts come from the syntax trees of the files.
"""

from __future__ import annotations

import argparse
import ast
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PACKAGE = "lenet_pipeline"

_CHECKOUT = Path(__file__).parents[1]
_WIDTH = 80

Arrows = Mapping[str, frozenset[str]]  # the rooms that each room imports


@dataclass(frozen=True)
class Room:
    """One room.

    Attributes:
        name: its name, without ``.py``.
        is_loose: whether it is a loose module and not a folder.
        floor: from 1.
        modules: number of Python files.
        lines: lines in all of them.
        longest: lines in the longest of them.
        exports: names that its door exports; None for a loose module, which has no door.
        imports: the rooms that it imports.
    """

    name: str
    is_loose: bool
    floor: int
    modules: int
    lines: int
    longest: int
    exports: int | None
    imports: tuple[str, ...]

    @property
    def file_name(self) -> str:
        return f"{self.name}.py" if self.is_loose else self.name


@dataclass(frozen=True)
class FloorPlan:
    """The structure of a checkout; each cycle is a group of rooms that import each other."""

    rooms: tuple[Room, ...]
    floors: int
    arrows: int
    cycles: tuple[tuple[str, ...], ...]
    loose_modules: int
    longest_module: str
    longest_module_lines: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the floor plan of a checkout."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--checkout", type=Path, default=_CHECKOUT, help="checkout to measure (default: this)"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table")
    options = parser.parse_args(arguments)
    if not (options.checkout / PACKAGE).is_dir():
        parser.error(f"{options.checkout} is not a checkout of the project: it has no folder {PACKAGE}")
    plan = measure_floor_plan(options.checkout)
    lines = [json.dumps(asdict(plan), indent=1)] if options.format == "json" else floor_plan_tables(plan)
    print("\n".join(lines))  # noqa: T201 - a benchmark prints its figures


def measure_floor_plan(checkout: Path) -> FloorPlan:
    """Read every module of the package in a checkout and return the floor plan."""
    package = checkout / PACKAGE
    files = {name: sorted(paths) for name, paths in _room_files(package).items()}
    arrows = {
        name: frozenset(_imported_rooms(paths, package, files.keys()) - {name})
        for name, paths in files.items()
    }
    cycles = find_cycles(arrows)
    floors = find_floors(arrows, cycles)
    sizes = {path: _count_lines(path) for paths in files.values() for path in paths}
    longest = max(sizes, key=lambda path: sizes[path])
    rooms = [
        Room(
            name=name,
            is_loose=(package / f"{name}.py").is_file(),
            floor=floors[name],
            modules=len(paths),
            lines=sum(sizes[path] for path in paths),
            longest=max(sizes[path] for path in paths),
            exports=count_exports(package / name) if (package / name).is_dir() else None,
            imports=tuple(sorted(arrows[name])),
        )
        for name, paths in files.items()
    ]
    return FloorPlan(
        rooms=tuple(sorted(rooms, key=lambda room: (-room.floor, room.name))),
        floors=max(floors.values()),
        arrows=sum(map(len, arrows.values())),
        cycles=cycles,
        loose_modules=sum(room.is_loose for room in rooms),
        longest_module=longest.relative_to(checkout).as_posix(),
        longest_module_lines=sizes[longest],
    )


def find_cycles(arrows: Arrows) -> tuple[tuple[str, ...], ...]:
    """Return the largest groups of rooms in which every room imports every other, directly or not."""
    reached = {name: _reachable(name, arrows) for name in arrows}
    groups = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in arrows
        if name in reached[name]
    }
    return tuple(sorted(groups))


def find_floors(arrows: Arrows, cycles: Iterable[Sequence[str]]) -> dict[str, int]:
    """Return the floor of each room, from 1; the rooms of a cycle share one."""
    group_of = {name: frozenset(group) for group in cycles for name in group}
    floors: dict[str, int] = {}

    def floor(name: str) -> int:
        if name not in floors:
            group = group_of.get(name, frozenset([name]))
            below = {imported for member in group for imported in arrows[member]} - group
            found = 1 + max(map(floor, below), default=0)
            floors.update(dict.fromkeys(group, found))
        return floors[name]

    return {name: floor(name) for name in arrows}


def count_exports(room: Path) -> int:
    """Count the names that a room's door exports.

    They are those in ``__all__``, else those in ``__init__.pyi``, else the public names in ``__init__.py``.
    """
    door, stub = room / "__init__.py", room / "__init__.pyi"
    body = ast.parse(door.read_text(encoding="utf-8")).body if door.is_file() else []
    for statement in body:
        if (
            isinstance(statement, ast.Assign)
            and isinstance(statement.value, ast.List | ast.Tuple)
            and any(isinstance(target, ast.Name) and target.id == "__all__" for target in statement.targets)
        ):
            return len(statement.value.elts)
    if stub.is_file():
        body = ast.parse(stub.read_text(encoding="utf-8")).body
    return len({name for statement in body for name in _defined_names(statement) if name[0] != "_"})


def floor_plan_tables(plan: FloorPlan) -> list[str]:
    """Format a floor plan as lines of at most 80 columns, the highest floor first."""
    figures = {
        "rooms": f"{len(plan.rooms)}, {plan.loose_modules} of them loose modules",
        "floors": f"{plan.floors}",
        "arrows between rooms": f"{plan.arrows}",
        "cycles": f"{len(plan.cycles)}",
        "names exported by doors": f"{sum(room.exports or 0 for room in plan.rooms)}",
        "longest module": f"{plan.longest_module}, {plan.longest_module_lines} lines",
    }
    lines = [f"{name:<26}{value}"[:_WIDTH] for name, value in figures.items()]
    for cycle in plan.cycles:
        lines += _wrap("cycle: " + ", ".join(cycle), "       ")
    lines += [
        "",
        f"{'floor':>5}  {'room':<24}{'modules':>8}{'lines':>8}{'longest':>9}{'exports':>9}{'imports':>9}",
    ]
    lines += [
        f"{room.floor:>5}  {room.file_name:<24}{room.modules:>8}{room.lines:>8,}{room.longest:>9}"
        f"{'-' if room.exports is None else room.exports:>9}{len(room.imports):>9}"
        for room in plan.rooms
    ]
    return lines


def _room_files(package: Path) -> dict[str, list[Path]]:
    """Return the Python files of each room; the package's own ``__init__.py`` belongs to none."""
    rooms: dict[str, list[Path]] = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package).parts
        if parts != ("__init__.py",):
            rooms.setdefault(parts[0].removesuffix(".py"), []).append(path)
    return dict(sorted(rooms.items()))


def _imported_rooms(paths: Iterable[Path], package: Path, rooms: Iterable[str]) -> set[str]:
    """Return the rooms that some modules import, at any place in them."""
    known = set(rooms)
    found = set()
    for path in paths:
        folder = path.relative_to(package.parent).parent.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for module in _imported_modules(node, folder):
                parts = module.split(".")
                if parts[0] == PACKAGE and len(parts) > 1 and parts[1] in known:
                    found.add(parts[1])
    return found


def _imported_modules(node: ast.AST, folder: Sequence[str]) -> Iterator[str]:
    """Yield the full names that an import statement names; each is a module or a name in a module."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = list(folder[: len(folder) - node.level + 1]) if node.level else []
        origin = ".".join([*above, *([node.module] if node.module else [])])
        yield from (f"{origin}.{alias.name}" for alias in node.names)


def _defined_names(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement at the top of a module defines."""
    if isinstance(statement, ast.ImportFrom) and statement.module != "__future__":
        yield from (alias.asname or alias.name for alias in statement.names)
    elif isinstance(statement, ast.FunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Assign):
        yield from (target.id for target in statement.targets if isinstance(target, ast.Name))
    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        yield statement.target.id


def _reachable(name: str, arrows: Arrows) -> set[str]:
    """Return every room that a room imports, directly or through others."""
    found, waiting = set[str](), list(arrows[name])
    while waiting:
        room = waiting.pop()
        if room not in found:
            found.add(room)
            waiting += arrows[room]
    return found


def _count_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _wrap(text: str, indent: str) -> list[str]:
    """Break a text into lines of at most 80 columns; those after the first are indented."""
    lines = [""]
    for word in text.split():
        if lines[-1].strip() and len(lines[-1]) + 1 + len(word) > _WIDTH:
            lines.append(indent + word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines


if __name__ == "__main__":
    main()
