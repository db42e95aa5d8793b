"""`ductile plugin wrap`: a program that is there already becomes a plugin."""

from pathlib import Path
from typing import Annotated

import typer

from ductile.cli.core.command import command, new_group
from ductile.cli.core.output import Output

app = new_group("Make a plugin of a program.")


@command(app, changes=True)
def wrap(
    out: Output,
    program: Annotated[
        str, typer.Argument(metavar="PROGRAM", help="A path, or a name on the PATH.", show_default=False)
    ],
    args: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- ARG...]", help="Its arguments; `{payload.host}` stands for a value.", show_default=False
        ),
    ] = None,
    *,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The plugin's name; else that of the program.")
    ] = None,
    directory: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where its folder is made, such as a plugin root.")
    ] = Path(),
    verb: Annotated[str, typer.Option("--command", metavar="COMMAND", help="What its command is called.")] = "run",
    kind: Annotated[
        str, typer.Option("--type", metavar="read|write", help="Whether it changes the world outside.")
    ] = "write",
    nagios: Annotated[
        bool, typer.Option("--nagios", help="Its exit codes 1, 2, 3 are warning, critical, unknown.")
    ] = False,
) -> None:
    """Make a plugin of a program: its stdout is the result, its exit code the verdict, its arguments the payload's.

    The program stays where it is; the plugin's `run.sh` runs it. `manifest.yaml` says the rest, in a few lines.
    """
    from ductile.kit.plugin_folder import check_new_folder, check_plugin_name, make_folder
    from ductile.kit.program_wrapper import Wrapping, find_program, plugin_name_of, wrapper_files

    program_path = find_program(program)
    plugin = name or plugin_name_of(program_path)
    check_plugin_name(plugin)
    wrapping = Wrapping(name=plugin, args=tuple(args or ()), command=verb, type=kind, nagios=nagios)
    files = wrapper_files(program_path, wrapping)
    folder = check_new_folder(plugin, directory) if out.dry_run else make_folder(plugin, directory, files)
    out.print_fields({"plugin": plugin, "folder": str(folder), "files": list(files), "program": str(program_path)})
    if not out.dry_run:
        out.tell(f"Run it: ductile plugin run {folder if folder.is_absolute() else f'./{folder}'} {verb}")
