"""Secrets that are planted by every way in, and printed by plugins in every spelling on every channel."""

import http.client
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.canaries import CANARIES, leaks, spellings
from support.gateway import TOKEN, Gateway

RUNNERS = ("spawn", "fork", "persistent")
SAY = """
import json, os, sys, time
sys.path.insert(0, os.environ["SUPPORT"])
from support.canaries import CANARIES, spellings
ALL = [one for secret in CANARIES.values() for one in spellings(secret)]
TEXT = " | ".join(ALL)

def answer(channel):
    if channel == "result":
        return {"status": "ok", "result": {"all": ALL, TEXT[:40]: 31415926535897, "n": [31415926535897, 1.5]}}
    if channel == "error":
        return {"status": "error", "error": TEXT, "retry": False}
    if channel == "logs":
        return {"status": "ok", "result": "logged", "logs": [{"level": "info", "message": one} for one in ALL]}
    if channel == "stderr":
        sys.stderr.write(TEXT + "\\n")
        return {"status": "ok", "result": "on stderr"}
    if channel == "long":
        sys.stderr.write("x " * 70000)
        for number in range(4000):
            sys.stderr.write(CANARIES["variable"] + CANARIES["token"])
        return {"status": "ok", "result": "much on stderr"}
    if channel == "events":
        return {"status": "ok", "result": "emitted", "events": [
            {"type": "seen." + secret.split()[0][:100], "payload": {}, "dedupe_key": secret}
            for secret in CANARIES.values()]}
    if channel == "progress":
        return {"status": "ok", "result": "late"}
    if channel == "working":
        return {"status": "ok", "result": "kept", "state_updates": {"secret": TEXT},
                "events": [{"type": "kept", "payload": {"all": ALL, "n": 31415926535897}}]}
    return None
"""
ONE_SHOT = """#!/usr/bin/env python3
{say}
channel = json.load(sys.stdin)["payload"]["channel"]
response = answer(channel)
if response is None:
    print(TEXT)
    sys.exit(3)
print(json.dumps(response))
"""
WORKER = """#!/usr/bin/env python3
{say}
print(json.dumps({{"ready": True, "protocol": 2, "concurrency": 1}}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if "cancel" in request:
        continue
    channel = request["payload"]["channel"]
    response = answer(channel)
    if response is None:
        print(TEXT, flush=True)
        sys.exit(3)
    print(json.dumps({{"id": request["id"], "progress": {{"text": TEXT, "n": 31415926535897}}}}), flush=True)
    print(json.dumps({{"id": request["id"], "log": TEXT}}), flush=True)
    if channel == "progress":
        time.sleep(30)
    print(json.dumps({{"id": request["id"], **response}}), flush=True)
    if channel == "stderr":
        time.sleep(0.1)
        for one in ALL:
            sys.stderr.write("idle: " + one.replace("\\n", " ") + "\\n")
        sys.stderr.flush()
"""
FILE = CANARIES["file"]
CHANNELS = ("result", "error", "logs", "stderr", "long", "broken", "events")
SCHEMA = {"type": "object", "properties": {"phrase": {"type": "string", "writeOnly": True}}}
SUPPORT = str(Path(__file__).parents[1])


def furnish(gateway: Gateway) -> Gateway:
    """A gateway whose configuration holds every canary."""
    gateway.folder.joinpath(".env").write_text(f'DOTENV_PASSWORD="{CANARIES["dotenv"]}"\n')
    gateway.folder.joinpath("file").write_text(FILE)
    gateway.folder.joinpath("pem").write_text(CANARIES["pem"] + "\n")
    for runner in RUNNERS:
        script = (WORKER if runner == "persistent" else ONE_SHOT).format(say=SAY)
        more = {"lifecycle": "persistent"} if runner == "persistent" else {}
        gateway.plugin(runner, script, {"handle": {}, "health": {"type": "read"}}, config_schema=SCHEMA, **more)
    config = {
        "password": "${DB_PASSWORD}",
        "other_password": "${DOTENV_PASSWORD}",
        "file": "${file:file}",
        "pem": "${file:pem}",
        "phrase": CANARIES["schema"],
        "dsn": "postgres://app:canary%40address%231@db/app",
        "number_password": 31415926535897,
    }
    entry = {
        "config": config,
        "env": {"SUPPORT": SUPPORT},
        "inherit_env": ["CANARY_PASSWORD"],
        "retry": {"max_attempts": 1},
        "timeout": "20s",
    }
    tokens = [*gateway.config["api"]["auth"]["tokens"], {"token": CANARIES["token"], "scopes": ["jobs:ro"]}]
    gateway.configure(
        environment_vars={"include": [".env"]},
        api={"auth": {"tokens": tokens}},
        plugins={
            **{runner: {**entry, "runner": runner} for runner in RUNNERS},
            "timed": {
                **entry,
                "uses": "fork",
                "schedules": [
                    {
                        "id": "s",
                        "every": "1s",
                        "command": "handle",
                        "payload": {"channel": "result", "p": FILE},
                    }
                ],
            },
        },
        pipelines=[
            {
                "name": "literal",
                "on": "never",
                "steps": [
                    {"id": "say", "uses": "fork", "with": {"channel": "result", "key": "${file:file}"}},
                    {"id": "gate", "uses": "fork", "if": {"path": "payload.x", "op": "eq", "value": "${file:file}"}},
                ],
            }
        ],
    )
    return gateway


ENVIRON = {"DB_PASSWORD": CANARIES["variable"], "CANARY_PASSWORD": CANARIES["inherited"]}


def stored(folder: Path) -> bytes:
    """Every value of every table but those that are working data: payloads, baggage and what plugins remember."""
    working = {("events", "payload"), ("plugin_state", "value"), ("plugin_facts", "value"), ("contexts", "values")}
    found = []
    with sqlite3.connect(f"file:{folder}/state.db?mode=ro", uri=True) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            if table.startswith("attempt_text"):
                continue
            rows = connection.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in rows.description]
            for row in rows:
                found += [
                    repr(value) + str(value)
                    for name, value in zip(names, row, strict=True)
                    if (table, name) not in working
                ]
    return "\n".join(found).encode()


def files(folder: Path) -> bytes:
    """The bytes of the database and of all beside it but the key."""
    return b"\n".join(path.read_bytes() for path in folder.glob("state.db*") if path.suffix != ".key")


def events(gateway: Gateway) -> bytes:
    """What `GET /events` tells of all that happened."""
    connection = http.client.HTTPConnection(*gateway.address, timeout=5)
    connection.request("GET", "/events", headers={"Authorization": f"Bearer {TOKEN}", "Last-Event-ID": "0"})
    response, told = connection.getresponse(), b""
    try:
        while b"gateway.started" not in told or told.count(b"job.ended") < 3:
            told += response.read1(1 << 20)
    finally:
        connection.close()
    return told


def command(gateway: Gateway, *words: str) -> bytes:
    """What a command line prints."""
    environ = {**os.environ, **ENVIRON, "DUCTILE_CONFIG_DIR": str(gateway.folder), "DUCTILE_TOKEN": TOKEN}
    environ["DUCTILE_URL"] = "http://{}:{}".format(*gateway.address)
    line = [sys.executable, "-m", "ductile.cli.main", *words]
    done = subprocess.run(line, capture_output=True, env=environ, check=False)
    return done.stdout + done.stderr


def shown(gateway: Gateway, jobs: list[str]) -> dict[str, bytes]:
    """What every sink shows, by its name."""
    sinks = {
        "log": "\n".join(json.dumps(line, ensure_ascii=False) + str(line) for line in gateway.log).encode(),
        "events": events(gateway),
    }
    pages = ["/healthz", "/metrics", "/openapi.json", "/skills", "/config/view", "/jobs?limit=200", "/plugins"]
    for path in (*pages, "/job-logs?include_result=true&limit=200", "/pipeline/literal", "/"):
        sinks[path] = gateway.call("GET", path).raw
    sinks["/healthz of anybody"] = gateway.call("GET", "/healthz", token=None).raw
    for token in (TOKEN, CANARIES["token"]):
        for job in jobs:
            for path in (f"/job/{job}", f"/job/{job}/logs", f"/job/{job}/tree"):
                sinks[f"{path} {token[:4]}"] = gateway.call("GET", path, token=token).raw
    for words in (("config", "check"), ("config", "show"), ("job", "list"), ("job", "show", jobs[0])):
        sinks[" ".join(words[:2])] = command(gateway, *words)
    return sinks


def found(sinks: dict[str, bytes]) -> dict[str, dict[str, bytes]]:
    return {name: leaked for name, content in sinks.items() if (leaked := leaks(content))}


def test_no_secret_is_in_any_sink_whoever_prints_it_and_however_spelled(gateway: Gateway) -> None:
    furnish(gateway).start(environ=ENVIRON)
    jobs = [gateway.run(runner, "handle", {"channel": channel})["job_id"] for runner in RUNNERS for channel in CHANNELS]
    jobs += [row["job_id"] for row in gateway.run_pipeline("literal") if row["job_id"]]
    gateway.run("persistent", "handle", {"channel": "stderr"})
    gateway.until(lambda: any(line.get("message") == "worker said" for line in gateway.log))
    running = gateway.post("/plugin/persistent/handle", {"payload": {"channel": "progress"}}).body["job_id"]
    gateway.until(
        lambda: (
            gateway.get(f"/job/{running}/logs")["logs"][-1:]
            and gateway.get(f"/job/{running}/logs")["logs"][-1]["progress"]
        )
    )
    gateway.until(lambda: gateway.jobs(plugin="timed", status="succeeded"))
    refused = gateway.post("/plugin/fork/handle", {"payload": {"channel": "result"}, "dedupe_key": FILE})
    again = gateway.post("/plugin/fork/handle", {"payload": {"channel": "result"}, "dedupe_key": FILE})
    assert again.body["job_id"] == refused.body["job_id"]
    gateway.post("/events", {"type": "told." + CANARIES["token"], "payload": {}, "dedupe_key": CANARIES["variable"]})
    assert found(shown(gateway, [*jobs, running])) == {}
    assert leaks(stored(gateway.folder)) == {}
    assert leaks(files(gateway.folder)) == {}

    working = [gateway.run(runner, "handle", {"channel": "working"})["job_id"] for runner in RUNNERS]
    gateway.post(f"/job/{running}/cancel")
    assert found(shown(gateway, working)) == {}

    # After a rotation, and after a restart, the old jobs show no more.
    rotated = {name: f"rotated-{name}-0123456789" for name in ENVIRON}
    for name in ("file", "pem"):
        gateway.folder.joinpath(name).write_text(f"rotated-{name}-0123456789")
    gateway.folder.joinpath(".env").write_text("DOTENV_PASSWORD=rotated-dotenv-0123456789\n")
    for entry in gateway.config["plugins"].values():
        address = "x://y:rotated-password@z"
        entry["config"] |= {"phrase": "rotated-phrase", "dsn": address, "number_password": 2718281828}
    gateway.config["api"]["auth"]["tokens"][1] = {"token": "rotated-token-0123456789", "scopes": ["jobs:ro"]}
    gateway.config["plugins"]["timed"]["schedules"] = []
    gateway.configure()
    assert gateway.post("/system/reload?force=true").status == 200
    old = [f"/job/{job}" for job in (*working, jobs[0])]
    assert {path: leaked for path in old if (leaked := leaks(gateway.call("GET", path).raw))} == {}
    gateway.stop()
    gateway.start(environ=rotated)
    assert {path: leaked for path in old if (leaked := leaks(gateway.call("GET", path).raw))} == {}
    again = gateway.run("fork", "handle", {"channel": "result"})["job_id"]
    assert leaks(gateway.call("GET", f"/job/{again}").raw) == {}


@pytest.mark.parametrize(
    "sections",
    [
        {"api": {"auth": {"tokens": [{"token": 31415926535897, "scopes": ["*"]}]}}},
        {"plugins": {"spawn": {"config": {"phrase": ["canary-write-only-ä"], "password": "canary/var+1234&x"}}}},
        {"service": {"tick_interval": "postgres://app:canary%40address%231@db"}},
        {"service": {"max_workers": "${file:file}"}},
        {"plugins": {"spawn": {"max_attempts": {"password": 31415926535897}}}},
    ],
)
def test_a_refused_reload_tells_nobody_what_it_read(gateway: Gateway, sections: dict[str, Any]) -> None:
    gateway.folder.joinpath("file").write_text(FILE)
    gateway.plugin("spawn", "#!/bin/sh\n", config_schema=SCHEMA)
    gateway.start()
    gateway.configure(**sections)
    answer = gateway.post("/system/reload?force=true")
    sinks = {
        "answer": answer.raw,
        "anybody": gateway.call("GET", "/healthz", token=None).raw,
        "admin": gateway.call("GET", "/healthz").raw,
        "log": json.dumps(gateway.log, ensure_ascii=False).encode(),
        "check": command(gateway, "config", "check"),
        "show": command(gateway, "config", "show"),
        "files": files(gateway.folder),
    }
    assert found(sinks) == {}


def test_a_configuration_has_another_hash_at_another_place_and_the_same_after_a_restart(
    gateway: Gateway,
) -> None:
    gateway.start()
    first = gateway.get("/healthz")["config_hash"]
    gateway.stop()
    assert gateway.start().get("/healthz")["config_hash"] == first
    gateway.stop()
    (gateway.folder / "state.db.key").unlink()
    assert gateway.start().get("/healthz")["config_hash"] != first
    assert (gateway.folder / "state.db.key").stat().st_mode & 0o777 == 0o600


def test_every_canary_has_many_spellings() -> None:
    assert all(len(set(spellings(secret))) >= 8 for secret in CANARIES.values())
