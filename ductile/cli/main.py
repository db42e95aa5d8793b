"""The `ductile` command."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
import typer.exceptions

from ductile import __version__
from ductile.cli import config, job, plugin, system
from ductile.cli.codes import Exit, UsageError
from ductile.cli.output import fail, show
from ductile.errors import DuctileError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: rich takes longer to import than the rest
    pretty_exceptions_enable=False,
    help="Ductile turns any executable into a dependable service.",
    epilog="Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 not authorized, 7 unreachable, 78 configuration.",
)
app.add_typer(system.app, name="system")
app.add_typer(config.app, name="config")
app.add_typer(plugin.app, name="plugin")
app.add_typer(job.app, name="job")


def _version(wanted: bool) -> None:  # noqa: FBT001 - how Typer calls it
    if wanted:
        show([f"ductile {__version__}"])
        raise typer.Exit


@app.callback()
def ductile(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Ductile turns any executable into a dependable service."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    command = typer.main.get_command(app)
    try:
        code = command.main(args=given, prog_name="ductile", standalone_mode=False)
    except typer.exceptions.TyperException as error:
        return _usage(error, as_json=as_json)
    except (typer.Abort, KeyboardInterrupt):
        return Exit.FAILED
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # the reader went: Python must not flush into nothing
        return Exit.FAILED
    except DuctileError as error:
        from ductile.cli.exits import exit_of  # noqa: PLC0415 - imports the client, which --help does not need

        fail(error, as_json=as_json)
        return exit_of(error)
    return code if isinstance(code, int) else Exit.OK


def _usage(error: typer.exceptions.TyperException, *, as_json: bool) -> int:
    """A command line that makes no sense; without arguments at all, the help."""
    show_itself = getattr(error, "show", None)
    if as_json or show_itself is None:
        fail(UsageError(reason=error.format_message().rstrip(".")), as_json=as_json)
    else:
        show_itself()
    return Exit.USAGE


if __name__ == "__main__":
    sys.exit(main())
