"""From the outcome of an attempt to its settlement."""

from itertools import count
from typing import Any

import orjson
import pytest
from msgspec.structs import replace
from support.dispatch import Clock, sample_job
from support.web import SECRET, snapshot

from ductile.dispatch.outcome import read_outcome
from ductile.dispatch.settlement import Ending, build_settlement
from ductile.flow.compile import compile_pipelines
from ductile.flow.dsl import PipelineModel
from ductile.model.event import Event
from ductile.model.graph import Graph
from ductile.model.job import ClaimedJob, Job, Outcome, State
from ductile.model.manifest import FactOutput
from ductile.model.snapshot import EventRoute, Snapshot
from ductile.model.writes import Settlement
from ductile.plugin.runner.interface import Execution, StopReason

SNAPSHOT = snapshot()
NOW = Clock().now
COMMANDS = {name: plugin.manifest.commands for name, plugin in SNAPSHOT.plugins.items()}


def graphs(*raw: dict[str, Any]) -> dict[str, Graph]:
    found, problems = compile_pipelines([PipelineModel.model_validate(one) for one in raw], COMMANDS)
    assert not problems
    return found


LINE_GRAPH = graphs({"name": "line", "on": "go", "steps": [{"id": "a", "uses": "echo"}, {"id": "b", "uses": "alias"}]})


def job(**more: Any) -> Job:
    step = {"root_id": "r", "parent_id": "r", "plugin": "echo", "command": "handle", "step": "a", "definition": "d"}
    return sample_job(**{**step, "priority": 7, "hops": 2, "route": True, "request_id": "q", **more})


def settle_answer(
    answer: Any,
    *,
    where: Snapshot = SNAPSHOT,
    graph: Graph | None = LINE_GRAPH["line"],
    exit_code: int = 0,
    stderr: bytes = b"",
    stop: StopReason | None = None,
    **more: Any,
) -> Settlement:
    stdout = answer if isinstance(answer, bytes) else orjson.dumps(answer)
    execution = Execution(exit_code=exit_code, stdout=stdout, stderr=stderr, stop=stop, duration=5)
    event = Event(id="e", type="go", payload=b"{}", source="api", timestamp=NOW)
    ids = count(1)
    return build_settlement(
        Ending(
            claimed=ClaimedJob(job=job(**more), event=event, context=b'{"k": 1}', plugin_state=b"{}"),
            snapshot=where,
            graph=graph,
            outcome=read_outcome(execution, where.redactor.text),
            runner="spawn",
            started_at=NOW,
            ended_at=NOW + 5,
            jitter=0.0,
        ),
        lambda: f"id{next(ids)}",
    )


def settle_plain_job(answer: Any, **more: Any) -> Settlement:
    return settle_answer(
        answer, graph=None, **{"parent_id": None, "step": None, "definition": None, "root_id": "j", **more}
    )


def raw_event(kind: str = "made", **payload: Any) -> dict[str, Any]:
    return {"type": kind, "payload": payload}


def snapshot_with_fact() -> Snapshot:
    manifest = SNAPSHOT.plugins["echo"].manifest
    rule = FactOutput(command="handle", fact_type="echo.seen")
    echo = replace(SNAPSHOT.plugins["echo"], manifest=replace(manifest, fact_outputs=(rule,)))
    return replace(SNAPSHOT, plugins={**SNAPSHOT.plugins, "echo": echo})


# ------------------------------------------------------------------ events


def test_the_result_is_copied_into_each_event_that_has_none_of_its_own() -> None:
    events = [raw_event(n=1), raw_event(result="mine"), raw_event(result=None)]
    ended = settle_answer({"status": "ok", "result": {"x": 1}, "events": events})
    assert [orjson.loads(event.payload) for event in ended.events] == [
        {"n": 1, "result": {"x": 1}},
        {"result": "mine"},
        {"result": None},
    ]
    assert [child.step for child in ended.children] == ["b", "b", "b"]
    assert [child.event_id for child in ended.children] == [event.id for event in ended.events]


def test_a_step_without_events_goes_on_with_a_synthetic_one_of_its_result() -> None:
    ended = settle_answer({"status": "ok", "result": "text"})
    [event] = ended.events
    assert (event.type, orjson.loads(event.payload)) == ("ductile.step.succeeded", {"result": "text"})
    assert (event.source, event.job_id, event.root_id, event.pipeline, event.step) == ("echo", "j", "r", "line", "a")
    assert [child.step for child in ended.children] == ["b"]


def test_a_last_step_and_a_plain_job_make_no_synthetic_event() -> None:
    assert settle_answer({"status": "ok", "result": 1}, step="b").events == ()
    assert settle_plain_job({"status": "ok", "result": 1}).events == ()


@pytest.mark.parametrize(("retry", "events", "state"), [(True, 0, State.QUEUED), (False, 1, State.FAILED)])
def test_events_and_state_of_an_error_count_when_no_retry_follows(*, retry: bool, events: int, state: State) -> None:
    ended = settle_answer(
        {"status": "error", "error": "x", "retry": retry, "events": [raw_event()], "state_updates": {"a": 1}},
        exit_code=1,
    )
    assert ended.state is state
    assert len(ended.events) == events
    assert (ended.state_update is not None) == bool(events)
    assert ended.children == (), "an error never continues the chain"


def test_an_error_that_used_up_its_attempts_counts_too() -> None:
    ended = settle_answer({"status": "error", "error": "x", "events": [raw_event()]}, attempt=4)
    assert (ended.state, len(ended.events)) == (State.DEAD, 1)


def test_what_an_error_emits_starts_pipelines_and_routes() -> None:
    alarm = graphs({"name": "alarm", "on": "fetch.failed", "steps": [{"uses": "alias"}]})["alarm"]
    route = EventRoute(source="echo", event_type="fetch.failed", to="alias")
    where = replace(SNAPSHOT, on_event={"fetch.failed": (alarm,)}, routes={("echo", "fetch.failed"): (route,)})
    answer = {
        "status": "error",
        "error": "x",
        "retry": False,
        "events": [{**raw_event("fetch.failed"), "dedupe_key": "k"}],
    }
    ended = settle_answer(answer, where=where)
    assert [(start.plugin, start.command) for start in ended.starts] == [("pipeline", "alarm"), ("alias", "handle")]
    for start in ended.starts:
        assert (start.cause_event_id, start.event_id, start.event) == (ended.events[0].id, ended.events[0].id, None)
        assert (start.principal, start.priority, start.request_id, start.hops) == ("token:t", 7, "q", 3)
        assert (start.submitted_by, start.dedupe_key, start.route) == ("route", "k", True)
        assert all(child.context is None and child.context_id is None for child in start.children), "empty baggage"
    assert settle_answer(answer, where=where, route=False).starts == ()


def test_a_condition_that_cannot_be_decided_starts_nothing_and_is_noted_without_values() -> None:
    condition = {"path": "payload.n", "op": "gt", "value": 1}
    picky = graphs({"name": "picky", "on": "made", "if": condition, "steps": [{"uses": "alias"}]})["picky"]
    ended = settle_answer(
        {"status": "ok", "result": 1, "events": [raw_event(n="4711-odd")]},
        where=replace(SNAPSHOT, on_event={"made": (picky,)}),
    )
    assert ended.starts == ()
    [note] = ended.notes
    assert note.job_id == "j"
    assert "payload.n" in str(note.data)
    assert "4711" not in str(note.data)


# ------------------------------------------------------------------ state and facts


def test_state_is_merged_and_with_a_fact_rule_it_is_a_fact() -> None:
    answer = {"status": "ok", "result": 1, "state_updates": {"a": 1}}
    update = settle_answer(answer).state_update
    assert update is not None
    assert (update.plugin, update.values, update.fact_type) == ("echo", {"a": 1}, None)
    fact = settle_answer(answer, where=snapshot_with_fact()).state_update
    assert fact is not None
    assert fact.fact_type == "echo.seen"
    other = settle_answer(answer, where=snapshot_with_fact(), command="poll").state_update
    assert other is not None
    assert other.fact_type is None


def test_an_alias_has_a_state_of_its_own() -> None:
    update = settle_answer({"status": "ok", "result": 1, "state_updates": {"a": 1}}, plugin="alias").state_update
    assert update is not None
    assert update.plugin == "alias"


@pytest.mark.parametrize("status", ["ok", "error"])
def test_a_failure_never_makes_a_fact(status: str) -> None:
    answer = {"status": status, "result": 1, "error": "x", "retry": False, "state_updates": {"a": 1}}
    ended = settle_answer(answer, where=snapshot_with_fact(), exit_code=78)
    assert (ended.state, ended.state_update) == (State.FAILED, None)


def test_a_stopped_attempt_leaves_no_state_and_no_events() -> None:
    answer = {"status": "ok", "result": 1, "events": [raw_event()], "state_updates": {"a": 1}}
    ended = settle_answer(answer, stop=StopReason.CANCELLED)
    assert (ended.outcome, ended.state) == (Outcome.CANCELLED, State.CANCELLED)
    assert (ended.events, ended.children, ended.state_update) == ((), (), None)


# ------------------------------------------------------------------ secrets


def test_what_is_kept_for_people_holds_no_secret() -> None:
    answer = {
        "status": "error",
        "error": f"bad {SECRET}",
        "result": {SECRET: [f"a {SECRET}"]},
        "retry": False,
        "logs": [{"level": "info", "message": f"tried {SECRET}"}],
    }
    ended = settle_answer(answer, stderr=f"oh {SECRET}".encode())
    for kept in (ended.result, ended.error, ended.logs, ended.stderr):
        assert kept
        assert SECRET not in str(kept)
        assert "[REDACTED]" in str(kept)


def test_output_that_could_not_be_read_holds_no_secret() -> None:
    ended = settle_answer(f"no JSON but {SECRET}".encode())
    assert ended.stdout == "no JSON but [REDACTED]"
    assert SECRET not in str(ended.error)


def test_an_event_with_a_secret_is_sealed_and_state_is_kept_as_given() -> None:
    ended = settle_answer(
        {"status": "ok", "result": 1, "events": [raw_event(k=SECRET)], "state_updates": {"k": SECRET}}
    )
    (event,) = ended.events
    assert SECRET.encode() not in event.payload
    assert SECRET.encode() in SNAPSHOT.vault.open(event.payload)
    assert ended.state_update is not None
    assert ended.state_update.values == {"k": SECRET}


def test_a_secret_in_a_type_or_dedupe_key_is_stored_as_its_mark() -> None:
    first, second = (
        settle_answer(
            {"status": "ok", "result": 1, "events": [{"type": f"at.{SECRET}", "dedupe_key": key, "payload": {}}]}
        )
        for key in (SECRET, f"other {SECRET}")
    )
    assert first.events[0].type == second.events[0].type
    assert first.events[0].dedupe_key != second.events[0].dedupe_key
    assert SECRET not in f"{first.events} {second.events}"
