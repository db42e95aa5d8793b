"""What of a configuration is secret, besides what its keys and variables say."""

from collections.abc import Iterator, Mapping
from typing import Any

from ductile.config.field_types import FieldMark
from ductile.config.load import Layers
from ductile.config.marked_values import marked_values
from ductile.document.paths import value_at
from ductile.document.redactor import is_secret_name
from ductile.document.secret_spellings import MIN_SECRET_CHARACTERS
from ductile.document.secret_values import texts_of
from ductile.plugin.environment import ALL_VARIABLES
from ductile.plugin.loader import LoadedPlugin

_PARTS = ("allOf", "anyOf", "oneOf")


def collect_secrets(layers: Layers, plugins: Mapping[str, LoadedPlugin], environ: Mapping[str, str]) -> frozenset[str]:
    """All secrets of a configuration, also of one that is refused: what is wrong in it is as secret as the rest.

    Tokens and other settings that are marked as secret, what a plugin's `config_schema` marks `writeOnly`, and the
    secret variables that `inherit_env` names.
    """
    secrets = {*layers.secrets, *_marked_secrets(layers)}
    entries = value_at(layers.value, ("plugins",))
    for name, entry in entries.items() if isinstance(entries, Mapping) else ():
        if not isinstance(entry, Mapping):
            continue
        plugin = plugins.get(str(entry.get("uses") or name))
        if plugin is not None and plugin.manifest is not None and plugin.manifest.config_schema is not None:
            secrets.update(write_only(plugin.manifest.config_schema, entry.get("config")))
        secrets.update(_inherited(entry.get("inherit_env"), environ))
    secrets.update(_inherited(value_at(layers.value, ("service", "inherit_env")), environ))
    return frozenset(secrets)


def _marked_secrets(layers: Layers) -> Iterator[str]:
    """The settings that are marked as secret, as they are written, of any length and type."""
    for _, mark, value in marked_values(layers.model, layers.value):
        if mark is FieldMark.SECRET:
            yield from (text for text in texts_of(value) if text.strip())


def _inherited(names: Any, environ: Mapping[str, str]) -> Iterator[str]:
    wanted = {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()
    for name, value in environ.items():
        if (
            is_secret_name(name)
            and len(value) >= MIN_SECRET_CHARACTERS
            and not wanted.isdisjoint({name, ALL_VARIABLES})
        ):
            yield value


def write_only(schema: Any, value: Any) -> Iterator[str]:
    """Texts and numbers (long enough to be secrets) at places that the schema marks `writeOnly`."""
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
    if isinstance(value, Mapping | list):
        for member in value.values() if isinstance(value, Mapping) else value:
            yield from _strings(member)
    else:
        yield from (text for text in texts_of(value) if len(text) >= MIN_SECRET_CHARACTERS)
