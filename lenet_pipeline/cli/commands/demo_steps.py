"""The demo: all jobs in sequence, on digits bundled with scikit-learn."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from uuid import UUID

from rich.console import Console

from lenet_pipeline import jobs
from lenet_pipeline.audit import (
    PolicyTerms,
    adopt_packaged_model,
    counted,
    find_policy_in_force,
    propose_policy,
    set_policy,
)
from lenet_pipeline.cli.commands.form_accuracy import print_evaluation
from lenet_pipeline.cli.commands.ingest import print_ingested, print_ingested_forms
from lenet_pipeline.cli.commands.models import print_adoption
from lenet_pipeline.cli.commands.policy import print_policy
from lenet_pipeline.cli.commands.score import print_report as print_scoring
from lenet_pipeline.cli.commands.train import print_report as print_training
from lenet_pipeline.cli.output import Format, print_line, print_rows
from lenet_pipeline.cli.progress import TerminalObserver
from lenet_pipeline.cli.running import run_job
from lenet_pipeline.forms import SEVERITIES, draw_demo_form, read_template
from lenet_pipeline.registry import find_champion
from lenet_pipeline.scoring import FLOAT32
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import count_review_queues, run_audit

TRAINING, TEST, FORMS = "optdigits/train", "optdigits/test", "notes/all"
_FORM_PAGES, _SURE = 12, 0.9
_MAX_ERROR, _CERTAINTY = 0.02, 0.95  # 351 labelled digits cannot prove much more


def run_demo(settings: Settings) -> None:
    """Ingest, train, score and audit in a home, skipping finished steps."""
    from flows.prefect_server import start_prefect_server  # loads Prefect

    print_line(f"Writing everything to {settings.home}")
    with Console(stderr=True).status("Starting a temporary Prefect server"):
        start_prefect_server(settings.home)
    _announce(1, "ingest", "1,797 handwritten digits bundled with scikit-learn, to Parquet")
    print_ingested(run_job(jobs.ingest, settings, jobs.IngestJob("optdigits"), as_flow=True))
    _announce(2, "train", "LeNet-5 from 1998, registered in MLflow and promoted through the gate")
    champion = find_champion(settings.registry)
    if champion:
        print_line(f"skipped: {champion.reference} is already the champion")
    else:
        training = jobs.TrainingJob((TRAINING,), (TEST,))
        print_training(run_job(jobs.retrain, settings, training, as_flow=True))
    _announce(3, "score", "every test digit, with its confidence, to DuckDB")
    scored = run_job(jobs.score, settings, jobs.ScoringJob(TEST), as_flow=True)
    print_scoring(scored)
    _announce(4, "audit", "a summary of the predictions")
    print_rows(run_audit(settings.warehouse, "summary", {}), Format.TABLE)
    _announce(5, "policy", "accept what is sure, and leave the rest to a person")
    _accept_sure_digits(settings, scored.model)
    _announce(6, "forms", "delivery notes, scanned and read by the model in the package")
    _read_forms(settings)
    _suggest(settings, scored.scoring_run_id)


def _read_forms(settings: Settings) -> None:
    """Fill in and scan a form, read the pages with the packaged model, and draw one with its readings."""
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
    adoption = adopt_packaged_model(settings)
    print_adoption(adoption)
    reader = adoption.version.reference
    _accept_sure_digits(settings, reader)
    print_scoring(run_job(jobs.score, settings, jobs.ScoringJob(FORMS, reader), as_flow=True))
    print_evaluation(jobs.evaluate_forms(settings, FORMS, truth, _SURE))
    scan = sorted(truth.parent.glob(f"{template.form}-*"))[0]
    picture = settings.plots / "form.png"
    drawing = jobs.DrawingJob(template, scan, model=reader)
    jobs.save_picture(jobs.draw_form(settings, drawing), picture)
    print_line(f"  page with its readings: {_short_path(picture)}")


def _accept_sure_digits(settings: Settings, model: str) -> None:
    """Put a policy for a version in force, unless there is one."""
    in_force = find_policy_in_force(settings, model, FLOAT32)
    if in_force:
        print_line(f"skipped: policy {in_force['policy_number']} is already in force")
        return
    terms = PolicyTerms(_MAX_ERROR, certainty=_CERTAINTY, datasets=(TEST,), model=model)
    proposed = propose_policy(settings, terms)
    print_policy(set_policy(settings, proposed), proposed)


def _announce(number: int, step: str, summary: str) -> None:
    print_line(f": {summary}", lead=f"\n{number}. {step}")


def _suggest(settings: Settings, run: UUID) -> None:
    lenet = _lenet_command()
    waiting = sum(count_review_queues(settings.warehouse)["waiting"].to_pylist())
    if settings.home != Path(os.environ.get("LENET_HOME", "")).expanduser().absolute():
        lenet += f" --home {shlex.quote(_short_path(settings.home))}"
    print_line("", lead="\nTry next")
    for arguments, summary in (
        (f"audit confusion --param run={str(run)[:8]}", f"the digits that the model confuses in {TEST}"),
        ("audit review_queue", "what waits for a person, and why"),
        ("models", "the model versions and promotions"),
        ('sql "from predictions limit 3"', "your own query"),
    ):
        print_line(f"  {lenet} {arguments}")
        print_line(f"      {summary}", style="dim")
    print_line(
        " to confirm or correct them in a browser:", lead=f"\n{counted(waiting, 'value')} wait for a person;"
    )
    print_line(f"  {lenet} review invite NAME")
    print_line("      once: prints the token to sign in with", style="dim")
    print_line(f"  {lenet} review serve --open")
    print_line("      opens the verification pages", style="dim")


def _lenet_command() -> str:
    """Return the shortest command that runs this installation of ``lenet``."""
    installed = Path(sys.executable).with_name("lenet")
    found = shutil.which("lenet")
    if found and Path(found).absolute() == installed.absolute():
        return "lenet"
    if installed.exists():
        return shlex.quote(_short_path(installed))
    return f"{shlex.quote(_short_path(Path(sys.executable)))} -m lenet_pipeline.cli"


def _short_path(path: Path) -> str:
    """Return a path relative to the current folder, if it is below it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
