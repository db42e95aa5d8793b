"""The OpenAPI 3.1 document, from route rows: a path for each plugin command and pipeline, then the control API."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ductile.describe.operations import Operation, command_operations, control_operations, pipeline_operations
from ductile.describe.responses import error_responses
from ductile.errors import DuctileError
from ductile.model.snapshot import Snapshot

Json = dict[str, Any]
ErrorExamples = Mapping[int, DuctileError]
"""Status → an error with that status, for the example of the response."""

API_DESCRIPTION = """\
Every plugin command and every pipeline is one `POST` that becomes a durable job: what was answered `202` is never lost.
Send `Prefer: wait=30` to get the ended job instead, or follow it with `GET /job/{job_id}`.

`GET /skills` with `Accept: text/markdown` explains the same to agents, on one page.
"""
TAG_DESCRIPTIONS: Mapping[str, str] = {
    "pipeline": "Runs of pipelines: several steps behind one call.",
    "discovery": "What there is to call, for people and for agents. Public, but for a plugin's details.",
    "jobs": "What was submitted, how it stands, and what came of it.",
    "events": "What happens in the gateway, as it happens; and events from outside.",
    "analytics": "How much waits and runs, and how it ended.",
    "system": "The running gateway: its configuration, its health, and its switches.",
    "control": "The gateway's own API.",
}
"""Tag of a row → the description of its operations."""
SECURITY_SCHEMES = {"BearerAuth": {"type": "http", "scheme": "bearer"}}


def openapi(snapshot: Snapshot, version: str, errors: ErrorExamples) -> Json:
    """The whole document, in a fixed order."""
    schemas: Json = {}
    operations = [
        *command_operations(snapshot, schemas),
        *pipeline_operations(snapshot, schemas),
        *control_operations(snapshot, schemas),
    ]
    return build_document(operations, schemas, version, snapshot, errors, title="Ductile Gateway")


def plugin_openapi(snapshot: Snapshot, name: str, version: str, errors: ErrorExamples) -> Json:
    """The document of one plugin's commands."""
    schemas: Json = {}
    operations = list(command_operations(snapshot, schemas, only=name))
    return build_document(operations, schemas, version, snapshot, errors, title=f"Ductile Gateway: {name}")


def build_document(
    operations: Sequence[Operation],
    schemas: Json,
    version: str,
    snapshot: Snapshot,
    errors: ErrorExamples,
    *,
    title: str,
) -> Json:
    """The document of these operations, with the components that they refer to."""
    paths: dict[str, Json] = {}
    used_ids: set[str] = set()
    for path, method, operation in operations:
        operation["operationId"] = unique_operation_id(operation["operationId"], used_ids)
        paths.setdefault(path, {})[method] = operation
    statuses = {int(status) for path in paths.values() for one in path.values() for status in one["responses"]}
    responses = error_responses(statuses, schemas, errors)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": API_DESCRIPTION},
        "servers": [{"url": snapshot.api.public_url or "/", "description": "This gateway."}],
        "tags": tag_documents(snapshot, operations),
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": responses,
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def unique_operation_id(operation_id: str, used_ids: set[str]) -> str:
    """The id, or the first free one of `id_2`, `id_3` and so on."""
    free, number = operation_id, 1
    while free in used_ids:
        number += 1
        free = f"{operation_id}_{number}"
    used_ids.add(free)
    return free


def tag_documents(snapshot: Snapshot, operations: Iterable[Operation]) -> list[Json]:
    """The tags of the operations, each with its description."""
    names = dict.fromkeys(tag for _, _, operation in operations for tag in operation["tags"])
    documents: list[Json] = []
    for tag in names:
        plugin = snapshot.plugins.get(tag)
        about = [plugin.manifest.description or f"The plugin {tag}."] if plugin else []
        about += [TAG_DESCRIPTIONS[tag]] if tag in TAG_DESCRIPTIONS else []
        documents.append({"name": tag, **({"description": " ".join(about)} if about else {})})
    return documents
