"""The labels that one ingest gives its digits, so that it gives each digit only one."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from lenet_pipeline.lake.fingerprints import one_array
from lenet_pipeline.schema import DIGITS

_STATED = pa.schema([("digit_id", pa.binary(16)), ("label", pa.uint8())])
_LABEL = DIGITS.get_field_index("label")


class StatedLabels:
    """Remembers the first label that an ingest gives each digit. Later labels that differ are conflicts."""

    def __init__(self) -> None:
        self._stated = _STATED.empty_table()

    def settle(self, digits: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Separate digits from those whose label conflicts with an earlier one.

        Args:
            digits: of schema ``DIGITS``. A digit may occur several times.

        Returns:
            The digits, each with its first label; and the conflicting rows, of schema ``DIGITS`` plus
            ``stated_label``, the first label.
        """
        ids, labels = one_array(digits["digit_id"]).storage, one_array(digits["label"])
        given = pa.table([ids, labels], schema=_STATED).filter(pc.is_valid(labels))
        is_known = pc.is_in(one_array(given["digit_id"]), value_set=one_array(self._stated["digit_id"]))
        self._stated = pa.concat_tables([self._stated, given.filter(pc.invert(is_known))])
        # The place of a digit that is stated several times is that of its first label.
        places = pc.index_in(ids, value_set=one_array(self._stated["digit_id"]))
        stated = one_array(self._stated["label"]).take(places)
        is_conflict = pc.fill_null(pc.not_equal(labels, stated), fill_value=False)
        conflicts = digits.append_column("stated_label", stated).filter(is_conflict)
        settled = digits.set_column(_LABEL, DIGITS.field("label"), stated)
        return settled.filter(pc.invert(is_conflict)), conflicts
