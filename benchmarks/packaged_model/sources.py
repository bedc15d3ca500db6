"""The sources of digits that the packaged model learns from, in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lenet_pipeline.jobs import IngestJob, PrintingJob, UnipenJob, ingest, ingest_printed, ingest_unipen
from lenet_pipeline.settings import Settings


@dataclass(frozen=True)
class Source:
    """A source of digits.

    Attributes:
        option: the option of the command that names its folder, without the dashes; None if the digits come
            with a dependency.
        title: name for people.
        licence: under which the digits may be used.
        origin: the authors, and where the digits come from.
        ingest: puts the digits of a folder into the lake of a home.
        training: the datasets to learn from.
        tests: the datasets to measure on, each with a name for people.
    """

    option: str | None
    title: str
    licence: str
    origin: str
    ingest: Callable[[Settings, Path], object]
    training: tuple[str, ...]
    tests: tuple[tuple[str, str], ...]


SOURCES = (
    Source(
        option="mnist",
        title="MNIST",
        licence="CC BY-SA 3.0, as the documentation of Keras states",
        origin="Yann LeCun, Corinna Cortes, Christopher Burges: MNIST handwritten digits, 1998",
        ingest=lambda settings, folder: ingest(settings, IngestJob("mnist", folder)),
        training=("mnist/train",),
        tests=(("mnist/test", "MNIST's test set"),),
    ),
    Source(
        option="unipen",
        title="UNIPEN, drawn with different pens",
        licence="CC BY 4.0",
        origin="Guyon, Schomaker, Plamondon, Liberman, Janet: UNIPEN train_r01_v07, 1994, "
        "DOI 10.5281/zenodo.1195803",
        ingest=lambda settings, folder: ingest_unipen(settings, UnipenJob(folder, drawings=8)),
        training=("unipen/train",),
        tests=(("unipen/test", "writers of UNIPEN that were left out"),),
    ),
    Source(
        option="fonts",
        title="handwriting fonts",
        licence="SIL Open Font License 1.1",
        origin="the designers of the fonts; `python -m benchmarks.packaged_model.fonts DIR` downloads them",
        ingest=lambda settings, folder: ingest_printed(settings, PrintingJob(folder, "hands", per_font=100)),
        training=("hands/train",),
        tests=(("hands/test", "handwriting fonts that were left out"),),
    ),
    Source(
        option=None,
        title="digits of scikit-learn, 8x8 pixels",
        licence="CC BY 4.0",
        origin="E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, 1998, in scikit-learn",
        ingest=lambda settings, _: ingest(settings, IngestJob("optdigits")),
        training=("optdigits/train",),
        tests=(("optdigits/test", "other digits of scikit-learn"),),
    ),
    Source(
        option=None,
        title="fonts of matplotlib and Pillow",
        licence="those of DejaVu, STIX, Computer Modern and Aileron: free to use, also commercially",
        origin="the packages matplotlib and Pillow",
        ingest=lambda settings, _: ingest_printed(settings, PrintingJob(None, "printed", per_font=300)),
        training=("printed/train",),
        tests=(("printed/test", "print in fonts that were left out"),),
    ),
)
