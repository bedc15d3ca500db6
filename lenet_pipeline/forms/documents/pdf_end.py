"""Check that a PDF file is complete."""

from __future__ import annotations

import os
import re
from typing import BinaryIO

from lenet_pipeline.ingest import UnreadableImageError

_TAIL_BYTES = 65_536  # nearly always has the end of the PDF
_OBJECT = re.compile(rb"\d\s+obj\b")  # the beginning of an object, such as 12 0 obj


def check_pdf_end(stream: BinaryIO) -> None:
    """Check that a PDF is complete. PDFium shows the missing pages of a truncated file as blank.

    Programs add bytes after the end, such as a web page or the rest of a block of NULs. They do no harm. But
    if an object follows the last %%EOF, the file is truncated: a PDF that was changed, or is arranged for the
    web, has a %%EOF in the middle.

    Raises:
        UnreadableImageError: the end of the file is missing.
    """
    size = stream.seek(0, os.SEEK_END)
    tail, end, length = b"", -1, _TAIL_BYTES
    while end < 0 and len(tail) < size:
        stream.seek(max(0, size - length))
        tail = stream.read()
        end = tail.rfind(b"%%EOF")
        length *= 16
    if end < 0 or _OBJECT.search(tail, end):
        raise UnreadableImageError(
            "truncated_pdf",
            f"the PDF is truncated: it has {size:,} bytes but no %%EOF at its end, so pages may be missing "
            "or blank; copy or scan it again",
        )
