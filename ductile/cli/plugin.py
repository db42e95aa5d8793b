"""`ductile plugin`: what can be run, and running it."""

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from ductile.cli.ask import ask
from ductile.cli.codes import Exit, UsageError
from ductile.cli.options import Config, Json, Token, Url
from ductile.cli.output import show_answer, show_json, show_table, tell
from ductile.model.job import UNSUCCESSFUL

app = typer.Typer(no_args_is_help=True, help="List the plugins, and run a command of one.")

Payload = Annotated[
    str, typer.Option(metavar="JSON|@FILE|-", help="A JSON object, @file with one, or - to read it from stdin.")
]
Wait = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="Wait so long for the result, such as 30s. Else only queue the job."),
]


@app.command("list")
def list_(*, url: Url = None, token: Token = None, config: Config = None, json: Json = False) -> None:
    """List the plugins that can run, and their commands."""
    plugins = ask(lambda client: client.plugins(), url, token, config)
    if json:
        show_json({"plugins": plugins})
    else:
        rows = [(one["name"], one["version"], ", ".join(one["commands"]), one["description"]) for one in plugins]
        show_table(("NAME", "VERSION", "COMMANDS", "DESCRIPTION"), rows)


@app.command()
def run(
    plugin: Annotated[str, typer.Argument(metavar="PLUGIN")],
    command: Annotated[str, typer.Argument(metavar="COMMAND")],
    *,
    payload: Payload = "{}",
    wait: Wait = None,
    url: Url = None,
    token: Token = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Run a plugin command as a job. With --wait, exits with 1 if the job fails."""
    body, seconds = read_payload(payload), read_wait(wait)
    job = ask(lambda client: client.trigger(plugin, command, body, wait=seconds), url, token, config)
    show_answer(job, as_json=json)
    status = job.get("status")
    if status in UNSUCCESSFUL:
        raise typer.Exit(Exit.FAILED)
    if seconds is not None and status != "succeeded":
        tell(f"The job has not ended within {wait}; see: ductile job inspect {job.get('job_id')}")


def read_payload(text: str) -> dict[str, Any]:
    """The payload: given as JSON, as `@file`, or as `-` on stdin. Raises UsageError."""
    try:
        raw = sys.stdin.buffer.read() if text == "-" else Path(text[1:]).read_bytes() if text[:1] == "@" else text
        value = orjson.loads(raw)
    except OSError as error:
        raise UsageError(reason=f"--payload {text} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(reason=f"--payload is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UsageError(reason='--payload must be a JSON object, such as \'{"name": "Ada"}\'')
    return value


def read_wait(text: str | None) -> float | None:
    """Seconds. Raises UsageError."""
    from ductile.document.units import duration  # noqa: PLC0415 - --help needs none

    try:
        return None if text is None else duration(text) / 1000
    except ValueError as error:
        raise UsageError(reason=f"--wait {text}: {error}") from None
