"""From a claimed job to the request that its plugin reads."""

from typing import Any

import orjson
import pytest
from msgspec.structs import replace
from support.dispatch import sample_job
from support.web import snapshot

from ductile.dispatch.build_request import PluginRequest, build_request
from ductile.flow.compile import compile_pipelines
from ductile.flow.dsl import PipelineModel
from ductile.flow.errors import RemapError
from ductile.model.event import Event
from ductile.model.job import ClaimedJob

SAMPLE_PLUGIN = snapshot().plugins["echo"]
PLUGIN = replace(SAMPLE_PLUGIN, config={"mode": "on"}, timeouts={**SAMPLE_PLUGIN.timeouts, "say": 5_000})
"""Its command `say` has a schema that wants a text `message`."""
NOW = 1_700_000_000_000


def build(
    payload: dict[str, Any],
    *,
    context: dict[str, Any] | None = None,
    event: dict[str, Any] | None = None,
    step: dict[str, Any] | None = None,
    **job: Any,
) -> PluginRequest:
    given = Event(
        **{
            "id": "e",
            "type": "made",
            "payload": orjson.dumps(payload),
            "source": "api",
            "timestamp": NOW - 1000,
            **(event or {}),
        }
    )
    graph = None
    if step is not None:
        raw = {"name": "line", "on": "go", "steps": [{"id": "s", "uses": "echo.say", **step}]}
        graphs, problems = compile_pipelines(
            [PipelineModel.model_validate(raw)], {"echo": PLUGIN.manifest.commands, "alias": PLUGIN.manifest.commands}
        )
        assert not problems
        graph = graphs["line"]
        job = {"step": "s", "parent_id": "p", **job}
    claimed = ClaimedJob(
        job=replace(sample_job(), **{"plugin": "echo", "command": "say", **job}),
        event=given,
        context=orjson.dumps(context or {}),
        plugin_state=b'{"seen":3}',
    )
    return build_request(claimed, PLUGIN, graph, NOW)


def request(payload: dict[str, Any], **more: Any) -> Any:
    return orjson.loads(build(payload, **more).stdin)


def test_a_request_has_all_its_members() -> None:
    assert request({"message": "hi"}) == {
        "protocol": 2,
        "job_id": "j",
        "attempt": 1,
        "plugin": "echo",
        "instance": "echo",
        "command": "say",
        "config": {"mode": "on"},
        "state": {"seen": 3},
        "context": {},
        "payload": {"message": "hi"},
        "deadline_at": "2023-11-14T22:13:25.000Z",
    }


def test_a_handle_gets_its_event_and_other_commands_do_not() -> None:
    given = {"dedupe_key": "k"}
    assert request({"a": 1}, command="handle", event=given)["event"] == {
        "type": "made",
        "payload": {"a": 1},
        "source": "api",
        "timestamp": "2023-11-14T22:13:19.000Z",
        "event_id": "e",
        "dedupe_key": "k",
    }
    assert "dedupe_key" not in request({}, command="handle")["event"]


def test_a_step_sees_the_context_under_its_payload_and_who_it_is() -> None:
    told = request({"own": 1}, context={"own": 0, "kept": 2}, step={}, command="handle")
    assert told["payload"] == told["event"]["payload"] == {"own": 1, "kept": 2}
    assert told["context"] == {
        "own": 0,
        "kept": 2,
        "ductile_plugin": "echo",
        "ductile_pipeline": "line",
        "ductile_step_id": "s",
    }


def test_a_routed_payload_says_where_it_comes_from() -> None:
    upstream = {"job_id": "u", "source": "alias", "pipeline": "first", "step": "x"}
    assert request({"ductile_upstream_plugin": "lie"}, event=upstream)["payload"] == {
        "ductile_upstream_plugin": "alias",
        "ductile_upstream_pipeline": "first",
        "ductile_upstream_step_id": "x",
    }


def test_with_fills_the_request_from_the_merged_payload() -> None:
    told = request({"n": 1}, context={"k": 2}, step={"with": {"sum": "{payload.n}{payload.k}", "k": "{context.k}"}})
    assert told["payload"] == {"n": 1, "k": 2, "sum": "12"}


def test_a_with_of_something_missing_is_refused() -> None:
    with pytest.raises(RemapError, match=r"payload\.absent"):
        build({}, step={"with": {"x": "{payload.absent}"}})


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        ({"submitted_by": "api"}, False),
        ({"submitted_by": "schedule"}, False),
        ({"submitted_by": "route"}, True),
        ({"submitted_by": "hook"}, True),
        ({"submitted_by": "api", "step": {}}, True),
    ],
)
def test_a_payload_that_no_schema_has_seen_yet_is_only_warned_of(more: dict[str, Any], *, warned: bool) -> None:
    ready = build({"message": 7}, **more)
    assert bool(ready.warnings) == warned
    assert all("/message" in entry["message"] for entry in ready.warnings)
    assert ready.timeout == 5_000
    assert build({"message": "fits"}, **more).warnings == ()
