"""Triggering one plugin command over HTTP."""

import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.gateway import Answer, Gateway
from support.sample_gateway import UUID, is_error, open_gate, send_raw, token_of
from support.sample_gateway import request_head as heading


def at_once(count: int, call: Any) -> list[Answer]:
    """The answers to so many concurrent calls."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def total(sample: Gateway, **filters: str) -> int:
    query = "&".join(f"{key}={value}" for key, value in filters.items())
    count: int = sample.get(f"/jobs?limit=1&{query}")["total"]
    return count


def test_a_trigger_makes_one_job_and_says_where_it_is(sample: Gateway) -> None:
    before = total(sample)
    answer = sample.post("/plugin/shell/handle", {"payload": {"a": 1}})
    job_id = answer.body["job_id"]
    assert answer.status == 202
    assert answer.body == {"job_id": job_id, "status": "queued", "plugin": "shell", "command": "handle"}
    assert answer.headers["location"] == f"/job/{job_id}"
    assert total(sample) == before + 1


def test_what_a_job_emits_starts_nothing_unless_the_trigger_says_so(sample: Gateway) -> None:
    plain = sample.run("emit", "handle")
    routed = sample.post("/plugin/emit/handle?wait=20", {"payload": {}, "route": True})
    assert [event["type"] for event in plain["result"]["events"]] == ["thing.made"]
    assert "started" not in plain
    [started] = routed.body["started"]
    assert (started["plugin"], started["command"]) == ("pipeline", "made")


def test_unusable_plugins_say_why(sample: Gateway) -> None:
    off, broken = sample.post("/plugin/off/handle"), sample.post("/plugin/broken/handle")
    assert (off.body["details"]["kind"], broken.body["details"]["kind"]) == ("disabled", "quarantined")
    assert "enabled: false" in off.body["message"]
    assert "not executable" in broken.body["message"]
    assert off.headers["retry-after"]


def test_a_name_that_is_nearly_right_gets_a_hint(sample: Gateway) -> None:
    assert "did you mean `shell`?" in sample.post("/plugin/shel/handle").body["message"]
    assert "did you mean `handle`?" in sample.post("/plugin/shell/handel").body["message"]
    assert "did you mean `line`?" in sample.post("/pipeline/lin").body["message"]


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        (None, {}),
        ({}, {}),
        ({"payload": {}}, {}),
        ({"payload": {"x": 1}}, {"x": 1}),
        ({"x": 1, "priority": 7}, {"x": 1, "priority": 7}),
        ({"dedupe_key": "d"}, {"dedupe_key": "d"}),
    ],
)
def test_the_payload_stands_alone_or_under_its_name_or_is_empty(sample: Gateway, body: Any, payload: Any) -> None:
    answer = sample.post("/plugin/echo/act?wait=20", body)
    assert answer.body["result"]["result"]["payload"] == payload


@pytest.mark.parametrize(
    "members",
    [
        {"unknown": 1},
        {"priorty": 1},
        {"payload": None},
        {"payload": []},
        {"payload": "text"},
        {"priority": 101},
        {"priority": -101},
        {"priority": 1.0},
        {"priority": True},
        {"priority": None},
        {"route": 1},
        {"route": None},
        {"dedupe_key": ""},
        {"dedupe_key": None},
        {"dedupe_key": "x" * 256},
        {"run_at": "tomorrow"},
        {"run_at": "2030-01-01T00:00:00"},
        {"run_at": 0},
        {"run_at": "9999-12-31T23:59:59-14:00"},
    ],
)
@pytest.mark.parametrize("path", ["/plugin/shell/handle", "/pipeline/later"])
def test_members_that_are_unknown_or_wrong_are_refused_by_name(sample: Gateway, path: str, members: Any) -> None:
    before = total(sample)
    answer = sample.post(path, {"payload": {}, **members})
    assert is_error(answer, 400, "bad_request")
    assert next(iter(members)) in answer.body["message"]
    assert total(sample) == before


def test_a_payload_that_breaks_the_schema_is_refused_with_every_place(sample: Gateway) -> None:
    before = total(sample)
    answer = sample.post("/plugin/shell/say", {"payload": {"message": 5, "times": 4}})
    assert is_error(answer, 400, "invalid_payload")
    errors = {error["path"]: error for error in answer.body["details"]["errors"]}
    assert set(errors) == {"/message", "/times"}
    assert errors["/times"] == {
        "path": "/times",
        "message": "4 is greater than the maximum of 3",
        "schema_path": "/properties/times/maximum",
    }
    assert is_error(sample.post("/plugin/shell/say"), 400, "invalid_payload")
    assert total(sample) == before
    assert sample.post("/plugin/shell/say", {"message": "hello"}).status == 202


def test_a_payload_for_handle_is_wrapped_as_an_event_and_for_others_is_not(sample: Gateway) -> None:
    request = sample.run("echo", "handle", {"a": 1})["result"]["result"]
    event = request["event"]
    assert (event["type"], event["source"], event["payload"]) == ("api.trigger", "api", {"a": 1})
    assert UUID.fullmatch(event["event_id"])
    assert event["timestamp"]
    assert request["payload"] == {"a": 1}
    assert "event" not in sample.run("echo", "act", {"a": 1})["result"]["result"]


@pytest.mark.parametrize(
    ("query", "headers"),
    [("?wait=20", {}), ("?wait=20s", {}), ("", {"Prefer": "wait=20"}), ("", {"Prefer": "respond-async, Wait=20; x=1"})],
)
def test_a_caller_that_waits_gets_the_finished_job(sample: Gateway, query: str, headers: dict[str, str]) -> None:
    answer = sample.post(f"/plugin/shell/handle{query}", headers=headers)
    assert (answer.status, answer.body["status"]) == (200, "succeeded")
    assert answer.body == sample.get(f"/job/{answer.body['job_id']}")


def test_a_caller_that_waits_in_vain_gets_202_and_the_job_goes_on(sample: Gateway) -> None:
    answer = sample.post("/plugin/gate/handle?wait=0.2", {"gate": "in-vain"})
    assert answer.status == 202
    assert answer.body["status"] in {"queued", "running"}
    open_gate(sample, "in-vain")
    sample.until(lambda: sample.get(f"/job/{answer.body['job_id']}")["status"] == "succeeded")


@pytest.mark.parametrize("wait", ["-1", "soon", "nan", "inf"])
def test_a_wait_that_is_no_time_is_refused(sample: Gateway, wait: str) -> None:
    assert is_error(sample.post(f"/plugin/shell/handle?wait={wait}"), 400, "bad_request")


def test_an_idempotency_key_gives_the_same_job_with_its_current_state(sample: Gateway) -> None:
    key = {"Idempotency-Key": "once"}
    first = sample.post("/plugin/shell/handle?wait=20", {"a": 1}, headers=key)
    again = sample.post("/plugin/shell/handle", {"a": 1}, headers=key)
    assert again.status == 200
    assert again.body == {name: first.body[name] for name in ("job_id", "status", "plugin", "command")}
    assert again.body["status"] == "succeeded"
    assert is_error(sample.post("/plugin/shell/handle", {"a": 2}, headers=key), 409, "idempotency_conflict")


def test_an_idempotency_key_belongs_to_its_principal_and_path(sample: Gateway) -> None:
    key = {"Idempotency-Key": "mine"}
    asked = [("/plugin/shell/handle", "writer"), ("/plugin/shell/peek", "writer"), ("/plugin/shell/handle", "nobody")]
    jobs = [sample.post(path, headers=key, token=token_of(who)).body["job_id"] for path, who in asked]
    assert len(set(jobs)) == 3
    assert sample.post("/plugin/%73hell/handle/", headers=key, token=token_of("writer")).body["job_id"] == jobs[0]


@pytest.mark.parametrize("path", ["/plugin/shell/handle", "/pipeline/later"])
def test_fifty_concurrent_duplicates_make_one_job(sample: Gateway, path: str) -> None:
    before = total(sample, plugin="shell") if "plugin" in path else total(sample, plugin="pipeline")
    answers = at_once(50, lambda _: sample.post(path, {"a": 1}, headers={"Idempotency-Key": "fifty"}))
    assert {answer.status for answer in answers} <= {200, 202}
    assert len({answer.body["job_id"] for answer in answers}) == 1
    after = total(sample, plugin="shell") if "plugin" in path else total(sample, plugin="pipeline")
    assert after == before + 1
    differing = at_once(20, lambda n: sample.post(path, {"a": n}, headers={"Idempotency-Key": "differing"}))
    assert Counter(answer.status for answer in differing)[409] == 19


@pytest.mark.parametrize("path", ["/plugin/gate/handle", "/pipeline/waits"])
def test_a_dedupe_key_makes_one_job_until_its_end_and_while_its_success_is_fresh(sample: Gateway, path: str) -> None:
    gate = f"dedupe-{path.split('/')[1]}"
    body = {"payload": {"gate": gate}, "dedupe_key": "same"}
    answers = at_once(30, lambda _: sample.post(path, body))
    assert Counter(answer.status for answer in answers) == {202: 1, 200: 29}
    [job_id] = {answer.body["job_id"] for answer in answers}
    hit = next(answer.body for answer in answers if answer.status == 200)
    assert hit["deduplicated"] is True
    open_gate(sample, gate)
    sample.until(lambda: sample.get(f"/job/{job_id}")["status"] == "succeeded")
    late = sample.post(path, body)
    assert (late.status, late.body["job_id"], late.body["status"]) == (200, job_id, "succeeded")


def test_a_failed_job_is_no_duplicate(sample: Gateway) -> None:
    body = {"payload": {}, "dedupe_key": "fails"}
    first, second = (sample.post("/plugin/fail/handle?wait=20", body).body for _ in range(2))
    assert first["status"] == second["status"] == "failed"
    assert first["job_id"] != second["job_id"]


@pytest.mark.parametrize("path", ["/plugin/shell/handle", "/pipeline/later"])
def test_a_time_to_run_is_waited_for(sample: Gateway, path: str) -> None:
    due = datetime.now(UTC) + timedelta(milliseconds=400)
    answer = sample.post(f"{path}?wait=20", {"payload": {}, "run_at": due.isoformat()})
    assert (answer.status, answer.body["status"]) == (200, "succeeded")
    tree = sample.get(f"/job/{answer.body['job_id']}/tree")
    assert datetime.fromisoformat(tree[-1]["started_at"]) >= due - timedelta(milliseconds=1)


@pytest.mark.parametrize("run_at", ["1900-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_time_that_has_passed_is_now(sample: Gateway, run_at: str) -> None:
    answer = sample.post("/plugin/shell/handle?wait=20", {"payload": {}, "run_at": run_at})
    assert (answer.status, answer.body["status"]) == (200, "succeeded")


@pytest.mark.parametrize("path", ["/plugin/shell/handle", "/pipeline/later"])
def test_the_last_second_of_all_years_can_be_waited_for_and_cancelled(sample: Gateway, path: str) -> None:
    answer = sample.post(path, {"payload": {}, "run_at": "9999-12-31T23:59:59Z"})
    assert answer.status == 202
    job_id = answer.body["job_id"]
    assert sample.get(f"/job/{job_id}")["run_at"] == "9999-12-31T23:59:59.000Z"
    assert {row["status"] for row in sample.get(f"/job/{job_id}/tree")} <= {"queued", "running"}
    assert sample.post(f"/job/{job_id}/cancel").body["status"] == "cancelled"


def test_priority_is_shown_and_decides_who_goes_first(sample: Gateway) -> None:
    first = sample.post("/plugin/single/handle", {"gate": "single"}).body["job_id"]
    sample.until(lambda: sample.get(f"/job/{first}")["status"] == "running")
    waiting = {"payload": {"gate": "single"}}
    jobs = {
        priority: sample.post("/plugin/single/handle", {**waiting, "priority": priority}).body["job_id"]
        for priority in (-100, 0, 100)
    }
    open_gate(sample, "single")
    sample.until(lambda: all(sample.get(f"/job/{job}")["status"] == "succeeded" for job in jobs.values()))
    documents = {priority: sample.get(f"/job/{job}") for priority, job in jobs.items()}
    assert all(document["priority"] == priority for priority, document in documents.items())
    assert sorted(jobs, key=lambda priority: documents[priority]["started_at"]) == [100, 0, -100]


def test_more_waiters_than_allowed_are_503_and_start_nothing(sample: Gateway) -> None:
    sample.until(lambda: not any(sample.jobs(plugin="gate", status=state) for state in ("queued", "running")))
    before = total(sample, plugin="gate")
    with ThreadPoolExecutor(60) as pool:
        asked = [pool.submit(sample.post, "/plugin/gate/handle?wait=20", {"gate": "crowd"}) for _ in range(60)]
        sample.until(lambda: sum(one.done() for one in asked) == 50)
        open_gate(sample, "crowd")
        answers = [one.result() for one in asked]
    assert Counter(answer.status for answer in answers) == {503: 50, 200: 10}
    refused = next(answer for answer in answers if answer.status == 503)
    assert is_error(refused, 503, "too_many_waiters")
    assert refused.headers["retry-after"]
    assert total(sample, plugin="gate") == before + 10


def test_a_client_that_leaves_gives_its_place_up_and_its_job_goes_on(sample: Gateway) -> None:
    body = b'{"gate":"left"}'
    request = heading("POST", "/plugin/gate/handle?wait=60", f"Content-Length: {len(body)}") + body
    known = {job["job_id"] for job in sample.jobs(plugin="gate")}
    for _ in range(12):  # more than may wait at the same time
        leave(sample, request, known)
    open_gate(sample, "left")
    sample.until(lambda: all(job["status"] == "succeeded" for job in sample.jobs(plugin="gate")))
    assert len({job["job_id"] for job in sample.jobs(plugin="gate")} - known) == 0
    assert send_raw(sample, heading("GET", "/livez")).startswith(b"HTTP/1.1 200 ")


def leave(sample: Gateway, request: bytes, known: set[str]) -> None:
    """Ask, and hang up as soon as the job is there."""
    with socket.create_connection(sample.address) as connection:
        connection.sendall(request)
        [job] = sample.until(lambda: [job for job in sample.jobs(plugin="gate") if job["job_id"] not in known])
        known.add(job["job_id"])
