"""The demonstration: the three jobs, one after the other, on digits that ship inside scikit-learn."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from rich.console import Console

from lenet_pipeline import jobs
from lenet_pipeline.cli.commands.forms import print_evaluation
from lenet_pipeline.cli.commands.ingest import print_ingested, print_ingested_forms
from lenet_pipeline.cli.commands.score import print_report as print_scoring
from lenet_pipeline.cli.commands.train import print_report as print_training
from lenet_pipeline.cli.output import Format, console, print_rows
from lenet_pipeline.cli.progress import TerminalObserver
from lenet_pipeline.cli.running import run_job
from lenet_pipeline.forms import SEVERITIES, draw_demo_form, read_template
from lenet_pipeline.registry import find_champion
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import run_audit

TRAINING, TEST, FORMS = "optdigits/train", "optdigits/test", "notes/all"
_FORM_PAGES, _SURE = 12, 0.9


def run_demo(settings: Settings) -> None:
    """Ingest, train, score and ask, in the settings' home; skip what an earlier run did."""
    from flows.prefect_server import start_prefect_server  # loads Prefect

    console.print(f"Everything goes into {settings.home}\n", soft_wrap=True, highlight=False, markup=False)
    with Console(stderr=True).status("Starting a temporary Prefect server"):
        start_prefect_server(settings.home)
    _announce(1, "ingest", "1,797 handwritten digits that ship inside scikit-learn, into Parquet")
    print_ingested(run_job(jobs.ingest, settings, jobs.IngestJob("optdigits"), as_flow=True))
    _announce(2, "train", "LeNet-5 as published in 1998, registered in MLflow, through the gate")
    champion = find_champion(settings.registry)
    if champion:
        console.print(f"skipped: {champion.reference} is champion already")
    else:
        training = jobs.TrainingJob((TRAINING,), (TEST,))
        print_training(run_job(jobs.retrain, settings, training, as_flow=True))
    _announce(3, "score", "every test digit, with its confidence, into DuckDB")
    print_scoring(run_job(jobs.score, settings, jobs.ScoringJob(TEST), as_flow=True))
    _announce(4, "audit", "what an auditor asks first")
    summary = run_audit(settings.warehouse, "summary", {})
    print_rows(summary, Format.TABLE)
    _announce(5, "forms", "delivery notes, filled, scanned and read cell by cell")
    _read_forms(settings)
    _suggest(settings)


def _read_forms(settings: Settings) -> None:
    """Fill and scan pages of a form, read them back, and draw one of them with its readings."""
    folder = settings.home / "forms"
    folder.mkdir(exist_ok=True)
    form = draw_demo_form(folder)
    template = read_template(form.template)
    truth = folder / "scans" / jobs.TRUTH_FILE
    if not truth.exists():
        filling = jobs.FillingJob(template, TEST, _FORM_PAGES, 0, SEVERITIES["medium"], truth.parent)
        jobs.fill_forms(settings, filling, TerminalObserver())
    forms = jobs.FormIngestJob(truth.parent, (form.template,), FORMS)
    print_ingested_forms(run_job(jobs.ingest_forms, settings, forms, as_flow=True))
    print_scoring(run_job(jobs.score, settings, jobs.ScoringJob(FORMS), as_flow=True))
    print_evaluation(jobs.evaluate_forms(settings, FORMS, truth, _SURE))
    scan = sorted(truth.parent.glob(f"{template.form}-*"))[0]
    picture = settings.plots / "form.png"
    drawing = jobs.DrawingJob(template, scan, model="champion")
    jobs.save_picture(jobs.draw_form(settings, drawing), picture)
    console.print(f"  a page with its readings: {picture}", soft_wrap=True, highlight=False, markup=False)


def _announce(number: int, verb: str, what: str) -> None:
    console.print(f"\n[bold]{number}. {verb}[/]: {what}", highlight=False)


def _suggest(settings: Settings) -> None:
    lenet = "lenet" if shutil.which("lenet") else _short(Path(sys.executable).with_name("lenet"))
    home = f" --home {_short(settings.home)}"
    console.print("[bold]Try next[/]")
    for suggestion, what in (
        (f"{lenet} audit confusion{home}", "which digits it took for which"),
        (f"{lenet} audit fields_to_look_at{home}", "what a person should check on the forms, and why"),
        (f"{lenet} models{home}", "versions, promotions and why"),
        (f'{lenet} sql "from predictions limit 3"{home}', "your own question"),
    ):
        console.print(f"  {suggestion}", highlight=False, soft_wrap=True, markup=False)
        console.print(f"      {what}", style="dim", highlight=False)


def _short(path: Path) -> str:
    """Write a path as it can be typed here: relative where it lies below this folder."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
