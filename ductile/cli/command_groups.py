"""The groups of commands: a sentence about each, and the modules that hold its commands.

A module is imported when its group is used, so that `ductile --help` does not grow slower with every command. Each has
an `app` made by `ductile.cli.core.command.new_group`; the commands of several modules are listed in order.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import typer
import typer.main

from ductile.cli.core.plain_values import PlainGroup


class CommandGroup(NamedTuple):
    """The group's sentence in `ductile --help`, and its modules in `ductile.cli.commands`."""

    help: str
    modules: tuple[str, ...]


COMMAND_GROUPS: Mapping[str, CommandGroup] = {
    "system": CommandGroup("Start, look at, reload, pause and stop a gateway.", ("system",)),
    "config": CommandGroup(
        "Check, look at and change a configuration.",
        ("config", "config_edit", "config_diff", "config_schema", "config_init", "config_doctor"),
    ),
    "plugin": CommandGroup(
        "List the plugins, run a command of one, and make your own.",
        ("plugin", "plugin_enable", "plugin_dev", "plugin_wrap"),
    ),
    "pipeline": CommandGroup("Look at pipelines, run them, and try them on paper.", ("pipeline",)),
    "job": CommandGroup("Look at what was run, cancel it, run it again.", ("job", "job_control", "job_logs")),
    "queue": CommandGroup("See how much waits, and empty the queue.", ("queue",)),
    "api": CommandGroup("Call the gateway's HTTP API as it is.", ("api",)),
    "completion": CommandGroup("Print the script that makes a shell complete `ductile`.", ("completion",)),
}


def load_group(name: str) -> Any:
    """The group with all its commands; where its only command has the group's name, that command."""
    definition = COMMAND_GROUPS[name]
    app = typer.Typer(
        cls=PlainGroup,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        help=definition.help,
        suggest_commands=True,
    )
    for module in definition.modules:
        app.registered_commands += import_module(f"ductile.cli.commands.{module}").app.registered_commands
    if [registered_command.name for registered_command in app.registered_commands] == [name]:
        return typer.main.get_command(app)
    app.callback()(lambda: None)  # Typer makes the only command of an app the app itself
    group = typer.main.get_group(app)
    group.name = name
    return group
