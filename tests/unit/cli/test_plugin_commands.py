"""`ductile PLUGIN COMMAND --field value`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.cli import FakeGateway
from support.gateway import write_plugin

from ductile.cli.main import main
from ductile.client import Unreachable

Captured = pytest.CaptureFixture[str]


def document(name: str = "echo", **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties or {"text": {"type": "string", "description": "What."}}}
    say = {"name": "say", "type": "read", "description": "Says it", "input_schema": schema}
    return {"name": name, "description": "Echoes.", "commands": [say]}


def ended_job(status: str = "succeeded", result: Any = "done", **more: Any) -> dict[str, Any]:
    return {"job_id": "j", "status": status, "plugin": "echo", "command": "say", "result": {"result": result}, **more}


def refusal(status: int, code: str) -> tuple[int, dict[str, Any]]:
    return status, {"error": code, "message": f"It is {code}.", "code": status, "details": {}}


@pytest.fixture
def echo(gateway: FakeGateway) -> FakeGateway:
    gateway.answers |= {"plugin": document(), "trigger": {"job_id": "j", "status": "queued"}, "job": ended_job()}
    return gateway


def sent_payload(gateway: FakeGateway) -> Any:
    return next(given[2] for name, given, _ in gateway.calls if name == "trigger")


def test_a_verb_sends_its_fields_waits_and_prints_the_result(echo: FakeGateway, capsys: Captured) -> None:
    assert main(["echo", "say", "--text", "hello"]) == 0
    assert echo.calls[1] == ("trigger", ("echo", "say", {"text": "hello"}), {"dry_run": False})
    assert capsys.readouterr().out == '"done"\n'
    assert main(["echo", "say", "--format", "table"]) == 0
    assert capsys.readouterr().out == "done\n"


def test_the_payload_is_merged_under_the_fields(echo: FakeGateway) -> None:
    assert main(["echo", "say", "--text", "hello", "--payload", '{"text": "no", "more": 1}']) == 0
    assert sent_payload(echo) == {"text": "hello", "more": 1}


def test_a_failed_job_is_an_error_with_its_reason(echo: FakeGateway, capsys: Captured) -> None:
    echo.answers["job"] = ended_job("failed", last_error="no luck.")
    assert main(["echo", "say"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "ductile: echo.say has ended failed: no luck. See: ductile job inspect j.\n"
    assert main(["echo", "say", "--json"]) == 1
    assert json.loads(capsys.readouterr().err)["error"] == "job_failed"


def test_a_verb_need_not_wait_and_not_for_ever(echo: FakeGateway, capsys: Captured) -> None:
    assert main(["echo", "say", "--no-wait"]) == 0
    assert json.loads(capsys.readouterr().out) == {"job_id": "j", "status": "queued"}
    echo.answers["job"] = ended_job("running")
    assert main(["echo", "say", "--timeout", "10ms"]) == 6
    assert "ductile job inspect j" in capsys.readouterr().err
    assert main(["echo", "say", "--timeout", "1s", "--no-wait"]) == 2


def test_a_dry_run_prints_what_would_be_done(echo: FakeGateway, capsys: Captured) -> None:
    echo.answers["trigger"] = {"dry_run": True}
    assert main(["echo", "say", "--dry-run"]) == 0
    assert echo.calls[-1] == ("trigger", ("echo", "say", {}), {"dry_run": True})
    assert json.loads(capsys.readouterr().out) == {"dry_run": True}


def test_the_help_comes_from_the_schema(echo: FakeGateway, capsys: Captured) -> None:
    echo.answers["plugin"] = document(
        text={"type": "string", "description": "What is said."},
        mood={"enum": ["calm", "loud"], "default": "calm"},
        loud={"type": "boolean"},
        **{"with space": {"type": "string"}},
    )
    assert main(["echo", "--help"]) == 0
    help_ = capsys.readouterr().out
    assert "Echoes." in help_
    assert "say  Says it." in help_
    assert main(["echo", "say", "--help"]) == 0
    help_ = " ".join(capsys.readouterr().out.split())
    for said in (
        "Says it.",
        "--text TEXT What is said.",
        "--mood calm|loud [default: calm]",
        "--loud / --no-loud",
        "--payload",
        "--no-wait",
        "Only by --payload: with space.",
        "ductile --url URL echo say",
    ):
        assert said in help_


def test_a_field_wins_over_an_option_of_that_name_which_then_stands_before_the_plugin(
    echo: FakeGateway, capsys: Captured, tmp_path: Path
) -> None:
    words = {name: {"type": "string"} for name in ("url", "output", "token", "json", "timeout", "format", "payload")}
    echo.answers["plugin"] = document(**words)
    values = [part for name in words for part in (f"--{name}", f"a {name}")]
    assert main(["--output", str(tmp_path / "o"), "--format", "yaml", "echo", "say", *values]) == 0
    assert sent_payload(echo) == {name: f"a {name}" for name in words}
    assert echo.url == "http://gateway.example:1"
    assert (tmp_path / "o").read_text() == "done\n"
    assert capsys.readouterr().out == ""


def test_the_gateways_options_stand_before_the_plugin(echo: FakeGateway, capsys: Captured) -> None:
    assert main(["--url", "http://other.example:2", "--token", "t", "echo", "say"]) == 0
    assert (echo.url, echo.token) == ("http://other.example:2", "t")
    capsys.readouterr()
    assert main(["echo", "say", "--url", "http://other.example:2"]) == 2
    assert "--url stands before the plugin's name: ductile --url … echo say" in capsys.readouterr().err


def test_a_field_may_be_written_as_the_schema_or_as_an_option_is(echo: FakeGateway) -> None:
    echo.answers["plugin"] = document(max_bytes={"type": "integer"}, deep_look={"type": "boolean"})
    for flags in (["--max_bytes", "5", "--no-deep_look"], ["--max-bytes=5", "--no-deep-look"]):
        echo.calls.clear()
        assert main(["echo", "say", *flags]) == 0
        assert sent_payload(echo) == {"max_bytes": 5, "deep_look": False}
        assert main(["plugin", "run", "echo", "say", *flags]) == 0
        assert echo.calls[-1][1][2] == {"max_bytes": 5, "deep_look": False}


@pytest.mark.usefixtures("echo")
def test_bytes_that_are_no_text_are_refused(capsys: Captured) -> None:
    assert main(["echo", "say", "--text", "\udcff"]) == 2
    assert "nothing that JSON can carry" in capsys.readouterr().err
    assert main(["echo", "say", "--payload", '{"a": "\udcff"}']) == 2


def test_options_before_a_noun_are_refused_since_they_would_do_nothing(gateway: FakeGateway, capsys: Captured) -> None:
    assert main(["--url", "http://x", "job", "list"]) == 2
    assert "ductile job list --url" in capsys.readouterr().err
    assert gateway.calls == []


def test_a_noun_wins_the_name_of_a_plugin(gateway: FakeGateway, capsys: Captured) -> None:
    assert main(["queue", "--help"]) == 0
    assert "purge" in capsys.readouterr().out
    assert gateway.calls == []
    gateway.answers |= {"trigger": {"job_id": "j", "status": "queued"}}
    assert main(["plugin", "run", "queue", "handle"]) == 0


def test_an_unknown_plugin_or_command_is_not_found_with_what_was_meant(echo: FakeGateway, capsys: Captured) -> None:
    assert main(["echo", "sya"]) == 3
    assert "did you mean `say`?" in capsys.readouterr().err
    echo.answers |= {"plugin": refusal(404, "unknown_plugin"), "plugins": [{"name": "echo"}]}
    for typo, meant in (("ehco", "ductile echo"), ("plugn", "ductile plugin"), ("inspcet", "ductile job inspect")):
        assert main([typo, "say"]) == 3
        assert f"did you mean `{meant}`?" in capsys.readouterr().err
    assert main(["xyzzy", "--json"]) == 3
    assert json.loads(capsys.readouterr().err)["error"] == "unknown_verb"
    assert main(["xyzzy"]) == 3
    assert "did you mean" not in capsys.readouterr().err


def test_what_is_no_name_at_all_asks_nobody(gateway: FakeGateway, capsys: Captured) -> None:
    for name in ("../etc", "Echo!", "a b", ""):
        assert main([name, "x"]) == 2
    assert "there is no" in capsys.readouterr().err
    assert gateway.calls == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refusal(401, "unauthorized"), 4),
        (refusal(403, "forbidden"), 4),
        (refusal(503, "plugin_unavailable"), 1),
        (Unreachable(url="http://x", reason="gone"), 7),
    ],
)
def test_a_gateway_that_does_not_answer_for_a_plugin_says_why(
    gateway: FakeGateway, answer: Any, code: int, capsys: Captured
) -> None:
    gateway.answers["plugin"] = answer
    assert main(["xyzzy", "say"]) == code
    assert capsys.readouterr().err.startswith("ductile: ")


def configuration(folder: Path, listen: str = "127.0.0.1:1") -> str:
    commands = {"say": {"type": "read", "input_schema": {"text": "string", "n": "integer"}}}
    write_plugin(folder / "plugins", "parrot", "#!/bin/sh\n", commands)
    api = {"listen": listen, "auth": {"tokens": [{"token": "t" * 20, "scopes": ["*"]}]}}
    (folder / "config.yaml").write_text(yaml.safe_dump({"plugin_roots": ["./plugins"], "api": api}))
    return str(folder)


def test_without_a_gateway_the_configuration_tells_the_fields(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.delenv("DUCTILE_URL")
    monkeypatch.setenv("DUCTILE_CONFIG_DIR", configuration(tmp_path))
    gateway.answers |= dict.fromkeys(("plugin", "plugins"), Unreachable(url="u", reason="gone"))
    gateway.answers["trigger"] = Unreachable(url="u", reason="gone")
    assert main(["parrot", "say", "--help"]) == 0
    assert "--n INTEGER" in capsys.readouterr().out
    assert main(["parrot", "say", "--n", "many"]) == 2
    assert main(["parrot", "say", "--n", "5"]) == 7
    assert main(["parott", "say"]) == 3
    assert "did you mean `ductile parrot`?" in capsys.readouterr().err
    (tmp_path / "config.yaml").write_text("api: {enabled: false}\nnothing: here\n")
    assert main(["parrot", "say"]) == 2


def test_the_configuration_at_hand_is_not_taken_for_a_named_gateways(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUCTILE_CONFIG_DIR", configuration(tmp_path))
    gateway.answers["plugin"] = Unreachable(url="u", reason="gone")
    assert main(["parrot", "say", "--help"]) == 7


def test_with_neither_gateway_nor_configuration_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("DUCTILE_CONFIG_DIR", str(tmp_path))
    monkeypatch.delenv("DUCTILE_URL", raising=False)
    assert main(["xyzzy"]) == 78
    assert "'xyzzy' is no command of ductile, and whether it is a plugin cannot be seen" in capsys.readouterr().err


def test_a_field_named_help_leaves_the_help_alone(echo: FakeGateway, capsys: Captured) -> None:
    echo.answers["plugin"] = document(help={"type": "string"}, version={"type": "string"})
    assert main(["echo", "say", "--help"]) == 0
    assert "Only by --payload: help." in " ".join(capsys.readouterr().out.split())
    assert main(["echo", "say", "--version", "2"]) == 0
    assert sent_payload(echo) == {"version": "2"}


def test_a_verb_does_not_load_the_compiler_where_a_gateway_is_named() -> None:
    script = (
        "import sys; from ductile.cli.main import main;"
        "code = main(['--url', 'http://127.0.0.1:1', 'echo', 'say']);"
        "print('ductile.config.compile' in sys.modules); sys.exit(code)"
    )
    ended_job = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended_job.returncode, ended_job.stdout) == (7, "False\n")
