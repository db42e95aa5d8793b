"""What plugins print, in every shape that the protocol allows and in those that it refuses."""

import sqlite3
from typing import Any

import pytest
from support.gateway import Gateway

TEXT = "naïve 🙂 日本 \0 \u2028"


@pytest.mark.parametrize(
    ("shape", "result"),
    [
        ("plain", "fine"),
        ("pretty", "fine"),
        ("crlf", "fine"),
        ("slow", "fine"),
        ("noisy", "fine"),
        ("banner", "fine"),
        ("sparse", "fine"),
        ("extra", "fine"),
        ("joined", "fine"),
        ("unicode", TEXT),
        ("escaped", TEXT),
        ("number", 0),
        ("list", [1, None, {"a": []}]),
    ],
)
def test_a_response_of_this_shape_is_understood(sample: Gateway, shape: str, result: Any) -> None:
    job = sample.run("shapes", shape)
    assert (job["status"], job["result"]["result"]) == ("succeeded", result)
    assert set(job["result"]) <= {"status", "result", "error", "events", "logs", "state_updates"}


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ("mute", "stdout is empty"),
        ("trailer", "stdout is not JSON"),
        ("cut", "stdout is not JSON"),
        ("bom", "stdout is not JSON"),
        ("nan", "stdout is not JSON"),
        ("latin_1", "stdout is not UTF-8"),
        ("twice", 'before the response there is \'{"status":"ok"'),
        ("array", "the response is a list, not an object"),
        ("no_status", "the response has no `status`"),
        ("no_result", "`status` is `ok`, which needs a `result`"),
        ("flood", "it wrote more than 10 MiB on stdout (`service.output.max_stdout_bytes`)"),
    ],
)
def test_what_is_no_response_fails_the_job_at_once_and_says_why(sample: Gateway, shape: str, reason: str) -> None:
    job = sample.run("shapes", shape)
    assert (job["status"], job["attempt"]) == ("failed", 1)
    assert job["last_error"].startswith(f"protocol error: {reason}")


def test_nine_megabytes_of_result_come_back_whole(sample: Gateway) -> None:
    assert sample.run("shapes", "huge")["result"]["result"] == "h" * (9 * 1024 * 1024)


def test_frames_come_before_the_response_and_their_logs_before_its_own(sample: Gateway) -> None:
    assert sample.run("shapes", "frames")["result"]["logs"] == [
        {"level": "warning", "message": "half"},
        {"level": "info", "message": "plain"},
        {"level": "info", "message": "done"},
    ]


def test_events_gain_the_result_unless_they_have_one(sample: Gateway) -> None:
    events = sample.run("shapes", "events")["result"]["events"]
    assert [(event["type"], event["payload"]) for event in events] == [
        ("shape.full", {"n": 1, "result": "fine"}),
        ("shape.bare", {"result": "fine"}),
        ("shape.null", {"result": "fine"}),
        ("shape.own", {"result": "its own"}),
    ]


def test_a_valid_response_counts_whatever_the_exit_code_and_the_log_says_so(sample: Gateway) -> None:
    job = sample.run("shapes", "exit_3")
    assert (job["status"], job["exit_code"]) == ("succeeded", 3)
    assert job["result"]["logs"] == [{"level": "warning", "message": "exit code 3; the response on stdout decided"}]


def test_exit_78_is_a_configuration_failure_that_no_retry_helps(sample: Gateway) -> None:
    job = sample.run("shapes", "exit_78")
    assert (job["status"], job["attempt"], job["exit_code"]) == ("failed", 1, 78)
    assert job["last_error"] == "exit 78: configuration error"


def test_an_error_that_wants_no_retry_is_final(sample: Gateway) -> None:
    job = sample.run("shapes", "error")
    assert (job["status"], job["attempt"], job["last_error"]) == ("failed", 1, "no luck")


def test_a_final_error_may_raise_the_alarm_by_an_event(sample: Gateway) -> None:
    answer = sample.post("/plugin/shapes/error_events?wait=20", {"payload": {}, "route": True})
    assert answer.body["status"] == "failed"
    [started] = answer.body["started"]
    assert (started["plugin"], started["command"]) == ("pipeline", "heard")


@pytest.mark.parametrize("size", [0, 900_000])
def test_a_plugin_need_not_read_its_request(sample: Gateway, size: int) -> None:
    job = sample.run("deaf", "handle", {"text": "x" * size})
    assert (job["status"], job["result"]["result"]) == ("succeeded", "I did not listen")


def test_a_response_may_come_before_the_request_is_read(sample: Gateway) -> None:
    job = sample.run("hasty", "handle", {"text": "x" * 900_000})
    assert (job["status"], len(job["result"]["result"])) == ("succeeded", 1_000_000)


def test_without_a_fact_rule_state_updates_are_merged(sample: Gateway) -> None:
    sample.run("merges", "poll", {"a": 1, "b": {"c": 1}})
    sample.run("merges", "poll", {"b": {"d": 2}})
    assert sample.run("merges", "health")["result"]["result"] == {"a": 1, "b": {"d": 2}}


def test_with_a_fact_rule_each_snapshot_is_kept_and_the_last_one_is_the_state(sample: Gateway) -> None:
    sample.run("remembers", "poll", {"a": 1})
    sample.run("remembers", "poll", {"b": 2})
    assert sample.run("remembers", "health")["result"]["result"] == {"b": 2}
    database = sqlite3.connect(f"file:{sample.folder}/state.db?mode=ro", uri=True)
    try:
        facts = database.execute("SELECT fact_type, value FROM plugin_facts WHERE plugin = 'remembers' ORDER BY seq")
        assert facts.fetchall() == [("remembers.snapshot", b'{"a":1}'), ("remembers.snapshot", b'{"b":2}')]
    finally:
        database.close()
