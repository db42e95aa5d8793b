"""The catalog: the list of plugins, and one plugin with its commands."""

from typing import Any

from ductile.describe.dialect import to_json_data
from ductile.model.manifest import Command
from ductile.model.snapshot import Plugin, Snapshot


def catalog(snapshot: Snapshot) -> dict[str, Any]:
    """`{plugins: [{name, version, description, commands}]}`: the instances that can run, by name."""
    return {
        "plugins": [
            {
                "name": name,
                "version": plugin.manifest.version,
                "description": plugin.manifest.description,
                "commands": list(plugin.manifest.commands),
            }
            for name, plugin in sorted(snapshot.plugins.items())
        ]
    }


def plugin_document(plugin: Plugin) -> dict[str, Any]:
    """`{name, version, description, protocol, commands: [{name, type, description, input_schema}]}`."""
    manifest = plugin.manifest
    return {
        "name": plugin.name,
        "version": manifest.version,
        "description": manifest.description,
        "protocol": manifest.protocol,
        "commands": [command_document(command) for command in manifest.commands.values()],
    }


def command_document(command: Command) -> dict[str, Any]:
    """One command; its `input_schema` is null where any payload is accepted."""
    return {
        "name": command.name,
        "type": command.type.value,
        "description": command.description,
        "input_schema": to_json_data(command.input_schema),
    }
