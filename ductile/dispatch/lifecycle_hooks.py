"""Lifecycle hooks: the pipelines that the end of a root starts, planned in the transaction that ends the root."""

from collections.abc import Sequence

import orjson
import structlog

from ductile.flow import plan_starts
from ductile.flow.hook_payload import hook_payload, lifecycle_signals
from ductile.flow.plan_starts import NewId
from ductile.flow.triggers import pipelines_on_hook
from ductile.model.event import Event
from ductile.model.job import EndedRoot, EndedStep, SubmittedBy
from ductile.model.journal import EntryKind
from ductile.model.snapshot import Snapshot
from ductile.model.writes import Note, Start

log = structlog.get_logger(__name__)


def hook_starts_or_note(snapshot: Snapshot, ended: EndedRoot, new_id: NewId) -> Sequence[Start | Note]:
    """The result of `hook_starts`, or a note of its failure: a failing hook does not keep its job from ending."""
    try:
        return hook_starts(snapshot, ended, new_id)
    except Exception:
        log.exception("hooks failed inside the gateway", job_id=ended.root.id)
        return (Note(kind=EntryKind.HOOKS_FAILED, job_id=ended.root.id),)


def hook_starts(snapshot: Snapshot, ended: EndedRoot, new_id: NewId) -> Sequence[Start | Note]:
    """The runs that this end starts, and a note for each pipeline whose `if` could not be evaluated.

    A plain job fires hooks if its plugin has `notify_on_complete`; a run fires them for the first of its failed steps
    (where none failed: of its last steps) whose plugin has it. A root that a hook started fires no hooks.
    """
    if not snapshot.on_hook or ended.root.submitted_by == SubmittedBy.HOOK:
        return ()
    subject = _subject(snapshot, ended)
    if subject is None:
        return ()
    payload = hook_payload(
        job_id=ended.root.id,
        plugin=subject.plugin,
        command=subject.command,
        status=ended.state,
        attempt=subject.attempt,
        duration_ms=ended.ended_at - (ended.root.started_at or ended.root.created_at),
        error=subject.error,
    )
    starts: list[Start | Note] = []
    for signal in lifecycle_signals(ended.state):
        graphs, undecided = pipelines_on_hook(snapshot, signal, subject.plugin, payload)
        starts += [plan_starts.undecided_note(ended.root.id, reason) for reason in undecided]
        for graph in graphs:
            event = Event(
                id=new_id(),
                type=signal,
                payload=orjson.dumps(payload),
                source=subject.plugin,
                timestamp=ended.ended_at,
            )
            starts.append(
                plan_starts.plan_run(snapshot, graph, event, payload, _lineage(ended), run_id=new_id(), new_id=new_id)
            )
    return starts


def _lineage(ended: EndedRoot) -> plan_starts.Lineage:
    return plan_starts.Lineage(
        principal=ended.root.principal,
        submitted_by=SubmittedBy.HOOK,
        request_id=ended.root.request_id,
        priority=ended.root.priority,
        hops=ended.root.hops + 1,
        route=True,
    )


def _subject(snapshot: Snapshot, ended: EndedRoot) -> EndedStep | None:
    candidates = ended.candidates or (
        EndedStep(
            job_id=ended.root.id,
            plugin=ended.plugin,
            command=ended.command,
            attempt=ended.attempt,
            error=ended.error,
        ),
    )
    for candidate in candidates:
        plugin = snapshot.plugins.get(candidate.plugin)
        if plugin is not None and plugin.notify_on_complete:
            return candidate
    return None
