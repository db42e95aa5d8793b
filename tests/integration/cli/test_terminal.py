"""The command line at a terminal and away from it, against a real gateway."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.gateway import TOKEN, Gateway
from support.terminal import CTRL_C, Terminal, terminal

from ductile.cli.main import main

PARROT = """#!/bin/sh
read -r request
case $request in
*'"twice"'*'"attempt":1'* | *'"attempt":1'*'"twice"'*)
    echo '{"status": "error", "error": "not yet", "logs": [{"level": "info", "message": "first"}]}' ;;
*'"never"'*) echo "it says on stderr" >&2; echo '{"status": "error", "error": "asked to fail", "retry": false}' ;;
*) echo '{"status": "ok", "result": "Hello"}' ;;
esac
"""
"""Answers by the word in its payload: `twice` fails the first time, `never` always."""
GATE = """#!/bin/sh
cat > /dev/null
read -r word < "$(dirname "$0")/gate"
echo '{"status": "ok", "result": "opened"}'
"""
"""Waits until a word comes through the pipe beside it."""
WORD = {"type": "object", "properties": {"word": {"type": "string", "description": "What is said."}}}


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
    gate: Path

    @property
    def environ(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("DUCTILE_")}
        url = f"http://{self.gateway.address[0]}:{self.gateway.address[1]}"
        return {**own, "DUCTILE_URL": url, "DUCTILE_TOKEN": TOKEN, "TERM": "xterm-256color"}

    def __call__(self, *arguments: str) -> CommandResult:
        """Away from a terminal, in this process."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name in os.environ.keys() - self.environ.keys():
                patch.delenv(name)
            for name, value in self.environ.items():
                patch.setenv(name, value)
            code = main(list(arguments))
        return CommandResult(code, out.getvalue(), err.getvalue())

    def at_terminal(self, *arguments: str, columns: int = 100, **environ: str) -> AbstractContextManager[Terminal]:
        return terminal(*arguments, environ={**self.environ, **environ}, columns=columns)

    def open_gate(self) -> None:
        """Let the job go on that waits at the gate."""
        self.gate.write_text("go\n")

    def jobs(self, command: str) -> list[Any]:
        return self.gateway.jobs(plugin="gate", command=command)


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    gateway = Gateway(tmp_path_factory.mktemp("terminal"))
    gateway.plugin(
        "parrot", PARROT, {"say": {"type": "read", "input_schema": WORD}}, description="Repeats " + "a lot " * 40
    )
    home = gateway.plugin("gate", GATE, {"pass": {}})
    os.mkfifo(home / "gate")
    gateway.plugin("queue", PARROT, {"say": {"type": "read", "input_schema": WORD}})
    gateway.configure(
        plugins={"parrot": {"retry": {"max_attempts": 3, "backoff_base": "10ms"}}},
        pipelines=[{"name": "two", "on": "x", "steps": [{"uses": "parrot.say"}, {"uses": "parrot.say"}]}],
    )
    try:
        gateway.start()
        yield Cli(gateway, home / "gate")
        gateway.stop()
    finally:
        gateway.close()


def test_a_table_and_colours_are_for_a_terminal_and_json_for_a_program(cli: Cli) -> None:
    line = [sys.executable, "-m", "ductile.cli.main", "plugin", "list"]
    piped = subprocess.run(line, env=cli.environ, capture_output=True, text=True, timeout=60, check=True)
    assert [one["name"] for one in json.loads(piped.stdout)["plugins"]] == ["gate", "parrot", "queue"]
    with cli.at_terminal("plugin", "list") as shown:
        assert shown.end() == 0
        assert shown.lines[0].split() == ["NAME", "VERSION", "STATE", "COMMANDS", "DESCRIPTION"]
        assert "\x1b[1m" in shown.text
    for environ in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        with cli.at_terminal("plugin", "list", **environ) as shown:
            assert shown.end() == 0
            assert "\x1b" not in shown.text
    assert "\x1b" not in cli("plugin", "list", "--format", "table").out


@pytest.mark.parametrize("columns", [40, 60, 200])
def test_a_table_fits_the_terminal_however_narrow(cli: Cli, columns: int) -> None:
    with cli.at_terminal("plugin", "list", columns=columns) as shown:
        assert shown.end() == 0
        assert max(len(line) for line in shown.lines) <= columns
        assert "parrot" in shown.text


def test_a_verb_prints_its_result_alone(cli: Cli) -> None:
    with cli.at_terminal("parrot", "say", "--word", "ö", "--quiet") as shown:  # without the sign of a slow machine
        assert shown.end() == 0
        assert shown.lines == ["Hello"]
    assert cli("parrot", "say").out == '"Hello"\n'
    failed = cli("parrot", "say", "--word", "never", "--json")
    assert (failed.code, failed.out) == (1, "")
    assert "asked to fail" in json.loads(failed.err)["message"]
    assert cli("parrot", "sya").code == 3
    assert cli("prarot", "say").code == 3


def test_a_plugin_with_the_name_of_a_noun_runs_by_plugin_run(cli: Cli) -> None:
    assert "purge" in cli("queue", "--help").out
    ran = cli("plugin", "run", "queue", "say", "--word", "x", "--wait")
    assert (ran.code, ran.json["result"]["result"]) == (0, "Hello")


def test_help_comes_from_the_running_gateways_schema(cli: Cli) -> None:
    with cli.at_terminal("parrot", "say", "--help", columns=70) as shown:
        assert shown.end() == 0
        assert any("--word TEXT" in line and "What is said." in line for line in shown.lines)


def test_ctrl_c_while_following_leaves_the_job_alone(cli: Cli) -> None:
    with cli.at_terminal("plugin", "run", "gate", "pass", "--follow") as shown:
        shown.until("started, attempt 1")
        shown.type(CTRL_C)
        assert shown.end() == 130
        assert "The job goes on. See: ductile job inspect" in shown.text
        assert "Traceback" not in shown.text
    (job,) = cli.gateway.jobs(status="running")
    cli.open_gate()
    ended = cli("job", "logs", job["job_id"], "--follow")
    assert (ended.code, ended.json["status"]) == (0, "succeeded")


def test_ctrl_c_while_waiting_leaves_the_job_alone(cli: Cli) -> None:
    with cli.at_terminal("gate", "pass", "--verbose") as shown:
        shown.until("Waiting for job")
        shown.type(CTRL_C)
        assert shown.end() == 130
        assert "The job goes on" in shown.text
    (job,) = cli.gateway.until(lambda: cli.gateway.jobs(status="running"))
    cli.open_gate()
    waited = cli("api", "GET", f"/job/{job['job_id']}?wait=20")
    assert waited.json["status"] == "succeeded"


def test_a_wait_that_is_too_long_ends_with_6_and_the_job_goes_on(cli: Cli) -> None:
    late = cli("gate", "pass", "--timeout", "50ms")
    assert (late.code, late.out) == (6, "")
    (job,) = cli.gateway.until(lambda: cli.gateway.jobs(status="running"))
    assert job["job_id"] in late.err
    cli.open_gate()
    cli.gateway.idle()


def test_logs_are_followed_over_retries_until_the_job_has_ended(cli: Cli) -> None:
    queued = cli("parrot", "say", "--word", "twice", "--no-wait")
    job_id = queued.json["job_id"]
    with cli.at_terminal("job", "logs", job_id, "--follow") as shown:
        assert shown.end() == 0
        for said in (
            "attempt 1: failed",
            "  error: not yet",
            "  info: first",
            "attempt 2: succeeded",
            "ended succeeded",
        ):
            assert said in shown.text
    ended = cli("job", "logs", job_id, "--follow")
    assert [json.loads(line)["attempt"] for line in ended.out.splitlines()] == [1, 2]
    assert len(cli("job", "logs", job_id).json["logs"]) == 2


def test_the_exit_code_of_followed_logs_tells_the_outcome(cli: Cli) -> None:
    job_id = cli("parrot", "say", "--word", "never", "--no-wait").json["job_id"]
    followed = cli("job", "logs", job_id, "--follow", "--format", "table")
    assert followed.code == 1
    assert "  stderr: it says on stderr" in followed.out
    assert "has ended failed" in followed.err
    assert cli("job", "logs", "01900000-0000-7000-8000-000000000000", "--follow").code == 3


def test_a_run_is_followed_and_its_logs_are_those_of_its_steps(cli: Cli) -> None:
    run = cli("pipeline", "run", "two", "--payload", '{"word": "a"}', "--follow", "--json")
    assert run.code == 0
    *events, job = [json.loads(line) for line in run.out.splitlines()]
    assert [one["step"] for one in events if one["type"] == "job.started"] == ["step_1", "step_2"]
    assert (job["plugin"], job["status"]) == ("pipeline", "succeeded")
    logs = cli("job", "logs", job["job_id"]).json["logs"]
    assert [one["step"] for one in logs] == ["step_1", "step_2"]


def test_what_happens_to_jobs_can_be_watched(cli: Cli) -> None:
    with cli.at_terminal("job", "list", "--follow", "--plugin", "parrot", "--verbose", columns=200) as shown:
        shown.until("/events")
        cli.gateway.run("parrot", "say", {"word": "seen"})
        shown.until("parrot.say: succeeded")
        shown.type(CTRL_C)
        assert shown.end() == 130
        assert "gate" not in shown.text


def test_a_search_finds_what_an_attempt_said(cli: Cli) -> None:
    cli.gateway.run("parrot", "say", {"word": "never"})
    found = cli("job", "logs", "--query", "asked fail", "--plugin", "parrot").json
    assert found["total"] >= 1
    assert found["logs"][0]["last_error"] == "asked to fail"
    assert cli("job", "logs", "--from", "yesterday").code == 1


def test_a_pipeline_is_shown_drawn_and_rehearsed(cli: Cli) -> None:
    assert [one["pipeline"] for one in cli("pipeline", "list").json["pipelines"]] == ["two"]
    assert cli("pipeline", "show", "two").json["entry"] == ["step_1"]
    assert "parrot.say" in cli("pipeline", "visualize", "two", "--as", "mermaid").out
    before = len(cli.gateway.jobs())
    told = cli("pipeline", "dry-run", "two", "--answer", 'step_1={"word": 5}').json
    assert [(one["step"], one["after"]) for one in told["steps"]] == [("step_1", None), ("step_2", "step_1")]
    assert "input schema" in told["steps"][1]["warnings"][0]
    assert len(cli.gateway.jobs()) == before
    unknown = cli("pipeline", "dry-run", "two", "--answer", "step_3={}")
    assert (unknown.code, "did you mean" in unknown.err) == (1, True)


def test_events_stream_through_the_raw_call(cli: Cli) -> None:
    with cli.at_terminal("api", "GET", "/events?type=job.ended", "--verbose") as shown:
        shown.until("/events")
        cli.gateway.run("parrot", "say")
        shown.until("event: job.ended")
        shown.type(CTRL_C)
        assert shown.end() == 130


def test_a_program_that_stops_reading_ends_the_command(cli: Cli) -> None:
    line = f"{sys.executable} -m ductile.cli.main job list --all --format table | head -n 1"
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], env=cli.environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in ended.stderr


def test_a_purge_asks_first_and_a_no_or_ctrl_c_changes_nothing(cli: Cli) -> None:
    cli("system", "pause")
    try:
        for _ in range(2):
            cli("plugin", "run", "gate", "pass")
        for keys, code in (("n\r", 1), ("\r", 1), (None, 130)):
            with cli.at_terminal("queue", "purge", "--plugin", "gate") as shown:
                shown.until("This cancels 2 jobs.")
                shown.until("[y/N]")
                if keys is None:
                    assert shown.interrupt() == code
                    continue
                shown.type(keys)
                assert shown.end() == code
            assert cli("queue", "stats").json["queue"]["queue_depth"] == 2
        assert cli("queue", "purge", "--dry-run").json == {"dry_run": True, "would": "cancel 2 jobs", "purged": 2}
        with cli.at_terminal("queue", "purge", "--plugin", "gate") as shown:
            shown.until("[y/N]")
            shown.type("y\r")
            assert shown.end() == 0
            assert shown.lines[-1].strip() == "purged: 2"  # what is typed may come before the prompt's last space
        assert cli("queue", "stats").json["queue"]["queue_depth"] == 0
    finally:
        cli("system", "resume")


def test_jobs_are_cancelled_and_run_again(cli: Cli) -> None:
    queued = [cli("plugin", "run", "gate", "pass").json["job_id"] for _ in range(2)]
    unknown = "01900000-0000-7000-8000-000000000000"
    assert cli("job", "cancel", *queued, "--dry-run").code == 0
    cancelled = cli("job", "cancel", *queued, unknown)
    assert (cancelled.code, len(cancelled.json)) == (3, 2)
    cli.gateway.idle()
    assert cli("job", "inspect", queued[0]).json["status"] == "cancelled"
    failed = cli.gateway.run("parrot", "say", {"word": "never"})
    again = cli("job", "retry", failed["job_id"], "--wait")
    assert (again.code, again.json["status"]) == (1, "failed")
    assert again.json["job_id"] != failed["job_id"]
    fine = cli.gateway.run("parrot", "say")
    assert cli("job", "retry", fine["job_id"], "--wait").json["status"] == "succeeded"
    assert cli("job", "retry", fine["job_id"], "--dry-run", "--wait").json["dry_run"] is True


def test_a_schema_and_a_wrong_payload_are_told_where_they_are_wrong(cli: Cli) -> None:
    shown = cli("plugin", "show", "parrot", "--format", "table")
    assert "--word TEXT" in shown.out
    refused = cli("plugin", "run", "parrot", "say", "--payload", '{"word": 5}')
    assert (refused.code, refused.out) == (1, "")
    assert "/word" in refused.err
    assert cli("plugin", "run", "parrot", "say", "--word", "x", "--dry-run").json["dry_run"] is True
    assert cli("pipeline", "run", "two", "--dry-run").json["dry_run"] is True
