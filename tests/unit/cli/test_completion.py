"""What a shell that completes is answered, and the script that makes it ask."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.cli import FakeGateway
from support.gateway import write_plugin

from ductile.cli.main import main
from ductile.client import Unreachable

Complete = Callable[..., list[str]]
DOCUMENT = {
    "name": "echo",
    "description": "Echoes.",
    "commands": [
        {"name": "say", "input_schema": {"properties": {"text": {"type": "string"}, "mood": {"enum": ["calm"]}}}},
        {"name": "poll"},
    ],
}
SKILLS = [
    {"kind": "plugin", "plugin": "echo", "command": "say", "description": "Says."},
    {"kind": "plugin", "plugin": "echo", "command": "poll", "description": ""},
    {"kind": "plugin", "plugin": "other", "command": "else", "description": ""},
]
JOBS = [
    {"job_id": "open", "plugin": "echo", "command": "say", "status": "running"},
    {"job_id": "over", "plugin": "echo", "command": "say", "status": "failed"},
]


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Complete:
    """Answers what bash would be answered at the end of these words."""

    def ask(*words: str) -> list[str]:
        monkeypatch.setenv("_DUCTILE_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", "\n".join(["ductile", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        main([])
        captured = capfd.readouterr()
        assert captured.err == ""
        return captured.out.split()

    return ask


@pytest.fixture
def gateway_with_names(gateway: FakeGateway) -> FakeGateway:
    gateway.answers |= {
        "plugins": [{"name": "echo", "description": "Echoes."}, {"name": "job-like"}],
        "plugin": DOCUMENT,
        "skills": SKILLS,
        "pipelines": [{"pipeline": "nightly", "trigger": "clock"}],
        "jobs": {"jobs": JOBS},
        "openapi": {"paths": {"/jobs": {"get": {"summary": "Jobs"}}, "/system/stop": {"post": {}}}},
    }
    return gateway


@pytest.mark.usefixtures("gateway_with_names")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["sy"], ["system"]),
        (["jo"], ["job", "job-like"]),
        (["--ver"], ["--version"]),
        (["job", "in"], ["inspect"]),
        (["job", "inspect", "--tr"], ["--tree"]),
        (["plugin", "run", ""], ["echo", "job-like"]),
        (["plugin", "run", "echo", ""], ["say", "poll"]),
        (["plugin", "run", "echo", "p"], ["poll"]),
        (["pipeline", "run", ""], ["nightly"]),
        (["job", "inspect", ""], ["open", "over"]),
        (["job", "cancel", ""], ["open"]),
        (["job", "retry", ""], ["over"]),
        (["job", "logs", "o"], ["open", "over"]),
        (["job", "list", "--status", "s"], ["succeeded"]),
        (["job", "list", "--status", "=", "s"], ["succeeded"]),
        (
            ["job", "list", "--status", "="],
            ["queued", "running", "held", "succeeded", "failed", "timed_out", "dead", "cancelled"],
        ),
        (["job", "list", "--limit", "=", "5", "--status", "=", "h"], ["held"]),
        (["job", "list", "--plugin", ""], ["echo", "job-like"]),
        (["api", "G"], ["GET"]),
        (["api", "POST", ""], ["/system/stop"]),
        (["completion", "z"], ["zsh"]),
        (["echo", ""], ["say", "poll"]),
        (["echo", "say", "--te"], ["--text"]),
        (["echo", "say", "--no"], ["--no-wait"]),
        (["--url", "http://x.example", "echo", "s"], ["say"]),
        (["system", "status", "x"], []),
    ],
)
def test_names_verbs_and_options_are_offered(complete: Complete, words: list[str], offered: list[str]) -> None:
    found = complete(*words)
    assert [one for one in offered if one not in found] == []
    if not words[-1].startswith("-"):
        assert found == offered


@pytest.mark.parametrize(
    "answer",
    [
        Unreachable(url="u", reason="gone"),
        (403, {"error": "forbidden", "message": "No.", "code": 403, "details": {}}),
        [{"unexpected": 1}],
        None,
        ValueError("odd"),
    ],
)
def test_what_goes_wrong_is_not_told_at_the_prompt(gateway: FakeGateway, complete: Complete, answer: Any) -> None:
    gateway.answers |= dict.fromkeys(("plugins", "plugin", "skills", "pipelines", "jobs", "openapi"), answer)
    assert complete("sys") == ["system"]
    for words in (["plugin", "show", ""], ["plugin", "run", "echo", ""], ["pipeline", "run", ""], ["job", "tree", ""]):
        assert complete(*words) == []
    assert complete("echo", "") == []
    assert complete("--nonsense", "") is not None


def test_without_a_gateway_the_configuration_has_the_names(
    gateway: FakeGateway, complete: Complete, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Unreachable(url="u", reason="gone")
    gateway.answers |= dict.fromkeys(("plugins", "plugin", "skills", "pipelines", "jobs"), gone)
    monkeypatch.delenv("DUCTILE_URL")
    write_plugin(tmp_path / "plugins", "parrot", "#!/bin/sh\n", {"say": {"input_schema": {"word": "string"}}})
    config = {"plugin_roots": ["plugins"], "api": {"listen": "127.0.0.1:1"}}
    config["pipelines"] = [{"name": "daily", "on": "x", "steps": [{"uses": "parrot.say"}]}]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    place = ["--config-dir", str(tmp_path)]
    assert complete("plugin", "show", *place, "") == ["parrot"]
    assert complete("plugin", "run", *place, "parrot", "") == ["say"]
    assert complete("pipeline", "show", *place, "") == ["daily"]
    assert complete("job", "inspect", *place, "") == []
    assert complete(*place, "parrot", "say", "--w") == ["--word"]


def test_a_gateway_that_does_not_answer_is_not_waited_for(complete: Complete, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ductile.cli.core.completers.ANSWER_TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("DUCTILE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        assert complete("plugin", "show", "") == []
        assert time.monotonic() - began < 5
        silent.setblocking(False)  # noqa: FBT003 - as socket has it
        silent.accept()[0].close()  # it was asked


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_printed_as_it_is(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"complete_{shell}" in script
    assert main(["completion", shell, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) + "\n" == script


def test_another_shell_has_no_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "bash, zsh, fish" in capsys.readouterr().err


def test_the_languages_of_a_new_plugin_are_offered(complete: Complete) -> None:
    assert complete("plugin", "new", "x", "--lang", "") == ["python", "node", "bash", "go", "rust"]
    assert complete("plugin", "new", "x", "--lang", "p") == ["python"]


@pytest.mark.parametrize("verb", ["get", "set", "show", "unset"])
@pytest.mark.parametrize(
    ("begun", "offered"),
    [
        ("ser", {"service"}),
        ("service.log_", {"service.log_level", "service.log_format"}),
        ("plugins.", {"plugins.echo"}),
        ("plugins.echo.config", {"plugins.echo.config", "plugins.echo.config.greeting"}),
        ("nonsense", set()),
    ],
)
def test_the_paths_of_settings_are_offered(
    complete: Complete, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, verb: str, begun: str, offered: set[str]
) -> None:
    (tmp_path / "config.yaml").write_text("plugins: {echo: {config: {greeting: hi}}}\n")
    monkeypatch.setenv("DUCTILE_CONFIG_DIR", str(tmp_path))
    assert set(complete("config", verb, begun)) == offered
    (tmp_path / "config.yaml").write_text("plugins: [\n")
    assert "Traceback" not in " ".join(complete("config", verb, begun))
