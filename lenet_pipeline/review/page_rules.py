"""Check rules while a person types: those of the field, and those across the fields of its page."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lenet_pipeline.audit import read_template_content
from lenet_pipeline.review.signs import field_verdict
from lenet_pipeline.warehouse import ReviewRecords, Warehouse, read_review_records

if TYPE_CHECKING:
    from lenet_pipeline.forms import TemplateContent

_FRESH_S = 20.0  # then other processes may have changed the page
_MOST_PAGES = 500


@dataclass
class _KnownPage:
    text: str  # the template's YAML
    values: dict[str, tuple[str, str | None]]  # status and final value by field name
    names: dict[str, str]  # of fields, by their ids
    read_at: float


@dataclass
class PageRules:
    """The final values of the pages that people work on, in memory, so that a check takes milliseconds.

    All methods may run in several threads. ``clock`` returns seconds; tests replace it.
    """

    clock: Callable[[], float] = time.monotonic
    _pages: OrderedDict[str, _KnownPage] = field(default_factory=OrderedDict)
    _page_ids: dict[str, str] = field(default_factory=dict)  # by field id
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, records: ReviewRecords) -> None:
        """Remember the values of the pages of some records."""
        texts = {row["page_id"]: row["text"] for row in records.pages}
        pages = {page_id: _KnownPage(text, {}, {}, self.clock()) for page_id, text in texts.items()}
        for row in records.siblings:
            page = pages[row["page_id"]]
            page.names[row["field_id"]] = row["field"]
            page.values[row["field"]] = (row["status"], row["value"])
        with self._lock:
            for page_id, page in pages.items():
                self._drop(page_id)
                self._pages[page_id] = page
                self._page_ids.update(dict.fromkeys(page.names, page_id))
            while len(self._pages) > _MOST_PAGES:
                self._drop(next(iter(self._pages)))

    def update(self, fields: Iterable[Mapping[str, Any]]) -> None:
        """Note the new final values of fields: rows with field_id, field, status and value."""
        with self._lock:
            for row in fields:
                page = self._pages.get(self._page_ids.get(row["field_id"], ""))
                if page:
                    page.values[row["field"]] = (row["status"], row["value"])

    def forget(self) -> None:
        """Read all pages again when they are next needed, for example after an undo."""
        with self._lock:
            self._pages.clear()
            self._page_ids.clear()

    def check(self, warehouse: Warehouse, field_id: str, signs: Sequence[str]) -> dict[str, Any] | None:
        """Check the signs of a field against its rules and the final values of its page.

        Returns:
            status and value as they would become; rules, a list of name and state (kept, broken, or open if
            a character is unreadable). None if there is no such field.

        Raises:
            DatabaseBusyError: the page is not in memory, and the database cannot be read now.
            IngestError: the recorded template is no longer valid.
        """
        page = self._find(field_id)
        if page is None:
            self.note(read_review_records(warehouse, [field_id]))
            page = self._find(field_id)
        if page is None:
            return None
        with self._lock:
            values = dict(page.values)
        return check_rules(read_template_content(page.text), page.names[field_id], values, signs)

    def _find(self, field_id: str) -> _KnownPage | None:
        with self._lock:
            page = self._pages.get(self._page_ids.get(field_id, ""))
        return page if page and self.clock() - page.read_at < _FRESH_S else None

    def _drop(self, page_id: str) -> None:
        page = self._pages.pop(page_id, None)
        for field_id in page.names if page else ():
            self._page_ids.pop(field_id, None)


def check_rules(
    content: TemplateContent,
    name: str,
    values: Mapping[str, tuple[str, str | None]],
    signs: Sequence[str],
) -> dict[str, Any]:
    """Check the signs of a field against its rules and the rules across fields; see ``PageRules.check``.

    Args:
        content: the fields and rules of the template.
        name: the field.
        values: the status and the final value of each field of the page.
        signs: as a person confirms them; see ``verdicts.SIGNS``.
    """
    from lenet_pipeline.forms import (
        FieldVerdict,
        ReviewedField,
        derive_final_values,
        field_rules,
        rule_fields,
    )

    known = {each.name: each for each in content.fields}
    verdict, text = field_verdict(signs)
    reviewed = {
        other: ReviewedField(status, None, value, None, None)  # type: ignore[arg-type]  # a stored status
        for other, (status, value) in values.items()
        if other in known
    }
    reviewed[name] = ReviewedField("read", None, None, None, None, verdict=FieldVerdict(verdict, text))
    final, broken = derive_final_values(content, reviewed)
    found = final[name]
    is_open = found.status == "unreadable"
    rules: list[dict[str, Any]] = []
    if verdict == "blank" and not known[name].may_be_blank:
        rules.append(_rule("a value is required", is_open=False, is_broken=True))
    if verdict != "blank":
        numbers = known[name].numbers
        if not numbers.is_plain:
            rules.append(_rule(numbers.name, is_open=is_open, is_broken=numbers.name in found.broken_rules))
        rules += [
            _rule(rule.name, is_open=is_open, is_broken=rule.name in found.broken_rules)
            for rule in field_rules(known[name])
        ]
    rules += [
        _rule(rule.name, is_open=is_open, is_broken=rule.name in broken)
        for rule in content.rules
        if name in rule_fields(rule)
    ]
    return {"status": found.status, "value": found.value, "rules": rules}


def _rule(name: str, *, is_open: bool, is_broken: bool) -> dict[str, Any]:
    return {"name": name, "state": "open" if is_open else "broken" if is_broken else "kept"}
