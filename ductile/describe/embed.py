"""JSON Schemas inside OpenAPI: ours become components by their title, plugins' by the command they belong to."""

from collections.abc import Mapping
from typing import Any

from ductile.describe.dialect import within
from ductile.describe.pointer import Pointer, is_list
from ductile.describe.relocate import Relocation

Json = dict[str, Any]

COMPONENTS = "#/components/schemas/"


def lift(schema: Mapping[str, Any], schemas: Json) -> Json:
    """The schema with every titled object in it moved to `schemas` and referred to from there."""
    lifted = {key: _lift_value(value, schemas) for key, value in schema.items()}
    title = lifted.get("title")
    if not isinstance(title, str):
        return lifted
    del lifted["title"]
    schemas[title] = lifted
    return {"$ref": f"{COMPONENTS}{title}"}


def _lift_value(value: Any, schemas: Json) -> Any:
    if isinstance(value, Mapping):
        return lift(value, schemas)
    return [_lift_value(item, schemas) for item in value] if is_list(value) else value


def embed(name: str, schema: Mapping[str, Any], schemas: Json) -> Json:
    """A plugin's schema as it may stand in the document.

    One that refers to parts of itself becomes the component `name`, and each of those parts one beside it.
    """
    relocation = Relocation(schema)
    if not relocation.targets:
        inline: Json = sound(relocation.text((), lambda _: ""), {})
        return inline
    names: dict[Pointer, str] = {(): vacant(name, schemas)}
    schemas[names[()]] = {}
    for place in relocation.targets:
        if place not in names:
            names[place] = vacant(f"{names[()]}__{relocation.name(place)}", schemas)
            schemas[names[place]] = {}
    for place, free in names.items():
        schemas[free] = relocation.text(place, lambda target: f"{COMPONENTS}{names[target]}")
    for free in names.values():
        untie(free, schemas)
    for free in names.values():
        schemas[free] = sound(schemas[free], schemas)
    return {"$ref": f"{COMPONENTS}{names[()]}"}


def untie(name: str, schemas: Json) -> None:
    """Let a component that is only another name of itself, perhaps over others, refer to nothing: it says nothing."""
    seen, at = {name}, name
    while isinstance(reference := schemas[at].get("$ref") if isinstance(schemas[at], dict) else None, str):
        at = reference.removeprefix(COMPONENTS)
        if at == name:
            schemas[name] = {key: value for key, value in schemas[name].items() if key != "$ref"}
        if at in seen:
            return
        seen.add(at)


def vacant(name: str, schemas: Mapping[str, Any]) -> str:
    """The name, or the first of `name_2`, `name_3`… that no component has."""
    free, number = name, 1
    while free in schemas:
        number += 1
        free = f"{name}_{number}"
    return free


def sound(schema: Any, schemas: Mapping[str, Any]) -> Any:
    """The schema without defaults that it would itself refuse: they mislead, and generated clients stumble on them."""
    if not isinstance(schema, Mapping):
        return schema
    kept = {key: within(key, value, lambda one: sound(one, schemas)) for key, value in schema.items()}
    if "default" in kept and not accepts(kept, kept["default"], schemas):
        del kept["default"]
    return kept


def accepts(schema: Mapping[str, Any], value: Any, schemas: Mapping[str, Any]) -> bool:
    """Whether the value is valid by a schema of the document. What cannot be decided is not."""
    import jsonschema_rs  # noqa: PLC0415 - needed once somebody asks for the document, and it takes 6 MB

    try:
        validator = jsonschema_rs.validator_for({**schema, "components": {"schemas": schemas}}, retriever=_refuse)
        return validator.is_valid(value)
    except (ValueError, TypeError, OverflowError, RecursionError, jsonschema_rs.ReferencingError):
        return False


def _refuse(uri: str) -> Any:
    raise ValueError(uri)
