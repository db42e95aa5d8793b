"""Commands: a function of an `Out` becomes one, with the options that all commands share.

    app = noun("List the plugins, and run a command of one.")

    @command(app, "list", gateway=True)
    def list_(out: Out) -> None:
        "List the plugins that can run."
        out.rows({"NAME": "name", "COMMANDS": "commands"}, out.ask(lambda client: client.plugins()))

    @command(app, gateway=True, changes=True, waits=True)
    def cancel(out: Out, job_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
        "Cancel a job or a run."
        out.fields(out.ask(lambda client: client.cancel(job_id, dry_run=out.dry_run)))

Every command has --format, --json, --output, --quiet and --verbose. What it does adds the others: `gateway` --url,
--token and --config-dir; `config` --config-dir alone; `changes` --dry-run; `waits` --wait and --timeout. Their values
are read from `out` (see output.py). A noun is registered in nouns.py, where several modules may share one.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import typer

from ductile.cli import options
from ductile.cli.output import Out
from ductile.cli.plain_values import Command


def noun(help_: str) -> typer.Typer:
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
    """Make the function a command of the app; it takes an `Out` first. Settings are as `typer.Typer.command` has."""
    shared: Mapping[str, Any] = {
        **(options.CHANGES if changes else {}),
        **(options.WAITS if waits else {}),
        **(options.GATEWAY if gateway else {}),
        **(options.CONFIG if gateway or config else {}),
        **options.EVERY,
    }

    def registered(function: Callable[..., None]) -> Callable[..., None]:
        app.command(name, cls=Command, **settings)(with_options(function, shared))
        return function

    return registered


def with_options(function: Callable[..., None], shared: Mapping[str, Any]) -> Callable[..., None]:
    """The function of its own parameters and of the shared options, which make its `Out`."""

    @wraps(function)
    def run(**given: Any) -> None:
        with Out(**{name: given.pop(name) for name in shared}) as out:
            function(out, **given)

    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default_of(kind), annotation=kind)
        for name, kind in shared.items()
    ]
    run.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]  # what inspect.signature() asks
    run.__annotations__ = {one.name: one.annotation for one in (*own, *added)}
    return run


def default_of(kind: Any) -> bool | None:
    """A flag is off and an option is not given."""
    return False if kind.__origin__ is bool else None
