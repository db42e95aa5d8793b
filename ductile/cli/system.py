"""`ductile system`: start, look at, reload and stop a gateway."""

import os

import typer

from ductile.cli.ask import ask
from ductile.cli.codes import Exit
from ductile.cli.options import Config, Json, Token, Url
from ductile.cli.output import show_answer, tell_json

app = typer.Typer(no_args_is_help=True, help="Start, look at, reload and stop a gateway.")


@app.command()
def start(*, config: Config = None, json: Json = False) -> None:
    """Run the gateway in the foreground until it is stopped (SIGTERM, Ctrl-C, `ductile system stop`)."""
    from ductile.app import run  # noqa: PLC0415 - the whole gateway, which no other command needs
    from ductile.cli.report import report  # noqa: PLC0415 - as above
    from ductile.config.load import find_config  # noqa: PLC0415 - as above

    location = find_config(config, os.environ)
    if json:
        found = report(location, os.environ)
        if found["errors"]:
            tell_json(found)
            raise typer.Exit(Exit.CONFIGURATION)
    raise typer.Exit(run(location))


@app.command()
def status(*, url: Url = None, token: Token = None, config: Config = None, json: Json = False) -> None:
    """Show how the gateway is. Exits with 1 if its store cannot commit, so that it takes no work."""
    health = ask(lambda client: client.health(), url, token, config)
    show_answer(health, as_json=json)
    if health.get("queue_depth") is None:
        raise typer.Exit(Exit.FAILED)


@app.command()
def reload(*, url: Url = None, token: Token = None, config: Config = None, json: Json = False) -> None:
    """Put the edited configuration into force. Exits with 78 if it is invalid; the old one then serves on."""
    show_answer(ask(lambda client: client.reload(), url, token, config), as_json=json)


@app.command()
def stop(*, url: Url = None, token: Token = None, config: Config = None, json: Json = False) -> None:
    """Stop the gateway gracefully: running attempts may end first, for `service.drain_timeout`."""
    show_answer(ask(lambda client: client.stop(), url, token, config), as_json=json)
