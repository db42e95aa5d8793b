"""Runs the plugin as the gateway does: a request on stdin, a response on stdout."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).parent / "run.py"
DONT = "don\N{RIGHT SINGLE QUOTATION MARK}t"
TEXT = f"{DONT.capitalize()} panic.\nPanic, naïve one: {DONT}!\n"


def call(request: Any, code: int = 0) -> dict[str, Any]:
    stdin = request if isinstance(request, bytes) else json.dumps(request).encode()
    ended = subprocess.run([PLUGIN], input=stdin, capture_output=True, check=False, timeout=20)
    assert (ended.returncode, ended.stderr) == (code, b"")
    response: dict[str, Any] = json.loads(ended.stdout)
    return response


def test_measure_counts_and_ranks() -> None:
    result = call({"command": "measure", "payload": {"text": TEXT}, "config": {"top_words": 3}})["result"]
    assert result == {
        "lines": 2,
        "words": 6,
        "characters": 38,
        "bytes": len(TEXT.encode()),
        "top_words": [{"word": DONT, "count": 2}, {"word": "panic", "count": 2}, {"word": "naïve", "count": 1}],
        "summary": f"2 lines, 6 words, 38 characters, {len(TEXT.encode())} bytes",
    }


def test_handle_emits_the_statistics() -> None:
    response = call({"command": "handle", "event": {"payload": {"text": "a b"}}})
    assert response["events"] == [{"type": "text_stats.measured", "payload": response["result"]}]


def test_the_summary_counts_one_as_one() -> None:
    result = call({"command": "measure", "payload": {"text": "a"}})["result"]
    assert result["summary"] == "1 line, 1 word, 1 character, 1 byte"


def test_an_empty_text_has_nothing_in_it() -> None:
    result = call({"command": "measure", "payload": {"text": ""}})["result"]
    assert (result["lines"], result["words"], result["bytes"], result["top_words"]) == (0, 0, 0, [])


def test_health_is_ok_without_any_configuration() -> None:
    assert call({"command": "health"})["status"] == "ok"


@pytest.mark.parametrize("payload", [None, {}, {"text": 5}, []])
def test_a_missing_text_is_a_permanent_error(payload: Any) -> None:
    assert call({"command": "measure", "payload": payload})["retry"] is False


@pytest.mark.parametrize("top", [-1, "five", True, 1001])
def test_a_wrong_configuration_ends_with_78(top: Any) -> None:
    request = {"payload": {"text": ""}, "config": {"top_words": top}}
    for command in ("measure", "health"):
        assert call({**request, "command": command}, code=78)["retry"] is False


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"command": "dance"}, 0),
        ({"command": "health", "config": 5}, 0),
        ({"command": "handle", "event": [1]}, 0),
        ([], 0),
        (b"{", 1),
        (b"[" * 100_000, 1),
    ],
)
def test_a_bad_request_is_a_permanent_error(request_: Any, code: int) -> None:
    assert call(request_, code)["retry"] is False
