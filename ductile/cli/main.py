"""The `ductile` command."""

import errno
import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

import typer
import typer.exceptions

from ductile import __version__
from ductile.cli.core.errors import OutputFailed, SystemRefused, UsageError
from ductile.cli.core.exit_code import ExitCode
from ductile.cli.core.output import print_error
from ductile.cli.root_command import RootGroup, add_leading_options
from ductile.errors import DuctileError

app = typer.Typer(
    cls=RootGroup,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},  # every command inherits them
    rich_markup_mode=None,  # plain help: rich takes longer to import than the rest
    pretty_exceptions_enable=False,
    help="Ductile turns any executable into a dependable service.",
    epilog="`ductile PLUGIN COMMAND --field value` runs a command of a plugin; `ductile PLUGIN --help` lists them. "
    "A plugin with the name of a command above runs by `ductile plugin run`.\n\n"
    "Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 not authorized, 6 waited too long, 7 unreachable, "
    "78 configuration, 130 interrupted.",
)
DISK_FULL_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors of a write that finds no space."""


def _version(is_requested: bool) -> None:  # noqa: FBT001 - how Typer calls it
    if is_requested:
        sys.stdout.write(f"ductile {__version__}\n")
        raise typer.Exit


@app.callback()
@add_leading_options
def ductile(
    *,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Ductile turns any executable into a dependable service."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if "_DUCTILE_COMPLETE" in os.environ:
        from ductile.cli.core import shell_completion  # only a shell that completes needs it

        return shell_completion.answer_shell(lambda: run_command(words))
    as_json = wants_json(words)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what the terminal's encoding lacks is escaped, not an error
            stream.reconfigure(errors="backslashreplace")
    try:
        code = run_command(words)
        flush_stdout()
    except typer.exceptions.TyperException as error:
        return _print_usage_error(error, as_json=as_json)
    except (typer.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        discard_stdout()
        return ExitCode.FAILED
    except DuctileError as error:
        from ductile.cli.core.error_exit_codes import exit_code_of  # imports the client, which --help does not need

        print_error(error, as_json=as_json)
        return exit_code_of(error)
    return code


def run_command(words: list[str]) -> int:
    """Run the command; its own exit code. Raises what the command raises."""
    command = typer.main.get_command(app)
    try:
        code: Any = command.main(args=words, prog_name="ductile", standalone_mode=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno in DISK_FULL_ERRORS and error.filename is None:
            discard_stdout()
            raise OutputFailed(path="stdout", reason=error.strerror) from None
        what = f"to open or read {error.filename}" if error.filename else "a call"
        raise SystemRefused(what=what, reason=error.strerror or str(error)) from error
    return code if isinstance(code, int) else ExitCode.OK


def flush_stdout() -> None:
    """Write out the buffer of stdout while a full disk can still be reported. Raises OutputFailed."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_stdout()
        raise OutputFailed(path="stdout", reason=error.strerror) from None


def discard_stdout() -> None:
    """Point stdout at /dev/null: its reader is gone or the disk is full, and Python would fail to flush at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def wants_json(words: Sequence[str]) -> bool:
    """Whether the command line asks for JSON; errors in the command line are then JSON, too."""
    options = [*(words[: words.index("--")] if "--" in words else words), ""]
    pairs = pairwise(options)
    return any(one in ("--json", "--format=json") or (one, two) == ("--format", "json") for one, two in pairs)


def _print_usage_error(error: typer.exceptions.TyperException, *, as_json: bool) -> int:
    """Print what is wrong with the command line; without any arguments, the help."""
    show_itself = getattr(error, "show", None)
    if as_json or show_itself is None:
        print_error(UsageError(reason=error.format_message().rstrip(".?")), as_json=as_json)
    else:
        show_itself()
    return ExitCode.USAGE


if __name__ == "__main__":
    sys.exit(main())
