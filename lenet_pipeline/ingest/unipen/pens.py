"""Pens: how wide, how even and how dark the line is that each kind of pen leaves on paper."""

from __future__ import annotations

from dataclasses import dataclass

from lenet_pipeline.ingest.scanning import Range


@dataclass(frozen=True, kw_only=True)
class Pen:
    """A kind of pen. Each drawing draws uniformly from every range. Lengths are in millimetres.

    Attributes:
        name: part of the source of a digit.
        width: the width of the line.
        pressure: the largest relative change of the width, for slow and fast parts of a stroke.
        taper: the relative loss of width at the ends of a stroke; negative for ink that pools there.
        nib: the thickness of a broad edge as a share of its width, None for a round tip. A broad edge is held
            at an angle, so that the width of its line depends on the direction.
        contrast: difference between paper and full ink, in grey levels of 255.
        flow: the largest loss of ink along the line, as a share of full ink.
        gaps: mean number of places where the ink breaks.
        texture: the loss of ink on the grain of the paper, as a share of full ink.
        spread: distance that ink runs into the paper; negative for ink that does not fill its line.
        unevenness: standard deviation of that distance.
    """

    name: str
    width: Range
    pressure: float
    taper: Range = (0.0, 0.0)
    nib: Range | None = None
    contrast: Range
    flow: Range = (0.0, 0.0)
    gaps: float = 0.0
    texture: Range = (0.0, 0.0)
    spread: Range = (0.0, 0.0)
    unevenness: float = 0.0


BALL_POINT = Pen(
    name="ball-point",
    width=(0.3, 0.65),
    pressure=0.25,
    taper=(0.0, 0.5),
    contrast=(90, 220),
    flow=(0.0, 0.45),
    gaps=0.35,
    texture=(0.0, 0.2),
    spread=(-0.02, 0.03),
    unevenness=0.015,
)
FINE_LINER = Pen(
    name="fine-liner",
    width=(0.2, 0.45),
    pressure=0.08,
    contrast=(130, 235),
    flow=(0.0, 0.15),
    spread=(-0.01, 0.03),
    unevenness=0.01,
)
FELT_TIP = Pen(
    name="felt-tip",
    width=(0.6, 1.2),
    pressure=0.15,
    taper=(-0.15, 0.15),
    contrast=(110, 240),
    flow=(0.0, 0.2),
    spread=(0.0, 0.1),
    unevenness=0.04,
)
PENCIL = Pen(
    name="pencil",
    width=(0.35, 0.8),
    pressure=0.3,
    taper=(0.0, 0.4),
    contrast=(70, 150),
    flow=(0.1, 0.45),
    texture=(0.15, 0.45),
    spread=(-0.02, 0.02),
    unevenness=0.03,
)
NIB = Pen(
    name="nib",
    width=(0.5, 1.1),
    pressure=0.15,
    taper=(0.0, 0.3),
    nib=(0.25, 0.6),
    contrast=(110, 230),
    flow=(0.0, 0.3),
    gaps=0.15,
    spread=(-0.01, 0.06),
    unevenness=0.025,
)

# A trajectory is drawn with these in a random order, so that a few drawings of it have different pens.
PENS = (BALL_POINT, FELT_TIP, BALL_POINT, FINE_LINER, PENCIL, BALL_POINT, FELT_TIP, NIB)
