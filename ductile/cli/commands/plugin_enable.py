"""`ductile plugin enable` and `disable`: whether a plugin runs, as its configuration says."""

import os
from functools import partial
from typing import Annotated

import typer

from ductile.cli.core.command import command, new_group
from ductile.cli.core.output import Output

app = new_group("Turn plugins on and off.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The plugin, or the instance of one.")]
Reload = Annotated[bool, typer.Option("--reload", help="Put the configuration into force at once.")]


@command(app, gateway=True, changes=True)
def enable(out: Output, name: Name, *, reload: Reload = False) -> None:
    """Let a plugin run again: `plugins.NAME.enabled: true` in the configuration."""
    set_enabled(out, name, on=True, reload=reload)


@command(app, gateway=True, changes=True)
def disable(out: Output, name: Name, *, reload: Reload = False) -> None:
    """Turn a plugin off: its queued jobs are held until it is enabled again, and what runs may end."""
    set_enabled(out, name, on=False, reload=reload)


def set_enabled(out: Output, name: str, *, on: bool, reload: bool) -> None:
    """Set `enabled` of a plugin that is found or configured. Raises NoSuchPlugin."""
    from ductile.cli.core.apply_edit import apply_edit, tell_unchanged  # the whole compiler, which --help does not need
    from ductile.config.edit import plan_set
    from ductile.config.setting_path import format_path
    from ductile.document.yaml_write import NewValue

    setting = format_path(("plugins", name, "enabled"))
    if is_enabled(out, name) == on:
        tell_unchanged(out, setting)
        return
    apply_edit(out, partial(plan_set, setting=setting, new=NewValue(on)), reload=reload)


def is_enabled(out: Output, name: str) -> bool:
    """Whether the configuration lets the plugin run.

    Raises NoSuchPlugin where none is found below the roots and no instance configured under the name, or
    ConfigurationBroken where a file cannot be read.
    """
    from ductile.cli.core.config_layers import read_layers
    from ductile.cli.core.config_problems import raise_if_any, unreadable_file_errors
    from ductile.config.errors import NoSuchPlugin
    from ductile.config.location import find_config
    from ductile.config.validation import validate
    from ductile.document.problem import did_you_mean
    from ductile.plugin.bundled import root_folders
    from ductile.plugin.loader import load_plugins

    location = find_config(out.config, os.environ)
    layers = read_layers(location)
    configuration, _ = validate(layers)
    if name in configuration.plugins:
        return configuration.plugins[name].enabled
    roots = root_folders(configuration.plugin_roots)
    names = {one.name for one in load_plugins(roots, allow_symlinks=configuration.service.allow_symlinks).loaded}
    if name not in names:
        raise_if_any(location, unreadable_file_errors(layers.problems))
        raise NoSuchPlugin(name=name, hint=did_you_mean(name, {*configuration.plugins, *names}))
    return True
