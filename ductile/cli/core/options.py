"""The options that commands share, each declared once."""

from collections.abc import Mapping
from copy import copy
from typing import Annotated, Any

import typer

CONFIG_HELP = "The configuration folder or its config.yaml. Else $DUCTILE_CONFIG_DIR, ~/.config/ductile, /etc/ductile."

COMMON_OPTIONS: Mapping[str, Any] = {
    "format_": Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="table|list|json|yaml",
            help="How data is printed. Else a table on a terminal, and JSON where a program reads.",
        ),
    ],
    "json": Annotated[bool, typer.Option("--json", help="The same as --format json, and errors are JSON too.")],
    "output": Annotated[
        str | None,
        typer.Option("--output", metavar="FILE", help="Write the data to a file: whole, or on an error not at all."),
    ],
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but data and errors.")],
    "verbose": Annotated[bool, typer.Option("--verbose", help="Say on stderr what is done, such as each HTTP call.")],
}
GATEWAY_OPTIONS: Mapping[str, Any] = {
    "url": Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="The gateway: http://host:port or unix:/path. Else $DUCTILE_URL, else api.listen.",
        ),
    ],
    "token": Annotated[
        str | None,
        typer.Option(
            "--token",
            metavar="TOKEN",
            help="A bearer token. Else $DUCTILE_TOKEN, else the configuration's first `*` token.",
        ),
    ],
}
CONFIG_OPTIONS: Mapping[str, Any] = {
    "config": Annotated[str | None, typer.Option("--config-dir", "--config", metavar="PATH", help=CONFIG_HELP)],
}
DRY_RUN_OPTIONS: Mapping[str, Any] = {
    "dry_run": Annotated[bool, typer.Option("--dry-run", help="Change nothing; print what would be done.")],
}
WAIT_OPTIONS: Mapping[str, Any] = {
    "wait": Annotated[bool, typer.Option("--wait", help="Wait until it is done.")],
    "timeout": Annotated[
        str | None,
        typer.Option(
            "--timeout", metavar="DURATION", help="With --wait: at most so long, such as 30s; then exits with 6."
        ),
    ],
}
Payload = Annotated[
    str | None,
    typer.Option(
        "--payload", metavar="JSON|@FILE|-", help="A JSON object, @file with one, or - to read it from stdin."
    ),
]
PAYLOAD_OPTIONS: Mapping[str, Any] = {"payload": Payload}
RunAt = Annotated[
    str | None,
    typer.Option(
        "--run-at", metavar="TIME", help="Start then: 10m (from now), 2030-01-31T09:00:00Z. It is queued until then."
    ),
]
DedupeKey = Annotated[
    str | None,
    typer.Option("--dedupe-key", metavar="KEY", help="An open or succeeded job with this key stands for the new one."),
]
Priority = Annotated[
    int | None,
    typer.Option("--priority", metavar="N", min=-100, max=100, help="-100 to 100: what is higher starts first."),
]
SUBMIT_OPTIONS: Mapping[str, Any] = {"run_at": RunAt, "dedupe_key": DedupeKey, "priority": Priority}
"""When and how a job or run is started; `read_submit_options` reads their values."""
RESULT_OPTIONS: Mapping[str, Any] = {
    "no_wait": Annotated[
        bool, typer.Option("--no-wait", help="Only queue the job and print its id, instead of waiting for the result.")
    ],
    "timeout": Annotated[
        str | None,
        typer.Option("--timeout", metavar="DURATION", help="Wait at most so long, such as 30s; then exits with 6."),
    ],
}
PLUGIN_COMMAND_OPTIONS: Mapping[str, Any] = {
    **PAYLOAD_OPTIONS,
    **SUBMIT_OPTIONS,
    **RESULT_OPTIONS,
    **DRY_RUN_OPTIONS,
    **COMMON_OPTIONS,
}
"""The options of `ductile PLUGIN COMMAND` beside the fields of its payload."""
GATEWAY_CHOICE_OPTIONS: Mapping[str, Any] = {**GATEWAY_OPTIONS, **CONFIG_OPTIONS}
"""Options that stand only before PLUGIN: a field's name must not change which gateway is asked for the fields."""
LEADING_OPTIONS: Mapping[str, Any] = {**PLUGIN_COMMAND_OPTIONS, **GATEWAY_CHOICE_OPTIONS}
"""Options that may stand before PLUGIN."""


def read_submit_options(run_at: str | None, dedupe_key: str | None, priority: int | None) -> dict[str, Any]:
    """The options of a submission that the command line set. Raises BadTime."""
    from ductile.cli.core.time_format import read_time  # only where a time is given

    at = None if run_at is None else read_time(run_at, "--run-at", ahead=True)
    given = {"run_at": at, "dedupe_key": dedupe_key, "priority": priority}
    return {name: value for name, value in given.items() if value is not None}


def hide_option(kind: Any) -> Any:
    """The option, left out of the help."""
    declared = copy(kind.__metadata__[0])
    declared.hidden = True
    return Annotated[kind.__origin__, declared]


def option_flags(kind: Any) -> frozenset[str]:
    """The flags of an option as it is declared."""
    declared = kind.__metadata__[0]
    return frozenset(one for one in (declared.default, *(declared.param_decls or ())) if isinstance(one, str))
