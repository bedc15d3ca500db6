"""List the image files to read: a folder tree, a CSV of ``path,label,writer``, or one file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest.batch import path_text
from lenet_pipeline.ingest.csv_files import csv_rows

_PATH_COLUMNS = ("path", "image", "file", "filename")
_LABEL_COLUMN = "label"
_WRITER_COLUMN = "writer"
_HEADER = "a header row with the columns path and label"


@dataclass(frozen=True)
class ListedImage:
    """A file to read, with its label if known.

    Attributes:
        path: the file.
        label: 0 to 9, None if unknown.
        problem: the reason to reject the file unread, such as a label outside 0 to 9.
        problem_kind: the kind of that reject.
        has_folder_label: whether the label is the name of the file's folder.
        is_named: whether the user or a CSV named this file. If it is not an image, it becomes a reject;
            other files in a folder are skipped.
        writer: the person who wrote the digit, None if unknown.
    """

    path: Path
    label: int | None
    problem: str | None = None
    problem_kind: str = "bad_label"
    has_folder_label: bool = False
    is_named: bool = False
    writer: str | None = None


def list_images(path: Path) -> list[ListedImage]:
    """List the files of a folder tree, a CSV of ``path,label``, or one file, always in the same order.

    A CSV may have a third column ``writer``.

    In a folder tree, the name of an image's folder is its label if it is a single digit. Hidden files and
    folders are skipped. If the top folder contains one CSV of ``path,label``, labels come only from that
    CSV, and files that it does not name have none.

    Raises:
        IngestError: the path is missing or unreadable, contains no files, has several CSVs of
            ``path,label`` in its top folder, or is a CSV without these columns.
    """
    path = absolute_path(path.expanduser())
    try:
        path.stat()
        if not path.is_dir():
            return _list_csv(path) if path.suffix.lower() == ".csv" else [_list_file(path)]
        listed = _list_folder(path)
    except OSError as exc:
        raise IngestError(
            f"cannot read {path_text(path)}: {exc.strerror}; check the path and its permissions"
        ) from exc
    if not listed:
        raise IngestError(
            f"the folder {path_text(path)} contains no files; expected images in it or below it"
        )
    return listed


def describe_label_folders(listed: Sequence[ListedImage]) -> str | None:
    """Return the folder names that were taken as labels, such as ``1 to 9`` or ``0, 1, 7``, or None."""
    labels = sorted({item.label for item in listed if item.label is not None and item.has_folder_label})
    if len(labels) > 2 and labels[-1] - labels[0] == len(labels) - 1:
        return f"{labels[0]} to {labels[-1]}"
    return ", ".join(map(str, labels)) or None


def _list_file(path: Path) -> ListedImage:
    label = _folder_label(path)
    return ListedImage(path, label, has_folder_label=label is not None, is_named=True)


def _list_folder(folder: Path) -> list[ListedImage]:
    """List the files of a folder tree, labelled by the CSV in the top folder or by folder names."""
    lists = [path for path in sorted(folder.glob("*.[cC][sS][vV]")) if _is_image_list(path)]
    if len(lists) > 1:
        names = ", ".join(path_text(Path(path.name)) for path in lists)
        raise IngestError(
            f"the folder {path_text(folder)} has {len(lists)} CSVs of path,label ({names}); "
            "give one of them instead of the folder"
        )
    walked = walk_files(folder)
    if not lists:
        return sorted(walked, key=lambda item: item.path)
    named = _list_csv(lists[0])
    seen = {item.path for item in named} | {lists[0]}
    others = [
        ListedImage(item.path, None, item.problem, item.problem_kind)
        for item in walked
        if item.path not in seen
    ]
    return sorted(named + others, key=lambda item: item.path)


def walk_files(folder: Path) -> list[ListedImage]:
    """List the visible files of a folder tree. An unreadable folder becomes an entry with a problem."""
    denied: list[OSError] = []
    files: list[ListedImage] = []
    followed: set[Path] = set()
    for parent, names, file_names in os.walk(folder, onerror=denied.append, followlinks=True):
        names[:] = sorted(
            name
            for name in names
            if not name.startswith(".") and _is_entered(Path(parent, name), folder, followed)
        )
        paths = (Path(parent, name) for name in file_names if not name.startswith("."))
        labels = ((path, _folder_label(path)) for path in paths)
        files += [ListedImage(path, label, has_folder_label=label is not None) for path, label in labels]
    for error in denied:
        problem = f"the folder cannot be listed ({error.strerror}); correct its permissions"
        files.append(ListedImage(Path(error.filename), None, problem, "unreadable_folder"))
    return files


def _is_entered(path: Path, top: Path, followed: set[Path]) -> bool:
    """Return whether to enter a folder. Each link is followed once, and never back into the same tree."""
    if not path.is_symlink():
        return True
    target, root = Path(os.path.realpath(path)), Path(os.path.realpath(top))
    if target.is_relative_to(root) or root.is_relative_to(target):
        return False
    if any(target.is_relative_to(other) or other.is_relative_to(target) for other in followed):
        return False
    followed.add(target)
    return True


def _folder_label(path: Path) -> int | None:
    """Return the name of a file's folder as its label if it is one of the digits 0 to 9."""
    name = path.parent.name
    return int(name) if len(name) == 1 and name in "0123456789" else None


def _list_csv(path: Path) -> list[ListedImage]:
    """List the images of a CSV by path. An invalid row becomes an entry with a problem."""
    rows = csv_rows(path)
    header = next(rows, None)
    columns = _find_columns(header[1]) if header else None
    if columns is None:
        found = ", ".join(header[1]) if header else "nothing"
        raise IngestError(f"{path_text(path)} is not a list of images: expected {_HEADER}, found {found}")
    listed: dict[Path, ListedImage] = {}
    conflicts: list[ListedImage] = []
    for line, cells in rows:
        if not any(cells):
            continue
        item = _list_row(path, line, *(cells[column] if column < len(cells) else "" for column in columns))
        first = listed.setdefault(item.path, item)
        is_other = (first.label, first.writer) != (item.label, item.writer)
        if is_other or (item.problem and item is not first):
            conflicts.append(_describe_conflict(first, item, f"line {line} of {path_text(path)}"))
    if not listed:
        raise IngestError(f"{path_text(path)} lists no images below its header")
    return sorted([*listed.values(), *conflicts], key=lambda item: item.path)


def _list_row(path: Path, line: int, name: str, label: str, writer: str = "") -> ListedImage:
    """Return the entry of one row of a CSV."""
    where = f"line {line} of {path_text(path)}"
    if not name:
        return ListedImage(
            path, None, f"{where} has no path; add the path of an image", "no_path", is_named=True
        )
    image = absolute_path(path.parent / name)
    # A column of whole numbers with gaps is often saved with 7.0 for 7.
    digit = label.removesuffix(".0")
    if digit and (len(digit) != 1 or digit not in "0123456789"):
        problem = f"{where} has the label {label!r}; expected 0 to 9, or an empty cell if it is unknown"
        return ListedImage(image, None, problem, is_named=True)
    return ListedImage(image, int(digit) if digit else None, is_named=True, writer=writer or None)


def _describe_conflict(first: ListedImage, later: ListedImage, where: str) -> ListedImage:
    """Return the entry for a later row of the same image, with the conflict as its problem."""
    if later.problem:
        return later
    label, before = (_describe_row(item, has_writer=later.writer != first.writer) for item in (later, first))
    problem = f"{where} gives {label}, but an earlier line gives {before}; keep one of the two lines"
    return ListedImage(later.path, None, problem, "conflicting_label", is_named=True)


def _describe_row(item: ListedImage, *, has_writer: bool) -> str:
    """Describe the label of an image, and its writer if ``has_writer``."""
    label = "no label" if item.label is None else f"the label {item.label}"
    if not has_writer:
        return label
    return f"{label} and {'no writer' if item.writer is None else f'the writer {item.writer}'}"


def _find_columns(header: list[str]) -> tuple[int, ...] | None:
    """Return the indices of the columns path, label and possibly writer; None if path or label is missing."""
    names = [name.lower() for name in header]
    path = next((names.index(name) for name in _PATH_COLUMNS if name in names), None)
    if path is None or _LABEL_COLUMN not in names:
        return None
    required = path, names.index(_LABEL_COLUMN)
    return (*required, names.index(_WRITER_COLUMN)) if _WRITER_COLUMN in names else required


def _is_image_list(path: Path) -> bool:
    """Return whether a file is a CSV whose header has a path and a label column."""
    try:
        header = next(csv_rows(path), None)
    except (IngestError, OSError):
        return False
    return header is not None and _find_columns(header[1]) is not None


def absolute_path(path: Path) -> Path:
    """Return an absolute path without ``..``. Unlike ``resolve``, it does not follow links."""
    return Path(os.path.abspath(path))  # noqa: PTH100
