"""Runs the plugin as the gateway does: a request on stdin, a response on stdout."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).parent / "run.py"


def call(request: Any, code: int = 0) -> dict[str, Any]:
    stdin = request if isinstance(request, bytes) else json.dumps(request).encode()
    ended = subprocess.run([PLUGIN], input=stdin, capture_output=True, check=False, timeout=20)
    assert (ended.returncode, ended.stderr) == (code, b"")
    response: dict[str, Any] = json.loads(ended.stdout)
    return response


def test_greet_answers_with_the_configured_word() -> None:
    response = call({"command": "greet", "payload": {"name": "Zoë"}, "config": {"greeting": "Grüezi"}})
    assert response == {"status": "ok", "result": "Grüezi, Zoë!"}


def test_handle_greets_the_name_of_the_event_and_says_so_in_an_event() -> None:
    response = call({"command": "handle", "event": {"type": "x", "payload": {"name": "Ada"}}})
    assert response["result"] == "Hello, Ada!"
    assert response["events"] == [{"type": "py-greet.greeted", "payload": {"name": "Ada", "greeting": "Hello, Ada!"}}]


def test_health_is_ok_without_any_configuration() -> None:
    assert call({"command": "health"})["status"] == "ok"


@pytest.mark.parametrize("payload", [None, {}, {"name": ""}, {"name": 3}, []])
def test_a_payload_without_a_name_is_a_permanent_error(payload: Any) -> None:
    response = call({"command": "greet", "payload": payload})
    assert (response["status"], response["retry"]) == ("error", False)
    assert "payload.name" in response["error"]


@pytest.mark.parametrize("command", ["greet", "health"])
def test_a_wrong_greeting_is_a_configuration_failure(command: str) -> None:
    response = call({"command": command, "payload": {"name": "Ada"}, "config": {"greeting": 7}}, code=78)
    assert (response["status"], response["retry"]) == ("error", False)


@pytest.mark.parametrize(
    "request_",
    [{"command": "dance"}, {"command": "health", "config": 5}, {"command": "handle", "event": [1]}, {}, [], "greet"],
)
def test_an_unknown_command_is_a_permanent_error(request_: Any) -> None:
    assert call(request_)["retry"] is False


def test_a_request_that_is_not_json_is_answered_with_an_error() -> None:
    for stdin in (b"{", b"[" * 100_000):
        assert "not JSON" in call(stdin, code=1)["error"]
