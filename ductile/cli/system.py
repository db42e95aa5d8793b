"""`ductile system`: start, look at, reload and stop a gateway."""

import os
import sys

import typer

from ductile.cli import render
from ductile.cli.codes import Exit
from ductile.cli.command import command, noun
from ductile.cli.output import Out

app = noun("Start, look at, reload and stop a gateway.")


@command(app, config=True)
def start(out: Out) -> None:
    """Run the gateway in the foreground until it is stopped (SIGTERM, Ctrl-C, `ductile system stop`)."""
    from ductile.app import run  # noqa: PLC0415 - the whole gateway, which no other command needs
    from ductile.cli.report import report  # noqa: PLC0415 - as above
    from ductile.config.load import find_config  # noqa: PLC0415 - as above

    location = find_config(out.config, os.environ)
    if out.asked_format == "json":
        found = report(location, os.environ)
        if found["errors"]:
            sys.stderr.write(render.as_json(found) + "\n")
            raise typer.Exit(Exit.CONFIGURATION)
    raise typer.Exit(run(location))


@command(app, gateway=True)
def status(out: Out) -> None:
    """Show how the gateway is. Exits with 1 if its store cannot commit, so that it takes no work."""
    health = out.ask(lambda client: client.health())
    out.fields(health)
    if health.get("queue_depth") is None:
        raise typer.Exit(Exit.FAILED)


@command(app, gateway=True, changes=True)
def reload(out: Out) -> None:
    """Put the edited configuration into force. Exits with 78 if it is invalid; the old one then serves on."""
    out.fields(out.ask(lambda client: client.reload(dry_run=out.dry_run)))


@command(app, gateway=True, changes=True)
def stop(out: Out) -> None:
    """Stop the gateway gracefully: running attempts may end first, for `service.drain_timeout`."""
    out.fields(out.ask(lambda client: client.stop(dry_run=out.dry_run)))
