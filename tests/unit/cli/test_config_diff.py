"""`ductile config diff`: what a reload would change."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.cli import FakeGateway

from ductile.cli.core.config_report import compile_or_raise
from ductile.cli.main import main
from ductile.describe.config_view import config_view

Captured = pytest.CaptureFixture[str]
CONFIG = """\
service: {log_level: info}
state: {path: data/state.db}
api:
  listen: 127.0.0.1:8081
  auth:
    tokens: [{token: hunter2-hunter2, scopes: ["*"], name: admin}]
routes: []
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gateway: FakeGateway) -> Path:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(CONFIG)
    for name in [name for name in os.environ if name.startswith("DUCTILE_") and name != "DUCTILE_URL"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DUCTILE_CONFIG_DIR", str(tmp_path / "here"))
    del gateway
    return tmp_path


def difference(capsys: Captured, *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main(["config", "diff", *arguments]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_copy_is_no_difference(folder: Path, capsys: Captured) -> None:
    found = difference(capsys, str(folder / "there"), "--exit-code")
    assert found == {"changed": False, "changes": [], "restart_required": [], "values": []}
    assert main(["config", "diff", str(folder / "there"), "--format", "table"]) == 0
    assert capsys.readouterr().err == "There is no difference.\n"


def test_each_value_that_differs_is_shown_with_both_sides(folder: Path, capsys: Captured) -> None:
    edited = CONFIG.replace("info", "debug").replace("8081", "8082").replace("hunter2-hunter2", "another-secret")
    (folder / "there/config.yaml").write_text(edited)
    found = difference(capsys, str(folder / "there"), "--exit-code", code=1)
    assert found["changes"] == ["api", "service", "tokens.admin"]
    assert found["restart_required"] == ["api.listen"]
    assert [(row["path"], row["now"], row["then"]) for row in found["values"]] == [
        ("service.log_level", "info", "debug"),
        ("api.listen", "127.0.0.1:8081", "127.0.0.1:8082"),
        ("api.auth.tokens[0].token", "[REDACTED]", "[REDACTED]"),
    ]


def test_people_are_told_what_needs_a_restart(folder: Path, capsys: Captured) -> None:
    (folder / "there/config.yaml").write_text(CONFIG.replace("data/state.db", "other.db"))
    assert main(["config", "diff", str(folder / "there"), "--format", "table"]) == 0
    captured = capsys.readouterr()
    assert "state.path cannot change without a restart" in captured.err
    assert "other.db" in captured.out


@pytest.mark.parametrize("side", ["here", "there"])
def test_an_invalid_side_ends_with_78_and_its_problems(folder: Path, side: str, capsys: Captured) -> None:
    (folder / side / "config.yaml").write_text("nonsense: 1\n")
    assert main(["config", "diff", str(folder / "there")]) == 78
    captured = capsys.readouterr()
    assert f"{folder}/{side}/config.yaml has an error" in captured.err
    assert "config.yaml:1:1: error[unknown_key]" in captured.err


def test_what_serves_is_compared_with_what_is_on_disk(gateway: FakeGateway, folder: Path, capsys: Captured) -> None:
    gateway.answers["config_view"] = config_view(compile_or_raise(folder / "here/config.yaml", {}))
    gateway.answers["reload"] = {"changed": True, "changes": ["service"]}
    (folder / "here/config.yaml").write_text(CONFIG.replace("info", "debug"))
    found = difference(capsys)
    assert found["changes"] == ["service"]
    assert found["values"] == [{"path": "service.log_level", "now": "info", "then": "debug"}]
    assert ("reload", (), {"dry_run": True}) in gateway.calls


def test_a_change_that_needs_a_restart_is_no_failure(gateway: FakeGateway, folder: Path, capsys: Captured) -> None:
    gateway.answers["config_view"] = config_view(compile_or_raise(folder / "here/config.yaml", {}))
    refusal = {"error": "restart_required", "message": "no", "details": {"keys": ["api.listen"]}}
    gateway.answers["reload"] = (422, refusal)
    assert difference(capsys)["restart_required"] == ["api.listen"]
    gateway.answers["reload"] = (422, {**refusal, "error": "invalid_configuration"})
    assert main(["config", "diff"]) == 78
