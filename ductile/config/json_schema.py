"""The JSON Schemas of `config.yaml`, of files of pipelines: editors complete and check with them.

They are made from the models that read the files. What an editor accepts may still be refused by `config check`,
which knows plugins, other files and variables; what an editor marks is wrong.
"""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from ductile.config.config_section import AnySection
from ductile.config.configuration_model import configuration_model
from ductile.config.field_types import DURATION, as_written
from ductile.config.old_spellings import ANY, TABLE, Old
from ductile.config.schema.configuration import Configuration
from ductile.config.schema.field_descriptions import field_descriptions
from ductile.config.schema.section import Section
from ductile.document.model_types import model_at
from ductile.flow.condition import OPERATORS
from ductile.flow.dsl import TRIGGER_KEYS, PipelineModel, StepModel

Json = dict[str, Any]

LATER = "Not in this version."

_PIPELINE_MODELS: Mapping[str, type[BaseModel]] = {"PipelineModel": PipelineModel, "StepModel": StepModel}

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE: Json = {"type": "string", "pattern": r"\$\{"}
"""`${NAME}` may stand wherever a single value does."""
CONDITION: Json = {
    "description": "A predicate `{path, op, value}`, or `all`, `any` or `not` of conditions.",
    "oneOf": [
        {
            "type": "object",
            "properties": {
                "path": {
                    "type": "string",
                    "description": "Such as `payload.size`, `context.x` or `length(payload.items)`.",
                },
                "op": {"enum": list(OPERATORS), "description": "How it is compared; text folds case, a regex is RE2."},
                "value": {"description": "What it is compared with."},
            },
            "required": ["path", "op"],
            "additionalProperties": False,
        },
        *(
            {
                "type": "object",
                "properties": {name: {"type": "array", "items": {"$ref": "#/$defs/Condition"}}},
                "required": [name],
                "additionalProperties": False,
            }
            for name in ("all", "any")
        ),
        {
            "type": "object",
            "properties": {"not": {"$ref": "#/$defs/Condition"}},
            "required": ["not"],
            "additionalProperties": False,
        },
    ],
}


def config_schema(sections: Sequence[AnySection] = ()) -> Json:
    """A JSON Schema (2020-12) of a configuration file; top-level `x-…` keys may hold anything."""
    pipelines = _pipeline_definitions()
    model = configuration_model(tuple(sections))
    found = model.model_json_schema(by_alias=True)
    models = sections_of(model)
    definitions = {name: _section(models[name], one) for name, one in found.pop("$defs").items()}
    whole = _section(model, found)
    whole["properties"]["pipelines"] = _pipelines()
    whole["properties"]["plugins"]["additionalProperties"] = {
        "anyOf": [{"$ref": "#/$defs/PluginEntry"}, {"type": "null"}]
    }
    _add_old_spellings(whole, {**definitions, **pipelines}, sections, model)
    whole["description"] = "A file of a configuration: config.yaml, or one that it includes."
    return _document("Ductile configuration", whole, {**definitions, **pipelines})


def pipelines_schema() -> Json:
    """A JSON Schema (2020-12) of an included file that holds pipelines, and `routes` that lead to them."""
    whole = config_schema()
    kept = {key: whole["properties"][key] for key in ("pipelines", "routes")}
    definitions = {**_pipeline_definitions(), "RouteEntry": whole["$defs"]["RouteEntry"]}
    described = "A file of pipelines that a configuration includes."
    schema = {"type": "object", "description": described, "properties": kept, "additionalProperties": False}
    return _document("Ductile pipelines", schema, definitions)


def _document(title: str, whole: Json, definitions: Json) -> Json:
    return {
        "$schema": DIALECT,
        "title": title,
        **{key: value for key, value in whole.items() if key != "title"},
        "patternProperties": {"^x-": True},
        "$defs": dict(sorted(definitions.items())),
    }


def _pipelines() -> Json:
    described = field_descriptions(Configuration)["pipelines"]
    return {"type": ["array", "null"], "items": {"$ref": "#/$defs/PipelineModel"}, "description": described}


def sections_of(model: type[BaseModel]) -> dict[str, type[Section]]:
    """Name of a model → the model, for each section at any depth. Raises ValueError where two have one name."""
    found: dict[str, type[Section]] = {}
    waiting: list[Any] = [field.annotation for field in model.model_fields.values()]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, Section) and found.get(kind.__name__) is not kind:
            if kind.__name__ in found:
                message = f"two models of the configuration are called `{kind.__name__}`"
                raise ValueError(message)
            found[kind.__name__] = kind
            waiting += [field.annotation for field in kind.model_fields.values()]
        waiting += get_args(kind)
    return found


def _section(model: type[BaseModel], found: Json) -> Json:
    """The schema of a section, each key described, its default as it would be written."""
    descriptions = field_descriptions(model)
    properties = {}
    for key, written in found["properties"].items():
        if written.get("not") == {}:
            properties[key] = {"not": {}, "description": LATER}
            continue
        field = next(one for other, one in model.model_fields.items() if key == (one.alias or other))
        default = None if field.default is PydanticUndefined else field.default
        shown = _plain(written)
        if default is not None and not isinstance(default, Section):
            shown["default"] = as_written(field, default)
        properties[key] = {**_referable(shown), "description": descriptions.get(key, "")}
    return {**_plain({key: value for key, value in found.items() if key != "properties"}), "properties": properties}


def _pipeline_definitions() -> Json:
    found = PipelineModel.model_json_schema(by_alias=True)
    definitions = {**found.pop("$defs"), "PipelineModel": found}
    for name, one in definitions.items():
        properties = {key: _plain(value) for key, value in one["properties"].items()}
        if "timeout" in properties:
            properties["timeout"] = dict(DURATION)
        properties["if"] = {"$ref": "#/$defs/Condition"}
        for key, described in field_descriptions(_PIPELINE_MODELS[name]).items():
            properties[key] = {**properties[key], "description": described}
        definitions[name] = {**_plain({**one, "properties": {}}), "properties": properties}
    ways = [{"required": [key]} for key in ("uses", "call", "steps", "split")]
    definitions["StepModel"] |= {"oneOf": ways}
    triggered = {"anyOf": [{"required": [key]} for key in TRIGGER_KEYS]}
    definitions["PipelineModel"] |= {
        "not": {"required": [*TRIGGER_KEYS]},
        "dependentSchemas": {"if": triggered, "from_plugin": triggered},
    }
    return {**definitions, "Condition": CONDITION}


def _add_old_spellings(
    whole: Json, definitions: Json, sections: Sequence[AnySection], model: type[Configuration]
) -> None:
    """Keys that older installations write are known, and marked as deprecated."""
    for old in (*TABLE, *(row for section in sections for row in section.old_spellings)):
        section = _section_of(old, whole, definitions, model)
        key = old.at[-1]
        if section is not None and isinstance(key, str) and key != ANY and key not in section["properties"]:
            said = old.says.rstrip(".") or f"an old spelling of `{old.to[-1] if old.to else ''}`"
            section["properties"][key] = {"deprecated": True, "description": f"{said[:1].upper()}{said[1:]}."}


def _section_of(old: Old, whole: Json, definitions: Json, model: type[Configuration]) -> Json | None:
    """The schema that the old key is added to."""
    if "pipelines" in old.at:
        found: Json = definitions["StepModel"]
        return found
    at = old.at[:-1]
    if not at:
        return whole
    section = model_at(model, at)
    return definitions.get(section.__name__) if section is not None else None


def _plain(value: Any) -> Any:
    """Without what pydantic adds: titles made of names, null as a default; a section may stand there empty."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    kept = {key: _plain(one) for key, one in value.items() if not (key == "title" and isinstance(one, str))}
    if kept.get("default", 0) is None or "$ref" in kept:
        kept.pop("default", None)
    alternatives = [one for one in kept.get("anyOf", ()) if one != {"type": "null"}]
    if len(alternatives) == 1:
        del kept["anyOf"]
        return {**alternatives[0], **kept}
    return kept


def _referable(schema: Json) -> Json:
    """The schema, where no text is expected with `${…}` besides; a section or a list may be empty."""
    if schema.get("type") in ("boolean", "integer"):
        kind = {key: schema[key] for key in ("type", "minimum") if key in schema}
        return {"anyOf": [kind, REFERENCE], **{key: value for key, value in schema.items() if key not in kind}}
    if "enum" in schema:
        return {"anyOf": [{"enum": schema["enum"]}, REFERENCE], **{k: v for k, v in schema.items() if k != "enum"}}
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    if schema.get("type") in ("array", "object"):
        return {**schema, "type": [schema["type"], "null"]}
    return schema
