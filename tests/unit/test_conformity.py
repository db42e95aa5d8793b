"""The check of answers against the OpenAPI document can fail: each way of not being as documented is found."""

import json
from typing import Any

import pytest
from support.conformity import Conformity, Seen
from support.web import snapshot

from ductile.describe.openapi import openapi
from ductile.http.surfaces.error_examples import ERROR_EXAMPLES

JOB = "/job/01979d6e-8c3b-7a41-9d2f-0c6a5b1e4f70"
WRONG = {"error": "x", "message": "x", "code": 404, "details": {}, "request_id": "x"}


def seen(status: int, body: Any, media: str = "application/json") -> Seen:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Seen(status, {"content-type": media}, raw)


@pytest.fixture
def conformity() -> Conformity:
    return Conformity(lambda: json.loads(json.dumps(openapi(snapshot(), "1.0", ERROR_EXAMPLES))))


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/livez", seen(200, {"status": "ok"})),
        ("HEAD", "/livez", seen(200, b"")),
        ("GET", "/skills?x=1", seen(200, b"# Page", "text/markdown; charset=utf-8")),
        ("GET", "/openapi.json", Seen(304, {}, b"")),
        ("GET", JOB, seen(404, WRONG)),
        ("GET", "/nowhere", seen(404, WRONG)),
        ("OPTIONS", "/livez", Seen(204, {}, b"")),
        ("POST", "/plugin/off/poll", seen(503, WRONG)),
    ],
)
def test_what_is_documented_passes(conformity: Conformity, method: str, path: str, answer: Seen) -> None:
    conformity.check(method, path, answer)


@pytest.mark.parametrize(
    ("method", "path", "answer", "fault"),
    [
        ("GET", "/livez", seen(201, {"status": "ok"}), "status is not documented"),
        ("GET", "/livez", seen(200, {"status": 1}), "/status: 1 is not of type"),
        ("GET", "/livez", seen(200, {}), '"status" is a required property'),
        ("GET", "/livez", seen(200, {"status": "ok", "extra": 1}), "extra"),
        ("GET", "/livez", seen(200, b"ok", "text/plain"), "media type 'text/plain' is not documented"),
        ("GET", "/openapi.json", Seen(304, {}, b"x"), "body that is not documented"),
        ("HEAD", "/livez", seen(200, {"status": "ok"}), "body that is not documented"),
        ("GET", JOB, seen(404, {**WRONG, "trace": "x"}), "trace"),
        ("GET", f"{JOB}/tree", seen(200, [{"job_id": 1}]), "/0"),
        ("GET", "/nowhere", seen(200, {}), "operation is not documented"),
        ("GET", "/nowhere", seen(404, {"detail": "x"}), "one shape of errors"),
        ("POST", "/plugin/echo/say", seen(500, {"message": "x"}), "required property"),
    ],
)
def test_what_is_not_documented_fails(conformity: Conformity, method: str, path: str, answer: Seen, fault: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=fault):
        conformity.check(method, path, answer)


def test_a_document_that_has_become_old_is_asked_for_again() -> None:
    old = json.loads(json.dumps(openapi(snapshot(), "1.0", ERROR_EXAMPLES)))
    del old["paths"]["/livez"]
    documents = [old, json.loads(json.dumps(openapi(snapshot(), "1.0", ERROR_EXAMPLES)))]
    conformity = Conformity(lambda: documents.pop(0))
    conformity.check("GET", "/readyz", seen(200, {"status": "ok"}))
    conformity.check("GET", "/livez", seen(200, {"status": "ok"}))
    assert documents == []


def test_a_gateway_that_has_stopped_can_contradict_nobody() -> None:
    Conformity(lambda: None).check("GET", "/livez", seen(418, b""))
