"""What holds for every request: credentials, scopes, the shape of errors, request ids, bodies."""

import json
import re
from typing import Any

import pytest
from blake3 import blake3
from support.gateway import TOKEN, Gateway
from support.rows import default_rows
from support.sample_gateway import TIME, UUID, is_error, request_head, send_raw, token_of

PUBLIC = ["/", "/healthz", "/plugins", "/skills", "/openapi.json", "/.well-known/ai-plugin.json", "/livez", "/readyz"]
NO_JOB = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("path", PUBLIC)
def test_public_paths_need_no_token(sample: Gateway, path: str) -> None:
    assert sample.call("GET", path, token=None).status == 200
    assert sample.call("GET", path, token="wrong").status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/plugin/shell/handle"),
        ("POST", "/plugin/unknown/handle"),
        ("POST", "/pipeline/line"),
        ("GET", "/jobs"),
        ("GET", f"/job/{NO_JOB}"),
        ("POST", f"/job/{NO_JOB}/cancel"),
        ("POST", "/system/reload"),
        ("POST", "/system/stop"),
        ("GET", "/nowhere"),
        ("DELETE", "/jobs"),
    ],
)
def test_everything_else_is_401_without_a_valid_token(sample: Gateway, method: str, path: str) -> None:
    before = sample.get("/jobs")["total"]
    credentials: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer \xff"},
    ]
    for headers in credentials:
        answer = sample.call(method, path, token=None, headers=headers)
        assert is_error(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert sample.get("/jobs")["total"] == before


@pytest.mark.parametrize(
    ("who", "method", "path", "status"),
    [
        ("reader", "POST", "/plugin/shell/peek", 202),
        ("reader", "POST", "/plugin/shell/handle", 403),
        ("reader", "POST", "/pipeline/line", 403),
        ("reader", "GET", "/jobs", 200),
        ("reader", "POST", f"/job/{NO_JOB}/cancel", 403),
        ("writer", "POST", "/plugin/shell/peek", 202),
        ("writer", "POST", "/plugin/shell/handle", 202),
        ("writer", "POST", "/pipeline/line?async=true", 202),
        ("writer", "GET", "/jobs", 403),
        ("writer", "POST", "/system/reload", 403),
        ("canceller", "GET", "/jobs", 200),
        ("canceller", "POST", f"/job/{NO_JOB}/cancel", 404),
        ("canceller", "POST", "/plugin/shell/peek", 403),
        ("shell-reader", "POST", "/plugin/shell/peek", 202),
        ("shell-reader", "POST", "/plugin/shell/handle", 403),
        ("shell-reader", "POST", "/plugin/echo/act", 403),
        ("shell-writer", "POST", "/plugin/shell/peek", 202),
        ("shell-writer", "POST", "/plugin/shell/handle", 202),
        ("shell-writer", "POST", "/plugin/echo/act", 403),
        ("shell-writer", "POST", "/pipeline/line", 403),
        ("one-pipeline", "POST", "/pipeline/line?async=true", 202),
        ("one-pipeline", "POST", "/pipeline/later", 403),
        ("one-pipeline", "POST", "/plugin/shell/peek", 403),
        ("listener", "GET", "/jobs", 403),
        ("reader", "POST", "/system/pause", 403),
        ("writer", "POST", "/system/stop", 403),
    ],
)
def test_scopes_decide_who_may_do_what(sample: Gateway, who: str, method: str, path: str, status: int) -> None:
    answer = sample.call(method, path, token=token_of(who))
    assert answer.status == status
    if status == 403:
        assert is_error(answer, 403, "forbidden")


def test_a_403_names_the_scopes_that_would_do(sample: Gateway) -> None:
    wanted = {
        "/plugin/shell/handle": ["plugin:rw", "plugin:shell:rw"],
        "/plugin/shell/peek": ["plugin:ro", "plugin:shell:ro"],
        "/pipeline/later": ["plugin:rw", "pipeline:later"],
        "/system/reload": ["*"],
        f"/job/{NO_JOB}/cancel": ["jobs:rw"],
    }
    for path, scopes in wanted.items():
        refused = sample.post(path, token=token_of("listener")).body
        assert refused["details"]["required_scopes"] == scopes
        assert refused["message"] == f"The credential lacks a scope this needs: one of {', '.join(scopes)}."


def test_a_principal_reads_the_jobs_it_submitted_and_no_others(sample: Gateway) -> None:
    mine = sample.post("/plugin/shell/peek", token=token_of("shell-reader")).body["job_id"]
    for path in (f"/job/{mine}", f"/job/{mine}/tree"):
        assert sample.call("GET", path, token=token_of("shell-reader")).status == 200
        assert is_error(sample.call("GET", path, token=token_of("shell-writer")), 403, "forbidden")
        assert sample.call("GET", path, token=token_of("reader")).status == 200
    assert sample.get(f"/job/{mine}")["principal"] == "token:shell-reader"


def test_an_unnamed_token_is_known_by_its_hash(sample: Gateway) -> None:
    job = sample.post("/plugin/shell/handle", token=token_of("nobody")).body["job_id"]
    assert sample.get(f"/job/{job}")["principal"] == f"token:{blake3(token_of('nobody').encode()).hexdigest()[:8]}"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/plugin/unknown/handle", 404, "unknown_plugin"),
        ("POST", "/plugin/shell/unknown", 404, "unknown_command"),
        ("POST", "/pipeline/unknown", 404, "unknown_pipeline"),
        ("POST", "/plugin/off/handle", 503, "plugin_unavailable"),
        ("POST", "/plugin/broken/handle", 503, "plugin_unavailable"),
        ("GET", f"/job/{NO_JOB}", 404, "unknown_job"),
        ("GET", "/job/no-id", 404, "unknown_job"),
        ("GET", f"/job/{NO_JOB}/tree", 404, "unknown_job"),
        ("POST", f"/job/{NO_JOB}/cancel", 404, "unknown_job"),
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/../healthz", 404, "not_found"),
        ("POST", "/plugin/shell%2Fhandle", 405, "method_not_allowed"),
        ("POST", "/jobs%2Fx", 404, "not_found"),
        ("POST", "/plugin/%2e%2e/handle", 404, "unknown_plugin"),
        ("POST", "/plugin/shell/handle%00", 404, "unknown_command"),
        ("POST", "/plugin/%ff%F0%9F%98%80/handle", 404, "unknown_plugin"),
        ("GET", "/jobs?status=nope", 400, "bad_request"),
        ("DELETE", "/jobs", 405, "method_not_allowed"),
    ],
)
def test_every_error_has_the_one_shape(sample: Gateway, method: str, path: str, status: int, code: str) -> None:
    assert is_error(sample.call(method, path), status, code)


@pytest.mark.parametrize("given", ["mine-1", "x" * 128, 'a b~!"'])
def test_a_request_id_is_taken_echoed_logged_and_kept_with_the_job(sample: Gateway, given: str) -> None:
    answer = sample.post("/plugin/shell/peek", headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"] == given
    assert sample.get(f"/job/{answer.body['job_id']}")["request_id"] == given
    refused = sample.call("GET", "/nowhere", headers={"X-Request-Id": given})
    assert refused.body["request_id"] == given
    sample.until(lambda: [line for line in sample.log if line.get("request_id") == given and line.get("status") == 404])


@pytest.mark.parametrize("given", ["x" * 129, "tab\there", "\xfc"])
def test_a_request_id_that_cannot_be_taken_is_made_anew(sample: Gateway, given: str) -> None:
    made = sample.call("GET", "/livez", headers={"X-Request-Id": given}).headers["x-request-id"]
    assert UUID.fullmatch(made)


def test_a_header_cannot_be_smuggled_in_by_a_request_id(sample: Gateway) -> None:
    for said in (b"a\rX-Evil: 1", b"a\x00b", b"a\nX-Evil: 1"):
        request = request_head("GET", "/livez").removesuffix(b"\r\n") + b"X-Request-Id: " + said + b"\r\n\r\n"
        assert b"x-evil: 1" not in send_raw(sample, request).lower().partition(b"\r\n\r\n")[0]


def test_times_are_rfc_3339_and_ids_are_uuid_7(sample: Gateway) -> None:
    job = sample.run("shell", "peek")
    for name in ("created_at", "started_at", "completed_at"):
        assert TIME.fullmatch(job[name])
    assert UUID.fullmatch(job["job_id"])


@pytest.mark.parametrize("path", ["/healthz", "/plugins", "/jobs"])
def test_a_trailing_slash_makes_no_difference(sample: Gateway, path: str) -> None:
    assert sample.call("GET", f"{path}/").status == sample.call("GET", path).status == 200


@pytest.mark.parametrize(
    ("body", "offset"),
    [
        (b"{", 1),
        (b"nope", None),
        (b'{"a": 1,}', 7),
        (b'{"a":NaN}', 5),
        (b'{"a":Infinity}', 5),
        (b'{"a":1e999}', 5),
        (b'{"a":"\\ud800"}', None),
        (b'{"ab":"\xff"}', 7),
        (b"\xef\xbb\xbf{}", 0),
        (b"{} {}", 3),
        (b" ", None),
        (b'{"a":' * 100_000, None),
    ],
)
def test_what_is_no_json_is_refused_with_its_offset(sample: Gateway, body: bytes, offset: int | None) -> None:
    for path in ("/plugin/shell/handle", "/pipeline/later"):
        answer = sample.post(path, raw=body)
        assert is_error(answer, 400, "invalid_json")
        found = answer.body["details"]["offset"]
        assert isinstance(found, int)
        assert offset is None or found == offset


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null", b"true"])
def test_json_that_is_no_object_is_refused(sample: Gateway, body: bytes) -> None:
    assert is_error(sample.post("/plugin/shell/handle", raw=body), 400, "bad_request")


def test_a_payload_that_nests_too_deep_is_refused(sample: Gateway) -> None:
    assert sample.post("/plugin/shell/handle", raw=b'{"a":' * 190 + b"1" + b"}" * 190).status == 202
    answer = sample.post("/plugin/shell/handle", raw=b'{"a":' * 250 + b"1" + b"}" * 250)
    assert is_error(answer, 400, "bad_request")
    assert "nests deeper" in answer.body["message"]


def test_odd_but_valid_json_arrives_as_it_was_sent(sample: Gateway) -> None:
    payload: dict[str, Any] = {"nul": "a\x00b", "\x00": "", "big": 2**64 - 1, "low": -(2**63), "é": "😀", "e": 1e-300}
    job = sample.run("echo", "act", payload)
    assert job["result"]["result"]["payload"] == payload


def test_another_content_type_is_415_only_where_the_body_is_no_json(sample: Gateway) -> None:
    kind = {"Content-Type": "text/plain"}
    assert is_error(
        sample.post("/plugin/shell/handle", raw=b"message=hello", headers=kind), 415, "unsupported_media_type"
    )
    assert sample.post("/plugin/shell/handle", raw=b"{}", headers=kind).status == 202
    assert sample.post("/plugin/shell/handle", raw=b"", headers=kind).status == 202


def test_a_body_beyond_the_limit_is_413_however_it_comes(sample: Gateway) -> None:
    limit = 1024 * 1024
    fits = json.dumps({"a": ""}).encode()
    fits = fits.replace(b'""', b'"' + b"x" * (limit - len(fits)) + b'"')
    assert sample.post("/plugin/shell/handle", raw=fits).status == 202
    assert is_error(sample.post("/plugin/shell/handle", raw=fits + b" "), 413, "body_too_large")
    declared = send_raw(
        sample, request_head("POST", "/plugin/shell/handle", f"Content-Length: {limit + 1}"), b"{" + b" " * limit
    )
    assert declared.startswith(b"HTTP/1.1 413 ")
    chunk = b"%x\r\n%b\r\n" % (limit // 2, b" " * (limit // 2))
    chunked = request_head("POST", "/plugin/shell/handle", "Transfer-Encoding: chunked")
    assert send_raw(sample, chunked, chunk, chunk, b"1\r\n \r\n0\r\n\r\n").startswith(b"HTTP/1.1 413 ")
    assert send_raw(sample, chunked, b"2\r\n{}\r\n0\r\n\r\n").startswith(b"HTTP/1.1 202 ")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"GET /livez\x00 HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 20_000 + b"\r\n\r\n",
        request_head("POST", "/plugin/shell/handle", "Content-Length: 2", "Content-Length: 3") + b"{}",
        request_head("POST", "/plugin/shell/handle", "Content-Length: -2") + b"{}",
        request_head("POST", "/plugin/shell/handle", "Content-Length: 2", "Transfer-Encoding: chunked") + b"{}",
        request_head("POST", "/plugin/shell/handle", "Transfer-Encoding: chunked") + b"zz\r\n",
    ],
)
def test_what_is_not_http_gets_the_one_shape_and_starts_nothing(sample: Gateway, request_bytes: bytes) -> None:
    before = sample.get("/jobs")["total"]
    heading, _, body = send_raw(sample, request_bytes).partition(b"\r\n\r\n")
    assert heading.split()[1] == b"400"
    assert json.loads(body)["error"] == "bad_request"
    assert sample.get("/jobs")["total"] == before


def test_requests_in_one_packet_are_answered_one_by_one(sample: Gateway) -> None:
    first = (
        request_head("POST", "/plugin/shell/handle", "Content-Length: 2").replace(b"Connection: close\r\n", b"") + b"{}"
    )
    heard = send_raw(sample, first + first + request_head("GET", "/livez"))
    assert heard.count(b"HTTP/1.1 202 ") == 2
    assert heard.endswith(b'{"status":"ok"}')


ROWS = default_rows()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.path}")
def test_a_query_parameter_that_a_route_does_not_declare_is_refused(sample: Gateway, row: Any) -> None:
    path = re.sub(r"{(\w+)}", lambda name: {"plugin": "shell", "command": "handle"}.get(name[1], "x"), row.path)
    answer = sample.call(row.method, f"{path}?wiat=1")
    assert is_error(answer, 400, "unknown_parameter"), answer.raw
    assert answer.body["details"]["parameter"] == "wiat"
    if "wait" in {parameter.name for parameter in row.parameters}:
        assert answer.body["details"]["hint"] == "Did you mean `wait`?"


def test_a_query_parameter_is_refused_after_the_credential_and_before_anything_happens(sample: Gateway) -> None:
    before = sample.get("/jobs")["total"]
    assert is_error(sample.post("/plugin/shell/handle?dryrun=true"), 400, "unknown_parameter")
    assert is_error(sample.call("POST", "/plugin/shell/handle?dryrun=true", token=None), 401, "unauthorized")
    assert is_error(sample.call("GET", "/nowhere?a=1"), 404, "not_found")
    assert sample.call("GET", "/livez?").status == 200
    assert sample.get("/jobs")["total"] == before


def test_a_hint_is_a_sentence_or_is_left_out(sample: Gateway) -> None:
    assert sample.post("/plugin/shel/handle").body["details"]["hint"] == "Did you mean `shell`?"
    assert sample.post("/plugin/shell/handel").body["details"]["hint"] == "Did you mean `handle`?"
    assert "hint" not in sample.post("/plugin/zzzzzz/handle").body["details"]
