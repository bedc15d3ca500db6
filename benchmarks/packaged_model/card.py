"""The model card of the packaged model, written from its files alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.packaged_model.sources import SOURCES
from lenet_pipeline.registry import PackagedModel
from lenet_pipeline.registry.model_files import RECORD, WEIGHTS
from lenet_pipeline.registry.training_file import SURE, TRAINING, PackagedTraining
from lenet_pipeline.system import file_digest

_STATED = ("recipe_name", "recipe_effort", "recipe_epochs")  # parameters that the card states in words
_TEXT = """\
# Model card: the packaged model of lenet-pipeline {release}

{note}A network `{architecture}` that reads single digits, 0 to 9, from images of 28x28 pixels with bright ink
on a dark background, as `lenet ingest` stores them. `lenet models adopt` registers it, as does the first
`lenet score` in a home without any model version. It reads scans before you have digits to learn from.

It returns a calibrated confidence, and a score for images that are not digits. Before you accept readings
without review, set a policy (`lenet policy set`) on labelled digits from your own paper: figures on other
paper say little about yours.

## Data and licences

It learned from {training_digits} digits; {validation_digits} others chose the epoch and the temperature. It
did not learn from the gate digits of its sources, about a twentieth of the digits or the writers. The digits
of UNIPEN are drawings, eight of each.

{sources}

## Training

{recipe}

The fingerprint of the training digits is `{training_fingerprint}`.

## Figures

The model did not learn from any of these digits. A reading is sure if its confidence is at least {sure}.

{figures}

## Files

{files}

## Rebuild

In a clone of the project, this command takes about twenty minutes:

    {command}

It writes the same bytes on the same type of processor with the same versions of the libraries; `--check`
compares them with the package. These were used:

{libraries}
"""


def write_card(packaged: PackagedModel) -> str:
    """Return the card of a packaged model in Markdown."""
    training = packaged.training
    return _TEXT.format(
        release=training.release,
        note=f"**{training.note}**\n\n" if training.note else "",
        architecture=packaged.model.architecture,
        training_digits=f"{training.training_digits:,}",
        validation_digits=f"{training.validation_digits:,}",
        sources=_table(
            ("dataset", "source", "digits", "licence", "origin"),
            [
                (f"`{each.dataset}`", each.title, f"{each.digits:,}", each.licence, each.origin)
                for each in training.sources
            ],
        ),
        recipe=_table(
            ("setting", "value"),
            [
                ("recipe", f"`{training.recipe}`, effort `{training.effort}`"),
                ("seed", str(training.seed)),
                (
                    "passes",
                    f"{training.epochs}; the weights of pass {training.best_epoch} were kept",
                ),
                ("temperature", f"{packaged.model.temperature:.4f}"),
                *(item for item in training.parameters.items() if item[0] not in _STATED),
            ],
        ),
        training_fingerprint=training.training_fingerprint,
        sure=SURE,
        figures=_table(
            ("digits", "number", "right", "calibration error", "sure", "wrong of the sure"),
            [
                (
                    each.title,
                    f"{each.digits:,}",
                    _percent(each.correct, each.digits),
                    f"{each.calibration_error:.4f}",
                    _percent(each.sure, each.digits),
                    _percent(each.sure_wrong, each.sure),
                )
                for each in training.figures
            ],
        ),
        files=_table(
            ("file", "bytes", "sha256"),
            [_describe_file(packaged.folder / name) for name in (WEIGHTS, RECORD, TRAINING)],
        ),
        command=_rebuild_command(training),
        libraries=_table(("library", "version"), training.libraries.items()),
    )


def _rebuild_command(training: PackagedTraining) -> str:
    """Return the command that rebuilds the model, with an option for each source that it learned from."""
    learned = {source.dataset for source in training.sources}
    options = [
        f"--{source.option} DIR" for source in SOURCES if source.option and learned & set(source.training)
    ]
    return " ".join(["python -m benchmarks.packaged_model", *options, "--output DIR"])


def _describe_file(path: Path) -> tuple[str, str, str]:
    return f"`{path.name}`", f"{path.stat().st_size:,}", f"`{file_digest(path, 'sha256')}`"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "-"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
