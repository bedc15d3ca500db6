"""Locate the pages of a TIFF, and open each page as if it were the only one.

Each page of a TIFF has a directory, which holds the offset of the next one. Pillow can follow this chain too,
but after a damaged directory it loses the following pages or returns the pixels of an earlier page.

Some directories hold a smaller copy of a page, such as a thumbnail, or its transparency mask. They are not
pages.
"""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass
from typing import BinaryIO, cast

_LONGEST_HEADER = 16
_MOST_PAGES = 100_000  # above any setting: the chain in a damaged file may be endless
_BIG = 43  # the version of BigTIFF, which has 64-bit offsets
_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255  # TIFF 6.0, section 8; 255 is the older of the two
_IS_COPY = 0b001 | 0b100  # bits of NewSubfileType: a copy at reduced resolution, a transparency mask
_REDUCED = 2  # value of SubfileType: a copy at reduced resolution
_ENTRIES_SEARCHED = 64  # both tags come first, because entries are in the order of their tags
_INTEGERS = {3: "H", 4: "I"}  # the struct formats of the types SHORT and LONG


@dataclass(frozen=True)
class _Layout:
    """The struct formats of an offset and an entry count, and the sizes, in one variant of TIFF."""

    order: str
    place: str
    count: str
    entry_bytes: int
    value_at: int
    first_at: int


def is_tiff(head: bytes) -> bool:
    """Return whether a file is a TIFF, given its first four bytes."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def locate_tiff_pages(stream: BinaryIO) -> list[int]:
    """Return the offset of each page's directory from the start of the file.

    Reduced copies and transparency masks do not count, unless the file has nothing else. If the file is
    truncated, the last offset is the file's size. No page is there, and the number of missing pages is
    unknown.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    layout = _layout(stream.read(4))
    stream.seek(layout.first_at)
    places: dict[int, bool] = {}  # offset: whether a page is there; a dict keeps the order
    place = _unpack(stream, layout.place) or 0
    # Stop at a repeated offset: some writers end the chain by pointing back.
    while place and len(places) < _MOST_PAGES and place not in places:
        places[min(place, size)] = True
        stream.seek(min(place, size))
        entries = _unpack(stream, layout.count)
        if entries is None:
            break
        length = layout.entry_bytes * entries
        begin = stream.tell()
        if begin + length > size:
            places[size] = True
            break
        places[place] = not _is_copy(stream.read(min(length, _ENTRIES_SEARCHED * layout.entry_bytes)), layout)
        stream.seek(begin + length)
        place = _unpack(stream, layout.place) or 0
    return [place for place, is_page in places.items() if is_page] or list(places)


def _is_copy(directory: bytes, layout: _Layout) -> bool:
    """Return whether the first entries of a directory describe a reduced copy or a mask of another page."""
    for start in range(0, len(directory), layout.entry_bytes):
        tag, kind = struct.unpack_from(f"{layout.order}HH", directory, start)
        if tag in (_NEW_SUBFILE_TYPE, _SUBFILE_TYPE) and kind in _INTEGERS:
            form = f"{layout.order}{_INTEGERS[kind]}"
            (value,) = struct.unpack_from(form, directory, start + layout.value_at)
            return bool(value & _IS_COPY) if tag == _NEW_SUBFILE_TYPE else value == _REDUCED
    return False


def move_page_first(content: bytes, place: int) -> bytes:
    """Return the bytes of a TIFF, or its header, in which a given page comes first.

    Args:
        content: at least the header.
        place: the offset of the page's directory.
    """
    layout = _layout(content)
    offset = struct.pack(layout.place, place)
    end = layout.first_at + len(offset)
    if content[layout.first_at : end] == offset:
        return content
    return content[: layout.first_at] + offset + content[end:]


def open_tiff_page(stream: BinaryIO, place: int) -> BinaryIO:
    """Return a stream over a TIFF in which a given page comes first. Closing it leaves the file open.

    Args:
        stream: the TIFF.
        place: the offset of the page's directory.
    """
    return cast(BinaryIO, _OnePage(stream, place))


class _OnePage(io.RawIOBase):
    """A TIFF in which only the offset in the header differs."""

    def __init__(self, stream: BinaryIO, place: int) -> None:
        self._stream = stream
        stream.seek(0)
        self._header = move_page_first(stream.read(_LONGEST_HEADER), place)
        stream.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        """Return the descriptor of the file. libtiff reads compressed pages from it at explicit offsets."""
        return self._stream.fileno()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def read(self, size: int | None = -1, /) -> bytes:
        begin = self._stream.tell()
        content = self._stream.read(-1 if size is None else size)
        if begin >= len(self._header):
            return content
        # Only the header differs from the file.
        return self._header[begin : begin + len(content)] + content[len(self._header) - begin :]


def _layout(head: bytes) -> _Layout:
    order = "<" if head[:2] == b"II" else ">"
    if _BIG in head[2:4]:
        return _Layout(order, f"{order}Q", f"{order}Q", entry_bytes=20, value_at=12, first_at=8)
    return _Layout(order, f"{order}I", f"{order}H", entry_bytes=12, value_at=8, first_at=4)


def _unpack(stream: BinaryIO, form: str) -> int | None:
    """Read the next number from a stream, or return None at its end."""
    content = stream.read(struct.calcsize(form))
    return int(struct.unpack(form, content)[0]) if len(content) == struct.calcsize(form) else None
