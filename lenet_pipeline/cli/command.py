"""What every command shares: its home, its actor, one clear line for an error, and an exit code."""

from __future__ import annotations

import functools
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
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
        help="Folder of everything this pipeline owns (default: LENET_HOME, or your user data folder)",
        rich_help_panel="Common options",
    ),
]
ActorOption = Annotated[
    str | None,
    typer.Option(
        "--actor",
        help="Your name for the audit trail (default: LENET_ACTOR, or your user name)",
        rich_help_panel="Common options",
    ),
]
DebugOption = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an error", rich_help_panel="Common options")
]

Function = Callable[..., None]


@dataclass(frozen=True)
class CommonOptions:
    """The options that every command takes, before its name or after it."""

    home: Path | None = None
    actor: str | None = None
    debug: bool = False

    def or_else(self, before: CommonOptions) -> CommonOptions:
        """Return these options, each completed by the one that was given before the command."""
        return CommonOptions(self.home or before.home, self.actor or before.actor, self.debug or before.debug)


_before_the_command: ContextVar[CommonOptions] = ContextVar("before_the_command")


def keep_for_the_command(options: CommonOptions) -> None:
    """Keep options that were given before the command, as in ``lenet --home X datasets``."""
    _before_the_command.set(options)


def command(function: Function) -> Function:
    """Give a command ``--home``, ``--actor`` and ``--debug``, and its function ``settings`` made from them.

    An error becomes one line on standard error and an exit code; ``--debug`` shows its traceback.
    """
    return _with_common_options(function)


def command_in(default_home: Path) -> Callable[[Function], Function]:
    """Do what ``command`` does, for a command whose home is ``default_home`` unless the user names one."""
    return functools.partial(_with_common_options, default_home=default_home)


def service(function: Function) -> Function:
    """Do what ``command`` does, for a command that runs until it is stopped: Prefect's lines are its log."""
    return _with_common_options(function, is_quiet=False)


def _with_common_options(
    function: Function, default_home: Path | None = None, is_quiet: bool = True
) -> Function:
    @functools.wraps(function)
    def run(*, home: Path | None, actor: str | None, debug: bool, **values: Any) -> None:
        options = CommonOptions(home, actor, debug).or_else(_before_the_command.get(CommonOptions()))
        context = values.get("context")
        if context is not None and context.invoked_subcommand:  # `lenet models --home X show 3`
            _refuse_own_options(context)
            keep_for_the_command(options)
            return
        # Prefect's log lines tell nothing to a person who runs one command; its server keeps them all.
        if is_quiet:
            level = "DEBUG" if options.debug else "CRITICAL"
            os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", level)
        try:
            function(settings=_settings(options, default_home), **values)
        except KeyboardInterrupt:
            say("interrupted; finished work is kept; run the same command again to resume")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except BrokenPipeError:  # the reader of our rows has seen enough, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit from None
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as exc:  # noqa: BLE001 - no traceback reaches a user unless --debug asks
            if options.debug:
                traceback.print_exc()
            say(_one_line(exc))
            _let_go(exc)
            raise typer.Exit(exc.exit_code if isinstance(exc, PipelineError) else 1) from None

    run.__signature__ = inspect.Signature(_parameters(function))  # type: ignore[attr-defined]
    run.__annotations__ = {name: item.annotation for name, item in inspect.signature(run).parameters.items()}
    return run


def _settings(options: CommonOptions, default_home: Path | None) -> object:
    from lenet_pipeline.settings import read_settings  # loads pydantic, which --help does not need

    home = options.home
    if home is None and not os.environ.get("LENET_HOME"):
        home = default_home
    return read_settings(home, options.actor)


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


def _refuse_own_options(context: typer.Context) -> None:
    """Refuse ``lenet models --format json show 3``: the option would have no effect there."""
    for name in context.params:
        source = context.get_parameter_source(name)
        is_common = name in ("home", "actor", "debug")
        if not is_common and source is not None and source.name == "COMMANDLINE":
            option = name.removeprefix("output_")
            raise typer.BadParameter(f"write --{option} after {context.invoked_subcommand}, not before it")


def say(message: str) -> None:
    """Print an error as one line on standard error."""
    Console(stderr=True, soft_wrap=True).print(f"[bold red]error:[/] {escape(message)}", highlight=False)


def _let_go(error: BaseException | None) -> None:
    """Clear the local variables of the calls that an error went through.

    Prefect keeps the error until the process ends. DuckDB would then report the connection that one of
    these calls holds as leaked, in forty lines.
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
