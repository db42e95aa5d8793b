"""The OpenAPI 3.1 document: one path a plugin command and pipeline, then the control API, all from the route rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ductile.describe.answers import error_responses
from ductile.describe.operations import Operation, commands, control, pipelines
from ductile.errors import DuctileError
from ductile.model.snapshot import Snapshot

Json = dict[str, Any]
Errors = Mapping[int, DuctileError]
"""Status → an error that has it, which stands as the example of that answer."""

ABOUT = """\
Every plugin command and every pipeline is one `POST` that becomes a durable job: what was answered `202` is never lost.
Send `Prefer: wait=30` to get the ended job instead, or follow it with `GET /job/{job_id}`.

`GET /skills` with `Accept: text/markdown` explains the same to agents, on one page.
"""
TAGS: Mapping[str, str] = {
    "pipeline": "Runs of pipelines: several steps behind one call.",
    "discovery": "What there is to call, for people and for agents. Public, but for a plugin's details.",
    "jobs": "What was submitted, how it stands, and what came of it.",
    "events": "What happens in the gateway, as it happens; and events from outside.",
    "analytics": "How much waits and runs, and how it ended.",
    "system": "The running gateway: its configuration, its health, and its switches.",
    "control": "The gateway's own API.",
}
"""Tag of a row → what its operations are about."""
SECURITY = {"BearerAuth": {"type": "http", "scheme": "bearer"}}


def openapi(snapshot: Snapshot, version: str, errors: Errors) -> Json:
    """The whole document, in a fixed order."""
    schemas: Json = {}
    operations = [*commands(snapshot, schemas), *pipelines(snapshot, schemas), *control(snapshot, schemas)]
    return document(operations, schemas, version, snapshot, errors, title="Ductile Gateway")


def plugin_openapi(snapshot: Snapshot, name: str, version: str, errors: Errors) -> Json:
    """The document of one plugin's commands."""
    schemas: Json = {}
    operations = list(commands(snapshot, schemas, only=name))
    return document(operations, schemas, version, snapshot, errors, title=f"Ductile Gateway: {name}")


def document(
    operations: Sequence[Operation], schemas: Json, version: str, snapshot: Snapshot, errors: Errors, *, title: str
) -> Json:
    """These operations, with the components they refer to."""
    paths: dict[str, Json] = {}
    taken: set[str] = set()
    for path, method, operation in operations:
        operation["operationId"] = unique(operation["operationId"], taken)
        paths.setdefault(path, {})[method] = operation
    statuses = {int(status) for path in paths.values() for one in path.values() for status in one["responses"]}
    responses = error_responses(statuses, schemas, errors)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": ABOUT},
        "servers": [{"url": snapshot.api.public_url or "/", "description": "This gateway."}],
        "tags": tags(snapshot, operations),
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": responses,
            "securitySchemes": SECURITY,
        },
    }


def unique(operation_id: str, taken: set[str]) -> str:
    """The id itself, or the first of `id_2`, `id_3`… that no operation before it has."""
    free, number = operation_id, 1
    while free in taken:
        number += 1
        free = f"{operation_id}_{number}"
    taken.add(free)
    return free


def tags(snapshot: Snapshot, operations: Iterable[Operation]) -> list[Json]:
    """The tags that the operations carry, each with what it is about."""
    used = dict.fromkeys(tag for _, _, operation in operations for tag in operation["tags"])
    found: list[Json] = []
    for tag in used:
        plugin = snapshot.plugins.get(tag)
        about = [plugin.manifest.description or f"The plugin {tag}."] if plugin else []
        about += [TAGS[tag]] if tag in TAGS else []
        found.append({"name": tag, **({"description": " ".join(about)} if about else {})})
    return found
