"""Looking at jobs over HTTP."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.gateway import Gateway
from support.sample_gateway import is_error, token_of

FIELDS = {
    "job_id",
    "status",
    "plugin",
    "command",
    "submitted_by",
    "principal",
    "created_at",
    "started_at",
    "completed_at",
    "attempt",
    "max_attempts",
    "parent_job_id",
}
LINE = {"job_id", "plugin", "command", "status", "created_at", "started_at", "completed_at", "attempt"}


@pytest.fixture(scope="module", autouse=True)
def history(sample: Gateway) -> None:
    """Jobs of several kinds, all ended."""
    for _ in range(5):
        sample.post("/plugin/shell/handle")
        sample.post("/plugin/shell/peek")
        sample.post("/plugin/fail/handle")
    sample.post("/plugin/shell/handle", {"payload": {}, "run_at": "2999-01-01T00:00:00Z"})
    sample.until(lambda: len(sample.jobs(status="succeeded")) == 10 and len(sample.jobs(status="failed")) == 5)


def test_a_job_has_every_field_from_the_start(sample: Gateway) -> None:
    [row] = sample.jobs(status="queued")
    job = sample.get(f"/job/{row['job_id']}")
    assert set(job) >= FIELDS
    assert (job["status"], job["attempt"], job["max_attempts"]) == ("queued", 0, 4)
    assert job["started_at"] is job["completed_at"] is job["parent_job_id"] is None
    assert job["run_at"] == "2999-01-01T00:00:00.000Z"
    assert "result" not in job
    assert "last_error" not in job


def test_a_finished_job_shows_what_it_answered_and_who_asked(sample: Gateway) -> None:
    job = sample.run("echo", "act", {"a": 1})
    assert (job["submitted_by"], job["principal"], job["attempt"]) == ("api", "token:admin", 1)
    assert set(job["result"]) == {"status", "result", "events", "logs", "state_updates"}
    assert job["result"]["logs"] == [{"level": "info", "message": "echoed"}]
    assert job["result"]["state_updates"] == {"seen": 1}
    reader = sample.get(f"/job/{job['job_id']}", token=token_of("reader"))
    assert set(reader["result"]) == {"status", "result", "events", "logs"}


def test_a_failed_job_shows_its_error_and_what_it_printed(sample: Gateway) -> None:
    job = sample.run("fail", "handle")
    assert (job["status"], job["last_error"], job["result"]["error"]) == ("failed", "no luck", "no luck")
    assert job["stderr"] == "what went wrong\n"


def test_steps_carry_their_roots_principal_and_door(sample: Gateway) -> None:
    run = sample.post("/pipeline/line", token=token_of("writer")).body
    steps = [sample.get(f"/job/{row['job_id']}") for row in run["tree"]]
    assert {(step["principal"], step["submitted_by"]) for step in steps} == {("token:writer", "api")}
    assert {step["root_job_id"] for step in steps} == {run["job_id"]}


def test_jobs_are_listed_newest_first(sample: Gateway) -> None:
    page = sample.get("/jobs")
    assert set(page) == {"jobs", "total", "cursor"}
    assert page["total"] >= len(page["jobs"]) >= 16
    assert all(set(row) == LINE for row in page["jobs"])
    created = [row["created_at"] for row in page["jobs"]]
    assert created == sorted(created, reverse=True)


@pytest.mark.parametrize(
    ("query", "other"),
    [
        ("plugin=shell&command=peek&status=succeeded", "plugin=shell&command=peek&status=ok"),
        ("plugin=fail&status=failed", "plugin=fail&status=error"),
        ("status=queued", "status=pending"),
    ],
)
def test_jobs_are_filtered_by_exact_names_and_states_and_their_older_names(
    sample: Gateway, query: str, other: str
) -> None:
    page = sample.get(f"/jobs?{query}")
    assert page == sample.get(f"/jobs?{other}")
    assert page["total"] == len(page["jobs"]) >= 1
    wanted = dict(part.split("=") for part in query.split("&"))
    assert all(row[name] == value for row in page["jobs"] for name, value in wanted.items())


@pytest.mark.parametrize("query", ["plugin=shel", "plugin=Shell", "command=%00", "plugin=%ff", "plugin=a'%20OR%201=1"])
def test_a_filter_that_nothing_fits_finds_nothing(sample: Gateway, query: str) -> None:
    assert sample.get(f"/jobs?{query}") == {"jobs": [], "total": 0, "cursor": None}


@pytest.mark.parametrize(
    "query", ["status=nope", "status=", "limit=0", "limit=-1", "limit=many", "limit=1e3", "limit=%D9%A3", "cursor=x"]
)
def test_a_filter_that_makes_no_sense_is_refused(sample: Gateway, query: str) -> None:
    assert is_error(sample.call("GET", f"/jobs?{query}"), 400, "bad_request")


def test_a_page_has_50_rows_unless_told_and_1000_at_most(sample: Gateway) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: sample.post("/plugin/shell/peek"), range(45)))
    assert len(sample.get("/jobs")["jobs"]) == 50
    assert len(sample.get("/jobs?limit=3")["jobs"]) == 3
    assert sample.call("GET", "/jobs?limit=5000").status == 200


@pytest.mark.parametrize("query", ["", "&plugin=shell", "&status=succeeded", "&plugin=shell&command=peek&status=ok"])
def test_pages_hold_each_job_once_while_others_are_inserted(sample: Gateway, query: str) -> None:
    sample.until(lambda: sample.get("/healthz")["queue_depth"] == 1)
    known = {row["job_id"] for row in sample.get(f"/jobs?limit=1000{query}")["jobs"]}
    seen: list[str] = []
    cursor: Any = ""
    while cursor is not None:
        page = sample.get(f"/jobs?limit=7{query}" + (f"&cursor={cursor}" if cursor else ""))
        seen += [row["job_id"] for row in page["jobs"]]
        cursor = page["cursor"]
        sample.run("shell", "peek")
    assert seen == sorted(seen, reverse=True)
    assert set(seen) == known
