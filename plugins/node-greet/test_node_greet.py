"""Runs the plugin as the gateway does: a request on stdin, a response on stdout."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).parent / "run.js"
pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="`node` is not on the PATH")


def call(request: Any, code: int = 0) -> dict[str, Any]:
    stdin = request if isinstance(request, bytes) else json.dumps(request).encode()
    ended = subprocess.run([PLUGIN], input=stdin, capture_output=True, check=False, timeout=20)
    assert (ended.returncode, ended.stderr) == (code, b"")
    response: dict[str, Any] = json.loads(ended.stdout)
    return response


def test_greet_answers_with_the_configured_word() -> None:
    response = call({"command": "greet", "payload": {"name": "Zoë"}, "config": {"greeting": "Grüezi"}, "new": 1})
    assert response == {"status": "ok", "result": "Grüezi, Zoë!"}


def test_handle_greets_the_name_of_the_event_and_says_so_in_an_event() -> None:
    response = call({"command": "handle", "event": {"type": "x", "payload": {"name": "Ada"}}})
    assert response["result"] == "Hello, Ada!"
    assert response["events"] == [{"type": "node-greet.greeted", "payload": {"name": "Ada", "greeting": "Hello, Ada!"}}]


def test_health_is_ok_without_any_configuration() -> None:
    assert call({"command": "health", "config": None})["status"] == "ok"


def test_a_long_answer_comes_whole() -> None:
    assert len(call({"command": "greet", "payload": {"name": "x" * 2_000_000}})["result"]) == 2_000_008


@pytest.mark.parametrize("payload", [None, {}, {"name": " "}, {"name": 3}, []])
def test_a_payload_without_a_name_is_a_permanent_error(payload: Any) -> None:
    response = call({"command": "greet", "payload": payload})
    assert (response["status"], response["retry"]) == ("error", False)
    assert "payload.name" in response["error"]


@pytest.mark.parametrize("config", [{"greeting": 7}, {"greeting": ""}, [], "x"])
def test_a_wrong_configuration_is_a_configuration_failure(config: Any) -> None:
    assert call({"command": "health", "config": config}, code=78)["retry"] is False


@pytest.mark.parametrize(
    "request_", [{"command": "dance"}, {"command": "toString"}, {"command": ["greet"]}, {}, [], None]
)
def test_an_unknown_command_is_a_permanent_error(request_: Any) -> None:
    assert call(request_)["retry"] is False


@pytest.mark.parametrize("stdin", [b"", b"{", b'{"command": "\xff"}', b"[" * 100_000])
def test_a_request_that_is_not_json_is_answered_with_an_error(stdin: bytes) -> None:
    assert "not JSON" in call(stdin, code=1)["error"]
