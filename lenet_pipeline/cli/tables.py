"""How columns of text lie at a terminal: side by side where they fit, else in groups, else as lists."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate, groupby

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_LISTED_ROWS = 2  # more rows, each printed as a list of its columns, would fill the screen
_FOLDED_TEXT = 12  # characters under which a text column is not folded further
_BROKEN_WORD = 20  # characters at which a word, such as a path, may be broken
_HEADING_PART = re.compile(r"[^_]+_*|_+")

Texts = Mapping[str, Sequence[str]]  # each column's values by its name, all of one length


def print_texts(console: Console, texts: Texts, numeric: set[str], title: str) -> None:
    """Print columns within the width of the console; numbers are right-aligned."""
    if title:
        console.print(title, style="italic", markup=False)
    rows = len(next(iter(texts.values())))
    if len(texts) <= 2 or _least_width(texts) <= console.width:
        _print_side_by_side(console, texts, numeric)
    elif rows <= _LISTED_ROWS and not _fits_in_groups(console, texts):
        _print_lists(console, texts)
    else:
        _print_groups(console, texts, numeric)


def _fits_in_groups(console: Console, texts: Texts) -> bool:
    _, others = _split_shared(texts, _groups(next(iter(texts.values()))))
    return bool(others) and _least_width(others, _fold_headings(others)) <= console.width


def _print_groups(console: Console, texts: Texts, numeric: set[str]) -> None:
    """Print what the rows of a group share once, then the columns that fit; name the others."""
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
            if group.stop - group.start > 1:  # otherwise a count that is the same looks like a total
                console.print("in every row:", style="dim")
            _print_lists(console, {name: column[first] for name, column in shared.items()})
        if others:
            rows = {name: column[group] for name, column in others.items()}
            _print_side_by_side(console, rows, numeric, headings)
        if len(groups) > 1:
            console.print()
    if hidden:
        console.print(
            f"columns that do not fit: {', '.join(hidden)}; --format csv or json prints them", style="dim"
        )


def _split_shared(
    texts: Texts, groups: Sequence[slice]
) -> tuple[dict[str, Sequence[str]], dict[str, Sequence[str]]]:
    """Return the columns that have one value in each group, and the others."""
    shared = {
        name: column
        for name, column in texts.items()
        if all(len(set(column[group])) == 1 for group in groups)
    }
    return shared, {name: column for name, column in texts.items() if name not in shared}


def _groups(first: Sequence[str]) -> list[slice]:
    """Return the rows that follow one another with the same first column; all of them where no two do."""
    lengths = [len(list(same)) for _, same in groupby(first)]
    if max(lengths) == 1:
        return [slice(0, len(first))]
    return [slice(end - length, end) for length, end in zip(lengths, accumulate(lengths), strict=True)]


def _fold_headings(texts: Texts) -> dict[str, str]:
    """Break names after underscores where they are wider than their columns; all end on one line."""
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
    """Return the fewest characters in which columns can stand side by side, long texts folded."""
    widths = [
        max(*map(len, (headings or {}).get(name, name).split("\n")), *map(_least_text_width, column))
        for name, column in texts.items()
    ]
    return sum(widths) + 2 * (len(widths) - 1)


def _least_text_width(text: str) -> int:
    """Return the width under which a text would be folded beyond reading: words are broken if very long."""
    longest_word = max((len(word) for word in text.split()), default=0)
    return min(len(text), max(_FOLDED_TEXT, min(longest_word, _BROKEN_WORD)))


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


def _print_lists(console: Console, texts: Texts) -> None:
    """Print each row as values below one another, and as many rows beside one another as fit."""
    rows = list(zip(*texts.values(), strict=True))
    widest = max(len(text) for row in rows for text in row)
    beside = max(1, (console.width - max(map(len, texts))) // (2 + widest))
    for start in range(0, len(rows), beside):
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(style="bold", no_wrap=True)
        for _ in rows[start : start + beside]:
            table.add_column(overflow="fold")
        for name, column in texts.items():
            table.add_row(escape(name), *(escape(text) for text in column[start : start + beside]))
        console.print(table)
        console.print()
