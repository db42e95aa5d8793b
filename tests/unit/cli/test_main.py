"""Each command's output and exit code."""

import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.cli import FakeGateway

from ductile import __version__
from ductile.cli.main import main
from ductile.client import Unreachable

Captured = pytest.CaptureFixture[str]


def refusal(status: int, code: str, **details: Any) -> tuple[int, dict[str, Any]]:
    return status, {"error": code, "message": f"It is {code}.", "code": status, "details": details, "request_id": "r"}


def test_status_shows_one_field_a_line(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["health"] = {"status": "ok", "queue_depth": 0, "last_reload_error": None, "warnings": ["w"]}
    assert main(["system", "status", "--format", "table"]) == 0
    assert capsys.readouterr().out == "status:      ok\nqueue_depth: 0\nwarnings:    w\n"


def test_status_as_json_is_the_answer(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["health"] = {"status": "degraded", "queue_depth": 3}
    assert main(["system", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == gateway.answers["health"]


def test_status_fails_when_the_store_does_not_commit(gateway: FakeGateway) -> None:
    gateway.answers["health"] = {"status": "degraded", "queue_depth": None}
    assert main(["system", "status"]) == 1


def test_a_payload_may_be_a_file_or_stdin(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.answers["trigger"] = {"status": "queued"}
    (tmp_path / "p.json").write_text('{"from": "file"}')
    assert main(["plugin", "run", "echo", "handle", "--payload", f"@{tmp_path}/p.json"]) == 0
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b'{"from": "stdin"}')))
    assert main(["plugin", "run", "echo", "handle", "--payload", "-"]) == 0
    assert [given[2]["from"] for _, given, _ in gateway.calls] == ["file", "stdin"]


@pytest.mark.parametrize(
    "option",
    [
        ["--payload", "{"],
        ["--payload", "[]"],
        ["--payload", "@/no/such"],
        ["--timeout", "1s"],
        ["--timeout", "soon", "--wait"],
    ],
)
def test_a_bad_payload_or_wait_is_a_usage_error_and_calls_nothing(
    gateway: FakeGateway, option: list[str], capsys: Captured
) -> None:
    assert main(["plugin", "run", "echo", "handle", *option]) == 2
    captured = capsys.readouterr()
    assert (gateway.calls, captured.out) == ([], "")
    assert captured.err.startswith(f"ductile: {option[0]}")


def test_job_inspect_shows_a_tree_with_steps_below_what_they_followed(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["tree"] = [
        {"job_id": "r", "parent_job_id": None, "plugin": "pipeline", "command": "p", "status": "running", "step": None},
        {"job_id": "a", "parent_job_id": "r", "plugin": "x", "command": "handle", "status": "succeeded", "step": "one"},
        {"job_id": None, "parent_job_id": "a", "plugin": None, "command": None, "status": "skipped", "step": "two"},
    ]
    assert main(["job", "inspect", "r", "--tree", "--format", "table"]) == 0
    assert [line.split("  x")[0].rstrip()[:9] for line in capsys.readouterr().out.splitlines()[1:]] == [
        "pipeline ",
        "  one",
        "    two  ",
    ]


@pytest.mark.parametrize(
    ("answer", "code", "error"),
    [
        (refusal(404, "unknown_job"), 3, "unknown_job"),
        (refusal(401, "unauthorized"), 4, "unauthorized"),
        (refusal(403, "forbidden"), 4, "forbidden"),
        (refusal(503, "unavailable"), 1, "unavailable"),
        (Unreachable(url="http://x", reason="gone"), 7, "unreachable"),
    ],
)
def test_what_goes_wrong_is_told_on_stderr_and_by_the_exit_code(
    gateway: FakeGateway, answer: Any, code: int, error: str, capsys: Captured
) -> None:
    gateway.answers["job"] = answer
    assert main(["job", "inspect", "j"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("ductile: ")
    assert main(["job", "inspect", "j", "--json"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["error"] == error


def test_a_refused_reload_lists_the_problems_and_ends_with_78(gateway: FakeGateway, capsys: Captured) -> None:
    problem = {"file": "a.yaml", "line": 2, "column": 3, "code": "unknown_key", "severity": "error", "message": "no"}
    gateway.answers["reload"] = refusal(422, "invalid_config", errors=[problem])
    assert main(["system", "reload"]) == 78
    assert "  a.yaml:2:3: error[unknown_key]: no\n" in capsys.readouterr().err


@pytest.mark.parametrize("line", [[], ["job", "dance"], ["job", "inspect"], ["system"], ["plugin", "run", "echo"]])
def test_a_command_line_that_makes_no_sense_ends_with_2(line: list[str], capsys: Captured) -> None:
    assert main(line) == 2
    assert main([*line, "--json"]) == 2
    captured = capsys.readouterr()
    document = captured.err[captured.err.index("{\n") :]
    assert json.loads(document)["error"] == "usage"


def test_the_version_is_told(capsys: Captured) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ductile {__version__}\n"


def test_help_imports_neither_client_nor_compiler_nor_tables() -> None:
    script = (
        "import sys; from ductile.cli.main import main; main(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "system" in ended.stdout
    heavy = {
        "aiohttp",
        "msgspec",
        "pydantic",
        "rich",
        "yaml",
        "ductile.app",
        "ductile.config.compile",
        "ductile.cli.commands.system",
    }
    assert not {name for name in heavy if f"'{name}'" in ended.stderr}
