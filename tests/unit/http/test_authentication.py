import pytest
from support.web import EXPIRES, Web

PRIVATE = [
    ("GET", "/job/0190a1b2-0000-7000-8000-000000000000"),
    ("GET", "/job/0190a1b2-0000-7000-8000-000000000000/tree"),
    ("GET", "/jobs"),
    ("POST", "/job/0190a1b2-0000-7000-8000-000000000000/cancel"),
    ("POST", "/plugin/echo/poll"),
    ("POST", "/plugin/nobody/poll"),
    ("POST", "/pipeline/sync"),
    ("POST", "/system/reload"),
    ("POST", "/system/pause"),
    ("POST", "/system/resume"),
    ("POST", "/system/stop"),
    ("GET", "/nothing/here"),
    ("DELETE", "/jobs"),
]


@pytest.mark.parametrize(("method", "path"), PRIVATE)
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer nope", "Basic YTpi", "admin-token"])
async def test_without_a_valid_token_everything_else_is_401(
    web: Web, method: str, path: str, header: str | None
) -> None:
    answer = await web.call(method, path, token=None, headers={} if header is None else {"Authorization": header})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json["error"] == "unauthorized"
    assert set(answer.json) == {"error", "message", "code", "details", "request_id"}
    assert await web.count() == 0


async def test_the_scheme_folds_case(web: Web) -> None:
    assert (await web.get("/jobs", token=None, headers={"Authorization": "bearer admin-token"})).status == 200


async def test_a_token_expires(web: Web) -> None:
    web.clock.now = EXPIRES - 1
    assert (await web.get("/jobs", token="expiring-token")).status == 200
    web.clock.now = EXPIRES
    assert (await web.get("/jobs", token="expiring-token")).status == 401


@pytest.mark.parametrize(
    ("token", "path", "status"),
    [
        ("reader", "/plugin/echo/peek", 202),
        ("reader", "/plugin/echo/poll", 403),
        ("writer", "/plugin/echo/peek", 202),
        ("writer", "/plugin/echo/poll", 202),
        ("echo-only", "/plugin/echo/peek", 202),
        ("echo-only", "/plugin/alias/peek", 403),
        ("echo-only", "/plugin/echo/poll", 403),
        ("one-pipeline", "/pipeline/sync?async=true", 202),
        ("one-pipeline", "/pipeline/async", 403),
        ("reader", "/pipeline/async", 403),
        ("writer", "/pipeline/async", 202),
        ("reader", "/plugin/nobody/poll", 404),
        ("one-pipeline", "/plugin/echo/nothing", 404),
        ("reader", "/pipeline/nothing", 404),
        ("reader", "/plugin/off/poll", 403),
        ("reader", "/plugin/off/peek", 503),
        ("reader", "/plugin/broken/peek", 403),
        ("writer", "/plugin/broken/peek", 503),
        ("reader", "/system/pause", 403),
        ("reader", "/job/0190a1b2-0000-7000-8000-000000000000/cancel", 403),
        ("canceller", "/job/0190a1b2-0000-7000-8000-000000000000/cancel", 404),
    ],
)
async def test_scopes_decide(web: Web, token: str, path: str, status: int) -> None:
    answer = await web.post(path, token=f"{token}-token")
    assert answer.status == status
    if status == 403:
        assert answer.json["error"] == "forbidden"
        assert answer.json["details"]["required_scopes"]


async def test_the_required_scopes_are_named(web: Web) -> None:
    answer = await web.post("/plugin/echo/poll", token="reader-token")
    assert answer.json["details"] == {"required_scopes": ["plugin:rw", "plugin:echo:rw"]}
    answer = await web.get("/jobs", token="writer-token")
    assert answer.json["details"] == {"required_scopes": ["jobs:ro"]}
    assert (await web.get("/jobs", token="canceller-token")).status == 200


async def test_a_principal_reads_its_own_jobs_and_no_others(web: Web) -> None:
    own = (await web.post("/plugin/echo/poll", token="writer-token")).json["job_id"]
    other = (await web.post("/plugin/echo/poll")).json["job_id"]
    for suffix in ("", "/tree"):
        assert (await web.get(f"/job/{own}{suffix}", token="writer-token")).status == 200
        assert (await web.get(f"/job/{other}{suffix}", token="writer-token")).status == 403
        assert (await web.get(f"/job/{other}{suffix}", token="reader-token")).status == 200
