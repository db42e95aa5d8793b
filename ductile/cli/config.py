"""`ductile config`: look at a configuration without a gateway."""

import os

import typer

from ductile.cli.codes import Exit
from ductile.cli.command import command, noun
from ductile.cli.output import Out

app = noun("Look at a configuration without a gateway.")


@command(app, config=True)
def check(out: Out) -> None:
    """Say all that is wrong in a configuration, with file and line. Exits with 78 if a gateway would refuse it."""
    from ductile.cli.report import report  # noqa: PLC0415 - the whole compiler, which --help does not need
    from ductile.config.load import find_config  # noqa: PLC0415 - as above

    found = report(find_config(out.config, os.environ), os.environ)
    lines = found.pop("lines")
    last = summary(found["errors"], found["warnings"], found["plugins"], found["pipelines"])
    out.lines([*lines, last], document=found)
    if found["errors"]:
        raise typer.Exit(Exit.CONFIGURATION)


def summary(errors: int, warnings: int, plugins: list[str] | None, pipelines: list[str] | None) -> str:
    """The last line: how it stands."""
    told = f"{count(errors, 'error')}, {count(warnings, 'warning')}"
    if plugins is None or pipelines is None:
        return told
    return f"{told}; {count(len(plugins), 'plugin')} and {count(len(pipelines), 'pipeline')} are ready to run"


def count(number: int, noun: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
