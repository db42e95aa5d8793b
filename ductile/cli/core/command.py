"""Makes commands of functions: each takes an `Output`, and gets the options that all commands share.

    app = noun("List the plugins, and run a command of one.")

    @command(app, "list", gateway=True)
    def list_(out: Output) -> None:
        "List the plugins that can run."
        out.print_rows({"NAME": "name", "COMMANDS": "commands"}, out.call_gateway(lambda client: client.plugins()))

    @command(app, gateway=True, changes=True, waits=True)
    def cancel(out: Output, job_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
        "Cancel a job or a run."
        out.print_fields(out.call_gateway(lambda client: client.cancel(job_id, dry_run=out.dry_run)))

Every command has --format, --json, --output, --quiet and --verbose. What it does adds the others: `gateway` --url,
--token and --config-dir; `config` --config-dir alone; `changes` --dry-run; `waits` --wait and --timeout. Their values
are read from `out` (see output.py). Groups of commands are listed in command_groups.py; several modules may share one.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import typer

from ductile.cli.core import options
from ductile.cli.core.output import Output
from ductile.cli.core.plain_values import PlainCommand


def new_group(help_: str) -> typer.Typer:
    """An app for the commands of a noun, or for one module's share of them."""
    return typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=help_)


def command(
    app: typer.Typer,
    name: str | None = None,
    *,
    gateway: bool = False,
    config: bool = False,
    changes: bool = False,
    waits: bool = False,
    **settings: Any,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make the function, whose first parameter is an `Output`, a command of the app.

    `settings` are those of `typer.Typer.command`.
    """
    shared: Mapping[str, Any] = {
        **(options.DRY_RUN_OPTIONS if changes else {}),
        **(options.WAIT_OPTIONS if waits else {}),
        **(options.GATEWAY_OPTIONS if gateway else {}),
        **(options.CONFIG_OPTIONS if gateway or config else {}),
        **options.COMMON_OPTIONS,
    }

    def register(function: Callable[..., None]) -> Callable[..., None]:
        app.command(name, cls=PlainCommand, **settings)(add_shared_options(function, shared))
        return function

    return register


def add_shared_options(function: Callable[..., None], shared: Mapping[str, Any]) -> Callable[..., None]:
    """The function with the shared options beside its own parameters; the options become its `Output`."""

    @wraps(function)
    def run(**values: Any) -> None:
        with Output(**{name: values.pop(name) for name in shared}) as out:
            function(out, **values)

    return set_parameters(run, own_parameters(function)[1:], shared)


def own_parameters(function: Callable[..., None]) -> list[inspect.Parameter]:
    """The parameters that the function declares."""
    return list(inspect.signature(function, eval_str=True).parameters.values())


def set_parameters(
    function: Callable[..., None], own: Sequence[inspect.Parameter], options: Mapping[str, Any]
) -> Callable[..., None]:
    """Declare the parameters from which Typer builds a command: the function's own, then a keyword for each option."""
    keywords = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default_value(kind), annotation=kind)
        for name, kind in options.items()
    ]
    function.__signature__ = inspect.Signature([*own, *keywords])  # type: ignore[attr-defined]  # inspect.signature() reads it
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *keywords)}
    return function


def default_value(kind: Any) -> bool | None:
    """The value of an option that is absent: False for a flag, else None."""
    return False if kind.__origin__ is bool else None
