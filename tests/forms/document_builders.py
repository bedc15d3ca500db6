"""Build documents for tests: PDFs written object by object, recognisable pages, and TIFFs to damage."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grey = NDArray[np.uint8]


def page_picture(seed: int = 0, *, height: int = 330, width: int = 255) -> Grey:
    """Return a grey page with a few dark bars on light paper, other ones for each seed."""
    generator = np.random.default_rng(seed)
    grey = np.full((height, width), 240, np.uint8)
    for _ in range(8):
        top, left = generator.integers(0, height - 20), generator.integers(0, width - 40)
        grey[top : top + 6, left : left + 40] = generator.integers(20, 120)
    return grey


def jpeg_bytes(grey: Grey) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def stream_object(content: bytes, entries: str = "") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), entries.encode(), content)


def image_object(grey: Grey, *, filters: str = "FlateDecode", content: bytes | None = None) -> bytes:
    """Return an image of a PDF; ``content`` replaces its encoded bytes."""
    height, width = grey.shape
    if content is None:
        content = jpeg_bytes(grey) if filters == "DCTDecode" else zlib.compress(grey.tobytes())
    entries = (
        f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceGray "
        f"/BitsPerComponent 8 /Filter /{filters}"
    )
    return stream_object(content, entries)


class PdfWriter:
    """Objects of a PDF, numbered in the order in which they are added; 1 is the catalogue, 2 the pages."""

    def __init__(self) -> None:
        self.objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
        self.kids: list[int] = []
        self.fields: list[int] = []
        self.form: str | None = None  # entries of the form beside its fields; None leaves the form out
        self.trailer = ""

    def add(self, content: bytes) -> int:
        self.objects.append(content)
        return len(self.objects)

    def add_page(
        self,
        drawing: str = "",
        *,
        size: tuple[float, float] = (612, 792),
        images: Sequence[int] = (),
        entries: str = "",
    ) -> None:
        """Add a page of so many points; image i of ``images`` is drawn by ``/I<i> Do``."""
        content = self.add(stream_object(drawing.encode()))
        named = " ".join(f"/I{index} {number} 0 R" for index, number in enumerate(images))
        page = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size[0]} {size[1]}] /Contents {content} 0 R "
            f"/Resources << /XObject << {named} >> "
            f"/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> {entries} >>"
        )
        self.kids.append(self.add(page.encode()))

    def add_field(
        self,
        value: str,
        place: tuple[float, float, float, float],
        *,
        appearance: str | None = None,
        entries: str = "/F 4",
    ) -> int:
        """Add a text field with a value, at left, bottom, right and top in points; return its number.

        ``appearance`` is the text that its appearance shows. Without one, viewers draw the value themselves.
        """
        if appearance is not None:
            drawing = stream_object(
                f"/Tx BMC BT /F 16 Tf 0 g 4 5 Td ({appearance}) Tj ET EMC".encode(),
                f"/Type /XObject /Subtype /Form /BBox [0 0 {place[2] - place[0]} {place[3] - place[1]}] "
                "/Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>",
            )
            entries += f" /AP << /N {self.add(drawing)} 0 R >>"
        left, bottom, right, top = place
        field = (
            f"<< /Type /Annot /Subtype /Widget /FT /Tx /T (field{len(self.fields)}) /V ({value}) /Q 1 "
            f"/DA (/Helv 16 Tf 0 g) /Rect [{left} {bottom} {right} {top}] {entries} >>"
        )
        self.fields.append(self.add(field.encode()))
        return self.fields[-1]

    def add_scan(self, grey: Grey, *, dpi: float, filters: str = "FlateDecode", entries: str = "") -> None:
        """Add a page that is one image."""
        height, width = grey.shape
        size = (width * 72 / dpi, height * 72 / dpi)
        image = self.add(image_object(grey, filters=filters))
        drawing = f"q {size[0]} 0 0 {size[1]} 0 0 cm /I0 Do Q"
        self.add_page(drawing, size=size, images=[image], entries=entries)

    def write(self, path: Path) -> Path:
        kids = " ".join(f"{number} 0 R" for number in self.kids)
        if self.form is not None:
            fields = " ".join(f"{number} 0 R" for number in self.fields)
            self.objects[0] = (
                f"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [{fields}] {self.form} >> >>".encode()
            )
        self.objects[1] = f"<< /Type /Pages /Count {len(self.kids)} /Kids [{kids}] >>".encode()
        parts, offsets, offset = [b"%PDF-1.7\n"], [], 9
        for number, content in enumerate(self.objects, start=1):
            offsets.append(offset)
            parts.append(b"%d 0 obj\n%s\nendobj\n" % (number, content))
            offset += len(parts[-1])
        parts.append(b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1))
        parts += [b"%010d 00000 n \n" % place for place in offsets]
        trailer = f"<< /Size {len(offsets) + 1} /Root 1 0 R {self.trailer} >>"
        parts.append(b"trailer\n%s\nstartxref\n%d\n%%%%EOF\n" % (trailer.encode(), offset))
        path.write_bytes(b"".join(parts))
        return path


def write_scans(path: Path, *pages: Grey, dpi: float = 100, filters: str = "FlateDecode") -> Path:
    """Write a PDF of pages that are one image each."""
    writer = PdfWriter()
    for grey in pages:
        writer.add_scan(grey, dpi=dpi, filters=filters)
    return writer.write(path)


def write_encrypted(path: Path) -> Path:
    """Write a PDF that needs a password that nobody knows."""
    writer = PdfWriter()
    writer.add_page()
    key = "00112233445566778899aabbccddeeff" * 2
    encryption = writer.add(f"<< /Filter /Standard /V 1 /R 2 /O <{key}> /U <{key}> /P -4 >>".encode())
    writer.trailer = f"/Encrypt {encryption} 0 R /ID [<{key[:32]}> <{key[:32]}>]"
    return writer.write(path)


def write_tiff(path: Path, *pages: Grey, **options: object) -> Path:
    """Write a TIFF of several pages."""
    first, *others = (Image.fromarray(grey) for grey in pages)
    first.save(path, "TIFF", save_all=True, append_images=others, **options)
    return path


def write_tiff_of_kinds(path: Path, *frames: tuple[Grey, dict[int, int]], **options: object) -> Path:
    """Write a TIFF whose frames have extra tags, such as 254 (NewSubfileType)."""
    first, *others = (Image.fromarray(grey) for grey, _ in frames)
    for image, (_, tags) in zip(others, frames[1:], strict=True):
        image.encoderinfo = {"tiffinfo": tags}
    first.save(path, "TIFF", save_all=True, append_images=others, tiffinfo=frames[0][1], **options)
    return path


def tiff_directories(content: bytes) -> list[int]:
    """Return where each page of a little-endian TIFF is described."""
    offsets, offset = [], struct.unpack_from("<I", content, 4)[0]
    while offset:
        offsets.append(offset)
        (entries,) = struct.unpack_from("<H", content, offset)
        (offset,) = struct.unpack_from("<I", content, offset + 2 + 12 * entries)
    return offsets


def tiff_tag(content: bytes, directory: int, tag: int) -> int:
    """Return where the value of a tag lies in the entry that a directory has for it."""
    (entries,) = struct.unpack_from("<H", content, directory)
    for entry in range(entries):
        place = directory + 2 + 12 * entry
        if struct.unpack_from("<H", content, place)[0] == tag:
            return place + 8
    raise LookupError(tag)
