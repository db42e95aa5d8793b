"""The command line, from its own tree of commands."""

import re
from collections.abc import Iterator
from typing import Any

import typer
from markdown import code, table

from ductile.cli.command_groups import COMMAND_GROUPS, load_group
from ductile.cli.core.exit_code import ExitCode
from ductile.cli.core.options import (
    COMMON_OPTIONS,
    CONFIG_OPTIONS,
    DRY_RUN_OPTIONS,
    GATEWAY_OPTIONS,
    WAIT_OPTIONS,
    option_flags,
)

SHARED = (
    (COMMON_OPTIONS, "all"),
    (GATEWAY_OPTIONS, "call the gateway"),
    (CONFIG_OPTIONS, "read a configuration"),
    (DRY_RUN_OPTIONS, "change something"),
    (WAIT_OPTIONS, "can wait"),
)
MEANS: dict[ExitCode, str] = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "it failed: the job, the check, the call",
    ExitCode.USAGE: "the command line makes no sense",
    ExitCode.NOT_FOUND: "there is no such plugin, command, pipeline, job, setting or path",
    ExitCode.AUTH: "no valid token, or one without the scope",
    ExitCode.TIMED_OUT: "`--wait --timeout` is over; the work goes on",
    ExitCode.UNREACHABLE: "no gateway answers at that address",
    ExitCode.CONFIGURATION: "the configuration is missing or invalid",
    ExitCode.INTERRUPTED: "Ctrl-C",
}


def commands() -> str:
    """Every command with its arguments and its own options."""
    parts = ["### Options that commands share\n", table(("option", "on commands that", "meaning"), list(shared()))]
    for noun, about in COMMAND_GROUPS.items():
        parts.append(f"### ductile {noun}\n\n{about.help}\n")
        found = load_group(noun)
        for name, one in getattr(found, "commands", {None: found}).items():
            parts.append(command(" ".join(["ductile", noun, *([name] if name else [])]), one))
    return "\n".join(parts)


def shared() -> Iterator[tuple[str, str, str]]:
    """The options that are declared once."""
    for options, where in SHARED:
        for kind in options.values():
            declared = kind.__metadata__[0]
            flags = sorted(option_flags(kind), key=len, reverse=True)
            metavar = f" {declared.metavar}" if declared.metavar else ""
            yield ", ".join(code(flag + metavar) for flag in flags), where, declared.help


def command(path: str, one: Any) -> str:
    """One command."""
    context = typer.Context(one, info_name=path)
    usage = " ".join([path, *(piece for piece in one.collect_usage_pieces(context) if piece != "[OPTIONS]")])
    rows = []
    for parameter in one.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and not is_shared(parameter) and "--help" not in parameter.opts:
            rows.append((code(re.sub(r" <.*>$", "", record[0])), record[1]))
    own = table(("argument or option", "meaning"), rows) if rows else ""
    takes = [f"`{flag}`" for flag in ("--dry-run", "--wait") if any(flag in given.opts for given in one.params)]
    also = [f"Takes {' and '.join(takes)}.\n"] if takes else []
    said = [f"{text.strip()}\n" for text in (one.help, one.epilog) if text]
    return "\n".join([f"#### `{usage}`\n", *said, *([own] if own else []), *also])


def is_shared(parameter: Any) -> bool:
    """Whether it is one of the options that are declared once."""
    declared = [kind.__metadata__[0] for options, _ in SHARED for kind in options.values()]
    return any(parameter.help == one.help for one in declared if getattr(parameter, "help", None))


def exit_codes() -> str:
    """What each exit code says."""
    return table(("code", "meaning"), [(code(int(one)), MEANS[one]) for one in ExitCode])
