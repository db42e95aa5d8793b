"""Runs a pipeline."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from ductile.http.ask import Ask, Reply
from ductile.http.documents import run_document, unsealed
from ductile.http.middleware.authorize import require
from ductile.http.surfaces import examples, schemas
from ductile.http.surfaces.jobs import may_read, sees_all
from ductile.http.trigger import LOCATION, RUN_MEMBERS, accepted_reply, location, origin, planned_reply, read_trigger
from ductile.http.wait import flag, submit_and_wait, wait_asked
from ductile.model.clock import Millis
from ductile.model.graph import Graph
from ductile.model.ids import new_id
from ductile.model.job import Accepted
from ductile.model.route import Route
from ductile.submit import entry_steps, find_pipeline, submit_pipeline


async def trigger(ask: Ask) -> Reply:
    """Start a run; answer with its end where the pipeline is synchronous or the caller waits."""
    graph = find_pipeline(ask.snapshot, ask.path["pipeline"])
    require(ask, "plugin:rw", f"pipeline:{graph.name}")
    payload, options = read_trigger(ask, RUN_MEMBERS)
    wait = wait_for(ask, graph)
    submit = partial(
        submit_pipeline,
        ask.gateway.store,
        ask.snapshot,
        graph.name,
        payload,
        options=options,
        origin=origin(ask),
        now=ask.gateway.clock(),
    )
    if flag(ask, "dry_run"):
        return await planned(ask, graph, payload, submit)
    if not wait:
        return accepted_reply(ask, await submit(job_id=new_id()))
    accepted, ended = await submit_and_wait(ask, lambda job_id: submit(job_id=job_id), wait)
    return await ended_reply(ask, accepted) if ended else still_running(ask, accepted)


async def planned(
    ask: Ask, graph: Graph, payload: Mapping[str, Any], submit: Callable[..., Awaitable[Accepted]]
) -> Reply:
    """200 with the steps that would begin the run."""
    accepted = await submit(job_id=new_id(), dry_run=True)
    if accepted.deduplicated or accepted.replayed:
        return planned_reply(accepted)
    steps = entry_steps(ask.snapshot, graph.name, payload)
    return planned_reply(
        accepted,
        would=f"start a run of {graph.name}",
        steps=[{"step": step.node, "plugin": step.plugin, "command": step.command} for step in steps],
    )


def wait_for(ask: Ask, graph: Graph) -> Millis | None:
    """How long to wait for the run's end: what the caller says, else the pipeline's own timeout; None is not at all."""
    asked = wait_asked(ask)
    if flag(ask, "async"):
        return None
    if asked is not None or not graph.synchronous:
        return asked
    longest = ask.snapshot.api.max_sync_timeout
    return longest if graph.timeout is None else min(graph.timeout, longest)


async def ended_reply(ask: Ask, accepted: Accepted) -> Reply:
    """200 with what the run's steps answered. That a step failed is no failure of the call."""
    views, skips = await ask.gateway.store.tree(accepted.job_id)
    root = next((view for view in views if view.id == accepted.job_id), None)
    if root is None or not may_read(ask, root):
        return accepted_reply(ask, accepted)
    root, *views = unsealed([root, *views], ask.snapshot.vault)
    document = run_document(root, views, skips, ask.snapshot.redactor, full=sees_all(ask))
    if accepted.deduplicated:
        document["deduplicated"] = True
    return Reply(body=document, headers=location(ask, root.id))


def still_running(ask: Ask, accepted: Accepted) -> Reply:
    """202: the run goes on without the caller."""
    body = {
        "job_id": accepted.job_id,
        "status": "running",
        "timeout_exceeded": True,
        "message": "Pipeline still running after timeout.",
    }
    return Reply(status=202, body=body, headers=location(ask, accepted.job_id))


ROUTES = [
    Route(
        method="POST",
        path="/pipeline/{pipeline}",
        handler=trigger,
        summary="Run a pipeline",
        parameters=(schemas.ASYNC, schemas.WAIT, schemas.PREFER, schemas.IDEMPOTENCY_KEY, schemas.DRY_RUN),
        request=schemas.RUN_TRIGGER,
        responses={202: schemas.RUN_ACCEPTED, 200: schemas.RUN_OR_ACCEPTED, 404: None, 409: None, 503: None},
        examples={202: examples.STILL_RUNNING, 200: examples.RUN},
        headers=LOCATION,
        hidden=True,
    ),
]
