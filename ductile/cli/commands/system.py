"""`ductile system`: start, look at, reload, pause and stop a gateway."""

import os
from typing import Annotated, Any

import typer

from ductile.cli.core.command import command, new_group
from ductile.cli.core.errors import UsageError
from ductile.cli.core.exit_code import ExitCode
from ductile.cli.core.output import Output

app = new_group("Start, look at, reload, pause and stop a gateway.")


Listen = Annotated[
    list[str] | None,
    typer.Option(
        "--listen", metavar="ADDRESS", help="In place of api.listen: host:port or unix:/path. May be repeated."
    ),
]
UNIX_SCHEME = "unix:"
LISTEN_VARIABLE = "DUCTILE_API__LISTEN"
"""The variable that carries --listen into the settings, also over reloads."""


@command(app, config=True)
def start(out: Output, *, listen: Listen = None) -> None:
    """Run the gateway in the foreground until it is stopped (SIGTERM, Ctrl-C, `ductile system stop`)."""
    if listen:
        os.environ[LISTEN_VARIABLE] = listen_setting(listen)
    from ductile.cli.core.gateway.fast_import import import_gateway  # the whole gateway, which no other command needs
    from ductile.config.gc_tuning import gc_paused

    with gc_paused():  # until everything has started
        run = import_gateway()
        from ductile.cli.core.config_report import compile_or_raise
        from ductile.config.location import find_config

        location = find_config(out.config, os.environ)
        if out.requested_format == "json":
            compile_or_raise(location, os.environ)  # its error is JSON, where the gateway writes lines
        code = run(location)
    raise typer.Exit(code)


def listen_setting(addresses: list[str]) -> str:
    """The addresses in the form of that variable. Raises UsageError."""
    import json  # only this option needs it

    from ductile.config.address_checks import read_address

    found = []
    for one in addresses:
        path = one.removeprefix(UNIX_SCHEME)
        try:
            found.append(read_address(f"{UNIX_SCHEME}{os.path.abspath(path)}" if path and path != one else one))  # noqa: PTH100
        except ValueError as error:
            raise UsageError(reason=f"--listen {error}") from None
    return json.dumps(found)


@command(app, gateway=True, waits=True)
def status(out: Output) -> None:
    """Show how the gateway is. Exits with 1 if its store cannot commit; --wait waits until it is there and does."""
    if out.wait:
        from ductile.cli.core.gateway.process import wait_until_ready  # what waits needs an event loop

        health = out.call_gateway(lambda client: wait_until_ready(client, out.timeout), loop=True)
    else:
        health = out.call_gateway(lambda client: client.health())
    out.print_fields(health)
    if health.get("queue_depth") is None:
        raise typer.Exit(ExitCode.FAILED)


@command(app, gateway=True, changes=True)
def reload(
    out: Output,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Also where it leaves no token with `*`, or not the one of this call.")
    ] = False,
) -> None:
    """Put the edited configuration into force. Exits with 78 if it is refused; the old one then serves on."""
    report = out.call_gateway(lambda client: client.reload(dry_run=out.dry_run, force=force))
    out.print_fields({name: value for name, value in report.items() if name != "warnings" or value}, document=report)


@command(app, gateway=True, changes=True)
def pause(out: Output) -> None:
    """Start no more jobs, over a restart too, until `ductile system resume`; new ones are still taken in."""
    out.print_fields(out.call_gateway(lambda client: client.pause(dry_run=out.dry_run)))


@command(app, gateway=True, changes=True)
def resume(out: Output) -> None:
    """Start jobs again after a pause."""
    out.print_fields(out.call_gateway(lambda client: client.resume(dry_run=out.dry_run)))


@command(app, gateway=True, changes=True, waits=True)
def stop(out: Output) -> None:
    """Stop the gateway gracefully: running attempts may end first, for `service.drain_timeout`."""
    if out.wait and not out.dry_run:
        from ductile.cli.core.gateway.process import stop_and_wait  # imports the client

        url = out.find_target().url
        out.print_fields(out.call_gateway(lambda client: stop_and_wait(client, url, out.timeout), loop=True))
    else:
        out.print_fields(out.call_gateway(lambda client: client.stop(dry_run=out.dry_run)))


@command(app, gateway=True)
def skills(
    out: Output,
    *,
    markdown: Annotated[bool, typer.Option("--markdown", help="As the page that agents read.")] = False,
) -> None:
    """List what the gateway can do: each plugin command and pipeline, with how to call it."""
    if markdown:
        if out.requested_format is not None:
            raise UsageError(reason=f"--markdown and --format {out.requested_format} exclude each other")
        out.print_text(out.call_gateway(lambda client: client.skills_markdown()))
        return
    found: list[dict[str, Any]] = out.call_gateway(lambda client: client.skills())
    columns = {"NAME": "name", "TIER": "tier", "ENDPOINT": "endpoint", "DESCRIPTION": "description"}
    out.print_rows(columns, found, document={"skills": found})
