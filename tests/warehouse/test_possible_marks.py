"""The database and the values agree on which possible marks count as marks."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np

from lenet_pipeline.forms import CellState
from lenet_pipeline.forms.values.marked_cells import settle_marks
from lenet_pipeline.warehouse import Warehouse
from lenet_pipeline.warehouse.migrations import writing

KINDS = (None, "X", "-", "/", "curl", "circle")
SCORES = (None, 0.0, 0.02, 0.4999, 0.5, 0.9, 1.0)


def test_the_state_of_a_possible_mark_is_the_same_in_sql_and_in_values(tmp_path: Path) -> None:
    chances = np.full(10, 0.1)
    with writing(Warehouse(tmp_path / "audit.duckdb", 1)) as connection:
        for kind, is_like, score in product(KINDS, (False, True), SCORES):
            ((found,),) = connection.execute(
                "select settled_state('digit', cast($kind as varchar), $is_like, cast($score as float))",
                {"kind": kind, "is_like": is_like, "score": score},
            ).fetchall()
            cell = CellState(0, "digit", chances, score, possible_mark=kind, is_like_mark=is_like)
            (settled,) = settle_marks([cell])
            assert found == settled.state, (kind, is_like, score)
