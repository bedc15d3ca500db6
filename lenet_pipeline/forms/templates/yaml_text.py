"""YAML that a person wrote, read with the line of everything in it, so that a fault can be found again.

Only what a settings file needs is read: mappings, lists and plain values. Aliases are refused (a few of
them can stand for gigabytes), and so are keys given twice, of which YAML would silently keep the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null"))
_HINT = (
    'a text that holds ": " or " #", or begins with one of - [ { * & ! % @, goes in quotes, such as "-"; '
    "lines are indented with spaces, the keys of one block equally far"
)


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a file: its line, from 1, and what is wrong and expected."""

    line: int
    reason: str


class FaultyFile(Exception):  # noqa: N818 - it becomes an IngestError that names the file
    """A file has faults; it never leaves this package."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(f"line {fault.line}: {fault.reason}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True)
class Located:
    """A value and where it is written.

    ``value`` is a dict or a list of ``Located``, or a text, number, truth value or None; ``text`` is a
    plain value as it was written (``007`` is the number 7 to YAML); ``key_lines`` are those of a dict's keys.
    """

    value: Any
    line: int
    text: str = ""
    key_lines: tuple[tuple[str, int], ...] = ()

    def __getitem__(self, key: str) -> Located:
        """Return what a key of a mapping holds."""
        found: Located = self.value[key]
        return found

    def __contains__(self, key: str) -> bool:
        """Tell whether a mapping has a key."""
        return key in self.value

    def get(self, key: str) -> Located | None:
        """Return what a key of a mapping holds, or None where it is left out."""
        found: Located | None = self.value.get(key)
        return found

    def items(self) -> list[Located]:
        """Return what a list holds."""
        return list(self.value)

    def plain(self) -> Any:
        """Return the value as Python's own dicts, lists and plain values."""
        if isinstance(self.value, dict):
            return {key: found.plain() for key, found in self.value.items()}
        if isinstance(self.value, list):
            return [found.plain() for found in self.value]
        return self.value


class _Loader(yaml.SafeLoader):
    """YAML's safe loader without aliases."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise FaultyFile(
                Fault(
                    event.start_mark.line + 1,
                    f"the alias *{event.anchor} is not read; write what it stands for in its place",
                )
            )
        return super().compose_node(parent, index)


def read_yaml(text: str) -> Located:
    """Read one YAML document.

    Raises:
        FaultyFile: it is no YAML, is empty, holds an alias, a tag, a key twice or several documents.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise FaultyFile(Fault(1, "the file is empty"))
        return _locate(node, loader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line = mark.line + 1 if mark else 1
        said = " ".join(f"{exc.context or ''} {exc.problem or ''}".split())
        raise FaultyFile(Fault(line, f"this is no YAML ({said}); {_HINT}")) from None
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1 if isinstance(exc.position, int) else 1
        raise FaultyFile(
            Fault(line, f"there is a character that YAML does not allow ({exc.reason})")
        ) from None
    except RecursionError:
        raise FaultyFile(Fault(1, "it is nested too deeply; a template has a handful of levels")) from None


def _locate(node: yaml.Node, loader: _Loader) -> Located:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return _locate_mapping(node, loader)
    if isinstance(node, yaml.SequenceNode):
        return Located([_locate(item, loader) for item in node.value], line)
    if node.tag not in _PLAIN_TAGS:
        # A date, such as 2024-01-31, is a text here; so is whatever a person's own tag stands for not.
        if not node.tag.startswith("tag:yaml.org,2002:timestamp"):
            raise FaultyFile(Fault(line, f"the tag {node.tag} is not read; write the plain value"))
        return Located(node.value, line, node.value)
    try:
        value = loader.construct_object(node)
    except (ValueError, OverflowError) as exc:
        raise FaultyFile(
            Fault(line, f"{node.value[:40]!r} cannot be read ({exc}); put a text in quotes")
        ) from None
    return Located(value, line, node.value)


def _locate_mapping(node: yaml.MappingNode, loader: _Loader) -> Located:
    found: dict[str, Located] = {}
    key_lines: list[tuple[str, int]] = []
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise FaultyFile(Fault(line, "a key is expected here, such as name: value"))
        key = key_node.value
        if key in found:
            first = dict(key_lines)[key]
            raise FaultyFile(Fault(line, f"the key {key!r} is given twice, first in line {first}; keep one"))
        found[key] = _locate(value_node, loader)
        key_lines.append((key, line))
    return Located(found, node.start_mark.line + 1, key_lines=tuple(key_lines))
