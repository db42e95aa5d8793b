"""Changes a configuration: plans, compiles and writes the edit, and prints the difference."""

import os
from collections.abc import Callable
from typing import Any

from ductile import parts
from ductile.cli.core.config_layers import read_layers
from ductile.cli.core.output import Output
from ductile.config.edit import Edit, review
from ductile.config.edit_diff import edit_diff
from ductile.config.location import find_config
from ductile.config.setting_path import format_path

UNCHANGED_MESSAGE = "`{}` is so already; nothing was written."
EditPlan = Callable[..., Edit]
"""Takes the configuration's path, the environment and `sections`."""


def apply_edit(out: Output, plan: EditPlan, *, reload: bool) -> None:
    """Carry out a planned edit, unless --dry-run says not to. Raises what planning, compiling and writing raise."""
    location = find_config(out.config, os.environ)
    edit = plan(location, os.environ, sections=parts.SECTIONS)
    reviewed = review(edit, location, os.environ, surfaces=parts.SURFACES, sections=parts.SECTIONS)
    reviewed.approve()
    diff = edit_diff(edit, read_layers(location))
    for problem in reviewed.added:
        out.tell(str(problem))
    if reviewed.after.errors:
        count = len(reviewed.after.errors)
        older = "1 error is" if count == 1 else f"{count} errors are"
        out.tell(f"The configuration has errors besides: {older} older than this change. See: ductile config check")
    if diff and not out.dry_run:
        edit.write()
    document: dict[str, Any] = {
        "path": format_path(edit.path),
        "file": str(edit.file),
        "line": edit.line,
        "changed": bool(diff),
        "dry_run": out.dry_run,
        "diff": diff,
    }
    if reload:
        document["reload"] = reload_gateway(out)
    elif diff and not out.dry_run:
        out.tell(f"{edit.file} is written; `ductile system reload` puts it into force.")
    if not diff:
        out.tell(UNCHANGED_MESSAGE.format(format_path(edit.path)))
    out.print_lines(diff, document=document)


def tell_unchanged(out: Output, setting: str) -> None:
    """Say that the setting has the value already."""
    out.tell(UNCHANGED_MESSAGE.format(setting))
    out.print_lines([], document={"path": setting, "changed": False, "dry_run": out.dry_run, "diff": []})


def reload_gateway(out: Output) -> Any:
    """The gateway's answer to a reload; None in a dry run, which asks for none."""
    if out.dry_run:
        return None
    answer = out.call_gateway(lambda client: client.reload())
    out.tell(f"{answer.get('message', 'Reloaded.')} Generation {answer.get('generation')}.")
    return answer
