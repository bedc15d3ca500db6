"""Read YAML and keep the line of every value, so that messages can name it.

The reader accepts mappings, lists and plain values. It refuses aliases, because a few of them can expand to
gigabytes, and duplicate keys, because YAML would silently keep the last one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null"))
_MOST_BITS = 1000  # a float has room for 1024
_HINT = (
    'put a text in quotes, such as "-", if it contains ": " or " #" or starts with one of - [ { * & ! % @; '
    "indent with spaces, and align the keys of a block"
)


@dataclass(frozen=True)
class Fault:
    """One fault in a file: its line, counted from 1, and a message with what was expected."""

    line: int
    reason: str


class FaultyFile(Exception):  # noqa: N818 - callers turn it into an IngestError that names the file
    """A file has faults. This package catches it and never lets it escape."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(f"line {fault.line}: {fault.reason}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True)
class Located:
    """A value with its line in the file.

    Attributes:
        value: a dict or list of ``Located``, or a str, number, bool or None.
        line: the line that the value starts in, counted from 1.
        text: a plain value as the file has it; YAML reads ``007`` as the number 7.
        key_lines: the keys of a dict, each with its line.
    """

    value: Any
    line: int
    text: str = ""
    key_lines: tuple[tuple[str, int], ...] = ()

    def __getitem__(self, key: str) -> Located:
        """Return the value of a key in a mapping."""
        found: Located = self.value[key]
        return found

    def __contains__(self, key: str) -> bool:
        """Return whether a mapping has a key."""
        return key in self.value

    def get(self, key: str) -> Located | None:
        """Return the value of a key in a mapping, or None if the key is missing."""
        found: Located | None = self.value.get(key)
        return found

    def items(self) -> list[Located]:
        """Return the items of a list."""
        return list(self.value)

    def plain(self) -> Any:
        """Return the value as built-in dicts, lists and plain values."""
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
                    f"the alias *{event.anchor} is not supported; write its value instead",
                )
            )
        return super().compose_node(parent, index)


def read_yaml(text: str) -> Located:
    """Read one YAML document.

    Raises:
        FaultyFile: the text is not valid YAML or is empty, or it contains an alias, a tag, a duplicate key
            or several documents.
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
        raise FaultyFile(Fault(line, f"this is not valid YAML ({said}); {_HINT}")) from None
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1 if isinstance(exc.position, int) else 1
        raise FaultyFile(
            Fault(line, f"YAML does not allow the character U+{exc.character:04X}; remove it")
        ) from None
    except RecursionError:
        raise FaultyFile(
            Fault(1, "the file is nested too deeply; a template needs only a few levels")
        ) from None


def _locate(node: yaml.Node, loader: _Loader) -> Located:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return _locate_mapping(node, loader)
    if isinstance(node, yaml.SequenceNode):
        return Located([_locate(item, loader) for item in node.value], line)
    if node.tag not in _PLAIN_TAGS:
        # A date such as 2024-01-31 is taken as text. Any other tag is refused.
        if not node.tag.startswith("tag:yaml.org,2002:timestamp"):
            raise FaultyFile(Fault(line, f"the tag {node.tag} is not supported; write the plain value"))
        return Located(node.value, line, node.value)
    try:
        value = loader.construct_object(node)
    except (ValueError, OverflowError) as exc:
        raise FaultyFile(
            Fault(line, f"cannot read {node.value[:40]!r} ({exc}); put it in quotes if it is a text")
        ) from None
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise FaultyFile(Fault(line, f"the number {node.value[:40]}... is too large"))
    return Located(value, line, node.value)


def _locate_mapping(node: yaml.MappingNode, loader: _Loader) -> Located:
    found: dict[str, Located] = {}
    key_lines: list[tuple[str, int]] = []
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise FaultyFile(Fault(line, "expected a plain key here, as in name: value"))
        key = key_node.value
        if key in found:
            first = dict(key_lines)[key]
            raise FaultyFile(
                Fault(line, f"duplicate key {key!r}, first used in line {first}; remove one of them")
            )
        found[key] = _locate(value_node, loader)
        key_lines.append((key, line))
    return Located(found, node.start_mark.line + 1, key_lines=tuple(key_lines))
