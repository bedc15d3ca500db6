"""Severities: how bad simulated scans and photographs are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lenet_pipeline.errors import IngestError

Turn = Literal[0, 90, 180, 270]  # degrees clockwise

_LEAST_DPI, _LARGEST_DPI = 50, 1200


@dataclass(frozen=True)
class Severity:
    """How bad a scan is. Random properties are drawn for every page; the others are the same on all pages.

    Attributes:
        dpi: the resolution in pixels per inch.
        skew_degrees: the largest skew in either direction, random.
        scale: the largest relative change of size in either direction, random.
        shift_mm: the largest shift in each direction, random.
        blur_px: the standard deviation of the blur, in pixels of the scan.
        shade: the decrease of light across the page, in grey levels of 255. Its direction is random.
        paper: the grey level of the paper in the best light.
        contrast: the contrast between paper and ink, 1 for full contrast.
        noise: the standard deviation of the grain, in grey levels of 255.
        speckle: the average number of specks per square inch.
        jpeg_quality: the quality of the file, 1 to 100, or None for a lossless file.
        rotations: the possible clockwise rotations of the page in degrees, random.
        dark_bed: the share of pages with a black background instead of a white one, random.
        margin_mm: the width of the background around the page.
        perspective_degrees: the largest tilt of the camera, in a random direction.
        bend_mm: the largest displacement of print on smoothly bent paper.
        curl_mm: the largest height of curled paper, random from half of it.
        creases: the largest number of creases of folded paper, random from 1; 0 for paper without creases.
        fold_degrees: the largest tilt of a part of folded paper.
        shadow: the darkness of a shadow across the picture, from 0 for none to 1 for black.
    """

    dpi: int = 200
    skew_degrees: float = 0.0
    scale: float = 0.0
    shift_mm: float = 0.0
    blur_px: float = 0.0
    shade: float = 0.0
    paper: float = 255.0
    contrast: float = 1.0
    noise: float = 0.0
    speckle: float = 0.0
    jpeg_quality: int | None = None
    rotations: tuple[Turn, ...] = (0,)
    dark_bed: float = 0.0
    margin_mm: float = 0.0
    perspective_degrees: float = 0.0
    bend_mm: float = 0.0
    curl_mm: float = 0.0
    creases: int = 0
    fold_degrees: float = 0.0
    shadow: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            IngestError: a value is out of range.
        """
        for name, low, high in (
            ("dpi", _LEAST_DPI, _LARGEST_DPI),
            ("skew_degrees", 0, 45),
            ("scale", 0, 0.5),
            ("shift_mm", 0, 100),
            ("blur_px", 0, 20),
            ("shade", 0, 255),
            ("paper", 1, 255),
            ("contrast", 0, 1),
            ("noise", 0, 255),
            ("speckle", 0, 10_000),
            ("dark_bed", 0, 1),
            ("margin_mm", 0, 100),
            ("perspective_degrees", 0, 30),
            ("bend_mm", 0, 20),
            ("curl_mm", 0, 50),
            ("creases", 0, 5),
            ("fold_degrees", 0, 20),
            ("shadow", 0, 1),
        ):
            found = getattr(self, name)
            if not low <= found <= high:
                raise IngestError(f"the severity has {name} {found}; expected {low} to {high}")
        if self.jpeg_quality is not None and not 1 <= self.jpeg_quality <= 100:
            raise IngestError(
                f"the severity has jpeg_quality {self.jpeg_quality}; expected 1 to 100, or None for lossless"
            )
        if not self.rotations or not set(self.rotations) <= {0, 90, 180, 270}:
            raise IngestError(
                f"the severity has rotations {self.rotations}; expected one or more of 0, 90, 180 and 270"
            )


SEVERITIES = {
    "none": Severity(),
    "light": Severity(
        skew_degrees=0.7,
        scale=0.005,
        shift_mm=1.0,
        blur_px=0.4,
        shade=6,
        paper=248,
        noise=4,
        jpeg_quality=85,
    ),
    "medium": Severity(
        skew_degrees=2.0,
        scale=0.02,
        shift_mm=2.0,
        blur_px=0.7,
        shade=15,
        paper=242,
        noise=8,
        jpeg_quality=60,
    ),
    "heavy": Severity(
        dpi=150,
        skew_degrees=4.0,
        scale=0.04,
        shift_mm=4.0,
        blur_px=1.0,
        shade=45,
        paper=225,
        contrast=0.6,
        noise=14,
        speckle=6,
        jpeg_quality=35,
        rotations=(0, 90, 180, 270),
        dark_bed=0.5,
    ),
    "phone": Severity(
        skew_degrees=6.0,
        blur_px=0.8,
        shade=25,
        paper=225,
        contrast=0.85,
        noise=6,
        jpeg_quality=75,
        dark_bed=1.0,
        margin_mm=12.0,
        perspective_degrees=12.0,
        curl_mm=22.0,
        shadow=0.45,
    ),
    "folded": Severity(
        skew_degrees=2.0,
        scale=0.01,
        shift_mm=2.0,
        blur_px=0.7,
        shade=12,
        paper=240,
        noise=7,
        jpeg_quality=70,
        margin_mm=4.0,
        creases=2,
        fold_degrees=7.0,
    ),
}
