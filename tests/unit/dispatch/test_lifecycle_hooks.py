"""Which runs the end of a root starts through `on-hook`."""

from itertools import count
from typing import Any

import orjson
import pytest
from msgspec.structs import replace
from support.dispatch import sample_job
from support.web import plugin, snapshot

from ductile.dispatch.lifecycle_hooks import hook_starts_or_note
from ductile.flow.compile import compile_pipelines
from ductile.flow.dsl import PipelineModel
from ductile.model.job import EndedRoot, EndedStep, State
from ductile.model.journal import EntryKind
from ductile.model.snapshot import Snapshot
from ductile.model.writes import Note, Start

NOW = 1_700_000_000_000


def snapshot_of(*pipelines: dict[str, Any], notify: tuple[str, ...] = ("loud",), **service: Any) -> Snapshot:
    plugins = {name: replace(plugin(name), notify_on_complete=name in notify) for name in ("loud", "quiet", "alert")}
    raw = [PipelineModel.model_validate({"steps": [{"uses": "alert"}], **one}) for one in pipelines]
    graphs, problems = compile_pipelines(raw, {name: one.manifest.commands for name, one in plugins.items()})
    assert not problems
    on_hook: dict[str, tuple[Any, ...]] = {}
    for graph in graphs.values():
        on_hook[str(graph.on_hook)] = (*on_hook.get(str(graph.on_hook), ()), graph)
    whole = snapshot(plugins=plugins, pipelines=graphs, on_hook=on_hook)
    return replace(whole, service=replace(whole.service, **service))


ALL = [{"name": f"on-{name}", "on-hook": f"job.{name}"} for name in ("completed", "failed", "timed_out", "dead")]


def sample_end(
    state: State = State.FAILED, *, by: str = "loud", candidates: tuple[EndedStep, ...] = (), **root: Any
) -> EndedRoot:
    job = replace(sample_job(attempt=2), plugin="pipeline" if candidates else by, started_at=NOW - 70, **root)
    return EndedRoot(
        root=job,
        state=state,
        ended_at=NOW,
        plugin=job.plugin,
        command=job.command,
        attempt=job.attempt,
        error="disk full",
        candidates=candidates,
    )


def ended_step(by: str, error: str | None = None) -> EndedStep:
    return EndedStep(job_id=f"of-{by}", plugin=by, command="handle", attempt=3, error=error)


def hook_runs(there: Snapshot, what: EndedRoot) -> list[Start]:
    ids = count(1)
    found = list(hook_starts_or_note(there, what, lambda: f"id{next(ids)}"))
    assert all(isinstance(one, Start) for one in found)
    return found  # type: ignore[return-value]  # as asserted


def payload(start: Start) -> Any:
    assert start.event is not None
    return orjson.loads(start.event.payload)


@pytest.mark.parametrize(
    ("state", "runs"),
    [
        (State.SUCCEEDED, ["on-completed"]),
        (State.CANCELLED, ["on-completed"]),
        (State.FAILED, ["on-completed", "on-failed"]),
        (State.TIMED_OUT, ["on-completed", "on-failed", "on-timed_out"]),
        (State.DEAD, ["on-completed", "on-failed", "on-dead"]),
    ],
)
def test_every_end_gives_its_signals(state: State, runs: list[str]) -> None:
    assert [start.command for start in hook_runs(snapshot_of(*ALL), sample_end(state))] == runs


def test_a_plugin_that_did_not_ask_for_it_gives_none() -> None:
    assert hook_runs(snapshot_of(*ALL), sample_end(by="quiet")) == []
    assert hook_runs(snapshot_of(*ALL), sample_end(by="gone")) == []


def test_what_a_hook_started_gives_none() -> None:
    assert hook_runs(snapshot_of(*ALL), sample_end(submitted_by="hook")) == []


def test_a_hook_run_tells_of_the_job_and_inherits_from_it() -> None:
    [start] = hook_runs(
        snapshot_of(ALL[1]), sample_end(principal="token:me", priority=5, request_id="q", hops=4, id="job")
    )
    assert payload(start) == {
        "job_id": "job",
        "plugin": "loud",
        "command": "c",
        "status": "failed",
        "attempt": 2,
        "duration_ms": 70,
        "message": "Job failed [loud]: disk full",
        "text": "Job failed [loud]: disk full",
        "error": "disk full",
    }
    assert start.event is not None
    assert (start.event.type, start.event.source) == ("job.failed", "loud")
    assert (start.principal, start.priority, start.request_id, start.hops) == ("token:me", 5, "q", 5)
    assert (start.submitted_by, start.cause_event_id, start.dedupe_key) == ("hook", None, None)


def test_a_run_speaks_through_the_first_of_its_steps_that_asked_for_it() -> None:
    steps = (ended_step("quiet", "first"), ended_step("loud", "second"), ended_step("loud", "third"))
    [start] = hook_runs(snapshot_of(ALL[1]), sample_end(candidates=steps, id="run"))
    told = payload(start)
    assert (told["job_id"], told["plugin"], told["command"], told["error"]) == ("run", "loud", "handle", "second")
    assert hook_runs(snapshot_of(ALL[1]), sample_end(candidates=steps[:1])) == []


def test_from_plugin_and_if_select_the_hook() -> None:
    there = snapshot_of(
        {"name": "of-loud", "on-hook": "job.failed", "from_plugin": "loud"},
        {"name": "of-other", "on-hook": "job.failed", "from_plugin": "quiet"},
        {"name": "full", "on-hook": "job.failed", "if": {"path": "payload.error", "op": "contains", "value": "FULL"}},
        {"name": "late", "on-hook": "job.failed", "if": {"path": "payload.attempt", "op": "gt", "value": 2}},
    )
    assert [start.command for start in hook_runs(there, sample_end())] == ["of-loud", "full"]


def test_an_if_that_cannot_be_decided_is_noted_and_hinders_no_other_hook() -> None:
    there = snapshot_of(
        {"name": "odd", "on-hook": "job.failed", "if": {"path": "payload.attempt", "op": "contains", "value": "x"}},
        {"name": "sound", "on-hook": "job.failed"},
    )
    note, start = hook_starts_or_note(there, sample_end(id="job"), lambda: "id")
    assert isinstance(note, Note)
    assert isinstance(start, Start)
    assert (note.kind, note.job_id, start.command) == ("pipeline.condition_undecided", "job", "sound")
    assert "payload.attempt" in str(note.data)


def test_hooks_count_as_hops() -> None:
    there = snapshot_of(ALL[1], max_hops=3)
    assert [start.error for start in hook_runs(there, sample_end(hops=2))] == [None]
    [refused] = hook_runs(there, sample_end(hops=3))
    assert "max_hops" in str(refused.error)


def test_a_hook_that_fails_inside_the_gateway_is_noted_and_keeps_no_job_from_ending() -> None:
    def broken() -> str:
        message = "no ids today"
        raise RuntimeError(message)

    assert hook_starts_or_note(snapshot_of(*ALL), sample_end(id="job"), broken) == (
        Note(kind=EntryKind.HOOKS_FAILED, job_id="job"),
    )
