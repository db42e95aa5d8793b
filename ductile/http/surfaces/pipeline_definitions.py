"""Shows a pipeline: its steps, and on paper what a run of it would do."""

from collections.abc import Mapping
from typing import Any

from ductile.describe.pipeline_document import pipeline_document
from ductile.document.problem import did_you_mean
from ductile.dry_run import AssumedEvents, dry_run_pipeline
from ductile.errors import BadRequest
from ductile.http.middleware.authorize import require
from ductile.http.reply import JsonReply, Reply
from ductile.http.request import Request
from ductile.http.surfaces.schemas import BOOLEAN, INTEGER, NULLABLE_STRING, OBJECT, STRING, array_schema, object_schema
from ductile.model.graph import Graph
from ductile.model.route import Route
from ductile.submit import find_pipeline

DRY_RUN_MEMBERS = ("payload", "answers")
NULLABLE_OBJECT = {"type": ["object", "null"]}
NAMES = array_schema(STRING)

PIPELINE_SCHEMA = object_schema(
    "Pipeline",
    name=STRING,
    on=NULLABLE_STRING,
    on_hook=NULLABLE_STRING,
    from_plugin=NULLABLE_STRING,
    **{"if": NULLABLE_OBJECT},
    execution_mode={"type": "string", "enum": ["synchronous", "asynchronous"]},
    timeout_secs={"type": ["number", "null"]},
    max_depth=INTEGER,
    hash=STRING,
    entry=NAMES,
    steps=array_schema(
        object_schema(
            "PipelineStep",
            step=STRING,
            plugin=NULLABLE_STRING,
            command=NULLABLE_STRING,
            **{"if": NULLABLE_OBJECT, "with": NULLABLE_OBJECT},
            baggage=OBJECT,
            next=NAMES,
            bypass=NAMES,
        )
    ),
)
DRY_RUN_REQUEST = {
    "title": "RehearsalRequest",
    "type": "object",
    "properties": {
        "payload": OBJECT,
        "answers": {
            "type": "object",
            "description": "Step → the payloads of the events that it is assumed to emit.",
            "additionalProperties": array_schema(OBJECT),
        },
    },
    "additionalProperties": False,
}
DRY_RUN_SCHEMA = object_schema(
    "Rehearsal",
    {"condition": OBJECT, "values": OBJECT, "reason": STRING},
    pipeline=STRING,
    starts=BOOLEAN,
    steps=array_schema(
        object_schema(
            "RehearsedStep",
            {
                "plugin": STRING,
                "command": STRING,
                "payload": NULLABLE_OBJECT,
                "context": OBJECT,
                "reason": STRING,
                "values": NULLABLE_OBJECT,
                "warnings": array_schema(STRING),
                "then": array_schema(object_schema(step=STRING, uses=NULLABLE_STRING, condition=NULLABLE_OBJECT)),
            },
            step=STRING,
            status={"type": "string", "enum": ["dispatched", "held", "failed", "skipped"]},
            after=NULLABLE_STRING,
            condition=NULLABLE_OBJECT,
        )
    ),
)


async def get_pipeline(request: Request) -> Reply:
    """One pipeline. It shows no more than its secrets' places."""
    graph = find_permitted_pipeline(request, "plugin:ro")
    return JsonReply(body=request.snapshot.redactor.value(pipeline_document(graph)))


async def dry_run(request: Request) -> Reply:
    """What a run would do; nothing is written."""
    graph = find_permitted_pipeline(request, "plugin:rw")
    payload, answers = read_dry_run(request)
    return JsonReply(body=request.snapshot.redactor.value(dry_run_pipeline(request.snapshot, graph, payload, answers)))


def find_permitted_pipeline(request: Request, scope: str) -> Graph:
    """The pipeline of the path. Raises UnknownPipeline, or Forbidden without this scope or the pipeline's own."""
    graph = find_pipeline(request.snapshot, request.path["pipeline"])
    require(request, scope, f"pipeline:{graph.name}")
    return graph


def read_dry_run(request: Request) -> tuple[Mapping[str, Any], AssumedEvents]:
    """The payload and the assumed answers. Raises BadRequest."""
    body = request.object()
    for name in body:
        if name not in DRY_RUN_MEMBERS:
            hint = did_you_mean(name, DRY_RUN_MEMBERS)
            raise BadRequest(
                reason=f"{name!r} is no member of this request{hint} (known are {', '.join(DRY_RUN_MEMBERS)})"
            )
    payload, answers = body.get("payload", {}), body.get("answers", {})
    if not isinstance(payload, dict):
        raise BadRequest(reason="payload must be a JSON object")
    if not isinstance(answers, dict):
        raise BadRequest(reason="answers must be a JSON object of lists of payloads by step")
    for step, emitted in answers.items():
        if not isinstance(emitted, list) or not all(isinstance(one, dict) for one in emitted):
            raise BadRequest(reason=f"answers.{step} must be a list of JSON objects: the payload of each event")
    return payload, answers


ROUTES = [
    Route(
        method="GET",
        path="/pipeline/{pipeline}",
        handler=get_pipeline,
        summary="A pipeline, its steps and where each leads",
        tags=("pipeline",),
        responses={200: PIPELINE_SCHEMA, 404: None},
    ),
    Route(
        method="POST",
        path="/pipeline/{pipeline}/dry-run",
        handler=dry_run,
        summary="What a run of the pipeline would do, step by step",
        tags=("pipeline",),
        request=DRY_RUN_REQUEST,
        responses={200: DRY_RUN_SCHEMA, 404: None},
    ),
]
