"""What every command shares: its home, its actor, one clear line for an error, and an exit code."""

from __future__ import annotations

import functools
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from lenet_pipeline.errors import PipelineError

EXIT_INTERRUPTED = 130  # what a shell expects of a command that Ctrl-C ended

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        envvar="LENET_HOME",
        help="Folder of everything this pipeline owns (default: your user data folder)",
        rich_help_panel="Common options",
    ),
]
ActorOption = Annotated[
    str | None,
    typer.Option(
        "--actor",
        envvar="LENET_ACTOR",
        help="Who does this, for the audit trail (default: your user name)",
        rich_help_panel="Common options",
    ),
]
DebugOption = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an error", rich_help_panel="Common options")
]


Function = Callable[..., None]


def command(function: Function) -> Function:
    """Give a command ``--home``, ``--actor`` and ``--debug``, and its function ``settings`` made from them.

    An error becomes one line on standard error and an exit code; ``--debug`` shows its traceback.
    """
    return _with_common_options(function)


def command_in(default_home: Path) -> Callable[[Function], Function]:
    """Do what ``command`` does for one whose home, where nobody names one, is ``default_home``."""
    return functools.partial(_with_common_options, default_home=default_home)


def service(function: Function) -> Function:
    """Do what ``command`` does for one that runs until it is stopped: Prefect's lines are its log."""
    return _with_common_options(function, is_quiet=False)


def _with_common_options(
    function: Function, default_home: Path | None = None, is_quiet: bool = True
) -> Function:
    @functools.wraps(function)
    def run(*, home: Path | None, actor: str | None, debug: bool, **values: Any) -> None:
        # Prefect's own lines say nothing to whoever runs one command; its server keeps them all.
        if is_quiet:
            os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "DEBUG" if debug else "CRITICAL")
        try:
            from lenet_pipeline.settings import read_settings  # loads pydantic, which --help can do without

            function(settings=read_settings(home or default_home, actor), **values)
        except KeyboardInterrupt:
            say("interrupted; what is finished is kept; run the same command again")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except BrokenPipeError:  # whoever read our rows has seen enough, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit from None
        except (typer.Exit, typer.BadParameter):
            raise
        except Exception as exc:  # noqa: BLE001 - no traceback reaches a user unless --debug asks
            if debug:
                traceback.print_exc()
            say(_one_line(exc))
            _let_go(exc)
            raise typer.Exit(exc.exit_code if isinstance(exc, PipelineError) else 1) from None

    run.__signature__ = inspect.Signature(_parameters(function))  # type: ignore[attr-defined]
    run.__annotations__ = {name: item.annotation for name, item in inspect.signature(run).parameters.items()}
    return run


def _parameters(function: Function) -> list[inspect.Parameter]:
    """Return a command's own parameters, without ``settings``, and those that all commands share."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    own = inspect.signature(function, eval_str=True, locals={"Settings": object}).parameters
    return [
        *(parameter.replace(kind=keyword) for name, parameter in own.items() if name != "settings"),
        inspect.Parameter("home", keyword, default=None, annotation=HomeOption),
        inspect.Parameter("actor", keyword, default=None, annotation=ActorOption),
        inspect.Parameter("debug", keyword, default=False, annotation=DebugOption),
    ]


def refuse_options_before_the_verb(context: typer.Context) -> None:
    """Refuse ``lenet models --home X promote``: the verb would act on another home than X."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(f"write --{name} after {context.invoked_subcommand}, not before it")


def say(message: str) -> None:
    """Say in one line on standard error what went wrong."""
    Console(stderr=True, soft_wrap=True).print(f"[bold red]error:[/] {escape(message)}", highlight=False)


def _let_go(error: BaseException | None) -> None:
    """Clear what the calls that an error went through hold.

    Prefect keeps the error until the process ends, and DuckDB then reports as leaked, in forty lines, the
    connection that one of those calls had.
    """
    while error:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _one_line(error: Exception) -> str:
    if isinstance(error, PipelineError):
        return str(error)
    if isinstance(error, OSError):
        from lenet_pipeline.system import describe_os_error

        return f"{error.filename or 'the system'}: {describe_os_error(error)}"
    first = (str(error).strip().splitlines() or [""])[0]
    if first.startswith("Failed to reach API"):
        return f"{first.rstrip('.')}: no Prefect server answers there; start it, or unset PREFECT_API_URL"
    return f"unexpected {type(error).__name__}: {first}; run again with --debug to see where"
