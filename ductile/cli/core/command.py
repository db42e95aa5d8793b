"""Commands: a function of an `Output` becomes one, with the options that all commands share.

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
are read from `out` (see output.py). A noun is registered in nouns.py, where several modules may share one.
"""

import inspect
from collections.abc import Callable, Mapping
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
    """Make the function a command of the app; it takes an `Output` first. Settings are as `typer.Typer.command` has."""
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
    """The function of its own parameters and of the shared options, which make its `Output`."""

    @wraps(function)
    def run(**given: Any) -> None:
        with Output(**{name: given.pop(name) for name in shared}) as out:
            function(out, **given)

    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default_value(kind), annotation=kind)
        for name, kind in shared.items()
    ]
    run.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]  # what inspect.signature() asks
    run.__annotations__ = {one.name: one.annotation for one in (*own, *added)}
    return run


def default_value(kind: Any) -> bool | None:
    """A flag is off and an option is not given."""
    return False if kind.__origin__ is bool else None
