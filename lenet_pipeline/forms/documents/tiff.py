"""Where the pages of a TIFF are, so that each can be opened as if it were the only one.

A page of a TIFF is described by a directory that says where the next one is. Pillow walks them itself, but
where one is damaged it loses the pages that follow, or gives an earlier page's pixels for it.
"""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

_LONGEST_HEADER = 16
_MOST_PAGES = 100_000  # past any setting: a damaged file may list pages without end
_BIG = 43  # the version of BigTIFF, whose places have 64 bits


@dataclass(frozen=True)
class _Layout:
    """How a kind of TIFF writes a place in the file, a count of entries, and one entry's bytes."""

    place: str
    count: str
    entry_bytes: int
    first_at: int


def is_tiff(head: bytes) -> bool:
    """Tell a TIFF by its first four bytes."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def locate_tiff_pages(stream: BinaryIO) -> list[int]:
    """Return where the directory of each page is, from the start of the file.

    Where the list of pages breaks off, the last place is past the end of the file: no page is there, and
    there may have been more.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    layout = _layout(stream.read(4))
    stream.seek(layout.first_at)
    places: dict[int, None] = {}  # in order, and quick to look up
    place = _unpack(stream, layout.place) or 0
    # Back to where it was: some writers end the list so.
    while place and len(places) < _MOST_PAGES and place not in places:
        places[min(place, size)] = None
        stream.seek(min(place, size))
        entries = _unpack(stream, layout.count)
        if entries is None:
            break
        end = stream.tell() + layout.entry_bytes * entries
        if end > size:
            places[size] = None
            break
        stream.seek(end)
        place = _unpack(stream, layout.place) or 0
    return list(places)


class OneTiffPage(io.RawIOBase):
    """A TIFF as a stream in which one page is the first: only the place in the header differs.

    Closing it leaves the file open, which Pillow would close.
    """

    def __init__(self, stream: BinaryIO, place: int) -> None:
        self._stream = stream
        stream.seek(0)
        header = bytearray(stream.read(_LONGEST_HEADER))
        layout = _layout(bytes(header))
        struct.pack_into(layout.place, header, layout.first_at, place)
        self._header = bytes(header)
        stream.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        """Return the file's own number: libtiff reads compressed pages from it, at a place it is told."""
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
        # Only these few bytes at the beginning differ.
        return self._header[begin : begin + len(content)] + content[len(self._header) - begin :]


def _layout(head: bytes) -> _Layout:
    order = "<" if head[:2] == b"II" else ">"
    if _BIG in head[2:4]:
        return _Layout(place=f"{order}Q", count=f"{order}Q", entry_bytes=20, first_at=8)
    return _Layout(place=f"{order}I", count=f"{order}H", entry_bytes=12, first_at=4)


def _unpack(stream: BinaryIO, form: str) -> int | None:
    """Return the number that is next in a stream; None at its end."""
    content = stream.read(struct.calcsize(form))
    return int(struct.unpack(form, content)[0]) if len(content) == struct.calcsize(form) else None
