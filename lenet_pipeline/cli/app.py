"""The ``lenet`` command."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer
from typer.core import TyperGroup

from lenet_pipeline.cli.command import (
    ActorOption,
    CommonOptions,
    DebugOption,
    HomeOption,
    keep_for_the_command,
)
from lenet_pipeline.cli.commands.architectures import architectures_app, list_architectures
from lenet_pipeline.cli.commands.demo import demo_command
from lenet_pipeline.cli.commands.forms import forms_app
from lenet_pipeline.cli.commands.inbox import inbox_app, list_inboxes_command
from lenet_pipeline.cli.commands.ingest import ingest_app, list_datasets_command
from lenet_pipeline.cli.commands.models import list_models, models_app
from lenet_pipeline.cli.commands.night import night_command
from lenet_pipeline.cli.commands.policy import list_policies, policy_app
from lenet_pipeline.cli.commands.questions import (
    audit_command,
    check_command,
    export_command,
    snapshot_command,
    sql_command,
    verify_command,
)
from lenet_pipeline.cli.commands.report import report_command
from lenet_pipeline.cli.commands.reproduce import reproduce_command
from lenet_pipeline.cli.commands.review import review_app
from lenet_pipeline.cli.commands.runs import list_runs
from lenet_pipeline.cli.commands.schedule import schedule_app, show_schedule
from lenet_pipeline.cli.commands.score import score_command, serve_command
from lenet_pipeline.cli.commands.train import train_command
from lenet_pipeline.cli.commands.up import up_command

_ORDER = (
    *("demo", "ingest", "train", "reproduce", "score", "review", "inbox", "schedule", "night"),
    *("up", "serve"),
    *("datasets", "forms", "architectures", "models", "policy", "runs"),
    *("audit", "report", "check", "verify", "export", "snapshot", "sql"),
)


class _OrderedGroup(TyperGroup):
    """Lists commands in the order of use; Typer lists groups last."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return sorted(super().list_commands(ctx), key=_ORDER.index)


app = typer.Typer(
    name="lenet",
    cls=_OrderedGroup,
    epilog="Start with `lenet demo`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

JOBS, CONTENTS, AUDIT = "Jobs", "Contents", "Audit"


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"lenet-pipeline {version('lenet-pipeline')}")
        raise typer.Exit


@app.callback()
def main_options(
    is_asked: Annotated[  # noqa: ARG001 - its callback prints the version
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit"),
    ] = False,
    home: HomeOption = None,
    actor: ActorOption = None,
    debug: DebugOption = False,
) -> None:
    """Read digits from scans with LeNet-5 and query every prediction with SQL."""
    keep_for_the_command(CommonOptions(home, actor, debug))


app.command("demo", rich_help_panel=JOBS, epilog="Example: lenet demo --home ./lenet-demo")(demo_command)
app.add_typer(ingest_app, name="ingest", rich_help_panel=JOBS)
app.command(
    "train", rich_help_panel=JOBS, epilog="Example: lenet train mnist/train --test mnist/test --epochs 5"
)(train_command)
app.command("reproduce", rich_help_panel=JOBS, epilog="Example: lenet reproduce lenet5+paper --quick")(
    reproduce_command
)
app.command("score", rich_help_panel=JOBS, epilog="Example: lenet score mnist/test --model digits/3")(
    score_command
)
app.add_typer(review_app, name="review", rich_help_panel=JOBS)
schedule_app.callback(invoke_without_command=True)(show_schedule)
app.add_typer(schedule_app, name="schedule", rich_help_panel=JOBS, epilog="Example: lenet schedule")
app.command("night", rich_help_panel=JOBS, epilog="Example: lenet night --dry-run --as-of 2026-11-29")(
    night_command
)
inbox_app.callback(invoke_without_command=True)(list_inboxes_command)
app.add_typer(inbox_app, name="inbox", rich_help_panel=JOBS, epilog="Example: lenet inbox")
app.command("up", rich_help_panel=JOBS, epilog="Example: lenet up --home /srv/digits")(up_command)
app.command(
    "serve", rich_help_panel=JOBS, epilog="Example: PREFECT_API_URL=http://127.0.0.1:4200/api lenet serve"
)(serve_command)
app.command("runs", rich_help_panel=CONTENTS, epilog="Example: lenet runs --format json")(list_runs)
app.command("datasets", rich_help_panel=CONTENTS, epilog="Example: lenet datasets --format json")(
    list_datasets_command
)
architectures_app.callback(invoke_without_command=True)(list_architectures)
app.add_typer(
    architectures_app,
    name="architectures",
    rich_help_panel=CONTENTS,
    epilog="Example: lenet architectures show lenet5",
)
app.add_typer(forms_app, name="forms", rich_help_panel=CONTENTS)
models_app.callback(invoke_without_command=True)(list_models)
app.add_typer(
    models_app, name="models", rich_help_panel=CONTENTS, epilog="Example: lenet models --format json"
)
policy_app.callback(invoke_without_command=True)(list_policies)
app.add_typer(policy_app, name="policy", rich_help_panel=CONTENTS, epilog="Example: lenet policy")
app.command("audit", rich_help_panel=AUDIT, epilog="Example: lenet audit low_confidence --param below=0.8")(
    audit_command
)
app.command("report", rich_help_panel=AUDIT, epilog="Example: lenet report latest -o march.html")(
    report_command
)
app.command("check", rich_help_panel=AUDIT, epilog="Example: lenet check")(check_command)
app.command("export", rich_help_panel=AUDIT, epilog="Example: lenet export ./audit-2026-11")(export_command)
app.command("snapshot", rich_help_panel=AUDIT, epilog="Example: lenet snapshot")(snapshot_command)
app.command("verify", rich_help_panel=AUDIT, epilog="Example: lenet verify latest --sample 10000")(
    verify_command
)
app.command("sql", rich_help_panel=AUDIT, epilog='Example: lenet sql "select count(*) from predictions"')(
    sql_command
)
