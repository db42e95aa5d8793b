"""`ductile plugin`: what can be run, and running it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ductile.cli import kit
from ductile.cli.codes import UsageError
from ductile.cli.command import command, noun
from ductile.cli.completing import Plugin, PluginCommand
from ductile.cli.fields import fields_of
from ductile.cli.options import DedupeKey, Payload, Priority, RunAt, submit_options
from ductile.cli.output import Out
from ductile.cli.payload import read_payload
from ductile.cli.waiting import Follow, run_job, show_job

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Client

app = noun("List the plugins, and run a command of one.")

Json = dict[str, Any]
FieldPairs = Annotated[
    list[str] | None,
    typer.Option(
        "--field", metavar="NAME=VALUE", help="A field of the payload whose name an option has. May be repeated."
    ),
]

UNTOLD = "a token with the scope `*` is told why"
"""What stands for a reason that the gateway keeps from other callers."""


@command(app, "list", gateway=True)
def list_(out: Out) -> None:
    """List the plugins with their commands, and those that cannot run with the reason."""

    async def work(client: "Client") -> tuple[list[Json], Json]:
        return await client.plugins(), await client.health()

    plugins, health = out.ask(work)
    columns = {"NAME": "name", "VERSION": "version", "STATE": "state", "COMMANDS": "commands", "DESCRIPTION": "about"}
    quarantined = health.get("plugins_quarantined", [])
    document = {"plugins": plugins, "plugins_quarantined": quarantined}
    out.rows(columns, [*listed(plugins, health), *unusable(quarantined)], document=document)


def listed(plugins: Sequence[Json], health: Mapping[str, Any]) -> Iterator[Json]:
    """The rows of plugins that can run."""
    sick = {one["plugin"] for one in health.get("plugins_unhealthy", [])}
    for one in plugins:
        state = "unhealthy" if one["name"] in sick else "ready"
        yield {**one, "state": state, "about": one.get("description")}


def unusable(quarantined: Sequence[Mapping[str, Any]]) -> Iterator[Json]:
    """The rows of plugins that cannot run; what keeps them from it stands for their description."""
    for one in quarantined:
        yield {
            "name": one["name"],
            "state": "quarantined",
            "about": one.get("reason", "a token with the scope `*` is shown why"),
        }


@command(app, gateway=True)
def show(out: Out, name: Plugin) -> None:
    """Show a plugin: whether it can run, its commands, and the fields that each takes."""

    async def work(client: "Client") -> tuple[Json, Json]:
        return await described(client, name), await client.health()

    plugin, health = out.ask(work)
    whole = {"name": name, **state_of(name, health), **plugin, **runner_of(out, name, health)}
    if not out.for_people or "commands" not in plugin:
        out.fields(whole)
        return
    out.fields({key: value for key, value in whole.items() if key != "commands"})
    out.lines([""])
    columns = {"COMMAND": "command", "TYPE": "type", "TAKES": "takes", "DESCRIPTION": "about"}
    out.rows(columns, [row for one in plugin["commands"] for row in schema_rows(one)])


async def described(client: "Client", name: str) -> Json:
    """The plugin's document; of one that cannot run its name alone."""
    from ductile.client import Refused  # noqa: PLC0415 - as above

    try:
        return await client.plugin(name)
    except Refused as error:
        if error.envelope.get("error") != "plugin_unavailable":
            raise
        details = error.envelope.get("details") or {}
        return {"name": name, "state": details.get("kind"), "reason": details.get("reason")}


def state_of(name: str, health: Mapping[str, Any]) -> Json:
    """`{state, reason?}` of a plugin that can run: ready, or unhealthy."""
    reasons = [
        f"{one['command']}: {one['reason']}" if "reason" in one else UNTOLD
        for one in health.get("plugins_unhealthy", [])
        if one["plugin"] == name
    ]
    return {"state": "unhealthy", "reason": "; ".join(reasons)} if reasons else {"state": "ready"}


def runner_of(out: Out, name: str, health: Mapping[str, Any]) -> Json:
    """`{runner, runner_reason}`: how its attempts are run, and why so.

    Only the configuration tells, so it is told where the one at hand is what the gateway serves.
    """
    from ductile.cli import lookup  # noqa: PLC0415 - as above
    from ductile.config.installation import keyed_hash  # noqa: PLC0415 - as above

    snapshot = lookup.offline(out.config)
    if snapshot is None or name not in snapshot.plugins or keyed_hash(snapshot) != health.get("config_hash"):
        return {}
    found = snapshot.plugins[name]
    return {"runner": found.runner, "runner_reason": found.runner_reason}


def schema_rows(one: Mapping[str, Any]) -> Iterator[Json]:
    """A command, and below it a row for each field of its payload."""
    yield {"command": one["name"], "type": one.get("type"), "about": one.get("description")}
    for field in fields_of(one.get("input_schema")):
        flags = " / ".join(field.flags) or field.name
        yield {"takes": flags if field.is_switch else f"{flags} {field.metavar}", "about": field.help}


@command(
    app,
    gateway=True,
    changes=True,
    waits=True,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog="Fields of the payload may also be given by name, as `ductile plugin show PLUGIN` lists them: "
    "ductile plugin run py-greet greet --name Ada --wait",
)
def run(
    out: Out,
    ctx: typer.Context,
    plugin: Plugin,
    name: PluginCommand,
    *,
    payload: Payload = None,
    run_at: RunAt = None,
    dedupe_key: DedupeKey = None,
    priority: Priority = None,
    field: FieldPairs = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state", metavar="JSON|@FILE|-", help="Of a folder: what the plugin remembers from earlier runs."
        ),
    ] = None,
    follow: Follow = False,
) -> None:
    """Run a plugin command as a job. With --wait, exits with 1 if the job fails, with 6 if it has not ended in time.

    A PLUGIN with a `/` in it, or `.`, is a folder: its command runs once, here and without a gateway, and --config
    takes KEY=VALUE or a JSON object as the plugin's configuration.
    """
    base, options = read_payload(payload), submit_options(run_at, dedupe_key, priority)
    folder = kit.folder_of(plugin)
    if folder is not None:
        if options:
            raise UsageError(
                reason=f"--{next(iter(options)).replace('_', '-')} is for a gateway's queue, not for a folder"
            )
        kit.run_folder(out, folder, name, base, fields=ctx.args, pairs=field or (), state=state)
        return
    if state is not None:
        raise UsageError(reason="--state is for a plugin's folder; a gateway keeps the state of its plugins itself")

    async def start(client: "Client") -> Json:
        body = base
        if ctx.args or field:
            from ductile.cli.verbs import given_fields  # noqa: PLC0415 - only fields need the schema

            body = given_fields(await client.plugin(plugin), name, ctx.args, field or (), base)
        return await client.trigger(plugin, name, body, dry_run=out.dry_run, **options)

    show_job(out, run_job(out, start, follow=follow), follow=follow)
