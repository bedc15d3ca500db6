"""Train the model that ships with the package, and write its files.

    python -m benchmarks.packaged_model --mnist DIR --unipen DIR --fonts DIR \\
        --output lenet_pipeline/registry/packaged
    python -m benchmarks.packaged_model --mnist DIR --unipen DIR --fonts DIR --check
    python -m benchmarks.packaged_model --card

Give the folder of each source to learn from. On the same type of processor,
with the same versions of the libraries, the files have the same bytes each
time. With ``--check``, compare them with those in the package, and exit with 1
if any differs. With ``--card``, only write the card in the package again, after
its text has changed. The files are ``weights.safetensors`` and ``model.json``,
as in every model version, ``training-record.json`` and ``MODEL_CARD.md``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.packaged_model.card import write_card
from benchmarks.packaged_model.sources import SOURCES, Source
from benchmarks.packaged_model.training import PLAN, Plan, ingest_sources, train_packaged_model
from lenet_pipeline.registry import read_packaged_model
from lenet_pipeline.registry.model_files import RECORD, WEIGHTS, write_model
from lenet_pipeline.registry.packaged_model import CARD, PACKAGED_FOLDER
from lenet_pipeline.registry.training_file import TRAINING, write_training
from lenet_pipeline.settings import read_settings

FILES = (WEIGHTS, RECORD, TRAINING, CARD)


def main() -> int:
    """Build the files, and compare them if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for source in SOURCES:
        if source.option:
            about = f"folder of {source.title}"
            parser.add_argument(f"--{source.option}", type=Path, metavar="DIR", help=about)
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder for the files")
    parser.add_argument("--check", action="store_true", help="compare with the files in the package")
    parser.add_argument("--card", action="store_true", help="only write the card in the package again")
    options = parser.parse_args()
    if options.card:
        save_card(PACKAGED_FOLDER)
        return 0
    given = {source: getattr(options, source.option) if source.option else Path() for source in SOURCES}
    folders = {source: folder for source, folder in given.items() if folder is not None}
    if not any(source.option for source in folders):
        parser.error("name the folder of at least one source")
    if options.output is None and not options.check:
        parser.error("give --output DIR, or --check")
    if options.check and options.output and options.output.resolve() == PACKAGED_FOLDER.resolve():
        parser.error("--check compares with the files in the package; give another folder to --output")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.output or Path(scratch) / "packaged"
        build(folder, folders, Path(scratch) / "home")
        differing = list_differing(folder) if options.check else []
    for name in differing:
        print(f"{name} differs from the one in the package")  # noqa: T201 - this is a command
    return 1 if differing else 0


def build(folder: Path, folders: Mapping[Source, Path], home: Path, plan: Plan = PLAN) -> None:
    """Train on the digits of some folders, and write the four files.

    Args:
        folder: where the files are written.
        folders: the folder of each source.
        home: an empty home for the digits.
        plan: how to train.
    """
    settings = read_settings(home, "benchmark")
    ingest_sources(settings, folders)
    model, training = train_packaged_model(settings, tuple(folders), plan)
    folder.mkdir(parents=True, exist_ok=True)
    write_model(folder, model)
    (folder / WEIGHTS).chmod(0o644)  # safetensors lets only its owner read it
    write_training(folder, training)
    save_card(folder)


def save_card(folder: Path) -> None:
    """Write the card of the model in a folder."""
    (folder / CARD).write_text(write_card(read_packaged_model(folder)), "utf-8")


def list_differing(folder: Path, packaged: Path = PACKAGED_FOLDER) -> list[str]:
    """Return the names of the files whose bytes differ from those in the package."""
    return [name for name in FILES if (folder / name).read_bytes() != (packaged / name).read_bytes()]


if __name__ == "__main__":
    sys.exit(main())
