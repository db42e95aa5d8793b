"""`ductile plugin`: what can be run, and running it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ductile.cli.core.command import command, new_group
from ductile.cli.core.completers import Plugin, PluginCommand
from ductile.cli.core.errors import UsageError
from ductile.cli.core.jobs.waiting import Follow, print_job, run_job
from ductile.cli.core.json_input import read_payload
from ductile.cli.core.local_run import plugin_folder, run_folder
from ductile.cli.core.options import DedupeKey, Payload, Priority, RunAt, read_submit_options
from ductile.cli.core.output import Output
from ductile.cli.core.payload_fields import read_fields

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Client

app = new_group("List the plugins, and run a command of one.")

Json = dict[str, Any]
FieldPairs = Annotated[
    list[str] | None,
    typer.Option(
        "--field", metavar="NAME=VALUE", help="A field of the payload whose name an option has. May be repeated."
    ),
]

HIDDEN_REASON = "a token with the scope `*` is told why"
"""What stands for a reason that the gateway keeps from other callers."""


@command(app, "list", gateway=True)
def list_(out: Output) -> None:
    """List the plugins with their commands, and those that cannot run with the reason."""

    async def work(client: "Client") -> tuple[list[Json], Json]:
        return await client.plugins(), await client.health()

    plugins, health = out.call_gateway(work)
    columns = {"NAME": "name", "VERSION": "version", "STATE": "state", "COMMANDS": "commands", "DESCRIPTION": "about"}
    quarantined = health.get("plugins_quarantined", [])
    document = {"plugins": plugins, "plugins_quarantined": quarantined}
    out.print_rows(columns, [*usable_rows(plugins, health), *quarantined_rows(quarantined)], document=document)


def usable_rows(plugins: Sequence[Json], health: Mapping[str, Any]) -> Iterator[Json]:
    """The rows of plugins that can run."""
    sick = {one["plugin"] for one in health.get("plugins_unhealthy", [])}
    for one in plugins:
        state = "unhealthy" if one["name"] in sick else "ready"
        yield {**one, "state": state, "about": one.get("description")}


def quarantined_rows(quarantined: Sequence[Mapping[str, Any]]) -> Iterator[Json]:
    """The rows of plugins that cannot run, with the reason in place of the description."""
    for one in quarantined:
        yield {
            "name": one["name"],
            "state": "quarantined",
            "about": one.get("reason", "a token with the scope `*` is shown why"),
        }


@command(app, gateway=True)
def show(out: Output, name: Plugin) -> None:
    """Show a plugin: whether it can run, its commands, and the fields that each takes."""

    async def work(client: "Client") -> tuple[Json, Json]:
        return await read_plugin(client, name), await client.health()

    plugin, health = out.call_gateway(work)
    document = {"name": name, **plugin_state(name, health), **plugin, **plugin_runner(out, name, health)}
    if not out.for_people or "commands" not in plugin:
        out.print_fields(document)
        return
    out.print_fields({key: value for key, value in document.items() if key != "commands"})
    out.print_lines([""])
    columns = {"COMMAND": "command", "TYPE": "type", "TAKES": "takes", "DESCRIPTION": "about"}
    out.print_rows(columns, [row for one in plugin["commands"] for row in command_rows(one)])


async def read_plugin(client: "Client", name: str) -> Json:
    """The plugin's document; name, state and reason of a plugin that cannot run."""
    from ductile.client import Refused

    try:
        return await client.plugin(name)
    except Refused as error:
        if error.envelope.get("error") != "plugin_unavailable":
            raise
        details = error.envelope.get("details") or {}
        return {"name": name, "state": details.get("kind"), "reason": details.get("reason")}


def plugin_state(name: str, health: Mapping[str, Any]) -> Json:
    """`{state, reason?}` of a plugin that can run: ready, or unhealthy."""
    reasons = [
        f"{one['command']}: {one['reason']}" if "reason" in one else HIDDEN_REASON
        for one in health.get("plugins_unhealthy", [])
        if one["plugin"] == name
    ]
    return {"state": "unhealthy", "reason": "; ".join(reasons)} if reasons else {"state": "ready"}


def plugin_runner(out: Output, name: str, health: Mapping[str, Any]) -> Json:
    """`{runner, runner_reason}`: how its attempts are run, and why.

    Only the configuration knows; empty unless the configuration found here is the one that the gateway serves.
    """
    from ductile.cli.core.gateway import plugin_lookup
    from ductile.config.installation import keyed_hash

    snapshot = plugin_lookup.compile_if_valid(out.config)
    if snapshot is None or name not in snapshot.plugins or keyed_hash(snapshot) != health.get("config_hash"):
        return {}
    instance = snapshot.plugins[name]
    return {"runner": instance.runner, "runner_reason": instance.runner_reason}


def command_rows(one: Mapping[str, Any]) -> Iterator[Json]:
    """A command, and below it a row for each field of its payload."""
    yield {"command": one["name"], "type": one.get("type"), "about": one.get("description")}
    for field in read_fields(one.get("input_schema")):
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
    out: Output,
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
    base, options = read_payload(payload), read_submit_options(run_at, dedupe_key, priority)
    folder = plugin_folder(plugin)
    if folder is not None:
        if options:
            raise UsageError(
                reason=f"--{next(iter(options)).replace('_', '-')} is for a gateway's queue, not for a folder"
            )
        run_folder(out, folder, name, base, fields=ctx.args, pairs=field or (), state=state)
        return
    if state is not None:
        raise UsageError(reason="--state is for a plugin's folder; a gateway keeps the state of its plugins itself")

    async def start(client: "Client") -> Json:
        body = base
        if ctx.args or field:
            from ductile.cli.core.plugin_commands import read_field_arguments  # only fields need the schema

            body = read_field_arguments(await client.plugin(plugin), name, ctx.args, field or (), base)
        return await client.trigger(plugin, name, body, dry_run=out.dry_run, **options)

    print_job(out, run_job(out, start, follow=follow), follow=follow)
