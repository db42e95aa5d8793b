"""Runs a pipeline."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from ductile.http.job_json import run_json, unseal_events
from ductile.http.middleware.authorize import require
from ductile.http.reply import JsonReply, Reply
from ductile.http.request import Request
from ductile.http.surfaces import examples, schemas
from ductile.http.surfaces.jobs import make_document, may_read, sees_all
from ductile.http.trigger_body import (
    LOCATION_HEADER,
    RUN_MEMBERS,
    accepted_reply,
    dry_run_reply,
    location_header,
    read_origin,
    read_trigger,
)
from ductile.http.wait import query_flag, requested_wait, submit_and_wait
from ductile.model.clock import Millis
from ductile.model.graph import Graph
from ductile.model.ids import new_id
from ductile.model.job import AcceptedJob
from ductile.model.route import Route
from ductile.submit import entry_steps, find_pipeline, submit_pipeline


async def trigger_pipeline(request: Request) -> Reply:
    """Start a run; answer with its end where the pipeline is synchronous or the caller waits."""
    graph = find_pipeline(request.snapshot, request.path["pipeline"])
    require(request, "plugin:rw", f"pipeline:{graph.name}")
    payload, options = read_trigger(request, RUN_MEMBERS)
    wait = wait_for(request, graph)
    submit = partial(
        submit_pipeline,
        request.gateway.store,
        request.snapshot,
        graph.name,
        payload,
        options=options,
        origin=read_origin(request),
        now=request.gateway.clock(),
    )
    if query_flag(request, "dry_run"):
        return await preview_run(request, graph, payload, submit)
    if not wait:
        return accepted_reply(request, await submit(job_id=new_id()))
    accepted, ended = await submit_and_wait(request, lambda job_id: submit(job_id=job_id), wait)
    return await ended_reply(request, accepted) if ended else still_running_reply(request, accepted)


async def preview_run(
    request: Request, graph: Graph, payload: Mapping[str, Any], submit: Callable[..., Awaitable[AcceptedJob]]
) -> Reply:
    """200 with the steps that would begin the run."""
    accepted = await submit(job_id=new_id(), dry_run=True)
    if accepted.deduplicated or accepted.replayed:
        return dry_run_reply(accepted)
    steps = entry_steps(request.snapshot, graph.name, payload)
    return dry_run_reply(
        accepted,
        would=f"start a run of {graph.name}",
        steps=[{"step": step.node, "plugin": step.plugin, "command": step.command} for step in steps],
    )


def wait_for(request: Request, graph: Graph) -> Millis | None:
    """How long to wait for the run's end: what the caller says, else the pipeline's own timeout; None is not at all."""
    asked = requested_wait(request)
    if query_flag(request, "async"):
        return None
    if asked is not None or not graph.synchronous:
        return asked
    longest = request.snapshot.api.max_sync_timeout
    return longest if graph.timeout is None else min(graph.timeout, longest)


async def ended_reply(request: Request, accepted: AcceptedJob) -> Reply:
    """200 with what the run's steps answered. That a step failed is no failure of the call."""
    views, skips = await request.gateway.store.tree(accepted.job_id)
    root = next((view for view in views if view.id == accepted.job_id), None)
    if root is None or not may_read(request, root):
        return accepted_reply(request, accepted)
    root, *views = unseal_events([root, *views], request.snapshot.vault)
    redactor, full = request.snapshot.redactor, sees_all(request)
    more = {"deduplicated": True} if accepted.deduplicated else {}
    document = await make_document(request, views, lambda: run_json(root, views, skips, redactor, full=full) | more)
    return JsonReply(body=document, headers=location_header(request, root.id))


def still_running_reply(request: Request, accepted: AcceptedJob) -> Reply:
    """202: the run goes on without the caller."""
    body = {
        "job_id": accepted.job_id,
        "status": "running",
        "timeout_exceeded": True,
        "message": "Pipeline still running after timeout.",
    }
    return JsonReply(status=202, body=body, headers=location_header(request, accepted.job_id))


ROUTES = [
    Route(
        method="POST",
        path="/pipeline/{pipeline}",
        handler=trigger_pipeline,
        summary="Run a pipeline",
        parameters=(schemas.ASYNC, schemas.WAIT, schemas.PREFER, schemas.IDEMPOTENCY_KEY, schemas.DRY_RUN),
        request=schemas.RUN_TRIGGER,
        responses={202: schemas.RUN_ACCEPTED, 200: schemas.RUN_OR_ACCEPTED, 404: None, 409: None, 503: None},
        examples={202: examples.STILL_RUNNING, 200: examples.RUN},
        headers=LOCATION_HEADER,
        hidden=True,
    ),
]
