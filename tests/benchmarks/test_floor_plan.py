"""The floor plan: rooms, floors, arrows and cycles from the imports of a small package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.floor_plan import find_cycles, find_floors, floor_plan_tables, main, measure_floor_plan

FILES = {
    "__init__.py": "from lenet_pipeline import top\n",
    "errors.py": "class PipelineError(Exception): ...\n",
    "lake/__init__.py": "from lenet_pipeline.lake.shards import read\n__all__ = ['read', 'write']\n",
    "lake/shards.py": "from ..errors import PipelineError\n\n\ndef read():\n    from . import other\n",
    "lake/other.py": "import numpy\n",
    "top/__init__.py": "import lazy_loader\n",
    "top/__init__.pyi": "from .run import First as First\nfrom .run import second as second\n",
    "top/run.py": "from lenet_pipeline import lake, errors\nimport lenet_pipeline.lake.shards\n",
    "door/__init__.py": "from .room import shown, _hidden\nLIMIT = 1\n",
    "door/room.py": "if True:\n    from lenet_pipeline.top.run import First\n",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "lenet_pipeline" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_rooms_are_folders_and_loose_modules_with_a_floor_above_what_they_import(checkout):
    plan = measure_floor_plan(checkout)
    assert [(room.name, room.floor, room.imports) for room in plan.rooms] == [
        ("door", 4, ("top",)),
        ("top", 3, ("errors", "lake")),
        ("lake", 2, ("errors",)),
        ("errors", 1, ()),
    ]
    assert (plan.floors, plan.arrows, plan.cycles, plan.loose_modules) == (4, 4, (), 1)
    assert (plan.longest_module, plan.longest_module_lines) == ("lenet_pipeline/lake/shards.py", 5)


def test_exports_come_from_all_or_the_stub_or_the_public_names(checkout):
    exports = {room.name: room.exports for room in measure_floor_plan(checkout).rooms}
    assert exports == {"lake": 2, "top": 2, "door": 2, "errors": None}


def test_the_rooms_of_a_cycle_share_a_floor():
    arrows = {
        "cli": frozenset({"a"}),
        "a": frozenset({"b", "base"}),
        "b": frozenset({"c"}),
        "c": frozenset({"a"}),
        "base": frozenset[str](),
    }
    cycles = find_cycles(arrows)
    assert cycles == (("a", "b", "c"),)
    assert find_floors(arrows, cycles) == {"base": 1, "a": 2, "b": 2, "c": 2, "cli": 3}


def test_a_cycle_is_listed_and_the_tables_fit_80_columns(checkout):
    (checkout / "lenet_pipeline" / "errors.py").write_text("import lenet_pipeline.top\n")
    lines = floor_plan_tables(measure_floor_plan(checkout))
    assert "cycle: errors, lake, top" in lines
    assert max(map(len, lines)) <= 80


def test_the_command_prints_json_and_refuses_a_folder_without_the_package(checkout, capsys):
    main(["--checkout", str(checkout), "--format", "json"])
    assert json.loads(capsys.readouterr().out)["arrows"] == 4
    with pytest.raises(SystemExit):
        main(["--checkout", str(checkout / "lenet_pipeline")])
    assert "is not a checkout of the project" in capsys.readouterr().err
