"""Draw a questionnaire of one A4 page: a student number in cells and bubbles, boxes, and rows of bubbles."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from lenet_pipeline.forms.drawing.lettering import load_lettering
from lenet_pipeline.forms.page import MM_PER_INCH

TEMPLATE = """\
form: questionnaire
page: A4
reference: questionnaire.png
fields:
  - name: student
    cells: {x: 24, y: 52, width: 7, height: 9, pitch: 7, count: 8}
    blank: forbidden
    rules: [{length: [8, 8]}]
marks:
  - name: student_bubbles
    digits: 8
    bubbles: {x: 25.4, y: 66, width: 4.2, height: 4.2, pitch: 7, row_pitch: 5.6}
    checks: student
  - name: smoker
    choose: one
    options: {yes: [120, 56, 4, 4], no: [140, 56, 4, 4]}
  - name: transport
    choose: many
    options: [walk, bicycle, bus, train, car]
    bubbles: {x: 120, y: 74, width: 3.6, height: 3.6, row_pitch: 6.5}
  - name: size
    choose: one
    options: [S, M, L, XL]
    bubbles: {x: 120, y: 116, width: 6, height: 6, pitch: 14}
  - name: course
    choose: one
    rows: [clear, useful, fast, fair, fun, hard]
    options: ["1", "2", "3", "4", "5"]
    bubbles: {x: 120, y: 150, width: 4, height: 4, pitch: 11, row_pitch: 8}
"""

_WIDTH, _HEIGHT = 210.0, 297.0
_DPI, _FINER = 300, 2
_INK, _SOFT, _LINE = 25, 140, 120  # grey levels of text, the letters in bubbles, and lines
_ROWS = {
    "clear": "The lectures were clear",
    "useful": "I can use what I learned",
    "fast": "The pace was right",
    "fair": "The exam was fair",
    "fun": "I enjoyed the course",
    "hard": "The exercises were hard",
}


def write_questionnaire(folder: Path) -> Path:
    """Write the blank questionnaire and its template into a folder. Return the path of the template."""
    draw_questionnaire().save(folder / "questionnaire.png", dpi=(_DPI, _DPI))
    path = folder / "questionnaire.yaml"
    path.write_text(TEMPLATE, encoding="utf-8")
    return path


def draw_questionnaire() -> Image.Image:
    """Return the blank questionnaire as a grey image of A4 at 300 pixels per inch."""
    page = _Page()
    page.bar(14, 16, 182, 1.6)
    page.text(14, 29, "Questionnaire", 24)
    page.text(14, 36, "Use a pen. Mark one answer in each row, and fill the bubbles of your number.", 9)
    page.text(24, 49, "Student number", 10)
    for position in range(8):
        page.box(24 + 7 * position, 52, 7, 9)
        for digit in range(10):
            page.bubble(25.4 + 7 * position, 66 + 5.6 * digit, 4.2, str(digit))
    page.text(120, 49, "Do you smoke?", 10)
    for x, label in ((120, "yes"), (140, "no")):
        page.box(x, 56, 4, 4)
        page.text(x + 5.5, 59.4, label, 9)
    page.text(120, 70, "How do you get here? Mark all that apply.", 10)
    for number, label in enumerate(("walk", "bicycle", "bus", "train", "car")):
        page.box(120, 74 + 6.5 * number, 3.6, 3.6)
        page.text(126, 77 + 6.5 * number, label, 9)
    page.text(120, 112, "Size of your shirt", 10)
    for number, label in enumerate(("S", "M", "L", "XL")):
        page.box(120 + 14 * number, 116, 6, 6)
        page.text(127 + 14 * number, 120.6, label, 9)
    page.text(24, 142, "How was the course? 1 is not at all, 5 is very much.", 10)
    for row, (_, label) in enumerate(_ROWS.items()):
        page.text(24, 153.2 + 8 * row, label, 10)
        for column in range(5):
            page.bubble(120 + 11 * column, 150 + 8 * row, 4, str(column + 1))
    page.bar(14, 214, 182, 0.5)
    page.text(14, 222, "Other remarks", 10)
    for line in range(5):
        page.bar(14, 232 + 9 * line, 182, 0.2)
    page.text(14, 284, "Thank you. Please fold this page once and put it into the box.", 8)
    return page.finish()


class _Page:
    """Draws on a page in millimetres and points."""

    def __init__(self) -> None:
        self._scale = _DPI * _FINER / MM_PER_INCH
        size = round(_WIDTH * self._scale), round(_HEIGHT * self._scale)
        self._image = Image.new("L", size, 255)
        self._draw = ImageDraw.Draw(self._image)

    def text(self, x: float, y: float, text: str, points: float) -> None:
        """Write a line of text. ``x`` is its left end and ``y`` its baseline."""
        font = load_lettering("Sans", points * MM_PER_INCH / 72 * self._scale)
        self._draw.text((x * self._scale, y * self._scale), text, fill=_INK, font=font, anchor="ls")

    def bar(self, x: float, y: float, width: float, height: float) -> None:
        """Draw a black bar."""
        self._draw.rectangle(self._pixels(x, y, x + width, y + height), fill=_INK)

    def box(self, x: float, y: float, width: float, height: float) -> None:
        """Draw the outline of a box."""
        line = round(0.25 * self._scale)
        self._draw.rectangle(self._pixels(x, y, x + width, y + height), outline=_LINE, width=line)

    def bubble(self, x: float, y: float, side: float, letter: str) -> None:
        """Draw a circle with a letter in it."""
        self._draw.ellipse(
            self._pixels(x, y, x + side, y + side), outline=_LINE, width=round(0.25 * self._scale)
        )
        font = load_lettering("Sans", 0.55 * side * self._scale)
        middle = (x + side / 2) * self._scale, (y + side / 2) * self._scale
        self._draw.text(middle, letter, fill=_SOFT, font=font, anchor="mm")

    def finish(self) -> Image.Image:
        """Return the page at its final size."""
        size = round(_WIDTH * _DPI / MM_PER_INCH), round(_HEIGHT * _DPI / MM_PER_INCH)
        return self._image.resize(size, Image.Resampling.BOX)

    def _pixels(self, *places: float) -> tuple[float, float, float, float]:
        left, top, right, bottom = (place * self._scale for place in places)
        return left, top, right, bottom
