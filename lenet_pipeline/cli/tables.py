"""Lay out columns of text at a terminal: side by side if they fit, else in groups or lists."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate, groupby

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_MAX_LIST_LINES = 24  # longer lists would fill the screen
_MIN_FOLDED_WIDTH = 12  # characters; text columns are never folded more narrowly
_MAX_WORD = 20  # characters; longer words, such as paths, may be broken
_HEADING_PART = re.compile(r"[^_]+_*|_+")

Texts = Mapping[str, Sequence[str]]  # column name -> values; all columns have the same length


def print_texts(console: Console, texts: Texts, numeric: set[str], title: str) -> None:
    """Print columns within the console width, with numbers right-aligned."""
    if title:
        console.print(title, style="italic", markup=False)
    if len(texts) <= 2 or _least_width(texts) <= console.width:
        _print_side_by_side(console, texts, numeric)
    elif _count_list_lines(console, texts) <= _MAX_LIST_LINES and not _fits_in_groups(console, texts):
        _print_lists(console, texts)
    else:
        _print_groups(console, texts, numeric)


def _fits_in_groups(console: Console, texts: Texts) -> bool:
    _, others = _split_shared(texts, _groups(next(iter(texts.values()))))
    return bool(others) and _least_width(others, _fold_headings(others)) <= console.width


def _print_groups(console: Console, texts: Texts, numeric: set[str]) -> None:
    """Print each group's shared values once, then the columns that fit; name the hidden columns."""
    groups = _groups(next(iter(texts.values())))
    shared, others = _split_shared(texts, groups)
    headings = _fold_headings(others) if _least_width(others) > console.width else {}
    hidden: list[str] = []
    while len(others) > 1 and _least_width(others, headings) > console.width:
        *kept, last = others
        hidden.insert(0, last)
        others = {name: others[name] for name in kept}
        headings = _fold_headings(others) if _least_width(others) > console.width else {}
    for group in groups:
        if shared:
            first = slice(group.start, group.start + 1)
            if group.stop - group.start > 1:  # without a label, a shared count looks like a total
                console.print("same in every row:", style="dim")
            _print_lists(console, {name: column[first] for name, column in shared.items()})
        if shared and others:
            console.print()
        if others:
            rows = {name: column[group] for name, column in others.items()}
            _print_side_by_side(console, rows, numeric, headings)
        if len(groups) > 1:
            console.print()
    if hidden:
        console.print(
            f"hidden columns: {', '.join(hidden)}; use --format csv or json to see them", style="dim"
        )


def _split_shared(
    texts: Texts, groups: Sequence[slice]
) -> tuple[dict[str, Sequence[str]], dict[str, Sequence[str]]]:
    """Split the columns into constant within each group, and the others."""
    shared = {
        name: column
        for name, column in texts.items()
        if all(len(set(column[group])) == 1 for group in groups)
    }
    return shared, {name: column for name, column in texts.items() if name not in shared}


def _groups(first: Sequence[str]) -> list[slice]:
    """Group consecutive rows with the same first column; return one group if no two rows match."""
    lengths = [len(list(same)) for _, same in groupby(first)]
    if max(lengths) == 1:
        return [slice(0, len(first))]
    return [slice(end - length, end) for length, end in zip(lengths, accumulate(lengths), strict=True)]


def _fold_headings(texts: Texts) -> dict[str, str]:
    """Break names wider than their columns after underscores, aligned at the bottom."""
    folded = {name: _fold_heading(name, column) for name, column in texts.items()}
    tallest = max((heading.count("\n") for heading in folded.values()), default=0)
    return {name: "\n" * (tallest - heading.count("\n")) + heading for name, heading in folded.items()}


def _fold_heading(name: str, column: Sequence[str]) -> str:
    parts = _HEADING_PART.findall(name)
    width = max(*map(len, parts), *map(_least_text_width, column))
    lines = [""]
    for part in parts:
        if lines[-1] and len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _least_width(texts: Texts, headings: Mapping[str, str] | None = None) -> int:
    """Return the minimum width, in characters, of columns side by side with long texts folded."""
    widths = [
        max(*map(len, (headings or {}).get(name, name).split("\n")), *map(_least_text_width, column))
        for name, column in texts.items()
    ]
    return sum(widths) + 2 * (len(widths) - 1)


def _least_text_width(text: str) -> int:
    """Return the minimum readable width of a text, in characters. Only very long words are broken."""
    longest_word = max((len(word) for word in text.split()), default=0)
    return min(len(text), max(_MIN_FOLDED_WIDTH, min(longest_word, _MAX_WORD)))


def _print_side_by_side(
    console: Console, texts: Texts, numeric: set[str], headings: Mapping[str, str] | None = None
) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in texts:
        is_number = name in numeric
        table.add_column(
            escape((headings or {}).get(name, name)),
            justify="right" if is_number else "left",
            no_wrap=is_number,
            overflow="fold",
        )
    for row in zip(*texts.values(), strict=True):
        table.add_row(*(escape(text) for text in row))
    console.print(table)


def _count_lists_per_line(console: Console, texts: Texts) -> int:
    widest = max(len(text) for column in texts.values() for text in column)
    return max(1, (console.width - max(map(len, texts))) // (2 + widest))


def _count_list_lines(console: Console, texts: Texts) -> int:
    rows = len(next(iter(texts.values())))
    return (len(texts) + 1) * -(-rows // _count_lists_per_line(console, texts))


def _print_lists(console: Console, texts: Texts) -> None:
    """Print each row as a vertical list, with as many lists side by side as fit."""
    rows = list(zip(*texts.values(), strict=True))
    per_line = _count_lists_per_line(console, texts)
    for start in range(0, len(rows), per_line):
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(style="bold", no_wrap=True)
        for _ in rows[start : start + per_line]:
            table.add_column(overflow="fold")
        for name, column in texts.items():
            table.add_row(escape(name), *(escape(text) for text in column[start : start + per_line]))
        console.print(table)
        if start + per_line < len(rows):
            console.print()
