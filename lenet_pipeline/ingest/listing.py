"""Which image files there are to read: in a folder tree, in a CSV of ``path,label``, or one file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest.batch import path_text

_PATH_COLUMNS = ("path", "image", "file", "filename")
_LABEL_COLUMN = "label"
_HEADER = "a header row with the columns path and label"


@dataclass(frozen=True)
class ListedImage:
    """One file to read, with its label where it is known.

    ``problem`` says why it cannot be read as it stands, such as a label outside 0 to 9, and
    ``problem_kind`` is the kind of its reject. ``is_named`` tells that the user or a CSV named this very
    file: no image in it is then a reject, and not merely another file that lay among the images.
    """

    path: Path
    label: int | None
    problem: str | None = None
    problem_kind: str = "bad_label"
    is_named: bool = False


def list_images(path: Path) -> list[ListedImage]:
    """List the files of a folder tree, a CSV of ``path,label``, or one file, always in the same order.

    In a folder, the name of the folder that an image lies in is its label when it is one digit. Hidden
    files and folders are skipped. A folder with exactly one CSV of ``path,label`` at its top has its
    labels from there, and what the CSV does not name has none.

    Raises:
        IngestError: the path is missing or may not be read, holds no file, has several CSVs of
            ``path,label`` at its top, or is a CSV without those columns.
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
        raise IngestError(f"the folder {path_text(path)} holds no file; expected images in it or below it")
    return listed


def _list_file(path: Path) -> ListedImage:
    return ListedImage(path, _folder_label(path), is_named=True)


def _list_folder(folder: Path) -> list[ListedImage]:
    """List the files of a folder tree, labelled by the CSV at its top or by their folders' names."""
    lists = [path for path in sorted(folder.glob("*.[cC][sS][vV]")) if _is_image_list(path)]
    if len(lists) > 1:
        names = ", ".join(path_text(Path(path.name)) for path in lists)
        raise IngestError(
            f"the folder {path_text(folder)} has {len(lists)} lists of images ({names}); "
            "give one of them instead"
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
    """List every file below a folder that is not hidden; a folder that cannot be listed is a problem."""
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
        files += [ListedImage(path, _folder_label(path)) for path in paths]
    for error in denied:
        problem = f"the folder cannot be listed ({error.strerror}); correct its permissions"
        files.append(ListedImage(Path(error.filename), None, problem, "unreadable_folder"))
    return files


def _is_entered(path: Path, top: Path, followed: set[Path]) -> bool:
    """Tell whether to walk into a folder: a link is followed once, and never back into the same tree."""
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
    """Return the label that the name of a file's folder gives, where it is one of the digits 0 to 9."""
    name = path.parent.name
    return int(name) if len(name) == 1 and name in "0123456789" else None


def _list_csv(path: Path) -> list[ListedImage]:
    """List what a CSV names, by path; a row that cannot be read as it stands carries its problem."""
    rows = csv_rows(path)
    header = next(rows, None)
    columns = _find_columns(header[1]) if header else None
    if columns is None:
        found = ", ".join(header[1]) if header else "nothing"
        raise IngestError(f"{path_text(path)} is no list of images: expected {_HEADER}, found {found}")
    listed: dict[Path, ListedImage] = {}
    conflicts: list[ListedImage] = []
    for line, cells in rows:
        if not any(cells):
            continue
        item = _list_row(path, line, *(cells[column] if column < len(cells) else "" for column in columns))
        first = listed.setdefault(item.path, item)
        if first.label != item.label or (item.problem and item is not first):
            conflicts.append(_describe_conflict(first, item, f"line {line} of {path_text(path)}"))
    if not listed:
        raise IngestError(f"{path_text(path)} names no image below its header")
    return sorted([*listed.values(), *conflicts], key=lambda item: item.path)


def _list_row(path: Path, line: int, name: str, label: str) -> ListedImage:
    """Return what one row of a CSV names."""
    where = f"line {line} of {path_text(path)}"
    if not name:
        return ListedImage(path, None, f"{where} names no image; give its path", "no_path", is_named=True)
    image = absolute_path(path.parent / name)
    # A table with gaps in a column of whole numbers is often saved with 7.0 for 7.
    digit = label.removesuffix(".0")
    if digit and (len(digit) != 1 or digit not in "0123456789"):
        problem = f"{where} gives it the label {label!r}; expected 0 to 9, or nothing where it is unknown"
        return ListedImage(image, None, problem, is_named=True)
    return ListedImage(image, int(digit) if digit else None, is_named=True)


def _describe_conflict(first: ListedImage, later: ListedImage, where: str) -> ListedImage:
    """Return a row that names an image a second time as a problem."""
    if later.problem:
        return later
    label, before = (
        "no label" if item.label is None else f"the label {item.label}" for item in (later, first)
    )
    problem = f"{where} gives it {label} and an earlier line {before}; keep one of the two"
    return ListedImage(later.path, None, problem, "conflicting_label", is_named=True)


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the trimmed cells of every row of a CSV.

    Raises:
        IngestError: it is no UTF-8, or no CSV.
        OSError: it cannot be opened.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream)
        try:
            for row in reader:
                yield reader.line_num, [cell.strip() for cell in row]
        except (UnicodeDecodeError, csv.Error) as exc:
            after = f"after line {reader.line_num}"
            raise IngestError(f"{path_text(path)} is no UTF-8 CSV ({exc}, {after}); save it as one") from exc


def _find_columns(header: list[str]) -> tuple[int, int] | None:
    """Return where the path and the label are in a row, or None where the header does not say both."""
    names = [name.lower() for name in header]
    path = next((names.index(name) for name in _PATH_COLUMNS if name in names), None)
    if path is None or _LABEL_COLUMN not in names:
        return None
    return path, names.index(_LABEL_COLUMN)


def _is_image_list(path: Path) -> bool:
    """Tell whether a file is a CSV whose header names a path and a label."""
    try:
        header = next(csv_rows(path), None)
    except (IngestError, OSError):
        return False
    return header is not None and _find_columns(header[1]) is not None


def absolute_path(path: Path) -> Path:
    """Return a path from the root without ``..``; unlike ``resolve``, without following links."""
    return Path(os.path.abspath(path))  # noqa: PTH100
