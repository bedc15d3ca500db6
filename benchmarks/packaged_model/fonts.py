"""Download the fonts that the packaged model learns from, in the versions that it learned from.

    python -m benchmarks.packaged_model.fonts DIR

``fonts.txt`` lists the npm packages ``@fontsource/NAME`` and their versions. All
are under the SIL Open Font License 1.1: handwriting, school hands and scripts,
and a few text fonts. Only the Latin parts of upright designs are kept, in every
weight.
"""

from __future__ import annotations

import argparse
import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import httpx

FONTS = Path(__file__).with_name("fonts.txt")
_ADDRESS = "https://registry.npmjs.org/@fontsource/{name}/-/{name}-{version}.tgz"
_KEPT = re.compile(r"[a-z0-9-]+-latin-\d+-normal\.woff")
_TIMEOUT_S = 60


def main() -> None:
    """Download all fonts into a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder for the .woff files")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with httpx.Client(timeout=_TIMEOUT_S) as client:
        for name, version in list_packages():
            answer = client.get(_ADDRESS.format(name=name, version=version)).raise_for_status()
            for file, content in read_fonts(answer.content):
                (folder / file).write_bytes(content)


def list_packages() -> list[tuple[str, str]]:
    """Return the name and the version of each package."""
    return [(name, version) for name, version in map(str.split, FONTS.read_text("ascii").splitlines())]


def read_fonts(package: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each Latin upright font of an npm package."""
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            if member.isfile() and _KEPT.fullmatch(name):
                yield name, archive.extractfile(member).read()


if __name__ == "__main__":
    main()
