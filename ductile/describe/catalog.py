"""The list of plugins: what `/plugins` answers."""

from typing import Any

from ductile.model.snapshot import Snapshot


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
