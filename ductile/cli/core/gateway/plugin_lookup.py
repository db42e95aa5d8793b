"""Looks plugins up in the running gateway; in the configuration where no gateway answers."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ductile.cli.core.errors import ConfigurationBroken, NoSuchVerb, PluginLookupFailed, UsageError
from ductile.cli.core.gateway.target import call_gateway, find_target
from ductile.client import Client
from ductile.client.answer import CALL_TIMEOUT_SECONDS
from ductile.client.errors import NotFoundError, Unreachable
from ductile.config.errors import ConfigNotFound
from ductile.config.location import find_config
from ductile.errors import NotFound

if TYPE_CHECKING:  # the compiler takes longer to import than a call of the gateway
    from ductile.config.compile import Compiled
    from ductile.model.snapshot import Snapshot

Json = dict[str, Any]


def find_plugin_document(options: Mapping[str, Any], name: str, tell: Callable[[str], None]) -> Json:
    """A plugin with its commands and their schemas. `options` may have url, token and config.

    Raises the client's errors, ConfigNotFound, UsageError; without a gateway UnknownPlugin and PluginUnusable, too.
    """
    document: Json = ask_gateway_or_config(
        options, lambda client: client.plugin(name), lambda snapshot: plugin_from_config(snapshot, name), tell
    )
    return document


def plugin_from_config(snapshot: "Snapshot", name: str) -> Json:
    """A plugin's document from a configuration. Raises UnknownPlugin, PluginUnusable."""
    from ductile.describe.catalog import plugin_document  # only where no gateway answers
    from ductile.submit import find_plugin

    return plugin_document(find_plugin(snapshot, name))


def find_verb_plugin(
    options: Mapping[str, Any], name: str, hint: Callable[[Sequence[str]], str], tell: Callable[[str], None]
) -> Json:
    """The plugin of `ductile NAME …`. `hint` suggests a name among those of the known plugins.

    Raises NoSuchVerb or the gateway's error; where nobody can be asked UsageError with the hint, or PluginLookupFailed.
    """
    try:
        return find_plugin_document(options, name, tell)
    except (ConfigNotFound, ConfigurationBroken, Unreachable, UsageError) as error:
        if suggestion := hint(()):
            raise UsageError(reason=f"there is no {name!r}{suggestion}") from None
        if isinstance(error, ConfigurationBroken):  # its places are worth more than that a name is not known
            raise
        raise PluginLookupFailed(name=name, cause=error) from None
    except (NotFound, NotFoundError):
        raise NoSuchVerb(name=name, hint=hint(plugin_names(options, tell))) from None


def plugin_names(options: Mapping[str, Any], tell: Callable[[str], None]) -> list[str]:
    """The plugins that can run. Raises as `plugin` does."""

    async def ask(client: Client) -> list[str]:
        return [one["name"] for one in await client.plugins()]

    found: list[str] = ask_gateway_or_config(options, ask, lambda snapshot: sorted(snapshot.plugins), tell)
    return found


def ask_gateway_or_config(
    options: Mapping[str, Any],
    ask: Callable[[Client], Any],
    read: "Callable[[Snapshot], Any]",
    tell: Callable[[str], None],
    trace: Callable[[str], None] | None = None,
    *,
    limit: float = CALL_TIMEOUT_SECONDS,
) -> Any:
    """The gateway's answer; that of the configuration where no gateway runs. Raises the errors of the call.

    `tell` gets a sentence when the configuration is asked, and one about each call unless `trace` gets that. Each call
    takes at most `limit` seconds.
    """
    try:
        target = find_target(options.get("url"), options.get("token"), options.get("config"))
        return call_gateway(ask, target, trace or tell, limit=limit)
    except ConfigNotFound:
        raise
    except (Unreachable, UsageError) as error:
        snapshot = None if is_gateway_named(options) else compile_if_valid(options.get("config"))
        if snapshot is None:
            raise
        tell(f"{error.message} The configuration is asked instead.")
        return read(snapshot)


def is_gateway_named(options: Mapping[str, Any]) -> bool:
    """Whether the command names a gateway, which may have another configuration than the one found here."""
    return bool(options.get("url") or os.environ.get("DUCTILE_URL"))


def read_from_config(config: str | None, read: "Callable[[Snapshot], Any]") -> Any:
    """What `read` finds in the configuration. Raises ConfigNotFound, ConfigurationBroken."""
    location = find_config(config, os.environ)
    found = compile_at(location)
    if found.snapshot is None:
        errors = [problem.public() for problem in found.errors]
        raise ConfigurationBroken(path=str(location), count=len(errors), errors=errors)
    return read(found.snapshot)


def compile_if_valid(config: str | None) -> "Snapshot | None":
    """The compiled configuration; None where there is none, or it has errors."""
    try:
        return compile_at(find_config(config, os.environ)).snapshot
    except ConfigNotFound:
        return None


def compile_at(location: Path) -> "Compiled":
    """The configuration as a gateway would take it."""
    from ductile.config.compile import compile_config
    from ductile.sections import SECTIONS

    return compile_config(location, os.environ, generation=0, sections=SECTIONS)
