"""The pictures of the verification pages, from a home with scored forms. The home is not changed.

lenet demo
python -m docs.review_pictures --home lenet-demo
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from benchmarks.reviewing import served
from lenet_pipeline.review import invite
from lenet_pipeline.settings import read_settings

if TYPE_CHECKING:
    from playwright.sync_api import Page

FOLDER = Path(__file__).parent / "images"
_LOOKS = ((1300, "light"), (400, "dark"))
_HEIGHT_PX = 820
_MARKS = ("ArrowRight", "1", "ArrowRight", "3", "ArrowRight", "x")


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description="Write the pictures of the verification pages.")
    parser.add_argument("--home", type=Path, default=Path("lenet-demo"))
    parser.add_argument("--label", type=int, default=8, help="the group to show")
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(shutil.copytree(given.home, Path(folder) / "home"))
        settings = read_settings(home, "docs")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        with served(settings) as url:
            for width, scheme in _LOOKS:
                chosen: Any = scheme
                page = browser.new_page(
                    viewport={"width": width, "height": _HEIGHT_PX},
                    color_scheme=chosen,
                    reduced_motion="reduce",
                )
                page.goto(url)
                page.fill("#name", "Ada")
                page.fill("#token", invite(settings, "Ada").token)
                page.keyboard.press("Enter")
                page.wait_for_selector("[data-queue]:focus")
                _save(page, f"review-queues-{width}-{scheme}.png")
                page.keyboard.press("g")
                page.keyboard.press(str(given.label))
                page.wait_for_selector(".cut:focus")
                for key in _MARKS:
                    page.keyboard.press(key)
                _save(page, f"review-groups-{width}-{scheme}.png")
                page.close()
        browser.close()


def _save(page: Page, name: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    with Image.open(BytesIO(page.screenshot())) as picture:
        small = picture.convert("RGB").quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        small.save(FOLDER / name, optimize=True)


if __name__ == "__main__":
    main()
