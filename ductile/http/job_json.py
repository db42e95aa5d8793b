"""Jobs as the API shows them. Pure: values of the store in, JSON values out."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from msgspec.structs import replace

from ductile.document.redactor import Redactor
from ductile.document.vault import Unsealable, Vault, is_sealed
from ductile.model.clock import Millis, rfc3339
from ductile.model.event import Event
from ductile.model.job import ENDED_STATES, PIPELINE_PLUGIN, State
from ductile.model.read_models import JobPage, JobRow, JobView, SkipView

Json = dict[str, Any]

SEALED_BY_ANOTHER_KEY = b'{"[SEALED]": "with another key than that beside the database"}'
"""What is shown of a payload that cannot be opened."""


def time_json(at: Millis | None) -> str | None:
    """RFC 3339, or null."""
    return None if at is None else rfc3339(at)


def unseal_events(views: Sequence[JobView], vault: Vault) -> list[JobView]:
    """The jobs with the payloads of what they emitted as they were before they were sealed."""
    return [
        replace(view, events=tuple(_unseal_event(event, vault) for event in view.events))
        if any(is_sealed(event.payload) for event in view.events)
        else view
        for view in views
    ]


def _unseal_event(event: Event, vault: Vault) -> Event:
    try:
        return replace(event, payload=vault.open(event.payload))
    except Unsealable:
        return replace(event, payload=SEALED_BY_ANOTHER_KEY)


def event_json(event: Event) -> Json:
    """An emitted event."""
    document: Json = {
        "event_id": event.id,
        "type": event.type,
        "payload": orjson.loads(event.payload),
        "timestamp": rfc3339(event.timestamp),
    }
    if event.dedupe_key is not None:
        document["dedupe_key"] = event.dedupe_key
    return document


def response_json(view: JobView, *, full: bool) -> Json | None:
    """What the last attempt answered: `{status, result, error?, events, logs}`, with `state_updates` when `full`."""
    if view.result is None:
        return None
    stored = orjson.loads(view.result)
    document: Json = {"status": stored.get("status"), "result": stored.get("result")}
    if stored.get("error") is not None:
        document["error"] = stored["error"]
    document["events"] = [event_json(event) for event in view.events]
    document["logs"] = orjson.loads(view.logs) if view.logs else []
    if full:
        document["state_updates"] = stored.get("state_updates") or {}
    return document


def run_result(views: Sequence[JobView], *, full: bool) -> Any:
    """Of a run: its only leaf's response, else step → response (a list where a step ran several times)."""
    parents = {view.parent_id for view in views}
    leaves = [view for view in views if view.id not in parents and view.id != view.root_id]
    if len(leaves) == 1:
        return response_json(leaves[0], full=full)
    found: dict[str, list[Json | None]] = {}
    for leaf in leaves:
        found.setdefault(leaf.step or leaf.id, []).append(response_json(leaf, full=full))
    return {step: answers[0] if len(answers) == 1 else answers for step, answers in found.items()} or None


def size_of(views: Sequence[JobView]) -> int:
    """What showing these jobs costs, in bytes of JSON."""
    return sum(
        len(view.result or b"")
        + len(view.logs or b"")
        + len(view.stdout or "")
        + sum(len(e.payload) for e in view.events)
        for view in views
    )


def is_run(view: JobView) -> bool:
    """Whether this is the root of a pipeline's run."""
    return view.plugin == PIPELINE_PLUGIN


def job_json(
    view: JobView, tree: Sequence[JobView], redactor: Redactor, *, full: bool, waiting: Json | None = None
) -> Json:
    """`GET /job/{id}`. `tree` is the run's jobs where the job is an ended run's root, else empty.

    `waiting` says why a job does not run yet.
    """
    document: Json = {
        "job_id": view.id,
        "status": view.state.value,
        "plugin": view.plugin,
        "command": view.command,
        "submitted_by": view.submitted_by,
        "principal": view.principal,
        "request_id": view.request_id,
        "created_at": rfc3339(view.created_at),
        "started_at": time_json(view.started_at),
        "completed_at": time_json(view.ended_at),
        "attempt": view.attempt,
        "max_attempts": view.max_attempts,
        "priority": view.priority,
        "parent_job_id": view.parent_id,
        "root_job_id": view.root_id,
        "step": view.step,
    }
    result = run_result(tree, full=full) if is_run(view) else response_json(view, full=full)
    if result is not None:
        document["result"] = result
    if waiting is not None:
        document["waiting"] = waiting
    document |= {name: value for name, value in job_details(view).items() if value is not None}
    shown: Json = redactor.value(document)
    return shown


def job_details(view: JobView) -> Json:
    """Members that a job's document has only where there is something to say."""
    return {
        "last_error": view.error,
        "held_reason": view.held_reason,
        "run_at": time_json(view.run_at) if waits_for(view) else None,
        "cancel_requested_at": time_json(view.cancel_at) if view.state not in ENDED_STATES else None,
        "exit_code": view.exit_code,
        "stdout": view.stdout,
        "stderr": view.stderr or None,
        "retry_of": view.retry_of,
        "cause": view.cause and cause_json(view.cause),
        "started": [
            {"job_id": job_id, "plugin": plugin, "command": command} for job_id, plugin, command in view.started
        ]
        or None,
    }


def waits_for(view: JobView) -> bool:
    """Whether a time was set before which the job, or the first steps of the run, may not start."""
    open_still = view.state is State.QUEUED or (view.state is State.RUNNING and is_run(view))
    return open_still and view.run_at != view.created_at


def cause_json(event: Event) -> Json:
    """The event that started a job, by reference."""
    return {
        "event_id": event.id,
        "type": event.type,
        "source": event.source,
        "job_id": event.job_id,
        "timestamp": rfc3339(event.timestamp),
    }


def tree_json(views: Sequence[JobView], skips: Sequence[SkipView], redactor: Redactor, *, full: bool) -> list[Json]:
    """`GET /job/{id}/tree`: jobs, root first, then the steps that were passed by."""
    rows = [tree_row_json(view, views, full=full) for view in views]
    rows += [skip_json(skip) for skip in skips]
    shown: list[Json] = redactor.value(rows)
    return shown


def tree_row_json(view: JobView, views: Sequence[JobView], *, full: bool) -> Json:
    """One job of a tree."""
    ended_run = is_run(view) and view.state in ENDED_STATES
    return {
        "job_id": view.id,
        "parent_job_id": view.parent_id,
        "plugin": view.plugin,
        "command": view.command,
        "status": view.state.value,
        "result": run_result(views, full=full) if ended_run else response_json(view, full=full),
        "started_at": time_json(view.started_at),
        "completed_at": time_json(view.ended_at),
        "step": view.step,
        "attempt": view.attempt,
        "last_error": view.error,
    }


def skip_json(skip: SkipView) -> Json:
    """One step that was passed by."""
    return {
        "job_id": None,
        "parent_job_id": skip.parent_id,
        "plugin": None,
        "command": None,
        "status": "skipped",
        "result": None,
        "started_at": None,
        "completed_at": None,
        "step": skip.step,
        "reason": skip.reason,
        "condition": orjson.loads(skip.condition) if skip.condition else None,
        "values": orjson.loads(skip.values) if skip.values else None,
    }


def run_json(
    root: JobView, views: Sequence[JobView], skips: Sequence[SkipView], redactor: Redactor, *, full: bool
) -> Json:
    """What a caller gets who waited for a run's end."""
    ended = root.ended_at if root.ended_at is not None else root.created_at
    document: Json = {
        "job_id": root.id,
        "status": root.state.value,
        "duration_ms": ended - root.created_at,
        "result": redactor.value(run_result(views, full=full)),
        "tree": tree_json(views, skips, redactor, full=full),
    }
    if root.error is not None:
        document["error"] = redactor.text(root.error)
    return document


def job_page_json(page: JobPage, waiting: Mapping[str, Json] | None = None) -> Json:
    """`GET /jobs`; with details where `waiting` says of jobs, by id, why they do not run yet."""
    rows = [
        job_row_json(row) if waiting is None else job_row_json(row) | job_row_details(row, waiting.get(row.id))
        for row in page.rows
    ]
    document: Json = {"jobs": rows, "total": page.total, "cursor": page.cursor}
    if page.total_capped:
        document["total_capped"] = True
    return document


def job_row_json(row: JobRow) -> Json:
    """A line of the list of jobs."""
    return {
        "job_id": row.id,
        "plugin": row.plugin,
        "command": row.command,
        "status": row.state.value,
        "created_at": rfc3339(row.created_at),
        "started_at": time_json(row.started_at),
        "completed_at": time_json(row.ended_at),
        "attempt": row.attempt,
    }


def job_row_details(row: JobRow, waiting: Json | None) -> Json:
    """Members that a line has only where they are asked for, and there is something to say."""
    details = {
        "parent_job_id": row.parent_id,
        "cancel_requested_at": time_json(row.cancel_at) if row.state not in ENDED_STATES else None,
        "waiting": waiting,
    }
    return {name: value for name, value in details.items() if value is not None}


def queue_depth(depth: Mapping[State, int]) -> int:
    """How many jobs wait for a slot."""
    return depth.get(State.QUEUED, 0)
