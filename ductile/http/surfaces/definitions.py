"""Shows a pipeline: its steps, and on paper what a run of it would do."""

from collections.abc import Mapping
from typing import Any

from ductile.describe.pipeline import pipeline
from ductile.document.problem import did_you_mean
from ductile.errors import BadRequest
from ductile.http.ask import Ask, Reply
from ductile.http.middleware.authorize import require
from ductile.http.surfaces.schemas import BOOLEAN, INTEGER, NULLABLE_STRING, OBJECT, STRING, array, closed
from ductile.model.graph import Graph
from ductile.model.route import Route
from ductile.rehearse import Assumed, rehearse
from ductile.submit import find_pipeline

MEMBERS = ("payload", "answers")
NULLABLE_OBJECT = {"type": ["object", "null"]}
NAMES = array(STRING)

DEFINITION = closed(
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
    steps=array(
        closed(
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
REHEARSAL_REQUEST = {
    "title": "RehearsalRequest",
    "type": "object",
    "properties": {
        "payload": OBJECT,
        "answers": {
            "type": "object",
            "description": "Step → the payloads of the events that it is assumed to emit.",
            "additionalProperties": array(OBJECT),
        },
    },
    "additionalProperties": False,
}
REHEARSAL = closed(
    "Rehearsal",
    {"condition": OBJECT, "values": OBJECT, "reason": STRING},
    pipeline=STRING,
    starts=BOOLEAN,
    steps=array(
        closed(
            "RehearsedStep",
            {
                "plugin": STRING,
                "command": STRING,
                "payload": NULLABLE_OBJECT,
                "context": OBJECT,
                "reason": STRING,
                "values": NULLABLE_OBJECT,
                "warnings": array(STRING),
                "then": array(closed(step=STRING, uses=NULLABLE_STRING, condition=NULLABLE_OBJECT)),
            },
            step=STRING,
            status={"type": "string", "enum": ["dispatched", "held", "failed", "skipped"]},
            after=NULLABLE_STRING,
            condition=NULLABLE_OBJECT,
        )
    ),
)


async def get_pipeline(ask: Ask) -> Reply:
    """One pipeline. It shows no more than its secrets' places."""
    graph = allowed(ask, "plugin:ro")
    return Reply(body=ask.snapshot.redactor.value(pipeline(graph)))


async def dry_run(ask: Ask) -> Reply:
    """What a run would do; nothing is written."""
    graph = allowed(ask, "plugin:rw")
    payload, answers = read_rehearsal(ask)
    return Reply(body=ask.snapshot.redactor.value(rehearse(ask.snapshot, graph, payload, answers)))


def allowed(ask: Ask, scope: str) -> Graph:
    """The pipeline of the path. Raises UnknownPipeline, or Forbidden without this scope or the pipeline's own."""
    graph = find_pipeline(ask.snapshot, ask.path["pipeline"])
    require(ask, scope, f"pipeline:{graph.name}")
    return graph


def read_rehearsal(ask: Ask) -> tuple[Mapping[str, Any], Assumed]:
    """The payload and the assumed answers. Raises BadRequest."""
    body = ask.object()
    for name in body:
        if name not in MEMBERS:
            hint = did_you_mean(name, MEMBERS)
            raise BadRequest(reason=f"{name!r} is no member of this request{hint} (known are {', '.join(MEMBERS)})")
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
        responses={200: DEFINITION, 404: None},
    ),
    Route(
        method="POST",
        path="/pipeline/{pipeline}/dry-run",
        handler=dry_run,
        summary="What a run of the pipeline would do, step by step",
        tags=("pipeline",),
        request=REHEARSAL_REQUEST,
        responses={200: REHEARSAL, 404: None},
    ),
]
