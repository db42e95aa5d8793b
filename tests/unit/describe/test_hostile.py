"""Schemas that are valid and odd leave the OpenAPI document valid, true, and free of what it cannot resolve."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from msgspec.structs import replace
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.web import snapshot

from ductile.describe.catalog import plugin_document
from ductile.describe.components import embed_schema, is_valid
from ductile.describe.openapi import openapi, plugin_openapi
from ductile.describe.skills_page import skills_page
from ductile.http.surfaces.error_examples import ERROR_EXAMPLES
from ductile.model.manifest import Command
from ductile.model.snapshot import Snapshot
from ductile.plugin.errors import BadSchema
from ductile.plugin.json_schema import MAX_DEPTH, compile_validator

DRAFT_4, DRAFT_7 = "http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-07/schema#"
DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"
NODE = {"type": "object", "properties": {"n": {"type": "integer"}, "next": {"$ref": "#/$defs/a~1b%25%20c"}}}

ODD: dict[str, Any] = {
    "a name that a pointer escapes": {"$ref": "#/$defs/a~1b%25%20c", "$defs": {"a/b% c": {"type": "object"}}},
    "a list of nodes": {"type": "object", "properties": {"first": NODE}, "$defs": {"a/b% c": NODE}},
    "nothing but itself": {"$ref": "#"},
    "two that are each other": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    "anchors": {"$ref": "#node", "$defs": {"x": {"$anchor": "node", "type": "object", "required": ["n"]}}},
    "dynamic": {"$dynamicRef": "#n", "$defs": {"x": {"$dynamicAnchor": "n", "type": "object", "required": ["n"]}}},
    "recursive": {"$schema": DRAFT_2019, "type": "object", "properties": {"n": {"$recursiveRef": "#"}}},
    "resources": {
        "$id": "https://example.org/tree",
        "type": "object",
        "properties": {"a": {"$ref": "leaf"}, "b": {"$ref": "tree#/properties/a"}, "c": {"$ref": "leaf#/$defs/d"}},
        "$defs": {"leaf": {"$id": "leaf", "$ref": "#/$defs/d", "$defs": {"d": {"type": "integer"}}}},
    },
    "a urn": {"$id": "urn:x:y", "properties": {"n": {"$ref": "urn:x:y#/$defs/i"}}, "$defs": {"i": {"type": "integer"}}},
    "draft 4": {
        "$schema": DRAFT_4,
        "id": "http://example.org/x",
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "exclusiveMinimum": True},
            "m": {"$ref": "#/properties/n"},
        },
    },
    "draft 7": {
        "$schema": DRAFT_7,
        "type": "object",
        "properties": {
            "pair": {"items": [{"type": "integer"}, {"type": "string"}], "additionalItems": False},
            "other": {"$ref": "#/properties/pair/items/1", "maxLength": 0},
            "dependencies": {"type": "object"},
        },
        "dependencies": {"n": ["m"], "m": {"required": ["k"]}},
    },
    "words of OpenAPI": {"type": "object", "discriminator": "x", "xml": 3, "externalDocs": 7, "nullable": "yes"},
    "names of keywords": {"type": "object", "properties": {key: {"type": "string"} for key in ("$ref", "$id", "enum")}},
    "references in data": {"type": "object", "properties": {"n": {"enum": [{"$ref": "#/no"}], "default": {"$ref": 1}}}},
    "the schema of schemas": {
        "type": "object",
        "properties": {"n": {"$ref": "https://json-schema.org/draft/2020-12/schema"}},
    },
    "numbers beyond 64 bits": {"type": "object", "properties": {"n": {"maximum": 10**30, "enum": [10**30, -(10**30)]}}},
    "a default that is refused": {"type": "object", "properties": {"n": {"type": "integer", "default": "x"}}},
    "a default far away": {
        "properties": {"n": {"$ref": "#/$defs/i", "default": "x"}},
        "$defs": {"i": {"type": "integer"}},
    },
    "odd names": {
        "type": "object",
        "properties": {"": {}, "a/b": {}, "~": {}, "é{}": {}, "\x00": {}},
        "required": [""],
    },
    "false": {"not": {}},
    "booleans": {"type": "object", "properties": {"yes": True, "no": False}, "additionalProperties": False},
    "no object": {"type": "string"},
    "a payload in the payload": {"allOf": [{"$ref": "#/$defs/p"}], "$defs": {"p": {"properties": {"payload": {}}}}},
}


def with_schemas(schema: Any, *names: str) -> Snapshot:
    """A gateway with plugins of these names, whose commands have this schema for what goes in and comes out."""
    base = snapshot()
    echo = base.plugins["echo"]
    commands = {name: Command(name=name, input_schema=schema, output_schema=schema) for name in ("poll", "b__c", "c")}
    validators = {name: compile_validator(schema) for name in commands}
    manifest = replace(echo.manifest, commands=commands)
    made = {name: replace(echo, name=name, manifest=manifest, validators=validators) for name in names or ("echo",)}
    return replace(base, plugins=made)


def references(value: Any) -> Iterator[str]:
    """Every reference in a document, but for those in data."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            if key == "$ref" and isinstance(member, str):
                yield member
            elif key not in {"enum", "default", "example", "const"}:
                yield from references(member)
    elif isinstance(value, list):
        for member in value:
            yield from references(member)


@pytest.mark.parametrize("schema", ODD.values(), ids=ODD)
def test_the_document_stays_valid_and_whole(schema: Any) -> None:
    gateway = with_schemas(schema)
    document = orjson.loads(orjson.dumps(plugin_openapi(gateway, "echo", "1", ERROR_EXAMPLES)))
    OpenAPIV31SpecValidator(document).validate()
    for reference in references(document):
        where, kind, name = reference.removeprefix("#/").split("/")
        assert name in document[where][kind], reference
    orjson.dumps(plugin_document(gateway.plugins["echo"]))
    assert "plugin.echo.poll" in skills_page(gateway)


VALUES: list[Any] = [
    {},
    {"n": 0},
    {"n": 1},
    {"n": 2, "m": 1},
    {"n": 1, "m": 2, "k": 3},
    {"n": "x"},
    {"n": {"n": {"n": 1}}},
    {"first": {"n": 1, "next": {"n": "x"}}},
    {"first": {"n": 1, "next": {"n": 1}}},
    {"a": 1, "b": 1, "c": 1},
    {"a": "x"},
    {"b": "x"},
    {"c": "x"},
    {"pair": [1, "x"]},
    {"pair": [1, "x", 2]},
    {"pair": ["x"]},
    {"other": "long"},
    {"other": 1},
    {"$ref": "x", "$id": 1},
    {"yes": 1},
    {"no": 1},
    {"": 1},
]
ENDLESS = {"nothing but itself", "two that are each other"}
"""Nobody can say what is valid by these."""
WIDER = {"the schema of schemas", "dynamic", "recursive"}
"""The document may allow more by these than the gateway does."""


@pytest.mark.parametrize("name", [name for name in ODD if name not in ENDLESS | {"numbers beyond 64 bits"}])
def test_the_document_says_of_values_what_the_gateway_says(name: str) -> None:
    schema = ODD[name]
    validate = compile_validator(schema)
    schemas: dict[str, Any] = {}
    embedded = embed_schema("it", schema, schemas)
    for value in VALUES:
        taken, documented = not validate(value), is_valid(embedded, value, schemas)
        assert documented == taken or (name in WIDER and documented), (value, embedded, schemas)


@pytest.mark.parametrize("name", ["a default that is refused", "a default far away"])
def test_a_default_that_its_schema_refuses_is_left_out(name: str) -> None:
    schemas: dict[str, Any] = {}
    assert "default" not in str((embed_schema("it", ODD[name], schemas), schemas))
    assert "'default': 1" in str(embed_schema("it", {"properties": {"n": {"type": "integer", "default": 1}}}, {}))


def test_all_of_them_together_leave_the_whole_document_valid() -> None:
    plugins = {f"p{n}": with_schemas(schema, f"p{n}").plugins[f"p{n}"] for n, schema in enumerate(ODD.values())}
    OpenAPIV31SpecValidator(
        orjson.loads(orjson.dumps(openapi(replace(snapshot(), plugins=plugins), "1", ERROR_EXAMPLES)))
    ).validate()


def test_a_schema_that_nests_as_deep_as_may_be_can_still_be_shown() -> None:
    deep: Any = {"type": "string"}
    for _ in range(MAX_DEPTH // 2 - 1):
        deep = {"type": "object", "properties": {"a": deep}}
    gateway = with_schemas(deep)
    for shown in (openapi(gateway, "1", ERROR_EXAMPLES), plugin_document(gateway.plugins["echo"])):
        orjson.dumps(gateway.redactor.value(shown))
    skills_page(gateway)
    with pytest.raises(BadSchema, match="nests deeper than 100 levels"):
        compile_validator({"type": "object", "properties": {"a": {"properties": {"a": deep}}}})


def test_names_that_would_meet_are_told_apart() -> None:
    node = {"type": "object", "properties": {"n": {"$ref": "#"}}}
    document = json.loads(orjson.dumps(openapi(with_schemas(node, "a", "a__b", "a__poll"), "1", ERROR_EXAMPLES)))
    OpenAPIV31SpecValidator(document).validate()
    ids = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(set(ids)) == len(ids)
    assert {"a__b__c", "a__b__c_2", "a__b__b__c", "a__b__poll"} <= set(ids)
    body = document["paths"]["/plugin/a__b/poll"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["$ref"].startswith("#/components/schemas/a__b__poll")


def test_a_plugin_may_be_named_as_a_tag_of_ours() -> None:
    document = openapi(with_schemas({}, "jobs", "system"), "1", ERROR_EXAMPLES)
    names = [tag["name"] for tag in document["tags"]]
    assert len(set(names)) == len(names)
    assert next(tag for tag in document["tags"] if tag["name"] == "jobs")["description"].startswith("Echoes. What was")


def test_a_pipeline_of_any_name_has_a_path() -> None:
    base = snapshot()
    names = ["a/b", "{x}", "é ü", "%2F", "..", "sync"]
    graphs = {name: replace(base.pipelines["sync"], name=name) for name in names}
    document = json.loads(orjson.dumps(openapi(replace(base, pipelines=graphs), "1", ERROR_EXAMPLES)))
    OpenAPIV31SpecValidator(document).validate()
    assert {"/pipeline/a%2Fb", "/pipeline/%7Bx%7D", "/pipeline/%C3%A9%20%C3%BC", "/pipeline/%252F"} <= set(
        document["paths"]
    )
