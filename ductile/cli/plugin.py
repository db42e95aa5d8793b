"""`ductile plugin`: what can be run, and running it."""

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from ductile.cli.codes import Exit, UsageError, WaitedTooLong
from ductile.cli.command import command, noun
from ductile.cli.output import Out
from ductile.model.job import UNSUCCESSFUL

app = noun("List the plugins, and run a command of one.")

Payload = Annotated[
    str, typer.Option(metavar="JSON|@FILE|-", help="A JSON object, @file with one, or - to read it from stdin.")
]
LONGEST_WAIT = 30.0
"""Seconds; a gateway waits as long as its `api.max_sync_timeout` allows."""


@command(app, "list", gateway=True)
def list_(out: Out) -> None:
    """List the plugins that can run, and their commands."""
    plugins = out.ask(lambda client: client.plugins())
    columns = {"NAME": "name", "VERSION": "version", "COMMANDS": "commands", "DESCRIPTION": "description"}
    out.rows(columns, plugins, document={"plugins": plugins})


@command(app, gateway=True, changes=True, waits=True)
def run(
    out: Out,
    plugin: Annotated[str, typer.Argument(metavar="PLUGIN")],
    name: Annotated[str, typer.Argument(metavar="COMMAND")],
    *,
    payload: Payload = "{}",
) -> None:
    """Run a plugin command as a job. With --wait, exits with 1 if the job fails, with 6 if it has not ended in time."""
    body = read_payload(payload)
    seconds = (LONGEST_WAIT if out.timeout is None else out.timeout) if out.wait else None
    job = out.ask(lambda client: client.trigger(plugin, name, body, wait=seconds, dry_run=out.dry_run))
    out.fields(job)
    if job.get("status") in UNSUCCESSFUL:
        raise typer.Exit(Exit.FAILED)
    if seconds is not None and not out.dry_run and job.get("status") != "succeeded":
        then = f"See: ductile job inspect {job.get('job_id')}"
        raise WaitedTooLong(what="The job has not ended", waited=f"{seconds:g} seconds", then=then)


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
