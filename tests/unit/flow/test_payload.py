"""What the gateway adds to payload and context."""

from typing import Any

from ductile.flow.payload import merge_context, routed_payload, step_context
from ductile.model.event import Event


def event(**changes: Any) -> Any:
    return Event(**{"id": "e", "type": "x", "payload": b"{}", "source": "src", "timestamp": 0, **changes})


def test_context_stands_under_the_payload_and_the_events_own_keys_win() -> None:
    payload, context = {"a": 1, "o": {"x": 1}}, {"a": 2, "b": 3, "o": {"y": 2}}
    assert merge_context(payload, context) == {"a": 1, "b": 3, "o": {"x": 1}}
    assert (payload, context) == ({"a": 1, "o": {"x": 1}}, {"a": 2, "b": 3, "o": {"y": 2}})


def test_a_routed_payload_names_the_step_it_comes_from() -> None:
    assert routed_payload({"a": 1}, event(pipeline="p", step="s")) == {
        "a": 1,
        "ductile_upstream_plugin": "src",
        "ductile_upstream_pipeline": "p",
        "ductile_upstream_step_id": "s",
    }


def test_names_of_an_earlier_step_that_a_plugin_passed_on_are_replaced() -> None:
    stale = {"ductile_upstream_plugin": "old", "ductile_upstream_pipeline": "old", "ductile_upstream_step_id": "old"}
    assert routed_payload(stale, event()) == {"ductile_upstream_plugin": "src"}
    assert routed_payload(stale, event(source="")) == {}


def test_the_context_of_a_request_names_its_own_step() -> None:
    context = {"k": 1}
    assert step_context(context, "echo", "p", "s") == {
        "k": 1,
        "ductile_plugin": "echo",
        "ductile_pipeline": "p",
        "ductile_step_id": "s",
    }
    assert context == {"k": 1}
