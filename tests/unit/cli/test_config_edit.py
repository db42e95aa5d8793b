"""`ductile config set`, `unset`, `plugin enable` and `disable`: what they write, print and refuse."""

import io
import json
import os
import sys
from pathlib import Path

import pytest
from support.cli import FakeGateway

from ductile.cli.main import main

Captured = pytest.CaptureFixture[str]
CONFIG = """\
service: {log_level: info} # level
api:
  auth:
    tokens:
      - token: hunter2-hunter2 # secret
        scopes: ["*"]
plugin_roots: [plugins]
plugins:
  greet:
    config: {api_key: abc}
"""
MANIFEST = """\
{manifest_spec: ductile.plugin, manifest_version: 1, name: NAME, version: 1.0.0, protocol: 2, entrypoint: run,
 commands: [{name: poll, type: read}]}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    for name in ("greet", "found"):
        plugin = tmp_path / "plugins" / name
        plugin.mkdir(parents=True)
        (plugin / "manifest.yaml").write_text(MANIFEST.replace("NAME", name))
        (plugin / "run").write_text("#!/bin/sh\n")
        (plugin / "run").chmod(0o755)
    for name in [name for name in os.environ if name.startswith("DUCTILE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DUCTILE_CONFIG_DIR", str(tmp_path))
    return tmp_path


def text(folder: Path) -> str:
    return (folder / "config.yaml").read_text()


def test_a_setting_is_written_and_the_change_is_shown(folder: Path, capsys: Captured) -> None:
    assert main(["config", "set", "service.log_level", "debug", "--format", "table"]) == 0
    captured = capsys.readouterr()
    assert text(folder) == CONFIG.replace("info", "debug")
    assert "-service: {log_level: info} # level\n+service: {log_level: debug} # level\n" in captured.out
    assert "ductile system reload" in captured.err


def test_a_dry_run_prints_the_same_and_writes_nothing(folder: Path, capsys: Captured) -> None:
    assert main(["config", "set", "service.log_level", "debug", "--dry-run"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert (found["dry_run"], found["changed"], found["line"], captured.err) == (True, True, 1, "")
    assert "+service: {log_level: debug} # level" in found["diff"]
    assert text(folder) == CONFIG


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["5"], "5"),
        (["true"], "true"),
        (["5", "--string"], '"5"'),
        (["'5'"], '"5"'),
        ([""], '""'),
        (["null"], "null"),
        (["[a, b]"], "[a, b]"),
        (["{a: [1]}"], "{a: [1]}"),
        (["a: b"], '"a: b"'),
        (["[a", "--string"], '"[a"'),
        (["${HOME}"], '"${HOME}"'),
        (["--", "-5"], "-5"),
    ],
)
def test_a_value_is_typed_as_yaml_types_it(folder: Path, arguments: list[str], written: str) -> None:
    assert main(["config", "set", "plugins.greet.config.x", *arguments]) == 0
    assert text(folder) == CONFIG.replace("abc}", f"abc, x: {written}}}")


def test_a_secret_can_come_from_stdin_and_is_not_printed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("new-secret-value\n"))
    assert main(["config", "set", "api.auth.tokens[0].token", "-", "--format", "table"]) == 0
    captured = capsys.readouterr()
    assert "      - token: new-secret-value # secret\n" in text(folder)
    assert "hunter2" not in captured.out + captured.err
    assert "new-secret" not in captured.out + captured.err
    assert captured.out.count("[REDACTED]") == 2
    assert main(["config", "set", "plugins.greet.config.y", "1", "--dry-run"]) == 0
    assert "abc" not in capsys.readouterr().out


def test_the_same_value_again_changes_nothing(folder: Path, capsys: Captured) -> None:
    before = (folder / "config.yaml").stat()
    assert main(["config", "set", "service.log_level", "info"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["changed"] is False
    assert "so already" in captured.err
    assert (folder / "config.yaml").stat().st_ino == before.st_ino


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        (["set", "service.log_level", "loud"], 78, "config.yaml:1:22: error[bad_value]"),
        (["set", "service.log_levl", "info"], 78, "did you mean `log_level`?"),
        (["set", "service.", "x"], 2, "is no path of a setting"),
        (["set", "plugin_roots[9]", "x"], 3, "append one with [+]"),
        (["set", "service.log_level.x", "1"], 1, "config.yaml:1:22"),
        (["set", "service.log_level", "[a"], 2, "--string"),
        (["set", "service.log_level", "99999999999999999999999"], 2, "64 bits"),
        (["set", "service.log_level", "x", "--file", "other.yaml"], 3, "config.yaml"),
        (["unset", "service.log_levl"], 3, "did you mean `service.log_level`?"),
        (["unset", "service.max_hops"], 3, "service.max_hops"),
    ],
)
def test_what_cannot_be_done_says_why_and_writes_nothing(
    folder: Path, line: list[str], code: int, says: str, capsys: Captured
) -> None:
    assert main(["config", *line]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert main(["config", *line, "--json"]) == code
    assert json.loads(capsys.readouterr().err)["message"]
    assert text(folder) == CONFIG


@pytest.mark.usefixtures("folder")
def test_a_place_that_cannot_be_changed_is_text_for_programs_too(capsys: Captured) -> None:
    assert main(["config", "set", "service.log_level.x", "1", "--json"]) == 1
    error = json.loads(capsys.readouterr().err)
    assert (error["error"], error["details"]["place"]) == ("not_editable", "config.yaml:1:22")


def test_a_variable_that_wins_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("DUCTILE_SERVICE__LOG_LEVEL", "error")
    assert main(["config", "set", "service.log_level", "debug"]) == 1
    assert "DUCTILE_SERVICE__LOG_LEVEL" in capsys.readouterr().err
    assert text(folder) == CONFIG


def test_errors_that_stood_there_before_do_not_stop_a_mend(folder: Path, capsys: Captured) -> None:
    (folder / "config.yaml").write_text(CONFIG.replace("info", "loud") + "nonsense: 1\n")
    assert main(["config", "set", "service.log_level", "info"]) == 0
    assert "1 error is older" in capsys.readouterr().err


def test_a_new_warning_is_told(folder: Path, capsys: Captured) -> None:
    assert main(["config", "set", "api.auth.tokens[+]", "{token: abcdefghij}"]) == 0
    assert "warning[no_scopes]" in capsys.readouterr().err
    assert text(folder).count("token:") == 2


def test_a_setting_is_unset(folder: Path) -> None:
    assert main(["config", "unset", "plugins.greet.config.api_key"]) == 0
    assert text(folder) == CONFIG.replace("{api_key: abc}", "{}")


def test_a_file_that_cannot_be_written_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("ductile.config.edit.replace_file", refuse)
    assert main(["config", "set", "service.log_level", "debug"]) == 1
    assert capsys.readouterr().err.startswith(f"ductile: {folder}/config.yaml cannot be written: Permission denied.")


def test_a_change_can_be_put_into_force_at_once(
    gateway: FakeGateway, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("DUCTILE_CONFIG_DIR", str(folder))
    gateway.answers["reload"] = {"message": "Reloaded.", "generation": 2}
    assert main(["plugin", "disable", "greet", "--reload", "--dry-run"]) == 0
    assert gateway.calls == []
    capsys.readouterr()
    assert main(["plugin", "disable", "greet", "--reload"]) == 0
    assert gateway.calls == [("reload", (), {})]
    assert json.loads(capsys.readouterr().out)["reload"]["generation"] == 2


def test_a_plugin_is_turned_off_and_on(folder: Path, capsys: Captured) -> None:
    assert main(["plugin", "disable", "greet"]) == 0
    assert text(folder) == CONFIG + "    enabled: false\n"
    assert main(["plugin", "disable", "found"]) == 0
    assert text(folder) == CONFIG + "    enabled: false\n  found:\n    enabled: false\n"
    assert main(["plugin", "enable", "found"]) == 0
    assert text(folder) == CONFIG + "    enabled: false\n  found:\n    enabled: true\n"
    capsys.readouterr()
    assert main(["plugin", "enable", "found"]) == 0
    assert "so already" in capsys.readouterr().err
    assert main(["plugin", "disable", "gret"]) == 3
    assert "did you mean `greet`?" in capsys.readouterr().err


@pytest.mark.parametrize("line", [["service.name", "a\udcff"], ["service.a\udcff", "x"], [".".join("a" * 999), "x"]])
def test_odd_bytes_and_endless_paths_are_usage_errors(folder: Path, line: list[str], capsys: Captured) -> None:
    assert main(["config", "set", *line]) == 2
    assert capsys.readouterr().err.startswith("ductile: ")
    assert text(folder) == CONFIG
