"""The operations of the document: each plugin command, each pipeline, and each row of the gateway's own API."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from ductile.describe.components import COMPONENTS_PREFIX, embed_schema, free_name, move_titled_schemas
from ductile.describe.json_pointer import is_list, resolve_reference
from ductile.describe.responses import JSON_MEDIA, operation_responses
from ductile.describe.schema_example import example_value
from ductile.model.graph import Graph
from ductile.model.job import PIPELINE_PLUGIN
from ductile.model.manifest import Command, CommandType
from ductile.model.route import Parameter, Route
from ductile.model.snapshot import Plugin, Snapshot

Json = dict[str, Any]

Operation = tuple[str, str, Json]
"""(path, method in small letters, operation)."""

PATH_PARAMETERS: Mapping[str, Json] = {
    "job_id": {
        "description": "The id that a trigger answered with.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "name": {"description": "The name of a plugin, as `GET /plugins` lists it.", "schema": {"type": "string"}},
    "pipeline": {"description": "The name of a pipeline, as `GET /skills` lists it.", "schema": {"type": "string"}},
}
"""Path parameter → its description and schema."""
MAX_FOLLOWED_SCHEMAS = 8
"""The most schemas that are searched for a member `payload`, since references may be circular."""


def command_operations(snapshot: Snapshot, schemas: Json, *, only: str | None = None) -> Iterable[Operation]:
    """An operation for every command of every plugin, or of one, from the row that triggers commands."""
    for row in snapshot.rows:
        if not (row.hidden and "{command}" in row.path):
            continue
        shared = row_operation(row, schemas)
        for name, plugin in sorted(snapshot.plugins.items()):
            for command in plugin.manifest.commands.values() if only in (None, name) else ():
                path = row.path.replace("{plugin}", name).replace("{command}", command.name)
                yield path, row.method.lower(), command_operation(row, shared, plugin, command, schemas)


def command_operation(row: Route, shared: Json, plugin: Plugin, command: Command, schemas: Json) -> Json:
    """The operation of one plugin command: the shared parts and its own."""
    level = "ro" if command.type is CommandType.READ else "rw"
    operation = {
        **shared,
        "operationId": f"{plugin.name}__{command.name}",
        "summary": command.description or f"{plugin.name}: {command.name}",
        "description": f"Needs the scope `plugin:{level}` or `plugin:{plugin.name}:{level}`.",
        "tags": [plugin.name],
        "responses": responses_of_command(shared["responses"], plugin.name, command.name),
    }
    del operation["requestBody"]
    if command.input_schema is not None:
        operation["requestBody"] = command_body(row, plugin, command, schemas)
    if command.output_schema is not None:
        job_content = operation["responses"]["200"]["content"][JSON_MEDIA]
        job_content["schema"] = typed_job_response(
            job_content["schema"], operation["operationId"], command.output_schema, schemas
        )
        typed_example = example_value(job_content["schema"], {"components": {"schemas": schemas}})
        example = job_content["example"]
        job_content["example"] = {**example, "result": {**example.get("result", {}), **typed_example["result"]}}
    return operation


def responses_of_command(shared: Json, plugin: str, command: str) -> Json:
    """The shared responses, with examples of this command."""
    answers: Json = {}
    for status, answer in shared.items():
        content = answer.get("content", {}).get(JSON_MEDIA)
        if content is None:
            answers[status] = answer
            continue
        example = content.get("example")
        if isinstance(example, Mapping) and "plugin" in example:
            content = {**content, "example": {**example, "plugin": plugin, "command": command}}
        answers[status] = {**answer, "content": {**answer["content"], JSON_MEDIA: {**content}}}
    return answers


def typed_job_response(response_schema: Json, name: str, output: Mapping[str, Any], schemas: Json) -> Json:
    """The schema of the ended job with this command's result, which is null where the job has failed."""
    result = {"anyOf": [embed_schema(f"{name}__output", output, schemas), {"type": "null"}]}
    response = {"type": "object", "properties": {"result": result}}
    job = free_name(f"{name}__job", schemas)
    choices = response_schema.get("anyOf", [response_schema])
    schemas[job] = {"allOf": [choices[0], {"type": "object", "properties": {"result": response}}]}
    return {**response_schema, "anyOf": [{"$ref": f"{COMPONENTS_PREFIX}{job}"}, *choices[1:]]}


def command_body(row: Route, plugin: Plugin, command: Command, schemas: Json) -> Json:
    """The payload as body. A payload with a member `payload` must be wrapped."""
    payload = embed_schema(f"{plugin.name}__{command.name}", command.input_schema or {}, schemas)
    root = {"components": {"schemas": schemas}}
    wrapped = has_payload_member(payload, root)
    schema: Json = payload
    if wrapped:
        trigger = dict(row.request or {})
        trigger.pop("title", None)
        schema = {**trigger, "properties": {**trigger.get("properties", {}), "payload": payload}}
    content: Json = {"schema": schema}
    example = example_value(payload, root)
    validator = plugin.validators.get(command.name)
    if isinstance(example, dict) and not (validator(example) if validator else ()):
        content["example"] = {"payload": example} if wrapped else example
    options = ", ".join(f"`{name}`" for name in (row.request or {}).get("properties", {}) if name != "payload")
    return {
        "description": f'The payload. `{{"payload": …}}` is taken as well, with options beside it: {options}.',
        "required": wrapped or bool((command.input_schema or {}).get("required")),
        "content": {JSON_MEDIA: content},
    }


def has_payload_member(schema: Any, root: Json, remaining: int = MAX_FOLLOWED_SCHEMAS) -> bool:
    """Whether an object schema mentions a member `payload`."""
    if not isinstance(schema, Mapping) or not remaining:
        return False
    own = [schema.get("properties", {}), schema.get("required", ())]
    if any("payload" in names for names in own if isinstance(names, Mapping) or is_list(names)):
        return True
    parts = [one for key in ("allOf", "anyOf", "oneOf") if is_list(schema.get(key)) for one in schema[key]]
    if isinstance(schema.get("$ref"), str):
        parts.append(resolve_reference(schema["$ref"], root))
    return any(has_payload_member(part, root, remaining - 1) for part in parts)


def pipeline_operations(snapshot: Snapshot, schemas: Json) -> Iterable[Operation]:
    """An operation for every pipeline, from the row that runs pipelines."""
    for row in snapshot.rows:
        if not (row.hidden and "{pipeline}" in row.path):
            continue
        shared = row_operation(row, schemas)
        for name, graph in sorted(snapshot.pipelines.items()):
            path = row.path.replace("{pipeline}", quote(name, safe=""))
            yield path, row.method.lower(), pipeline_operation(shared, name, graph)


def pipeline_operation(shared: Json, name: str, graph: Graph) -> Json:
    """The operation of one pipeline: the shared parts and its own."""
    body = shared["requestBody"]
    content = body["content"][JSON_MEDIA]
    any_payload = {"anyOf": [content["schema"], {"type": "object", "not": {"required": ["payload"]}}]}
    return {
        **shared,
        "operationId": f"pipeline__{name}",
        "summary": f"Run pipeline {name}" + (" and wait for its end" if graph.synchronous else ""),
        "description": f"Needs the scope `plugin:rw` or `pipeline:{name}`.",
        "tags": [PIPELINE_PLUGIN],
        "responses": responses_of_command(shared["responses"], PIPELINE_PLUGIN, name),
        "requestBody": {**body, "content": {JSON_MEDIA: {"schema": any_payload, "example": {"payload": {}}}}},
    }


def control_operations(snapshot: Snapshot, schemas: Json) -> Iterable[Operation]:
    """The gateway's own routes."""
    for row in snapshot.rows:
        if not row.hidden:
            yield row.path, row.method.lower(), row_operation(row, schemas)


def row_operation(row: Route, schemas: Json) -> Json:
    """The operation of a row."""
    operation: Json = {
        "operationId": row.operation_id or operation_id(row),
        "summary": row.summary,
        "description": row_description(row),
        "tags": list(row.tags),
        "responses": operation_responses(row, schemas),
        "security": [] if row.scopes is None else [{"BearerAuth": []}],
    }
    if not operation["description"]:
        del operation["description"]
    parameters = [parameter_document(parameter) for parameter in row.parameters]
    if not row.hidden:
        parameters = [path_parameter(name) for name in path_names(row.path)] + parameters
    if parameters:
        operation["parameters"] = parameters
    if row.request is not None:
        operation["requestBody"] = request_body(row, schemas)
    return operation


def row_description(row: Route) -> str:
    """The row's description, and the scopes that it needs."""
    scopes = " or ".join(f"`{scope}`" for scope in row.scopes or ())
    return " ".join(filter(None, (row.description, f"Needs the scope {scopes}." if scopes else "")))


def request_body(row: Route, schemas: Json) -> Json:
    """The request body of a row, with its examples or a generated one."""
    content: Json = {"schema": move_titled_schemas(row.request or {}, schemas)}
    if row.request_examples:
        content["examples"] = {name: {"value": value} for name, value in row.request_examples.items()}
    else:
        content["example"] = example_value(content["schema"], {"components": {"schemas": schemas}})
    return {"required": row.request_required, "content": {JSON_MEDIA: content}}


def operation_id(row: Route) -> str:
    """`GET /job/{job_id}/tree` as `get_job_tree`."""
    words = [part for part in re.split(r"[/.-]", row.path) if part and not part.startswith("{")]
    return "_".join([row.method.lower(), *(words or ["index"])])


def path_names(path: str) -> list[str]:
    """The `{names}` of a path."""
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def path_parameter(name: str) -> Json:
    """A value in the path."""
    return {"name": name, "in": "path", "required": True, **PATH_PARAMETERS.get(name, {"schema": {"type": "string"}})}


def parameter_document(parameter: Parameter) -> Json:
    """A value in the query or a header."""
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": False,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }
