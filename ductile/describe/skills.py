"""The list of skills for agents: every plugin command and every pipeline."""

from typing import Any
from urllib.parse import quote

from ductile.describe.dialect import to_json_data
from ductile.model.graph import Graph
from ductile.model.manifest import Command
from ductile.model.snapshot import Snapshot


def skills(snapshot: Snapshot) -> dict[str, Any]:
    """`{skills: […]}`: the commands by plugin name, then the pipelines by name."""
    commands = [
        command_skill(name, command, snapshot.api.prefix)
        for name, plugin in sorted(snapshot.plugins.items())
        for command in plugin.manifest.commands.values()
    ]
    return {
        "skills": commands
        + [pipeline_skill(graph, snapshot.api.prefix) for _, graph in sorted(snapshot.pipelines.items())]
    }


def command_skill(plugin: str, command: Command, prefix: str = "") -> dict[str, Any]:
    """One plugin command; `input_schema` is null for any payload. `prefix` is that of `api.public_url`."""
    return {
        "name": f"plugin.{plugin}.{command.name}",
        "kind": "plugin",
        "description": command.description,
        "endpoint": f"{prefix}/plugin/{plugin}/{command.name}",
        "tier": command.type.upper(),
        "plugin": plugin,
        "command": command.name,
        "input_schema": to_json_data(command.input_schema),
    }


def pipeline_skill(graph: Graph, prefix: str = "") -> dict[str, Any]:
    """One pipeline; `timeout_secs` is null without a timeout."""
    seconds = None if graph.timeout is None else graph.timeout / 1000
    return {
        "name": f"pipeline.{graph.name}",
        "kind": "pipeline",
        "endpoint": f"{prefix}/pipeline/{quote(graph.name, safe='')}",
        "pipeline": graph.name,
        "trigger": graph.on or graph.on_hook,
        "execution_mode": "synchronous" if graph.synchronous else "asynchronous",
        "timeout_secs": int(seconds) if seconds is not None and seconds.is_integer() else seconds,
    }
