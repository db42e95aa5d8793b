"""The operations of the document: each plugin command, each pipeline, and each row of the gateway's own API."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from ductile.describe.answers import JSON, answers
from ductile.describe.embed import COMPONENTS, embed, lift, vacant
from ductile.describe.pointer import is_list, resolve
from ductile.describe.sample import sample
from ductile.model.graph import Graph
from ductile.model.job import PIPELINE_PLUGIN
from ductile.model.manifest import Command, CommandType
from ductile.model.route import Parameter, Route
from ductile.model.snapshot import Plugin, Snapshot

Json = dict[str, Any]

Operation = tuple[str, str, Json]
"""(path, method in small letters, operation)."""

NAMES: Mapping[str, Json] = {
    "job_id": {
        "description": "The id that a trigger answered with.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "name": {"description": "The name of a plugin, as `GET /plugins` lists it.", "schema": {"type": "string"}},
    "pipeline": {"description": "The name of a pipeline, as `GET /skills` lists it.", "schema": {"type": "string"}},
}
"""What stands for a `{name}` of a path."""
FOLLOWED = 8
"""Schemas looked through for a member `payload`; they may refer to each other for ever."""


def commands(snapshot: Snapshot, schemas: Json, *, only: str | None = None) -> Iterable[Operation]:
    """An operation for every command of every plugin, or of one, from the row that runs them."""
    for row in snapshot.rows:
        if not (row.hidden and "{command}" in row.path):
            continue
        shared = operation_of(row, schemas)
        for name, plugin in sorted(snapshot.plugins.items()):
            for command in plugin.manifest.commands.values() if only in (None, name) else ():
                path = row.path.replace("{plugin}", name).replace("{command}", command.name)
                yield path, row.method.lower(), command_operation(row, shared, plugin, command, schemas)


def command_operation(row: Route, shared: Json, plugin: Plugin, command: Command, schemas: Json) -> Json:
    """One plugin command: what all share, and what is its own."""
    level = "ro" if command.type is CommandType.READ else "rw"
    operation = {
        **shared,
        "operationId": f"{plugin.name}__{command.name}",
        "summary": command.description or f"{plugin.name}: {command.name}",
        "description": f"Needs the scope `plugin:{level}` or `plugin:{plugin.name}:{level}`.",
        "tags": [plugin.name],
        "responses": named_answers(shared["responses"], plugin.name, command.name),
    }
    del operation["requestBody"]
    if command.input_schema is not None:
        operation["requestBody"] = command_body(row, plugin, command, schemas)
    if command.output_schema is not None:
        ended = operation["responses"]["200"]["content"][JSON]
        ended["schema"] = typed_job(ended["schema"], operation["operationId"], command.output_schema, schemas)
        typed = sample(ended["schema"], {"components": {"schemas": schemas}})
        shown = ended["example"]
        ended["example"] = {**shown, "result": {**shown.get("result", {}), **typed["result"]}}
    return operation


def named_answers(shared: Json, plugin: str, command: str) -> Json:
    """The answers that all share, with examples that are of this command."""
    answers: Json = {}
    for status, answer in shared.items():
        content = answer.get("content", {}).get(JSON)
        if content is None:
            answers[status] = answer
            continue
        example = content.get("example")
        if isinstance(example, Mapping) and "plugin" in example:
            content = {**content, "example": {**example, "plugin": plugin, "command": command}}
        answers[status] = {**answer, "content": {**answer["content"], JSON: {**content}}}
    return answers


def typed_job(answered: Json, name: str, output: Mapping[str, Any], schemas: Json) -> Json:
    """The answer of who waits, with what this command's result is: null where the job has failed."""
    result = {"anyOf": [embed(f"{name}__output", output, schemas), {"type": "null"}]}
    response = {"type": "object", "properties": {"result": result}}
    job = vacant(f"{name}__job", schemas)
    choices = answered.get("anyOf", [answered])
    schemas[job] = {"allOf": [choices[0], {"type": "object", "properties": {"result": response}}]}
    return {**answered, "anyOf": [{"$ref": f"{COMPONENTS}{job}"}, *choices[1:]]}


def command_body(row: Route, plugin: Plugin, command: Command, schemas: Json) -> Json:
    """The payload itself is the body. Where it has a member `payload` of its own, only the wrapped form is right."""
    payload = embed(f"{plugin.name}__{command.name}", command.input_schema or {}, schemas)
    root = {"components": {"schemas": schemas}}
    wrapped = has_payload(payload, root)
    schema: Json = payload
    if wrapped:
        trigger = dict(row.request or {})
        trigger.pop("title", None)
        schema = {**trigger, "properties": {**trigger.get("properties", {}), "payload": payload}}
    content: Json = {"schema": schema}
    example = sample(payload, root)
    validator = plugin.validators.get(command.name)
    if isinstance(example, dict) and not (validator(example) if validator else ()):
        content["example"] = {"payload": example} if wrapped else example
    options = ", ".join(f"`{name}`" for name in (row.request or {}).get("properties", {}) if name != "payload")
    return {
        "description": f'The payload. `{{"payload": …}}` is taken as well, with options beside it: {options}.',
        "required": wrapped or bool((command.input_schema or {}).get("required")),
        "content": {JSON: content},
    }


def has_payload(schema: Any, root: Json, seen: int = FOLLOWED) -> bool:
    """Whether an object schema speaks of a member `payload`."""
    if not isinstance(schema, Mapping) or not seen:
        return False
    own = [schema.get("properties", {}), schema.get("required", ())]
    if any("payload" in names for names in own if isinstance(names, Mapping) or is_list(names)):
        return True
    parts = [one for key in ("allOf", "anyOf", "oneOf") if is_list(schema.get(key)) for one in schema[key]]
    if isinstance(schema.get("$ref"), str):
        parts.append(resolve(schema["$ref"], root))
    return any(has_payload(part, root, seen - 1) for part in parts)


def pipelines(snapshot: Snapshot, schemas: Json) -> Iterable[Operation]:
    """An operation for every pipeline, from the row that runs them."""
    for row in snapshot.rows:
        if not (row.hidden and "{pipeline}" in row.path):
            continue
        shared = operation_of(row, schemas)
        for name, graph in sorted(snapshot.pipelines.items()):
            path = row.path.replace("{pipeline}", quote(name, safe=""))
            yield path, row.method.lower(), pipeline_operation(shared, name, graph)


def pipeline_operation(shared: Json, name: str, graph: Graph) -> Json:
    """One pipeline: what all share, and what is its own."""
    body = shared["requestBody"]
    content = body["content"][JSON]
    any_payload = {"anyOf": [content["schema"], {"type": "object", "not": {"required": ["payload"]}}]}
    return {
        **shared,
        "operationId": f"pipeline__{name}",
        "summary": f"Run pipeline {name}" + (" and wait for its end" if graph.synchronous else ""),
        "description": f"Needs the scope `plugin:rw` or `pipeline:{name}`.",
        "tags": [PIPELINE_PLUGIN],
        "responses": named_answers(shared["responses"], PIPELINE_PLUGIN, name),
        "requestBody": {**body, "content": {JSON: {"schema": any_payload, "example": {"payload": {}}}}},
    }


def control(snapshot: Snapshot, schemas: Json) -> Iterable[Operation]:
    """The gateway's own routes."""
    for row in snapshot.rows:
        if not row.hidden:
            yield row.path, row.method.lower(), operation_of(row, schemas)


def operation_of(row: Route, schemas: Json) -> Json:
    """What the row itself says."""
    operation: Json = {
        "operationId": row.operation_id or operation_id(row),
        "summary": row.summary,
        "description": about(row),
        "tags": list(row.tags),
        "responses": answers(row, schemas),
        "security": [] if row.scopes is None else [{"BearerAuth": []}],
    }
    if not operation["description"]:
        del operation["description"]
    parameters = [parameter_of(parameter) for parameter in row.parameters]
    if not row.hidden:
        parameters = [path_parameter(name) for name in names_in(row.path)] + parameters
    if parameters:
        operation["parameters"] = parameters
    if row.request is not None:
        operation["requestBody"] = request_body(row, schemas)
    return operation


def about(row: Route) -> str:
    """The row's own words, and the scopes it needs."""
    needed = " or ".join(f"`{scope}`" for scope in row.scopes or ())
    return " ".join(filter(None, (row.description, f"Needs the scope {needed}." if needed else "")))


def request_body(row: Route, schemas: Json) -> Json:
    """The body that a row takes, with its examples or one made from the schema."""
    content: Json = {"schema": lift(row.request or {}, schemas)}
    if row.request_examples:
        content["examples"] = {name: {"value": value} for name, value in row.request_examples.items()}
    else:
        content["example"] = sample(content["schema"], {"components": {"schemas": schemas}})
    return {"required": row.request_required, "content": {JSON: content}}


def operation_id(row: Route) -> str:
    """`GET /job/{job_id}/tree` as `get_job_tree`."""
    words = [part for part in re.split(r"[/.-]", row.path) if part and not part.startswith("{")]
    return "_".join([row.method.lower(), *(words or ["index"])])


def names_in(path: str) -> list[str]:
    """The `{names}` of a path."""
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def path_parameter(name: str) -> Json:
    """A value in the path."""
    return {"name": name, "in": "path", "required": True, **NAMES.get(name, {"schema": {"type": "string"}})}


def parameter_of(parameter: Parameter) -> Json:
    """A value in the query or a header."""
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": False,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }
