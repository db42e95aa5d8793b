"""The command line against a real gateway."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.gateway import TOKEN, Gateway

from ductile.store.sqlite.lock import StateLock

PLUGIN = """#!/usr/bin/env python3
import json, sys
request = json.load(sys.stdin)
payload = request["payload"]
if payload.get("fail"):
    print(json.dumps({"status": "error", "error": "asked to fail", "retry": False}))
else:
    print(json.dumps({"status": "ok", "result": payload}))
"""
COMMANDS = {"say": {"type": "read", "input_schema": {"word": "string", "fail": "boolean"}}}


@dataclass(frozen=True)
class CommandResult:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Cli:
    gateway: Gateway

    def __call__(self, *arguments: str, **environ: str) -> CommandResult:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DUCTILE_")}
        url = f"http://{self.gateway.address[0]}:{self.gateway.address[1]}"
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-m", "ductile.cli.main", *arguments],
            env={**inherited, "DUCTILE_URL": url, "DUCTILE_TOKEN": TOKEN, **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return CommandResult(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def cli(gateway: Gateway) -> Iterator[Cli]:
    gateway.plugin("parrot", PLUGIN, COMMANDS)
    gateway.configure(
        pipelines=[{"name": "twice", "on": "x", "steps": [{"uses": "parrot.say"}, {"uses": "parrot.say"}]}],
    )
    gateway.start()
    yield Cli(gateway)
    gateway.stop()


def test_what_runs_can_be_listed_run_and_inspected(cli: Cli) -> None:
    (listed,) = cli("plugin", "list", "--json").json["plugins"]
    assert (listed["name"], listed["commands"]) == ("parrot", ["say"])
    assert "parrot" in cli("plugin", "list", "--format", "table").out
    shown = cli("pipeline", "show", "twice", "--format", "table")
    assert (shown.code, shown.err) == (0, ""), "only --verbose tells of each call"
    ran = cli("plugin", "run", "parrot", "say", "--payload", '{"word": "ö"}', "--wait", "--timeout", "20s", "--json")
    assert (ran.code, ran.err, ran.json["status"]) == (0, "", "succeeded")
    assert ran.json["result"]["result"] == {"word": "ö"}
    inspected = cli("job", "inspect", ran.json["job_id"], "--format", "table")
    assert "status:       succeeded" in inspected.out
    assert cli("job", "inspect", ran.json["job_id"], "--json").json["job_id"] == ran.json["job_id"]


def test_a_run_is_inspected_as_a_tree(cli: Cli) -> None:
    root, *_ = cli.gateway.run_pipeline("twice", {"word": "a"})
    shown = cli("job", "inspect", root["job_id"], "--tree", "--format", "table")
    steps = [line.rstrip().split()[0] for line in shown.out.splitlines()[1:]]
    assert (shown.code, steps) == (0, ["pipeline", "step_1", "step_2"])


def test_a_failed_job_a_bad_payload_and_an_unknown_name_have_their_exit_codes(cli: Cli) -> None:
    failed = cli("plugin", "run", "parrot", "say", "--payload", '{"fail": true}', "--wait", "--timeout", "20s")
    assert (failed.code, "asked to fail" in failed.out) == (1, True)
    refused = cli("plugin", "run", "parrot", "say", "--payload", '{"word": 1}')
    assert (refused.code, refused.out) == (1, "")
    assert "/word" in refused.err
    assert cli("plugin", "run", "owl", "say").code == 3
    assert cli("job", "inspect", "01900000-0000-7000-8000-000000000000").code == 3
    assert json.loads(cli("job", "inspect", "nothing", "--json").err)["message"]


def test_a_wrong_credential_and_no_gateway_have_their_exit_codes(cli: Cli) -> None:
    assert cli("system", "reload", DUCTILE_TOKEN="wrong").code == 4
    assert cli("system", "reload", "--token", "wrong", "--json").code == 4
    assert cli("system", "status", "--url", "http://127.0.0.1:1").code == 7
    assert cli("system", "status", "--url", "no address").code in {2, 7}


def test_a_reload_takes_the_new_configuration_or_says_what_is_wrong_with_it(cli: Cli) -> None:
    assert cli("system", "status", "--json").json["generation"] == 1
    cli.gateway.configure(service={"max_hops": 5})
    assert cli("system", "reload", "--json").json["generation"] == 2
    cli.gateway.configure(service={"max_hopps": 5})
    refused = cli("system", "reload")
    assert (refused.code, refused.out) == (78, "")
    assert "did you mean `max_hops`?" in refused.err
    checked = cli("config", "check", "--config-dir", str(cli.gateway.folder), "--json")
    assert (checked.code, checked.json["errors"]) == (78, 1)
    assert cli("system", "status", "--json").json["generation"] == 2


def test_stop_ends_the_gateway_gracefully_and_can_be_waited_for(cli: Cli) -> None:
    stopped = cli("system", "stop", "--wait", "--timeout", "30s", "--verbose")
    assert (stopped.code, stopped.json["status"]) == (0, "stopped")
    assert "/system/stop: 202 in " in stopped.err
    assert ", request " in stopped.err
    with StateLock(cli.gateway.folder / "data/state.db"):  # the next gateway may start at once
        pass
    assert cli.gateway.ended() == 0


def test_a_start_that_cannot_be_done_says_why(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/config.yaml").write_text("sevrice: {}\n")
    wrong = cli("system", "start", "--config-dir", str(tmp_path / "other"))
    assert (wrong.code, "did you mean `service`?" in wrong.err) == (78, True)
    second = cli("system", "start", "--config-dir", str(cli.gateway.folder))
    assert (second.code, second.out) == (1, "")
