"""Hashes of a compiled configuration: equal input gives equal hashes, and each part has its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from blake3 import blake3
from pydantic import BaseModel

from ductile.config.digest import digest, file_digest
from ductile.config.instances import Instances
from ductile.config.schema.configuration import Configuration
from ductile.model.graph import Graph
from ductile.model.health import INIT_COMMAND
from ductile.model.snapshot import Plugin

_KEYS_READ_BEFORE_MERGE = ("include", "environment_vars")
"""Sections whose files are merged into the others: the merged values count, and not the files they came from."""
_KEYS_WITH_OWN_PARTS = ("api", "plugins", "pipelines")
"""Sections that are hashed entry by entry, so that a reload names the entry that changed."""


def init_hash(plugin: Plugin) -> str | None:
    """Of what another `init` is wanted for: the manifest, what the entrypoint holds, `config` and `env`."""
    if INIT_COMMAND not in plugin.manifest.commands:
        return None
    return digest([plugin.manifest, file_digest(plugin.executable), plugin.config, plugin.env])


def section_hashes(
    configuration: Configuration, instances: Instances, pipelines: Mapping[str, Graph]
) -> dict[str, str]:
    """Part of the configuration (`service`, `plugins.<name>`, `pipelines.<name>`…) → BLAKE3 (hex).

    Every section of the model counts: a section that has no part of its own below is hashed whole under its key.
    """
    api = configuration.api
    parts: dict[str, Any] = {
        key: _plain(getattr(configuration, key))
        for key in type(configuration).model_fields
        if key not in {*_KEYS_READ_BEFORE_MERGE, *_KEYS_WITH_OWN_PARTS}
    }
    parts["api"] = api.model_dump(exclude={"auth"}) if api else None
    for token in api.auth.tokens if api else ():
        if token:
            token_hash = blake3(token.token.encode()).hexdigest()
            parts[f"tokens.{token.name or token_hash[:8]}"] = [token_hash, token.model_dump(exclude={"token"})]
    for name, entry in configuration.plugins.items():
        parts[f"plugins.{name}"] = [entry.model_dump(exclude={"schedules"})]
        for schedule in entry.schedules:
            if schedule:
                parts[f"schedules.{name}/{schedule.id}"] = schedule.model_dump()
    for name, plugin in instances.plugins.items():
        made = [plugin.manifest, str(plugin.folder), str(plugin.executable), plugin.timeouts, plugin.parallelism]
        made.append(plugin.init_hash)
        parts[f"plugins.{name}"] = [*parts.get(f"plugins.{name}", ()), made]
    for name, unusable in instances.unusable.items():
        parts[f"plugins.{name}"] = [*parts.get(f"plugins.{name}", ()), unusable]
    for name, graph in pipelines.items():
        parts[f"pipelines.{name}"] = [graph.hash, graph.on, graph.on_hook, graph.from_plugin, graph.condition]
    return {name: digest(part) for name, part in parts.items()}


def config_hash(parts: Mapping[str, str], pipelines: Sequence[str], root: str) -> str:
    """The hash of all parts, of the order in which pipelines are asked, and of the folder."""
    return digest([parts, list(pipelines), root])


def _plain(value: Any) -> Any:
    """A value of the model as JSON values."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
