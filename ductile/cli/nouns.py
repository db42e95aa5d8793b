"""The nouns of the command line: what each is about, and the modules that hold its commands.

A module is imported when its noun is used, so that `ductile --help` does not grow slower with every command. Each has
an `app` made by `ductile.cli.command.noun`; of several, the commands are listed in order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

import typer
import typer.main
from typer.core import TyperGroup


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun's sentence in `ductile --help`, and its modules below `ductile.cli`."""

    help: str
    modules: tuple[str, ...]


NOUNS: Mapping[str, Noun] = {
    "system": Noun("Start, look at, reload, pause and stop a gateway.", ("system",)),
    "config": Noun("Look at a configuration without a gateway.", ("config",)),
    "plugin": Noun("List the plugins, and run a command of one.", ("plugin",)),
    "job": Noun("Look at what was run.", ("job",)),
}


def load(name: str) -> TyperGroup:
    """The noun with all its commands."""
    known = NOUNS[name]
    whole = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=known.help, suggest_commands=True)
    for module in known.modules:
        whole.registered_commands += import_module(f"ductile.cli.{module}").app.registered_commands
    whole.callback()(lambda: None)  # Typer makes the only command of an app the app itself
    group = typer.main.get_group(whole)
    group.name = name
    return group
