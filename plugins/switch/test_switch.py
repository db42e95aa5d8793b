"""Asks the plugin as the gateway does, most of the time without a process of its own."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PLUGIN = Path(__file__).parent / "run.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("switch_run", PLUGIN)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


RUN = loaded()


def ask(request: Any, code: int = 0) -> dict[str, Any]:
    response, ended = RUN.respond(request if isinstance(request, bytes) else json.dumps(request).encode())
    assert ended == code, response
    answer: dict[str, Any] = json.loads(json.dumps(response))
    return answer


def handle(payload: Any, *checks: dict[str, Any], event: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    request = {"command": "handle", "config": {"checks": list(checks), **config}, "context": {"who": "ada"}}
    return ask({**request, "event": {"type": "x.y", "payload": payload, **(event or {})}})


def emitted(response: dict[str, Any]) -> str:
    assert response["status"] == "ok", response
    return str(response["events"][0]["type"]) if response["events"] else ""


def refused(response: dict[str, Any]) -> str:
    assert (response["status"], response["retry"]) == ("error", False)
    reason: str = response["error"]
    return reason


OTHER = {"default": "other"}


@pytest.mark.parametrize(
    ("payload", "check", "holds"),
    [
        ({"text": "YouTu.Be link"}, {"contains": "youtu"}, True),
        ({"text": "HTTP://x"}, {"startswith": "http"}, True),
        ({"text": "Report.PDF"}, {"endswith": ".pdf"}, True),
        ({"text": "ERROR"}, {"equals": "error"}, True),
        ({"text": "error 1"}, {"equals": "error"}, False),
        ({"text": "123"}, {"regex": "[0-9]{3}"}, True),
        ({"text": "1234"}, {"regex": "[0-9]{3}"}, False),
        ({"text": 5}, {"equals": 5}, True),
        ({"text": True}, {"equals": True}, True),
        ({"text": ["Big"]}, {"contains": "big"}, True),
        ({}, {"contains": "x"}, False),
        ({"text": None}, {"regex": ".+"}, False),
    ],
)
def test_the_short_form_compares_as_text_and_without_case(payload: Any, check: dict[str, Any], *, holds: bool) -> None:
    for field in ("text", "payload.text", "event.payload.text"):
        found = emitted(handle(payload, {**check, "emit": "hit"}, OTHER, field=field))
        assert found == ("hit" if holds else "other")


@pytest.mark.parametrize(
    ("value", "op", "wanted", "holds"),
    [
        (5, "eq", 5, True),
        (5, "eq", "5", False),
        (1, "eq", True, False),
        (5, "neq", 6, True),
        ("b", "in", ["a", "b"], True),
        (True, "in", [1], False),
        (5, "gt", 4.5, True),
        (5, "gt", 5, False),
        (5, "gte", 5, True),
        (5, "lt", 6, True),
        (5, "lte", 4, False),
        ("5", "gt", 4, False),
        (True, "gt", 0, False),
        ("Abc", "contains", "BC", True),
        (["a", "b"], "contains", "b", True),
        (["a", "b"], "contains", "B", False),
        ("Abc", "startswith", "ab", True),
        ("Abc", "endswith", "BC", True),
        ("Abc", "regex", "A.c", True),
        ("Abc", "regex", "A", False),
        (5, "regex", "5", False),
        (None, "exists", True, True),
        (None, "eq", None, True),
    ],
)
def test_the_long_form_compares_as_a_pipeline_does(value: Any, op: str, wanted: Any, *, holds: bool) -> None:
    check = {"path": "payload.a.0.b", "op": op, "value": wanted, "emit": "hit"}
    assert emitted(handle({"a": [{"b": value}]}, check, OTHER)) == ("hit" if holds else "other")


def test_a_path_that_leads_nowhere_is_null() -> None:
    for path in ("x", "payload.a.1", "payload.a.b", "event.x", "context.who.x"):
        assert emitted(handle({"a": [1]}, {"path": path, "op": "eq", "value": None, "emit": "hit"})) == "hit"
        assert emitted(handle({"a": [1]}, {"path": path, "op": "exists", "emit": "hit"}, OTHER)) == "other"
        assert emitted(handle({"a": [1]}, {"path": path, "op": "exists", "value": False, "emit": "hit"})) == "hit"


def test_event_and_context_can_be_looked_at() -> None:
    assert emitted(handle({}, {"path": "event.type", "op": "eq", "value": "x.y", "emit": "hit"})) == "hit"
    assert emitted(handle({}, {"path": "context.who", "equals": "Ada", "emit": "hit"})) == "hit"


def test_the_first_check_that_holds_decides_and_the_payload_stays_as_it_is() -> None:
    payload = {"text": "ab", "n": [1, {"x": None}]}
    checks = [{"contains": "c", "emit": "1"}, {"contains": "b", "emit": "2"}, {"contains": "a", "emit": "3"}]
    response = handle(payload, *checks, field="text")
    assert response["events"] == [{"type": "2", "payload": payload}]
    assert response["result"] == "check 2 (contains) -> 2"


def test_a_dedupe_key_goes_on_with_the_type() -> None:
    response = handle({"text": "x"}, {"contains": "x", "emit": "hit"}, field="text", event={"dedupe_key": "k:1"})
    assert response["events"][0]["dedupe_key"] == "k:1:hit"


def test_what_no_check_fits_is_an_error_or_dropped() -> None:
    check = {"contains": "x", "emit": "hit"}
    assert "no default" in refused(handle({}, check, field="text"))
    assert emitted(handle({}, check, field="text", unmatched="drop")) == ""


def test_a_default_may_name_its_type_either_way() -> None:
    assert emitted(handle({}, {"default": True, "emit": "d"})) == emitted(handle({}, {"default": "d"})) == "d"


def test_a_pattern_that_takes_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RUN, "THINK", 0.1)
    assert "takes too long" in refused(handle({"t": "a" * 40 + "!"}, {"path": "t", "regex": "(a+)+b", "emit": "x"}))


GOOD = {"contains": "x", "emit": "e"}
WRONG: list[Any] = [None, 5, {}, {"field": "x"}, {"checks": []}, {"checks": [5]}, {"checks": [GOOD]}]
WRONG += [
    {"checks": [GOOD], "field": 5},
    {"checks": [GOOD], "field": " "},
    {"checks": [GOOD], "field": "x", "unmatched": "?"},
]
ENTRIES: list[Any] = [{"contains": "x"}, {"emit": "e"}, {"contains": "", "emit": "e"}, {"contains": ["x"], "emit": "e"}]
ENTRIES += [
    {**GOOD, "equals": "x"},
    {**GOOD, "more": 1},
    {**GOOD, "emit": ""},
    {**GOOD, "emit": 5},
    {"regex": "(", "emit": "e"},
]
ENTRIES += [{"default": True}, {"op": "like", "value": 1, "emit": "e"}, {"op": ["eq"], "value": 1, "emit": "e"}]
ENTRIES += [
    {"op": "eq", "emit": "e"},
    {"op": "gt", "value": "5", "emit": "e"},
    {"op": "gt", "value": True, "emit": "e"},
]
ENTRIES += [
    {"op": "in", "value": "ab", "emit": "e"},
    {"op": "exists", "value": 1, "emit": "e"},
    {"op": "regex", "value": "[", "emit": "e"},
]
ENTRIES += [{"op": "eq", "value": 1, "emit": "e", "path": 5}, {"op": "eq", "value": 1, "emit": "e", "equals": 1}]
WRONG += [{"field": "x", "checks": [entry]} for entry in ENTRIES] + [{"field": "x", "checks": [OTHER, GOOD]}]


@pytest.mark.parametrize("config", WRONG)
def test_a_wrong_configuration_ends_with_78(config: Any) -> None:
    assert "config" in refused(ask({"command": "health", "config": config}, 78))


def test_a_bad_request_is_a_permanent_error() -> None:
    requests: list[Any] = [{"command": "dance"}, {"command": ["handle"]}, {}, [], None, 5]
    for request in requests:
        refused(ask(request))
    refused(handle([], OTHER))
    for stdin in (b"", b"{", b"\xff", b"[" * 100_000):
        refused(ask(stdin, 1))


def test_it_runs_as_a_program() -> None:
    request = {"command": "handle", "config": {"checks": [OTHER]}, "event": {"payload": {"x": "☃"}}, "new": 1}
    ended = subprocess.run(
        [sys.executable, PLUGIN], input=json.dumps(request).encode(), capture_output=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert json.loads(ended.stdout)["events"] == [{"type": "other", "payload": {"x": "☃"}}]
