"""The demonstration: the three jobs, one after the other, on digits that ship inside scikit-learn."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from flows.commands.forms import print_evaluation
from flows.commands.ingest import print_ingested, print_ingested_forms
from flows.commands.score import print_report as print_scoring
from flows.commands.train import print_report as print_training
from flows.filled_forms import TRUTH_FILE, fill_forms
from flows.form_evaluation import evaluate_forms
from flows.form_pictures import draw_form, save_picture
from flows.ingest import ingest
from flows.ingest_forms import ingest_forms
from flows.models import open_registry
from flows.output import Format, console, print_rows
from flows.prefect_server import start_prefect_server
from flows.retrain import retrain
from flows.score import score
from lenet_pipeline.forms.filling.demo_form import draw_demo_form
from lenet_pipeline.forms.filling.scanning import SEVERITIES
from lenet_pipeline.forms.templates.template_file import read_template
from lenet_pipeline.registry import find_champion
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import run_audit

TRAINING, TEST, FORMS = "optdigits/train", "optdigits/test", "notes/all"
_FORM_PAGES, _SURE = 12, 0.9


def run_demo(settings: Settings) -> None:
    """Ingest, train, score and ask, in the settings' home; skip what an earlier run did."""
    home, actor = settings.home, settings.actor
    console.print(f"Everything goes into {home}\n", soft_wrap=True, highlight=False, markup=False)
    start_prefect_server(home)
    _announce(1, "ingest", "1,797 handwritten digits that ship inside scikit-learn, into Parquet")
    print_ingested(ingest("optdigits", home=home, actor=actor))
    _announce(2, "train", "LeNet-5 as published in 1998, registered in MLflow, through the gate")
    champion = find_champion(open_registry(settings))
    if champion:
        console.print(f"skipped: {champion.reference} is champion already")
    else:
        print_training(retrain([TRAINING], [TEST], home=home, actor=actor))
    _announce(3, "score", "every test digit, with its confidence, into DuckDB")
    print_scoring(score(TEST, home=home, actor=actor))
    _announce(4, "audit", "what an auditor asks first")
    summary = run_audit(settings.database, settings.database_wait_s, "summary", {})
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
    truth = folder / "scans" / TRUTH_FILE
    if not truth.exists():
        fill_forms(template, TEST, _FORM_PAGES, 0, SEVERITIES["medium"], truth.parent, settings)
    print_ingested_forms(
        ingest_forms(truth.parent, [form.template], FORMS, home=settings.home, actor=settings.actor)
    )
    print_scoring(score(FORMS, home=settings.home, actor=settings.actor))
    print_evaluation(evaluate_forms(FORMS, truth, _SURE, settings))
    scan = sorted(truth.parent.glob(f"{template.form}-*"))[0]
    picture = settings.plots / "form.png"
    save_picture(draw_form(template, scan, 1, "champion", settings), picture)
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
