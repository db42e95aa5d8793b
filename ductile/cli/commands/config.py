"""`ductile config check`, `show` and `get`: look at a configuration without a gateway."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ductile.cli.core.command import command, new_group
from ductile.cli.core.completers import complete_settings
from ductile.cli.core.exit_code import ExitCode
from ductile.cli.core.output import Output
from ductile.cli.core.render import format_count

if TYPE_CHECKING:  # imports pydantic
    from ductile.config.masked_settings import MaskedSettings
    from ductile.config.settings import Setting

app = new_group("Check and look at a configuration.")


@command(app, config=True)
def check(out: Output) -> None:
    """Say all that is wrong in a configuration, with file and line. Exits with 78 if a gateway would refuse it."""
    from ductile.cli.core.config_report import check_config  # the whole compiler, which --help does not need
    from ductile.config.location import find_config

    found = check_config(find_config(out.config, os.environ), os.environ)
    lines = found.pop("lines")
    last_line = summary_line(found["errors"], found["warnings"], found["plugins"], found["pipelines"])
    out.print_lines([*lines, last_line], document=found)
    if found["errors"]:
        raise typer.Exit(ExitCode.CONFIGURATION)


@command(app, config=True)
def show(
    out: Output,
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATH]", help="Only this section, such as plugins.echo.", autocompletion=complete_settings
        ),
    ] = None,
    *,
    written: Annotated[bool, typer.Option("--written", help="Only what files and variables set.")] = False,
) -> None:
    """Show every setting in force, with where it comes from: file, line and column, a variable, or the default.

    Secrets are not shown.
    """
    masked, found = read_settings(out, path)
    settings = [setting for setting in found if setting.mark is not None or not written]
    rows = [setting_row(masked, setting) for setting in settings]
    out.print_rows({"SETTING": "path", "VALUE": "value", "FROM": "source"}, rows, document={"settings": rows})


@command(app, config=True)
def get(
    out: Output,
    path: Annotated[
        str,
        typer.Argument(metavar="PATH", help="Such as api.listen or plugins.echo.", autocompletion=complete_settings),
    ],
) -> None:
    """Print the value of one setting, or of a section with its defaults. Secrets are not printed."""
    from ductile.config.masked_settings import nest_settings, settings_tree
    from ductile.config.setting_path import format_path, parse_path

    masked, found = read_settings(out, path)
    at = parse_path(path, settings_tree(masked.settings))
    for setting in found:
        out.tell_detail(f"{format_path(setting.path)} is from {setting.source}")
        if masked.is_secret(setting):
            out.tell(f"{format_path(setting.path)} is a secret, so it is not shown; it is from {setting.source}")
    out.print_value(nest_settings([(setting.path, masked.value(setting)) for setting in found], len(at)))


def read_settings(out: Output, path: str | None) -> "tuple[MaskedSettings, list[Setting]]":
    """The settings at a path, or all. Raises NoSuchSetting, or ConfigurationBroken where a file cannot be read."""
    from ductile.cli.core.config_layers import read_layers  # the reader of YAML
    from ductile.cli.core.config_problems import raise_if_any, unreadable_file_errors  # the reader of YAML
    from ductile.config.location import find_config  # the reader of YAML
    from ductile.config.masked_settings import MaskedSettings, settings_tree
    from ductile.config.setting_location import no_such_setting
    from ductile.config.setting_path import parse_path

    location = find_config(out.config, os.environ)
    layers = read_layers(location)
    masked = MaskedSettings(layers)
    if any(problem.severity == "error" for problem in (*layers.problems, *masked.problems)):
        out.tell("The configuration has errors, so a gateway would not take it. See: ductile config check")
    for problem in unreadable_file_errors(layers.problems):
        out.tell(str(problem))
    if path is None:
        return masked, masked.settings
    tree = settings_tree(masked.settings)
    found = masked.below(parse_path(path, tree))
    if not found:
        raise_if_any(location, unreadable_file_errors(layers.problems))
        raise no_such_setting(path, tree)
    return masked, found


def setting_row(masked: "MaskedSettings", setting: "Setting") -> dict[str, Any]:
    """A setting as a row."""
    from ductile.config.setting_path import format_path

    mark = setting.mark
    in_file = mark is not None and mark.line > 0
    return {
        "path": format_path(setting.path),
        "value": masked.value(setting),
        "source": setting.source,
        "file": mark.file if mark and in_file else None,
        "line": mark.line if mark and in_file else None,
        "column": mark.column if mark and in_file else None,
    }


def summary_line(errors: int, warnings: int, plugins: list[str] | None, pipelines: list[str] | None) -> str:
    """The last line: the numbers of errors, warnings, plugins and pipelines."""
    counts = f"{format_count(errors, 'error')}, {format_count(warnings, 'warning')}"
    if plugins is None or pipelines is None:
        return counts
    ready = f"{format_count(len(plugins), 'plugin')} and {format_count(len(pipelines), 'pipeline')}"
    return f"{counts}; {ready} are ready to run"
