"""Components of the OpenAPI document: titled schemas of the gateway, and schemas of plugins by command."""

from collections.abc import Mapping
from typing import Any

from ductile.describe.dialect import map_schemas
from ductile.describe.json_pointer import Pointer, is_list
from ductile.describe.relocation import Relocation

Json = dict[str, Any]

COMPONENTS_PREFIX = "#/components/schemas/"


def move_titled_schemas(schema: Mapping[str, Any], schemas: Json) -> Json:
    """Move every titled schema within a schema to `schemas`, with a reference in its place."""
    moved = {key: _move_in_value(value, schemas) for key, value in schema.items()}
    title = moved.get("title")
    if not isinstance(title, str):
        return moved
    del moved["title"]
    schemas[title] = moved
    return {"$ref": f"{COMPONENTS_PREFIX}{title}"}


def _move_in_value(value: Any, schemas: Json) -> Any:
    if isinstance(value, Mapping):
        return move_titled_schemas(value, schemas)
    return [_move_in_value(item, schemas) for item in value] if is_list(value) else value


def embed_schema(name: str, schema: Mapping[str, Any], schemas: Json) -> Json:
    """A plugin's schema for the document.

    A schema that refers to its own parts becomes the component `name`, and each of these parts a component beside it.
    """
    relocation = Relocation(schema)
    if not relocation.targets:
        inline: Json = drop_invalid_defaults(relocation.relocated_part((), lambda _: ""), {})
        return inline
    names: dict[Pointer, str] = {(): free_name(name, schemas)}
    schemas[names[()]] = {}
    for place in relocation.targets:
        if place not in names:
            names[place] = free_name(f"{names[()]}__{relocation.part_name(place)}", schemas)
            schemas[names[place]] = {}
    for place, free in names.items():
        schemas[free] = relocation.relocated_part(place, lambda target: f"{COMPONENTS_PREFIX}{names[target]}")
    for free in names.values():
        drop_circular_reference(free, schemas)
    for free in names.values():
        schemas[free] = drop_invalid_defaults(schemas[free], schemas)
    return {"$ref": f"{COMPONENTS_PREFIX}{names[()]}"}


def drop_circular_reference(name: str, schemas: Json) -> None:
    """Drop the reference of a component that refers only to itself, directly or through others."""
    seen, at = {name}, name
    while isinstance(reference := schemas[at].get("$ref") if isinstance(schemas[at], dict) else None, str):
        at = reference.removeprefix(COMPONENTS_PREFIX)
        if at == name:
            schemas[name] = {key: value for key, value in schemas[name].items() if key != "$ref"}
        if at in seen:
            return
        seen.add(at)


def free_name(name: str, schemas: Mapping[str, Any]) -> str:
    """The name, or the first free one of `name_2`, `name_3` and so on."""
    free, number = name, 1
    while free in schemas:
        number += 1
        free = f"{name}_{number}"
    return free


def drop_invalid_defaults(schema: Any, schemas: Mapping[str, Any]) -> Any:
    """Drop defaults that the schema itself refuses: they mislead, and break generated clients."""
    if not isinstance(schema, Mapping):
        return schema
    valid = {
        key: map_schemas(key, value, lambda one: drop_invalid_defaults(one, schemas)) for key, value in schema.items()
    }
    if "default" in valid and not is_valid(valid, valid["default"], schemas):
        del valid["default"]
    return valid


def is_valid(schema: Mapping[str, Any], value: Any, schemas: Mapping[str, Any]) -> bool:
    """Whether a value is valid by a schema of the document; False where that cannot be decided."""
    import jsonschema_rs  # noqa: PLC0415 - needed once somebody asks for the document, and it takes 6 MB

    try:
        validator = jsonschema_rs.validator_for(
            {**schema, "components": {"schemas": schemas}}, retriever=_refuse_retrieval
        )
        return validator.is_valid(value)
    except (ValueError, TypeError, OverflowError, RecursionError, jsonschema_rs.ReferencingError):
        return False


def _refuse_retrieval(uri: str) -> Any:
    raise ValueError(uri)
