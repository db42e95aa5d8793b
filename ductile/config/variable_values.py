"""What variables and files give, once the plugins are known: as their schemas want it, and told in notes.

Expansion knows the settings of the gateway alone. A value of a plugin's `config`, of a schedule's `payload` or of a
step's `with` that the plugin's schema wants as text is the text that was given, and a number where it wants a number.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ductile.config.schema.configuration import Configuration
from ductile.config.schema.plugins import PluginEntry, ScheduleEntry
from ductile.document.locations import Location, Marks, VariableText
from ductile.document.override_names import is_override
from ductile.document.paths import child_at, value_at
from ductile.document.problem import Mark, Path, Problem
from ductile.document.yaml_scalar import read_scalar
from ductile.model.manifest import Manifest
from ductile.plugin.loader import LoadedPlugin

Schemas = list[Mapping[str, Any]]
"""Schemas that a value must fit, or may fit."""

_DEEPEST = 20
"""Levels of references and alternatives that are followed."""
_NUMBERS = {"integer": int, "number": float}


def convert_by_schemas(configuration: Configuration, loaded: Mapping[str, LoadedPlugin], marks: Marks) -> Configuration:
    """The configuration with the values that variables gave as the plugins' schemas want them."""
    given = given_places(marks.root)
    if not any(path[0] in ("plugins", "pipelines") for path, _ in given):
        return configuration
    manifests = {name: _manifest(name, configuration.plugins, loaded) for name in (*configuration.plugins, *loaded)}
    plugins = {
        name: _entry(entry, manifests.get(name), _child(_child(marks.root, "plugins"), name))
        for name, entry in configuration.plugins.items()
    }
    pipelines = _steps(configuration.pipelines, _child(marks.root, "pipelines"), manifests)
    return configuration.model_copy(update={"plugins": plugins, "pipelines": pipelines})


def notes(configuration: Configuration, value: Mapping[str, Any], marks: Marks) -> list[Problem]:
    """What was made a number, true or false of the text that variables gave. The value itself is not told."""
    return [
        Problem(
            code="typed",
            message=f"`{'.'.join(map(str, path))}` is {kind}, as {_named(place.given)} gives it",
            path=path,
            mark=Mark(place.file, place.line, place.column),
            severity="note",
        )
        for path, place in given_places(marks.root)
        if place.given and (kind := _kind(_value(configuration, value, path))) is not None
    ]


def given_places(place: Location, at: Path = ()) -> list[tuple[Path, Location]]:
    """The scalars that variables or files gave."""
    return list(_given(place, at))


def _given(place: Location, at: Path) -> Iterator[tuple[Path, Location]]:
    if place.given is not None:
        yield at, place
    elif isinstance(place.children, dict):
        for key, child in place.children.items():
            yield from _given(child, (*at, key))
    elif isinstance(place.children, list):
        for index, child in enumerate(place.children):
            yield from _given(child, (*at, index))


def _manifest(name: str, entries: Mapping[str, PluginEntry], loaded: Mapping[str, LoadedPlugin]) -> Manifest | None:
    entry = entries.get(name)
    plugin = loaded.get((entry and entry.uses) or name)
    return plugin.manifest if plugin else None


def _entry(entry: PluginEntry, manifest: Manifest | None, place: Location | None) -> PluginEntry:
    if manifest is None or place is None:
        return entry
    config = _fitting(entry.config, _listed(manifest.config_schema), _child(place, "config"))
    schedules = [
        _schedule(schedule, manifest, _child(_child(place, "schedules"), index)) if schedule else schedule
        for index, schedule in enumerate(entry.schedules)
    ]
    return entry.model_copy(update={"config": config, "schedules": schedules})


def _schedule(schedule: ScheduleEntry, manifest: Manifest, place: Location | None) -> ScheduleEntry:
    payload = _fitting(schedule.payload, _payload_schemas(manifest, schedule.command), _child(place, "payload"))
    return schedule.model_copy(update={"payload": payload})


def _steps(value: Any, place: Location | None, manifests: Mapping[str, Manifest | None]) -> Any:
    """Pipelines with the literals of each `with` as the command of its step wants them."""
    if place is None:
        return value
    if isinstance(value, list):
        return [_steps(entry, _child(place, index), manifests) for index, entry in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    made = {
        key: _steps(member, _child(place, key), manifests) if key in ("steps", "split") else member
        for key, member in value.items()
    }
    uses, literals = value.get("uses"), value.get("with")
    if isinstance(uses, str) and isinstance(literals, Mapping):
        plugin, _, command = uses.partition(".")
        manifest = manifests.get(plugin)
        schemas = _payload_schemas(manifest, command or "handle") if manifest else []
        made["with"] = _fitting(literals, schemas, _child(place, "with"))
    return made


def _payload_schemas(manifest: Manifest, command: str) -> Schemas:
    known = manifest.commands.get(command)
    return _listed(known.input_schema) if known else []


def _fitting(value: Any, schemas: Schemas, place: Location | None) -> Any:
    """The value with what was given as these schemas want it."""
    if place is None or not schemas:
        return value
    if place.given is not None:
        return _as_wanted(value, place.given.text, schemas)
    if isinstance(value, Mapping):
        return {key: _fitting(member, _below(schemas, key), _child(place, key)) for key, member in value.items()}
    if isinstance(value, list):
        return [_fitting(entry, _below(schemas, index), _child(place, index)) for index, entry in enumerate(value)]
    return value


def _as_wanted(value: Any, text: str, schemas: Schemas) -> Any:
    types = {kind for schema in schemas for kind in _types(schema)}
    if not types:
        return value
    if "string" in types:
        # Where text and numbers are welcome, what is written as a number is one.
        return value if type(value) in (int, float) and types & _NUMBERS.keys() else _bool_or(text, value, types)
    try:
        number = read_scalar(text)
    except ValueError:
        return text  # the schema's check says that it is no number
    return number


def _bool_or(text: str, value: Any, types: set[str]) -> Any:
    return value if isinstance(value, bool) and "boolean" in types else text


def _types(schema: Mapping[str, Any]) -> Iterator[str]:
    kind = schema.get("type")
    if isinstance(kind, str):
        yield kind
    elif isinstance(kind, list):
        yield from (one for one in kind if isinstance(one, str))
    elif "enum" in schema or "const" in schema:
        choices = schema.get("enum", [schema.get("const")])
        yield from {_type_of(choice) for choice in choices if isinstance(choices, list)}


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "null"


def _below(schemas: Schemas, part: str | int) -> Schemas:
    """The schemas of a member."""
    found: Schemas = []
    for schema in schemas:
        below: Any = None
        if isinstance(part, str):
            properties = schema.get("properties")
            below = properties.get(part) if isinstance(properties, Mapping) else None
            below = schema.get("additionalProperties") if below is None else below
        else:
            first = schema.get("prefixItems")
            below = first[part] if isinstance(first, list) and part < len(first) else schema.get("items")
        found += _listed(below, schema.get(_TOP))
    return found


_TOP = "\0top"
"""Where a schema keeps the document that its references lead into."""


def _listed(schema: Any, top: Any = None, depth: int = 0) -> Schemas:
    """The schema, those it refers to, and its alternatives; none for what is no schema."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return []
    top = schema if top is None else top
    found: Schemas = [{**schema, _TOP: top}]
    reference = schema.get("$ref")
    if isinstance(reference, str):
        found += _listed(_resolved(reference, top), top, depth + 1)
    for name in ("allOf", "anyOf", "oneOf"):
        alternatives = schema.get(name)
        for one in alternatives if isinstance(alternatives, list) else ():
            found += _listed(one, top, depth + 1)
    return found


def _resolved(reference: str, top: Any) -> Any:
    """What a reference inside the document leads to."""
    if not reference.startswith("#"):
        return None
    value = top
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _child(place: Location | None, part: str | int) -> Location | None:
    child: Location | None = child_at(place.children if place else None, part)
    return child


def _value(configuration: Configuration, value: Any, path: Path) -> Any:
    """The value at a path, of plugins and pipelines as it was made to fit."""
    if path[0] == "plugins" and len(path) > 2 and (entry := configuration.plugins.get(str(path[1]))):  # noqa: PLR2004
        if path[2] == "config":
            return value_at(entry.config, path[3:])
        if path[2] == "schedules" and len(path) > 5 and path[4] == "payload":  # noqa: PLR2004
            schedule = entry.schedules[int(path[3])]
            return value_at(schedule.payload if schedule else None, path[5:])
    if path[0] == "pipelines":
        return value_at(configuration.pipelines, path[1:])
    return value_at(value, path)


def _kind(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return None


def _named(given: VariableText) -> str:
    return " and ".join(f"`{one}`" if is_override(one) else f"`${{{one}}}`" for one in given.sources)
