"""Read the settings ``decimals`` and ``sign`` of a field in a template file."""

from __future__ import annotations

from typing import cast

from lenet_pipeline.forms.templates.number_formats import NumberFormat, Separator
from lenet_pipeline.forms.templates.yaml_text import Fault, FaultyFile, Located


def read_number_format(item: Located) -> NumberFormat:
    """Read the format of a field's numbers.

    Args:
        item: the field in the file, which has passed the schema.

    Raises:
        FaultyFile: the settings contradict each other or the place of the field.
    """
    decimals, sign = item.get("decimals"), item.get("sign")
    may_be_negative = sign is not None and sign.value == "allowed"
    unused = item.get("unused")
    if may_be_negative and sign is not None and unused is not None and unused.value == "-":
        reason = 'a dash may be a minus or mark an unused cell; expected only one of sign and unused: "-"'
        raise FaultyFile(Fault(sign.line, reason))
    if decimals is None:
        return NumberFormat(may_be_negative=may_be_negative)
    fewest, most = _read_places(decimals)
    if fewest >= _room(item):
        reason = (
            f"the field has room for {_room(item)} digits, but values have at least {fewest} decimal places "
            "and a digit before them; correct places or the field"
        )
        raise FaultyFile(Fault(decimals.line, reason))
    separator = decimals["separator"] if isinstance(decimals.value, dict) else decimals
    return NumberFormat(cast(Separator, separator.value), fewest, most, may_be_negative)


def _read_places(decimals: Located) -> tuple[int, int | None]:
    places = decimals.get("places") if isinstance(decimals.value, dict) else None
    if places is None:
        return 0, None
    if not isinstance(places.value, list):
        return int(places.value), int(places.value)
    fewest, most = (int(each.value) for each in places.items())
    if fewest > most:
        raise FaultyFile(
            Fault(places.line, f"places is [{fewest}, {most}]; expected the smaller number first")
        )
    return fewest, most


def _room(item: Located) -> int:
    """Return the largest number of digits that a field takes."""
    if "box" in item:
        return int(item["box"]["digits"].items()[1].value)
    cells = item["cells"]
    counts = [int(cells[key].value) for key in ("count", "rows") if key in cells]
    return counts[0] * counts[1] if len(counts) > 1 else counts[0] if counts else 1
