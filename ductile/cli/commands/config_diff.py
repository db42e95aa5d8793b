"""`ductile config diff`: what a reload would change."""

import os
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ductile.cli.core.command import command, new_group
from ductile.cli.core.exit_code import ExitCode
from ductile.cli.core.output import Output

app = new_group("Compare configurations.")


@command(app, gateway=True)
def diff(
    out: Output,
    other: Annotated[
        str | None, typer.Argument(metavar="[PATH]", help="Another configuration: its folder or its config.yaml.")
    ] = None,
    *,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 if there is a difference.")] = False,
) -> None:
    """Show what a reload would change: the running gateway against the files on disk, or the files against others.

    Exits with 78 if the files are invalid. Secrets are not shown, only that they differ.
    """
    comparison = compare_with_files(out, other) if other is not None else compare_with_gateway(out)
    columns = {"SETTING": "path", "NOW": "now", "THEN": "then"}
    if out.for_people:
        for part in comparison["changes"]:
            out.tell(f"{part} changes")
        for key in comparison["restart_required"]:
            out.tell(f"{key} cannot change without a restart: a reload would be refused")
        if not comparison["changed"]:
            out.tell("There is no difference.")
    out.print_rows(columns, comparison["values"], document=comparison)
    if exit_code and comparison["changed"]:
        raise typer.Exit(ExitCode.FAILED)


def compare_with_files(out: Output, other: str) -> dict[str, Any]:
    """The difference between the files of two configurations."""
    from ductile.cli.core.config_layers import read_layers
    from ductile.cli.core.config_report import compile_or_raise  # the whole compiler, which --help does not need
    from ductile.config.diff import compare_snapshots
    from ductile.config.location import find_config
    from ductile.config.reload import changed_sections, fixed_keys_changed

    here, there = find_config(out.config, os.environ), find_config(other, os.environ)
    now, then = compile_or_raise(here, os.environ), compile_or_raise(there, os.environ)
    values = compare_snapshots(read_layers(here), read_layers(there))
    # Their paths are absolute, so that every copy has others.
    moved = {"state": "state.path", "plugin_roots": "plugin_roots", **{key: key for key in now.sections}}
    parts = [
        part
        for part in changed_sections(now, then)
        if part not in moved or any(row["path"].startswith(moved[part]) for row in values)
    ]
    return {
        "changed": bool(parts or values),
        "changes": parts,
        "restart_required": [key for key in fixed_keys_changed(now, then) if any(key in row["path"] for row in values)],
        "values": values,
    }


def compare_with_gateway(out: Output) -> dict[str, Any]:
    """The difference between the serving configuration and the files, as the gateway itself reads them."""
    from ductile.cli.core.config_report import compile_or_raise
    from ductile.client import Client, Refused
    from ductile.config.diff import differences
    from ductile.config.location import find_config
    from ductile.describe.config_view import config_view

    then = config_view(compile_or_raise(find_config(out.config, os.environ), os.environ))

    async def read_view_and_reload(client: Client) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        view = await client.config_view()
        try:
            return view, await client.reload(dry_run=True)
        except Refused as refused:
            if refused.envelope.get("error") != "restart_required":
                raise
            return view, {"changed": True, "keys": refused.envelope.get("details", {}).get("keys", [])}

    view, answer = out.call_gateway(read_view_and_reload)
    return {
        "changed": answer["changed"],
        "changes": answer.get("changes", []),
        "restart_required": answer.get("keys", []),
        "values": differences(view, then),
    }
