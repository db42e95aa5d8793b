"""What of a configuration is secret, besides what its keys and variables say."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ductile.config.schema import Token
from ductile.document.redact import SHORTEST_SECRET
from ductile.model.snapshot import Plugin

_PARTS = ("allOf", "anyOf", "oneOf")


def compiled_secrets(tokens: Iterable[Token | None], plugins: Iterable[Plugin]) -> Iterator[str]:
    """All tokens, and what the plugins' `config_schema` marks `writeOnly`."""
    yield from (token.token for token in tokens if token is not None)
    for plugin in plugins:
        schema = plugin.manifest.config_schema
        if schema is not None:
            yield from write_only(schema, plugin.config)


def write_only(schema: Any, value: Any) -> Iterator[str]:
    """Strings (long enough to be secrets) at places that the schema marks `writeOnly`."""
    if not isinstance(schema, Mapping):
        return
    if schema.get("writeOnly") is True:
        yield from _strings(value)
        return
    for key in _PARTS:
        for part in schema.get(key, ()):
            yield from write_only(part, value)
    if isinstance(value, Mapping):
        properties = schema.get("properties", {})
        for key, member in value.items():
            yield from write_only(properties.get(key, schema.get("additionalProperties")), member)
    elif isinstance(value, list):
        for member in value:
            yield from write_only(schema.get("items"), member)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) >= SHORTEST_SECRET:
            yield value
    elif isinstance(value, Mapping | list):
        for member in value.values() if isinstance(value, Mapping) else value:
            yield from _strings(member)
