"""Values arrive as they were written: from variables, `.env`, files and overrides, and numbers in any JSON."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from support.gateway import Gateway, gateways

ECHO = """#!/bin/sh
printf '{"status":"ok","result":%s}' "$(cat)"
"""
SAYS = """#!/usr/bin/env python3
import json, sys
request = json.load(sys.stdin)
sys.stdout.write(request["payload"]["say"])
"""
WORKER = """#!/usr/bin/env python3
import json, sys
print(json.dumps({"ready": True, "protocol": 2, "concurrency": 1}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    print(request["payload"]["say"].replace("{", '{"id": "%s", ' % request["id"], 1), flush=True)
"""
SCHEMA = {
    "type": "object",
    "properties": {
        "account": {"type": "string"},
        "port": {"type": "integer"},
        "loud": {"type": "boolean"},
        "deep": {"type": "array", "items": {"$ref": "#/$defs/code"}},
        "either": {"type": ["string", "integer"]},
    },
    "$defs": {"code": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
}
GIVEN = {
    "ACCOUNT": "012345678901",
    "PORT": "8080",
    "EXPONENT": "1e5",
    "HEX": "0x1F",
    "UNDERSCORE": "1_000",
    "PLUS": "+5",
    "DOT": ".5",
    "AGENT": "007",
    "YES": "yes",
    "VERSION": "1.10",
    "LONG": "1234567890123456789012345",
    "FLAG": "true",
    "CAPITAL": "True",
    "RATIO": "0.25",
    "NEGATIVE": "-3",
    "MINUS_ZERO": "-0",
    "SCIENCE": "6.02E23",
    "INFINITE": ".inf",
    "TILDE": "~",
}
NUMBERS = {"PORT": 8080, "FLAG": True, "RATIO": 0.25, "NEGATIVE": -3}
LARGE = "12345678901234567890123"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    for gateway in gateways(tmp_path_factory.mktemp("values")):
        echo = {"handle": {}, "strict": {"input_schema": SCHEMA}}
        gateway.plugin("echo", ECHO, echo)
        gateway.plugin("checked", ECHO, echo, config_schema=SCHEMA)
        gateway.plugin("says", SAYS)
        gateway.plugin("worker", WORKER, lifecycle="persistent")
        (gateway.folder / "pin").write_text("98765\n")
        (gateway.folder / ".env").write_text("FROM_FILE=007\nDUCTILE_PLUGINS__ECHO__CONFIG__LATER=0042\n")
        config = {name: f"${{{name}}}" for name in GIVEN}
        config |= {"password": "${PORT}", "pin": "${file:pin}", "n": "${SECRET_NUMBER}", "env": "${FROM_FILE}"}
        config |= {"later": "x", "over": "x", "flagged": "x", "mixed": "0${PORT}", "nothing": "${UNSET:-}"}
        strict = {"account": "${PORT}", "port": "${AGENT}", "loud": "${FLAG}", "deep": ["${PORT}"], "either": "${PORT}"}
        gateway.configure(
            environment_vars={"include": [".env"]},
            plugins={"echo": {"config": config, "env": {"A": "${PORT}"}}, "checked": {"config": strict}},
            pipelines=[
                {
                    "name": "fixed",
                    "on": "fixed.go",
                    "execution_mode": "synchronous",
                    "steps": [{"id": "only", "uses": "echo.strict", "with": {**strict, "free": "${AGENT}"}}],
                }
            ],
        )
        yield gateway.start(environ=environ())


def environ() -> dict[str, str]:
    overrides = {"DUCTILE_PLUGINS__ECHO__CONFIG__OVER": "1e5", "DUCTILE_PLUGINS__ECHO__CONFIG__FLAGGED": "false"}
    return {**GIVEN, **overrides, "SECRET_NUMBER": "77"}


def config_of(gateway: Gateway, plugin: str) -> Any:
    return gateway.run(plugin, "handle")["result"]["result"]["config"]


def test_what_a_variable_gives_is_a_number_only_where_that_loses_nothing(running: Gateway) -> None:
    config = config_of(running, "echo")
    assert {name: config[name] for name in GIVEN} == {**GIVEN, **NUMBERS}
    assert (config["mixed"], config["nothing"], config["env"]) == ("08080", None, "007")
    assert (config["pin"], config["n"]) == ("[REDACTED]", "77"), "what a file or a secret gives is text"
    assert (config["later"], config["over"], config["flagged"]) == ("0042", "1e5", False)


def test_a_schema_decides_what_it_is(running: Gateway) -> None:
    wanted = {"account": "8080", "port": 7, "loud": True, "deep": ["8080"], "either": 8080}
    assert config_of(running, "checked") == wanted
    tree = running.run_pipeline("fixed")
    step = running.get(f"/job/{tree[1]['job_id']}")
    assert step["result"]["result"]["payload"] == {**wanted, "free": "007"}


def test_config_check_says_what_it_turned_and_no_value(running: Gateway) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "ductile.cli.main", "config", "check", "--config-dir", str(running.folder), "--json"],
        env={"PATH": "/usr/bin:/bin", **environ()},
        capture_output=True,
        text=True,
        check=True,
    )
    notes = {note["path"]: note for note in json.loads(ended.stdout)["notes"]}
    assert "plugins.echo.config.PORT" in notes
    assert notes["plugins.checked.config.port"]["message"] == (
        "`plugins.checked.config.port` is a number, as `${AGENT}` gives it"
    )
    assert notes["plugins.echo.config.flagged"]["file"] == "environment:DUCTILE_PLUGINS__ECHO__CONFIG__FLAGGED"
    assert not [path for path in notes if path.endswith(("ACCOUNT", "password", "pin", ".account", "AGENT"))]
    assert "8080" not in ended.stdout.split('"notes"')[1].split('"lines"')[0]


def test_a_number_where_a_setting_wants_one_is_read_and_text_is_told(gateway: Gateway) -> None:
    gateway.configure(service={"max_hops": "${HOPS}"})
    gateway.start(environ={"HOPS": "007"})
    assert gateway.get("/config/view")["service"]["max_hops"] == 7
    gateway.stop()
    gateway.launch(environ={"HOPS": "lots"})
    assert gateway.ended() == 78
    assert any("`max_hops` must be a whole number, not `lots`" in str(line["message"]) for line in gateway.log)


@pytest.mark.parametrize("number", [LARGE, "18446744073709551616", "-9223372036854775809"])
def test_a_number_that_would_be_rounded_is_refused(running: Gateway, number: str) -> None:
    for path in ("/plugin/echo/handle", "/events", "/pipeline/fixed"):
        raw = f'{{"payload": {{"id": {number}}}, "type": "x"}}'.encode()
        answer = running.call("POST", path, raw=raw)
        assert (answer.status, answer.body["error"]) == (400, "invalid_json"), path
        assert "does not fit into 64 bits" in answer.body["message"]


@pytest.mark.parametrize(
    "body",
    [
        '"result": {"id": %s}',
        '"result": 1, "state_updates": {"n": %s}',
        '"result": 1, "events": [{"type": "x", "payload": {"n": %s}}]',
    ],
)
@pytest.mark.parametrize("plugin", ["says", "worker"])
def test_a_plugin_that_answers_with_one_is_told(running: Gateway, body: str, plugin: str) -> None:
    said = '{"status": "ok", ' + body % LARGE + "}"
    job = running.run(plugin, "handle", {"say": said})
    assert job["status"] != "succeeded"
    assert "does not fit into 64 bits" in str(job["last_error"])


def test_large_numbers_that_fit_and_digits_in_text_are_exact(running: Gateway) -> None:
    payload = {"most": 2**64 - 1, "least": -(2**63), "text": LARGE, 'q"uoted': f'a " {LARGE} b'}
    result = running.run("echo", "handle", payload)["result"]["result"]["payload"]
    assert result == payload
    said = json.dumps({"status": "ok", "result": {**payload, LARGE: 1}})
    assert running.run("says", "handle", {"say": said})["result"]["result"] == {**payload, LARGE: 1}


def test_an_error_in_a_response_is_told_at_its_own_place(running: Gateway) -> None:
    said = '{"progress": 1}\n{"status": "ok",\n "result": {"a": tru}}'
    error = running.run("says", "handle", {"say": said})["last_error"]
    at = said.index("tru")
    assert any(f"character {place}" in error for place in range(at, at + 5)), error
