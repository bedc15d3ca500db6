"""Compare the sizes that a table states for its rows and columns with its printed lines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from lenet_pipeline.forms.templates.yaml_text import Fault, Located

_TOLERANCE_MM = 1.0  # a person measures a row or column this exactly


def find_size_fault(
    items: Sequence[Located], edges: Sequence[float], key: str, *, default: Located | None, mm: float
) -> Fault | None:
    """Return a fault for the first row or column whose stated size differs from its printed lines, or None.

    Missing sizes need no check, because the printed lines are the edges anyway.

    Args:
        items: the rows or columns of a table.
        edges: the places of their lines, one more than there are items, in the units of the file.
        key: ``width`` or ``height``.
        default: the size of items without one of their own, such as ``row_height``.
        mm: millimetres per unit of the file.
    """
    for item, (start, end) in zip(items, pairwise(edges), strict=True):
        own = item.get(key) if isinstance(item.value, dict) else None
        stated = own or default
        if stated is not None and abs(float(stated.value) - (end - start)) * mm > _TOLERANCE_MM:
            what = f"this {key}" if own else "row_height"
            reason = (
                f"{what} is {float(stated.value) * mm:.1f} mm, and the printed lines are "
                f"{(end - start) * mm:.1f} mm apart, at {start * mm:.1f} and {end * mm:.1f} mm; correct "
                "it, or remove it, because lines: printed needs no sizes"
            )
            return Fault(stated.line, reason)
    return None
