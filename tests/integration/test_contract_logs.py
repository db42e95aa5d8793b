"""Looking at what ended attempts said, over HTTP."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.gateway import Gateway
from support.sample_gateway import TIME, is_error, token_of

ROW = {
    "job_id",
    "log_id",
    "plugin",
    "command",
    "status",
    "attempt",
    "submitted_by",
    "created_at",
    "completed_at",
    "last_error",
    "stderr",
}
ATTEMPT = {"attempt", "status", "started_at", "completed_at", "exit_code", "last_error", "stderr", "stdout", "logs"}
GARBLE = """#!/bin/sh
cat >/dev/null
echo 'zebra on stderr' >&2
echo 'this is no JSON, but a quagga'
"""


@pytest.fixture(scope="module", autouse=True)
def history(sample: Gateway) -> None:
    """Attempts of several kinds, all ended."""
    sample.plugin("garble", GARBLE)
    assert sample.post("/system/reload").status == 200
    for n in range(3):
        sample.run("echo", "act", {"animal": f"okapi{n}", "said": "Grüße aus Köln"})
        sample.run("fail", "handle")
        sample.run("shell", "peek")
    sample.run("garble", "handle")
    sample.run_pipeline("line")


def logs(sample: Gateway, query: str = "") -> list[Any]:
    page = sample.get(f"/job-logs?limit=200&{query}")
    assert page["total"] == len(page["logs"])
    assert page["cursor"] is None
    rows: list[Any] = page["logs"]
    return rows


def test_every_attempt_is_a_row_with_every_field_and_the_newest_completion_is_first(sample: Gateway) -> None:
    page = sample.get("/job-logs")
    assert set(page) == {"logs", "total", "cursor"}
    assert page["total"] == len(page["logs"]) == 12
    assert all(set(row) == ROW for row in page["logs"])
    completed = [row["completed_at"] for row in page["logs"]]
    assert completed == sorted(completed, reverse=True)
    assert all(TIME.fullmatch(at) for at in completed)


def test_a_row_says_what_its_job_says(sample: Gateway) -> None:
    [row] = logs(sample, "plugin=garble")
    job = sample.get(f"/job/{row['job_id']}")
    for name in ("plugin", "command", "status", "attempt", "submitted_by", "created_at", "completed_at", "last_error"):
        assert row[name] == job[name]
    assert row["stderr"] == "zebra on stderr\n"
    assert row["log_id"] == f"{row['job_id']}-1"


def test_the_result_is_there_only_where_it_is_asked_for(sample: Gateway) -> None:
    [row] = logs(sample, "query=okapi1&include_result=true")
    assert set(row) == {*ROW, "result"}
    assert set(row["result"]) == {"status", "result", "state_updates"}
    assert row["result"]["result"]["payload"]["animal"] == "okapi1"
    assert set(logs(sample, "query=okapi1&include_result=false")[0]) == ROW
    [row] = logs(sample, "plugin=garble&include_result=1")
    assert row["result"] is None
    reader = sample.get("/job-logs?query=okapi1&include_result=true", token=token_of("reader"))["logs"][0]
    assert set(reader["result"]) == {"status", "result"}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("plugin=echo", 4),
        ("plugin=echo&command=act", 3),
        ("command=peek", 3),
        ("status=failed", 4),
        ("status=error", 4),
        ("status=ok", 8),
        ("status=succeeded&plugin=fail", 0),
        ("status=dead", 0),
        ("status=queued", 0),
        ("status=lost", 0),
        ("submitted_by=api", 12),
        ("submitted_by=schedule", 0),
        ("submitted_by=nobody", 0),
        ("plugin=Echo", 0),
        ("plugin=%ff%00", 0),
        ("command=%27", 0),
        ("job_id=none", 0),
        ("job_id=01979d6e-8c3b-7a41-9d2f-0c6a5b1e4f70", 0),
        ("plugin=echo&query=okapi2", 1),
        ("plugin=shell&query=okapi2", 0),
        ("status=failed&query=luck&command=handle&submitted_by=api", 3),
        ("from=2000-01-01T00:00:00Z", 12),
        ("from=2999-01-01T00:00:00Z", 0),
        ("to=2000-01-01T00:00:00Z", 0),
        ("to=2999-01-01T00:00:00.123456%2B02:00", 12),
        ("from=2000-01-01T00:00:00+02:00&to=2999-01-01T00:00:00-05:30", 12),
        ("from=2000-01-01T00:00:00Z&to=2999-01-01T00:00:00Z&query=luck", 3),
        ("to=2000-01-01T00:00:00Z&query=luck", 0),
    ],
)
def test_attempts_are_filtered(sample: Gateway, query: str, count: int) -> None:
    assert len(logs(sample, query)) == count


def test_the_times_bound_the_completion_on_both_sides(sample: Gateway) -> None:
    rows = logs(sample)
    one, two = rows[8], rows[3]
    for search in ("", "&query=echoed OR luck OR done OR payload OR zebra".replace(" ", "%20")):
        between = logs(sample, f"from={one['completed_at']}&to={two['completed_at']}{search}")
        assert {row["log_id"] for row in rows[4:8]} < {row["log_id"] for row in between}
        assert all(one["completed_at"] <= row["completed_at"] <= two["completed_at"] for row in between)


def test_a_job_may_be_named_in_any_case_and_one_has_a_row_for_each_attempt(sample: Gateway) -> None:
    job_id = logs(sample)[0]["job_id"]
    assert [row["job_id"] for row in logs(sample, f"job_id={job_id.upper()}")] == [job_id]


@pytest.mark.parametrize(
    "query",
    [
        "status=nope",
        "status=",
        "limit=0",
        "limit=many",
        "limit=-1",
        "cursor=x",
        "cursor=1-",
        "cursor=99999999999999999999-1",
        "from=yesterday",
        "from=",
        "from=2026-01-01",
        "to=2026-01-01T00:00:00",
        "to=2026-13-01T00:00:00Z",
        "to=1700000000",
        "to=%ff",
        "from=0000-01-01T00:00:00Z",
        "include_result=perhaps",
        "query=",
        "query=%00",
        "query=***",
        "query=-only",
        "query=a*",
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(sample: Gateway, query: str) -> None:
    answer = sample.call("GET", f"/job-logs?{query}")
    expected = "bad_query" if query.startswith("query") else "bad_request"
    assert is_error(answer, 400, expected)


def test_a_page_has_50_rows_unless_told_and_200_at_most(sample: Gateway) -> None:
    assert len(sample.get("/job-logs?limit=3")["logs"]) == 3
    for many in ("201", "5000", "0009", "9" * 20, "9" * 5000):
        assert sample.call("GET", f"/job-logs?limit={many}").status == 200
    assert [row["log_id"] for row in logs(sample)[:3]] == [r["log_id"] for r in sample.get("/job-logs?limit=3")["logs"]]


@pytest.mark.parametrize("query", ["", "&plugin=shell", "&query=done%20OR%20luck", "&include_result=true"])
def test_pages_hold_each_attempt_once(sample: Gateway, query: str) -> None:
    known = [row["log_id"] for row in logs(sample, query)]
    seen: list[str] = []
    cursor: Any = ""
    while cursor is not None:
        page = sample.get(f"/job-logs?limit=2{query}" + (f"&cursor={cursor}" if cursor else ""))
        seen += [row["log_id"] for row in page["logs"]]
        cursor = page["cursor"]
    assert seen == known


@pytest.mark.parametrize(
    ("query", "plugins"),
    [
        ("luck", {"fail"}),
        ("LUCK", {"fail"}),
        ("no luck", {"fail"}),
        ('"no luck"', {"fail"}),
        ('"luck no"', set()),
        ("what went wrong", {"fail"}),
        ("zebra", {"garble"}),
        ("GRÜßE koln", {"echo"}),
        ("okapi1", {"echo"}),
        ("okapi*", {"echo"}),
        ("okapi* -okapi1 -okapi2", {"echo"}),
        ("zebra OR luck", {"garble", "fail"}),
        ("zebra luck", set()),
        ("quagga", {"garble"}),
    ],
)
def test_a_search_looks_at_errors_stderr_and_results(sample: Gateway, query: str, plugins: set[str]) -> None:
    found = {row["plugin"] for row in logs(sample, f"query={quote(query)}")}
    if query == "quagga":  # stdout is kept for diagnosis, its error quotes none of it
        assert found <= plugins
    else:
        assert found == plugins


def test_what_has_just_ended_is_found_at_once(sample: Gateway) -> None:
    for n in range(5):
        sample.run("echo", "handle", {"word": f"gnu{n}"})
        assert len(logs(sample, f"query=gnu{n}")) == 1


def test_the_scope_is_jobs_ro(sample: Gateway) -> None:
    for name in ("reader", "canceller"):
        assert sample.call("GET", "/job-logs", token=token_of(name)).status == 200
    refused = sample.call("GET", "/job-logs", token=token_of("writer"))
    assert is_error(refused, 403, "forbidden")
    assert refused.body["details"]["required_scopes"] == ["jobs:ro"]
    assert sample.call("GET", "/job-logs", token=None).status == 401


BYTES = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from(b'"*-(){}:^+\\\0\xff\xed\xa0\x80 '), max_size=60).map(bytes),
    st.text(max_size=60).map(lambda text: text.encode(errors="surrogatepass")),
    st.lists(st.sampled_from(["OR", "AND", "NOT", "NEAR", '"a', 'b"', "facets:", "x*", "-y"])).map(
        lambda words: " ".join(words).encode()
    ),
)


@given(BYTES)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_query_of_any_bytes_is_answered_or_refused(sample: Gateway, query: bytes) -> None:
    answer = sample.call("GET", f"/job-logs?query={quote(query, safe='')}")
    assert answer.status in {200, 400}, (query, answer.raw)
    assert answer.status == 200 or is_error(answer, 400, "bad_query")


@pytest.mark.parametrize(("length", "code"), [(1001, "bad_query"), (100_000, "bad_request")])
def test_a_query_that_is_too_long_is_refused(sample: Gateway, length: int, code: str) -> None:
    assert is_error(sample.call("GET", f"/job-logs?query={'x' * length}"), 400, code)


def test_the_attempts_of_a_job_are_shown_with_all_that_they_said(sample: Gateway) -> None:
    job = sample.run("garble", "handle")
    found = sample.get(f"/job/{job['job_id']}/logs")
    assert set(found) == {"job_id", "logs"}
    [attempt] = found["logs"]
    assert set(attempt) >= ATTEMPT
    assert (attempt["stdout"], attempt["stderr"]) == ("this is no JSON, but a quagga\n", "zebra on stderr\n")
    assert (attempt["attempt"], attempt["status"], attempt["exit_code"]) == (1, "failed", 0)
    assert attempt["last_error"] == job["last_error"]
    [attempt] = sample.get(f"/job/{sample.run('echo', 'act')['job_id']}/logs/")["logs"]
    assert attempt["logs"] == [{"level": "info", "message": "echoed"}]
    assert (attempt["stdout"], attempt["stderr"], attempt["last_error"]) == (None, None, None)


def test_the_logs_of_a_job_are_shown_to_whom_the_job_is(sample: Gateway) -> None:
    job_id = sample.post("/plugin/shell/handle?wait=20", token=token_of("writer")).body["job_id"]
    other = sample.run("shell", "handle")["job_id"]
    assert sample.call("GET", f"/job/{job_id}/logs", token=token_of("writer")).status == 200
    assert sample.call("GET", f"/job/{job_id}/logs", token=token_of("reader")).status == 200
    assert is_error(sample.call("GET", f"/job/{other}/logs", token=token_of("writer")), 403, "forbidden")
    assert sample.call("GET", f"/job/{other}/logs", token=None).status == 401
    for nobody in ("none", "01979d6e-8c3b-7a41-9d2f-0c6a5b1e4f70"):
        assert is_error(sample.call("GET", f"/job/{nobody}/logs"), 404, "unknown_job")


def test_a_run_and_a_job_that_waits_have_no_attempts(sample: Gateway) -> None:
    run = sample.post("/pipeline/line").body["job_id"]
    waits = sample.post("/plugin/shell/handle", {"payload": {}, "run_at": "2999-01-01T00:00:00Z"}).body["job_id"]
    for job_id in (run, waits):
        assert sample.get(f"/job/{job_id}/logs") == {"job_id": job_id, "logs": []}
