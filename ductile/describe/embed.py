"""JSON Schemas inside OpenAPI: ours become components by their title, plugins' keep pointing into themselves."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


def lift(schema: Mapping[str, Any], schemas: Json) -> Json:
    """The schema with every titled object in it moved to `schemas` and referred to from there."""
    lifted = {key: _lift_value(value, schemas) for key, value in schema.items()}
    title = lifted.get("title")
    if not isinstance(title, str):
        return lifted
    del lifted["title"]
    schemas[title] = lifted
    return {"$ref": f"#/components/schemas/{title}"}


def _lift_value(value: Any, schemas: Json) -> Any:
    if isinstance(value, Mapping):
        return lift(value, schemas)
    if isinstance(value, list):
        return [_lift_value(item, schemas) for item in value]
    return value


def has_local_reference(schema: Any) -> bool:
    """Whether the schema refers to a part of itself."""
    if isinstance(schema, Mapping):
        reference = schema.get("$ref")
        local = isinstance(reference, str) and reference.startswith("#")
        return local or any(has_local_reference(value) for value in schema.values())
    return isinstance(schema, list | tuple) and any(has_local_reference(item) for item in schema)


def embed(schema: Any, root: str) -> Any:
    """The schema with its references to itself made relative to `root`, where it will stand.

    Its `$id` goes: it would make itself the base of the references again.
    """
    if isinstance(schema, Mapping):
        return {
            key: root + value[1:]
            if key == "$ref" and isinstance(value, str) and value.startswith("#")
            else embed(value, root)
            for key, value in schema.items()
            if key != "$id" or not isinstance(value, str)
        }
    if isinstance(schema, list | tuple):
        return [embed(item, root) for item in schema]
    return schema
