"""Runs the plugin as the gateway does: a request on stdin, a response on stdout."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).parent / "run.sh"
AWKWARD = "quote \" ' $(id) `id` \\ newline\nsnow ☃ percent %s"


def call(request: Any, code: int = 0, cwd: Path | None = None) -> dict[str, Any]:
    stdin = request if isinstance(request, bytes) else json.dumps(request).encode()
    ended = subprocess.run([PLUGIN], input=stdin, capture_output=True, check=False, timeout=20, cwd=cwd)
    assert (ended.returncode, ended.stderr) == (code, b"")
    response: dict[str, Any] = json.loads(ended.stdout)
    return response


def handle(message: Any) -> dict[str, Any]:
    return {"command": "handle", "event": {"type": "x", "payload": {"message": message}}}


def test_poll_says_the_configured_message_and_emits_it() -> None:
    response = call({"command": "poll", "config": {"message": AWKWARD}})
    assert (response["status"], response["result"]) == ("ok", AWKWARD)
    assert response["events"] == [{"type": "echo.poll", "payload": {"message": AWKWARD}}]
    assert response["state_updates"]["last_run"].endswith("Z")


def test_poll_without_configuration_says_echo() -> None:
    assert call({"command": "poll"})["result"] == "echo"


def test_handle_says_the_message_of_the_event() -> None:
    response = call(handle(AWKWARD))
    assert response["events"] == [{"type": "echo.handled", "payload": {"message": AWKWARD}}]


def test_handle_without_a_message_says_the_configured_one() -> None:
    assert call({"command": "handle", "event": {"payload": {}}, "config": {"message": "hi"}})["result"] == "hi"


def test_a_message_of_half_a_megabyte_survives() -> None:
    assert call(handle("x" * 500_000))["result"] == "x" * 500_000


def test_health_answers() -> None:
    response = call({"command": "health"})
    assert response == {"status": "ok", "result": "healthy"}


def test_a_message_that_is_no_text_is_a_permanent_error() -> None:
    response = call(handle(5))
    assert (response["status"], response["retry"]) == ("error", False)


def test_a_configured_message_that_is_no_text_is_a_configuration_failure() -> None:
    assert call({"command": "health", "config": {"message": 5}}, code=78)["retry"] is False


@pytest.mark.parametrize(
    "request_",
    [
        {"command": "dance"},
        {"command": "error"},
        {"command": "poll", "config": 5},
        {"command": "poll", "event": [1]},
        {},
        [],
        b"{",
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_bad_request_is_a_permanent_error(request_: Any) -> None:
    response = call(request_)
    assert (response["status"], response["retry"]) == ("error", False)


def test_a_python_file_in_the_working_directory_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    assert call({"command": "poll"}, cwd=tmp_path)["status"] == "ok"
