"""A scripted plugin: it acts as its config (or its payload's `act`) says, and records every request."""

import json
from pathlib import Path
from typing import Any

from support.gateway import Gateway

SCRIPT = """#!/usr/bin/env -S python3 -S -E
import json, os, sys, time

request = json.load(sys.stdin)
act = {**request["config"], **(request["payload"].get("act") or {})}
if "record" in act:
    with open(act["record"], "a") as book:
        book.write(json.dumps({**request, "pid": os.getpid()}) + "\\n")
if "wait_for" in act:
    while not os.path.exists(act["wait_for"]):
        time.sleep(0.01)
if request["attempt"] <= act.get("fail_first", 0):
    print(json.dumps({"status": "error", "error": "not yet"}))
    sys.exit(1)
if "raw" in act:
    sys.stdout.write(act["raw"])
else:
    answer = {"status": act.get("status", "ok"), "result": act.get("result", request["instance"])}
    for key in ("error", "retry", "events", "state_updates", "logs"):
        if key in act:
            answer[key] = act[key]
    print(json.dumps(answer))
sys.exit(act.get("exit", 0))
"""

COMMANDS = {"handle": {"type": "write"}, "poll": {"type": "read"}, "act": {"type": "write"}}


class ScriptedPlugins:
    """The scripted plugins of one gateway: aliases of one plugin, each with its own config."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.book = gateway.folder / "book.jsonl"
        gateway.plugin("actor", SCRIPT, COMMANDS)
        self._settings: dict[str, Any] = {}

    def add(self, name: str, *, settings: dict[str, Any] | None = None, **config: Any) -> None:
        """Add a scripted plugin; `config` says how it acts, `settings` are those of its `plugins:` entry."""
        self._settings[name] = {
            "uses": "actor",
            "config": {"record": str(self.book), **config},
            "retry": {"max_attempts": 1},
            **(settings or {}),
        }

    def start(self, *pipelines: dict[str, Any], **sections: Any) -> Gateway:
        """Configure the plugins and pipelines, and start the gateway."""
        self.configure(*pipelines, **sections)
        return self.gateway.start()

    def configure(self, *pipelines: dict[str, Any], **sections: Any) -> None:
        self.gateway.configure(plugins=dict(self._settings), pipelines=list(pipelines), **sections)

    def requests(self, name: str | None = None) -> list[Any]:
        """The recorded requests of a plugin, oldest first."""
        if not self.book.exists():
            return []
        lines = [json.loads(line) for line in self.book.read_text().splitlines()]
        return [line for line in lines if name is None or line["instance"] == name]

    def release(self, path: Path) -> None:
        path.touch()


def raw_event(kind: str, **payload: Any) -> dict[str, Any]:
    return {"type": kind, "payload": payload}


def states_by_step(tree: list[Any]) -> dict[str, list[str]]:
    """Step → the states of its rows in a job tree; the root stands under its pipeline's name."""
    found: dict[str, list[str]] = {}
    for row in tree:
        found.setdefault(row["step"] or row["command"], []).append(row["status"])
    return found
