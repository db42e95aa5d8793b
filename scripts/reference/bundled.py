"""The plugins that come with Ductile, from their manifests."""

from pathlib import Path
from typing import Any

import yaml
from markdown import code, table

ROOT = Path(__file__).parents[2]


def plugins() -> str:
    """Each plugin with its commands, settings and events."""
    found = sorted((ROOT / "plugins").glob("*/manifest.yaml"))
    return "\n".join(plugin(yaml.safe_load(path.read_text()), path.parent) for path in found)


def plugin(manifest: dict[str, Any], folder: Path) -> str:
    """One plugin."""
    keys = manifest.get("config_keys") or {}
    settings = [f"{code(key)} (required)" for key in keys.get("required", ())] + [
        code(key) for key in keys.get("optional", ())
    ]
    emits = {
        entry["event"]: None
        for command in manifest["commands"]
        for entry in (command.get("values") or {}).get("emit", ())
    }
    lines = [
        f"### [{manifest['name']}](../../plugins/{folder.name}/README.md)\n",
        f"{manifest.get('description', '')}\n",
        table(
            ("command", "type", "does"),
            [(code(one["name"]), one.get("type", "write"), one.get("description", "")) for one in manifest["commands"]],
        ),
    ]
    if settings:
        lines.append(f"Settings: {', '.join(settings)}.\n")
    if emits:
        lines.append(f"Emits: {', '.join(code(one) for one in emits)}.\n")
    return "\n".join(lines)
