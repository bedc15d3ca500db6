"""Shared by all commands: the common options, one-line errors and exit codes."""

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

EXIT_INTERRUPTED = 130  # what shells expect after Ctrl-C

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Folder that holds all data (default: LENET_HOME or the user data folder)",
        rich_help_panel="Common options",
    ),
]
ActorOption = Annotated[
    str | None,
    typer.Option(
        "--actor",
        help="Name recorded in the audit trail (default: LENET_ACTOR or your user name)",
        rich_help_panel="Common options",
    ),
]
DebugOption = Annotated[
    bool, typer.Option("--debug", help="Show tracebacks on errors", rich_help_panel="Common options")
]

Function = Callable[..., None]


@dataclass(frozen=True)
class CommonOptions:
    """The options that every command accepts, before or after its name."""

    home: Path | None = None
    actor: str | None = None
    debug: bool = False

    def or_else(self, before: CommonOptions) -> CommonOptions:
        """Return these options; ``before``, given in front of the command, fills the gaps."""
        return CommonOptions(self.home or before.home, self.actor or before.actor, self.debug or before.debug)


_before_the_command: ContextVar[CommonOptions] = ContextVar("before_the_command")


def keep_for_the_command(options: CommonOptions) -> None:
    """Store the options in front of the command, as in ``lenet --home X datasets``."""
    _before_the_command.set(options)


def command(function: Function) -> Function:
    """Add ``--home``, ``--actor`` and ``--debug`` to a command; its function receives them as ``settings``.

    Errors become one line on standard error and an exit code. ``--debug`` shows the traceback.
    """
    return _with_common_options(function)


def command_in(default_home: Path) -> Callable[[Function], Function]:
    """Act as ``command``, but use ``default_home`` unless the user names a home."""
    return functools.partial(_with_common_options, default_home=default_home)


def service(function: Function) -> Function:
    """Act as ``command`` for a long-running command: Prefect's log lines stay visible."""
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
        # The Prefect server keeps all log lines; at a terminal they only distract.
        if is_quiet:
            level = "DEBUG" if options.debug else "CRITICAL"
            os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", level)
        try:
            function(settings=_settings(options, default_home), **values)
        except KeyboardInterrupt:
            print_error("interrupted; finished work is kept. Rerun the command to resume")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except BrokenPipeError:  # the reader closed the pipe, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit from None
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as exc:  # noqa: BLE001 - users see tracebacks only with --debug
            if options.debug:
                traceback.print_exc()
            print_error(_one_line(exc))
            _clear_frames(exc)
            raise typer.Exit(exc.exit_code if isinstance(exc, PipelineError) else 1) from None

    run.__doc__ = _unwrap(function)
    run.__signature__ = inspect.Signature(_parameters(function))  # type: ignore[attr-defined]
    run.__annotations__ = {name: item.annotation for name, item in inspect.signature(run).parameters.items()}
    return run


def _unwrap(function: Function) -> str:
    """Return a docstring with one line per paragraph, so that the help wraps at the terminal width."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _settings(options: CommonOptions, default_home: Path | None) -> object:
    from lenet_pipeline.settings import read_settings  # loads pydantic, which --help avoids

    home = options.home
    if home is None and not os.environ.get("LENET_HOME"):
        home = default_home
    return read_settings(home, options.actor)


def _parameters(function: Function) -> list[inspect.Parameter]:
    """Return a command's own parameters, except ``settings``, plus the common options."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    own = inspect.signature(function, eval_str=True, locals={"Settings": object}).parameters
    return [
        *(parameter.replace(kind=keyword) for name, parameter in own.items() if name != "settings"),
        inspect.Parameter("home", keyword, default=None, annotation=HomeOption),
        inspect.Parameter("actor", keyword, default=None, annotation=ActorOption),
        inspect.Parameter("debug", keyword, default=False, annotation=DebugOption),
    ]


def _refuse_own_options(context: typer.Context) -> None:
    """Reject ``lenet models --format json show 3``: the option would have no effect."""
    for name in context.params:
        source = context.get_parameter_source(name)
        is_common = name in ("home", "actor", "debug")
        if not is_common and source is not None and source.name == "COMMANDLINE":
            option = name.removeprefix("output_")
            raise typer.BadParameter(f"write --{option} after {context.invoked_subcommand}, not before it")


def print_error(message: str) -> None:
    """Print an error as one line on standard error."""
    Console(stderr=True, soft_wrap=True).print(f"[bold red]error:[/] {escape(message)}", highlight=False)


def _clear_frames(error: BaseException | None) -> None:
    """Clear the local variables in an error's traceback.

    Prefect keeps the error until the process ends. A DuckDB connection in one of these frames would
    then be reported as leaked, in forty lines.
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
        return f"{first.rstrip('.')}: no Prefect server responds there; start one or unset PREFECT_API_URL"
    return f"unexpected {type(error).__name__}: {first}; rerun with --debug for the traceback"
