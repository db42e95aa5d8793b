import time
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ductile.model.event import EmittedEvent, Event
from ductile.model.job import ClaimedJob, Job, State
from ductile.model.manifest import Manifest
from ductile.model.output import OutputRules
from ductile.model.snapshot import Plugin
from ductile.plugin.messages import OverBudget, Unreadable, Unwritable, read_response, write_request

PLUGIN = Plugin(
    name="mail_work",
    manifest=Manifest(name="mail", version="1.0", entrypoint="run", commands={}),
    folder=Path("/plugins/mail"),
    executable=Path("/plugins/mail/run"),
    config=MappingProxyType({"folders": ("in", "out"), "limits": MappingProxyType({1: "one"})}),
    env={},
    inherit_env=(),
    timeouts={},
    max_attempts=4,
    backoff_base=0,
    parallelism=1,
    notify_on_complete=False,
    runner="spawn",
    validators={},
)
JOB = Job(
    id="0190b3f4-0000-7000-8000-000000000001",
    root_id="0190b3f4-0000-7000-8000-000000000001",
    parent_id=None,
    plugin="mail_work",
    command="handle",
    lane="mail_work",
    state=State.RUNNING,
    attempt=2,
    lost=0,
    max_attempts=4,
    priority=0,
    step=None,
    definition=None,
    depth=0,
    hops=0,
    route=False,
    principal="token:test",
    submitted_by="api",
    request_id=None,
    context_id=None,
    created_at=0,
    started_at=0,
)
CLAIMED = ClaimedJob(
    job=JOB,
    event=Event(id="e", type="api.trigger", payload=b"{}", source="api", timestamp=0),
    context=b'{"origin":{"id":7}}',
    plugin_state=b'{"seen":["a"]}',
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=5)


def test_a_request_says_all_that_a_plugin_needs() -> None:
    event = {"type": "mail.new", "payload": {"a": 1}, "source": "imap", "event_id": "e", "timestamp": "t"}
    request = write_request(PLUGIN, CLAIMED, payload={"a": 1}, event=event, deadline_at=1_700_000_000_123)
    assert orjson.loads(request) == {
        "protocol": 2,
        "job_id": JOB.id,
        "attempt": 2,
        "plugin": "mail",
        "instance": "mail_work",
        "command": "handle",
        "config": {"folders": ["in", "out"], "limits": {"1": "one"}},
        "state": {"seen": ["a"]},
        "context": {"origin": {"id": 7}},
        "payload": {"a": 1},
        "deadline_at": "2023-11-14T22:13:20.123Z",
        "event": event,
    }
    assert request.endswith(b"}\n"), "a shell's `read` wants the end of the line"
    assert request.count(b"\n") == 1


def test_a_request_of_another_command_has_no_event_and_may_bring_its_own_context() -> None:
    request = orjson.loads(write_request(PLUGIN, CLAIMED, payload={}, event=None, deadline_at=0, context={"b": 2}))
    assert "event" not in request
    assert request["context"] == {"b": 2}


@pytest.mark.parametrize("value", [2**70, {1, 2}, "\ud800"])
def test_a_setting_that_json_cannot_carry_is_named_with_its_plugin(value: object) -> None:
    plugin = replace(PLUGIN, config={"setting": value})
    with pytest.raises(Unwritable, match="mail_work"):
        write_request(plugin, CLAIMED, payload={}, event=None, deadline_at=0)


@given(payload=OBJECTS, context=OBJECTS)
def test_what_a_plugin_echoes_comes_back_the_same(payload: dict[str, Any], context: dict[str, Any]) -> None:
    request = orjson.loads(write_request(PLUGIN, CLAIMED, payload=payload, event=None, deadline_at=0, context=context))
    answer = {
        "status": "ok",
        "result": [request["payload"]],
        "events": [{"type": "echo", "payload": request["context"], "dedupe_key": "k"}],
        "state_updates": request["payload"],
    }
    response = read_response(orjson.dumps(answer))
    assert response.result == [payload]
    assert response.events == (EmittedEvent(type="echo", payload=context, dedupe_key="k"),)
    assert response.state_updates == payload


@given(frames=st.lists(JSON), space=st.text(alphabet=" \t\r\n"))
def test_frames_before_the_response_are_told_from_it(frames: list[Any], space: str) -> None:
    values = [{"progress": frame} for frame in frames] + [{"status": "ok", "result": frames}]
    stdout = space.encode().join([b"", *map(orjson.dumps, values), b""])
    assert read_response(stdout).result == frames


@given(st.binary(max_size=200) | OBJECTS.map(orjson.dumps))
def test_whatever_stdout_holds_is_read_or_refused(stdout: bytes) -> None:
    with suppress(Unreadable):
        response = read_response(stdout)
        assert response.result is not None if response.ok else response.error


def response_line(**members: object) -> bytes:
    return orjson.dumps(members)


def test_the_shortest_answer_has_the_usual_rest() -> None:
    response = read_response(b'{"status":"ok","result":"done"}')
    assert (response.ok, response.result, response.error, response.retry) == (True, "done", None, True)
    assert (response.events, response.state_updates, response.logs) == ((), None, ())


@pytest.mark.parametrize("result", ["", 0, False, [], {}, 1.5, {"a": None}])
def test_any_json_but_null_is_a_result(result: object) -> None:
    assert read_response(response_line(status="ok", result=result)).result == result


def test_an_error_says_whether_to_try_again() -> None:
    response = read_response(response_line(status="error", error="no such mailbox", retry=False, result={"code": 5}))
    assert (response.ok, response.error, response.retry, response.result) == (
        False,
        "no such mailbox",
        False,
        {"code": 5},
    )


@pytest.mark.parametrize("members", [{}, {"error": None}, {"error": ""}])
def test_an_error_without_words_gets_some(members: dict[str, Any]) -> None:
    response = read_response(response_line(status="error", **members))
    assert response.error == "The plugin reported an error without saying which."
    assert response.retry


def test_null_members_count_as_absent_and_unknown_ones_are_ignored() -> None:
    absent = dict.fromkeys(("error", "retry", "events", "state_updates", "logs"))
    assert read_response(response_line(status="ok", result=1, more=2, **absent)) == read_response(
        response_line(status="ok", result=1)
    )


def test_an_event_needs_its_type_alone() -> None:
    events = [
        {"type": "a"},
        {"type": "b", "payload": None, "dedupe_key": ""},
        {"type": "c", "payload": {"x": 1}, "id": 1},
    ]
    assert read_response(response_line(status="ok", result=1, events=events)).events == (
        EmittedEvent(type="a", payload={}),
        EmittedEvent(type="b", payload={}),
        EmittedEvent(type="c", payload={"x": 1}),
    )


def test_logs_are_taken_as_they_come_those_of_frames_first() -> None:
    stdout = b"""
        {"log": {"level": "warn", "message": "first"}}{"progress": 0.5}
        {"log": "second"}
        {"status": "ok", "result": 1, "logs": [
            "third", {"message": "fourth"}, {"level": 3, "message": {"a": 1}}, {"level": "error", "text": "x"}, null
        ]}
    """
    assert read_response(stdout).logs == (
        {"level": "warn", "message": "first"},
        {"level": "info", "message": "second"},
        {"level": "info", "message": "third"},
        {"level": "info", "message": "fourth"},
        {"level": "info", "message": '{"a":1}'},
        {"level": "info", "message": '{"level":"error","text":"x"}'},
        {"level": "info", "message": "null"},
    )


@pytest.mark.parametrize(
    ("stdout", "reason"),
    [
        (b"", "stdout is empty"),
        (b" \n\t", "stdout is empty"),
        (b"hello", "stdout is not JSON: it printed no response, but plain text: 'hello'"),
        (b"\xff{}", "stdout is not UTF-8: byte 0 is 0xff"),
        (b'{"status":"ok","result":"\xff"}', "stdout is not UTF-8: byte 25 is 0xff"),
        (b'{"status":"ok","result":NaN}', "stdout is not JSON"),
        (b'{"status":"ok","result":-Infinity}', "stdout is not JSON"),
        (b'{"status":"ok","result":1e999}', "stdout is not JSON"),
        (b'{"progress":NaN}{"status":"ok","result":1}', "stdout is not JSON"),
        (b'{"status":"ok","result":"\\ud800"}', "stdout is not JSON"),
        (b'{"status":"ok","result":1', "stdout is not JSON"),
        (
            b'{"status":"ok","result":1} bye',
            "stdout is not JSON: after the last JSON value it printed 'bye', and the response comes last",
        ),
        (b'{"status":"ok","result":1}\xc2\xa0{}', "stdout is not JSON"),
        (b"1" * 5_000 + b" 1", "stdout is not JSON"),
        (b"[1]", "the response is a list, not an object"),
        (b"null", "the response is null, not an object"),
        (b'{"log":"x"}{"progress":1}', "the response has no `status`"),
        (b'{"result":1}', "the response has no `status`"),
        (b'{"status":"OK","result":1}', "`status` is '\"OK\"', not `ok` or `error`"),
        (b'{"status":["ok"],"result":1}', "not `ok` or `error`"),
        (b'{"status":true,"result":1}', "not `ok` or `error`"),
        (b'{"status":"ok"}', "`status` is `ok`, which needs a `result`"),
        (b'{"status":"ok","result":null}', "`status` is `ok`, which needs a `result`"),
        (b'{"status":"error","error":{"a":1}}', "`error` is an object, not text"),
        (b'{"status":"ok","result":1,"retry":"no"}', "`retry` is text, not true or false"),
        (b'{"status":"ok","result":1,"retry":0}', "`retry` is a number, not true or false"),
        (b'{"status":"ok","result":1,"events":{}}', "`events` is an object, not a list"),
        (b'{"status":"ok","result":1,"events":[{"type":"a"},"b"]}', "`events[1]` is text, not an object"),
        (b'{"status":"ok","result":1,"events":[{}]}', "`events[0].type` is missing"),
        (b'{"status":"ok","result":1,"events":[{"type":""}]}', "`events[0].type` is empty text"),
        (
            b'{"status":"ok","result":1,"events":[{"type":"a","payload":[]}]}',
            "`events[0].payload` is a list, not an object",
        ),
        (b'{"status":"ok","result":1,"events":[{"type":"a","dedupe_key":1}]}', "`events[0].dedupe_key` is a number"),
        (b'{"status":"ok","result":1,"state_updates":[]}', "`state_updates` is a list, not an object"),
        (b'{"status":"ok","result":1,"logs":"x"}', "`logs` is text, not a list"),
        (b'{"status":"ok","result":1}{"status":"ok","result":2}', "before the response there is"),
        (b'"note"\n{"status":"ok","result":2}', "notes for people belong on stderr"),
        (b'{"log":"a","progress":1}{"status":"ok","result":2}', "before the response there is"),
        (b"[" * 400_000, "stdout is nested too deeply"),
        (b"[" * 5_000_000, "more than 500,000 JSON values (`service.output.max_values`)"),
        (b'{"progress":' * 2_000 + b"1" + b"}" * 2_000 + b"{}", "stdout is nested too deeply"),
        (b"[" * 1_100 + b"]" * 1_100, "nested too deeply"),
    ],
)
def test_anything_else_is_refused_with_its_reason(stdout: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read_response(stdout)
    assert reason in refused.value.reason
    assert refused.value.reason in refused.value.message
    assert len(refused.value.message) < 500


def test_a_reason_with_braces_is_shown_as_it_is() -> None:
    with pytest.raises(Unreadable, match=r"\{curly\}"):
        read_response(b"{curly}")


def test_a_whole_number_is_exact_or_refused() -> None:
    response = read_response(b'{"status":"ok","result":[1e308,18446744073709551615,"123456789012345678901234567890"]}')
    assert response.result == [1e308, 2**64 - 1, "123456789012345678901234567890"]
    with pytest.raises(Unreadable, match=r"does not fit into 64 bits .* at character 26, near"):
        read_response(b'{"status":"ok","result":[123456789012345678901234567890]}')


def test_what_breaks_a_response_over_several_lines_is_told_at_its_place() -> None:
    said = b'noted\n{"progress": 1}\n{"status": "ok",\n "result": {"a": tru}\n}\n'
    at = said.index(b"tru")
    with pytest.raises(Unreadable) as caught:
        read_response(said)
    assert any(f"at character {place}, near" in caught.value.reason for place in range(at, at + 5)), caught.value.reason


def test_plain_text_before_the_response_becomes_log_entries_in_their_place() -> None:
    stdout = b'one\n{"log": "two"}\n\xff three\r\n{"level": \n{\n  "status": "ok",\n  "result": 1\n}\n'
    response = read_response(stdout)
    assert [log["message"] for log in response.logs] == ["one", "two", "\ufffd three", '{"level":']
    assert response.plain_lines == 3


def test_a_log_entry_that_nests_too_deeply_hides_nothing_else() -> None:
    stdout = b'{"log": %s}\n{"log": "seen"}\n{"status": "ok", "result": 1}' % (b"[" * 600 + b"]" * 600)
    logs = read_response(stdout).logs
    assert "cannot be shown again" in logs[0]["message"]
    assert logs[1]["message"] == "seen"


@pytest.mark.parametrize(
    ("stdout", "setting"),
    [
        (b'{"progress":1}\n' * 11, "max_lines"),
        (b"word\n" * 11, "max_lines"),
        (b'{"log":1}\n' * 6, "max_log_entries"),
        (b"word\n" * 6, "max_log_entries"),
        (b'{"log":"%s"}\n' % (b"x" * 200), "max_log_bytes"),
        (b"", "max_events"),
    ],
)
def test_what_is_too_much_names_its_setting(stdout: bytes, setting: str) -> None:
    rules = OutputRules(max_lines=10, max_log_entries=5, max_log_bytes=100, max_events=2)
    events = [{"type": "a"}] * (3 if setting == "max_events" else 2)
    with pytest.raises(OverBudget, match=f"service.output.{setting}"):
        read_response(stdout + response_line(status="ok", result=1, events=events), rules)


@pytest.mark.parametrize(
    "stdout",
    [
        b"[\n" * 200_000,
        b'{"\n' * 200_000,
        b'"\\"' * 200_000,
        b"[1,\n" * 900 + b"x" * 100_000,
        b'{"a":"' + b'\\"' * 300_000,
        b"\n" * 500_000,
    ],
)
def test_no_output_costs_more_than_its_length_times_a_few(stdout: bytes) -> None:
    """What would be quadratic takes minutes at this size; a linear reading takes a fraction of a second."""
    began = time.process_time()
    with pytest.raises(Unreadable):
        read_response(stdout)
    assert time.process_time() - began < 5
