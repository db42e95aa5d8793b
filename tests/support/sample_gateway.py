"""A sample gateway for black-box tests: shell plugins, pipelines and tokens of each kind."""

import re
import socket
from typing import Any

from support.gateway import TOKEN, Answer, Gateway

SHELL = """#!/bin/sh
cat >/dev/null
echo '{"status":"ok","result":"done"}'
"""
ECHO = """#!/bin/sh
printf '{"status":"ok","result":%s,"state_updates":{"seen":1},"logs":[{"level":"info","message":"echoed"}]}' "$(cat)"
"""
GATE = """#!/bin/sh
gate=$(sed -n 's/.*"gate":"\\([a-z0-9-]*\\)".*/\\1/p')
while [ ! -e "gates/$gate" ]; do sleep 0.01; done
echo '{"status":"ok","result":"through"}'
"""
FAIL = """#!/bin/sh
cat >/dev/null
echo 'what went wrong' >&2
echo '{"status":"error","error":"no luck","retry":false}'
"""
EMIT = """#!/bin/sh
cat >/dev/null
echo '{"status":"ok","result":"sent","events":[{"type":"thing.made","payload":{"n":1}}]}'
"""

SAY = {
    "type": "write",
    "description": "Says it.",
    "input_schema": {
        "type": "object",
        "properties": {"message": {"type": "string"}, "times": {"type": "integer", "maximum": 3}},
        "required": ["message"],
    },
    "output_schema": {"type": "string"},
}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

TOKENS = {
    "reader": ["plugin:ro", "jobs:ro"],
    "writer": ["plugin:rw"],
    "canceller": ["jobs:rw"],
    "shell-reader": ["plugin:shell:ro"],
    "shell-writer": ["plugin:shell:rw"],
    "one-pipeline": ["pipeline:line"],
    "listener": ["events:rw"],
}


def token_of(name: str) -> str:
    return f"test-token-of-{name}"


def one_step_pipeline(name: str, uses: str, **more: Any) -> dict[str, Any]:
    """A pipeline of one step."""
    return {"name": name, "on": f"{name}.go", "steps": [{"id": "only", "uses": uses}], **more}


PIPELINES = [
    {
        "name": "line",
        "on": "line.go",
        "execution_mode": "synchronous",
        "timeout": "20s",
        "steps": [{"id": "first", "uses": "shell"}, {"id": "last", "uses": "echo"}],
    },
    {
        "name": "spread",
        "on": "spread.go",
        "execution_mode": "synchronous",
        "steps": [{"uses": "shell"}, {"split": [{"id": "left", "uses": "shell"}, {"id": "right", "uses": "shell"}]}],
    },
    {
        "name": "wide",
        "on": "wide.go",
        "execution_mode": "synchronous",
        "steps": [{"split": [{"id": "left", "uses": "shell"}, {"id": "right", "uses": "shell"}]}],
    },
    {
        "name": "torn",
        "on": "torn.go",
        "execution_mode": "synchronous",
        "timeout": "300ms",
        "steps": [
            {
                "split": [
                    {"split": [{"id": "bad", "uses": "fail"}, {"id": "deep", "uses": "shell"}]},
                    {"id": "gated", "uses": "gate"},
                ]
            }
        ],
    },
    {
        "name": "gated",
        "on": "gated.go",
        "steps": [
            {"id": "maybe", "uses": "shell", "if": {"path": "payload.go", "op": "eq", "value": True}},
            {"id": "always", "uses": "shell"},
        ],
    },
    {"name": "picky", "on": "picky.go", "steps": [{"id": "claims", "uses": "shell", "baggage": {"id": "payload.id"}}]},
    {
        "name": "picky-keys",
        "execution_mode": "synchronous",
        "steps": [
            {
                "id": "only",
                "uses": "echo",
                "if": {
                    "all": [
                        {"path": 'payload.labels["app.io/tier"]', "op": "eq", "value": "front"},
                        {"path": "payload.at", "op": "lt", "value": "2026-03-01T12:00:00Z"},
                        {"path": "length(payload.list)", "op": "gte", "value": 1},
                    ]
                },
                "with": {"name": 'is {payload["app.io/{name}"]}', "first": "{payload.list[0]}"},
                "baggage": {'["app.io/kept"]': 'payload["app.io/{name}"]'},
            },
        ],
    },
    {"name": "helper", "steps": [{"id": "only", "uses": "echo"}]},
    {"name": "caller", "execution_mode": "synchronous", "steps": [{"id": "sub", "call": "helper"}]},
    one_step_pipeline("breaks", "fail", execution_mode="synchronous"),
    one_step_pipeline("slow", "gate", execution_mode="synchronous", timeout="100ms"),
    one_step_pipeline("later", "shell"),
    one_step_pipeline("waits", "gate"),
    one_step_pipeline("made", "shell", on="thing.made"),
]


def add_sample_plugins(gateway: Gateway) -> Gateway:
    """Configure plugins that work, fail, wait and cannot load, pipelines, and a token for each scope."""
    (gateway.folder / "gates").mkdir()
    gateway.plugin("shell", SHELL, {"handle": {}, "peek": {"type": "read"}, "say": SAY}, description="Does little.")
    gateway.plugin("echo", ECHO, {"handle": {}, "act": {}})
    gateway.plugin("gate", GATE)
    gateway.plugin("fail", FAIL)
    gateway.plugin("emit", EMIT)
    (gateway.plugin("broken", SHELL) / "run").chmod(0o644)
    named = [{"name": name, "token": token_of(name), "scopes": scopes} for name, scopes in TOKENS.items()]
    unnamed = {"token": token_of("nobody"), "scopes": ["plugin:rw"]}
    admin = gateway.config["api"]["auth"]["tokens"]
    gateway.configure(
        service={"max_workers": 16},
        api={"auth": {"tokens": [*admin, *named, unnamed]}},
        plugins={"off": {"uses": "shell", "enabled": False}, "single": {"uses": "gate", "parallelism": 1}},
        pipelines=PIPELINES,
    )
    return gateway


def open_gate(gateway: Gateway, gate: str) -> None:
    """Open a gate, so that the jobs that wait there go on."""
    (gateway.folder / "gates" / gate).touch()


def is_error(answer: Answer, status: int, code: str) -> bool:
    """Whether this is that error, in the one shape."""
    body = answer.body
    assert set(body) == {"error", "message", "code", "details", "request_id"}
    assert body["message"]
    assert body["request_id"] == answer.headers["x-request-id"]
    assert (answer.status, body["code"], body["error"]) == (status, status, code)
    return True


def request_head(method: str, path: str, *lines: str, token: str = TOKEN) -> bytes:
    """The head of a request whose connection closes behind it, with these header lines."""
    fixed = (f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", "Connection: close")
    return "\r\n".join([*fixed, *lines, "", ""]).encode()


def send_raw(gateway: Gateway, *said: bytes) -> bytes:
    """Send bytes as they are, and read until the gateway closes."""
    with socket.create_connection(gateway.address, timeout=10) as connection:
        for part in said:
            connection.sendall(part)
        heard = bytearray()
        while part := connection.recv(65536):
            heard += part
        return bytes(heard)
