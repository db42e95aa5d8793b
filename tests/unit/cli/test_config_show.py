"""`ductile config show` and `get`: what is in force, where it comes from, and no secret."""

import json
import os
from pathlib import Path

import pytest

from ductile.cli.main import main

Captured = pytest.CaptureFixture[str]
CONFIG = """\
environment_vars: {include: [.env]}
include: [more.yaml]
service: {log_level: debug}
api:
  listen: [":1", ":2"]
  auth:
    tokens:
      - {token: "${ADMIN}", scopes: ["*"], name: admin}
plugins:
  greet:
    config: {note: "it says hunter2-hunter2 twice", apikey: x, "a.b": 1}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "more.yaml").write_text("service:\n  name: other\n")
    (tmp_path / ".env").write_text("ADMIN=hunter2-hunter2\n")
    for name in [name for name in os.environ if name.startswith("DUCTILE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DUCTILE_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("DUCTILE_SERVICE__MAX_HOPS", "9")
    return tmp_path


def settings(capsys: Captured, *arguments: str) -> dict[str, tuple[object, str]]:
    assert main(["config", "show", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)["settings"]
    return {one["path"]: (one["value"], one["source"]) for one in found}


def test_every_setting_is_shown_with_where_it_comes_from(capsys: Captured) -> None:
    found = settings(capsys)
    assert found["service.log_level"] == ("debug", "config.yaml:3:22")
    assert found["service.name"] == ("other", "more.yaml:2:9")
    assert found["service.max_hops"] == (9, "environment:DUCTILE_SERVICE__MAX_HOPS")
    assert found["service.kill_grace"] == ("5s", "default")
    assert found["api.listen[1]"] == (":2", "config.yaml:5:18")
    assert found['plugins.greet.config."a.b"'] == (1, "config.yaml:11:71")


def test_no_secret_is_shown_in_any_format(capsys: Captured) -> None:
    for line in (["show"], ["get", "api"], ["get", "plugins"], ["get", "plugins.greet.config.note"]):
        for format_ in ("table", "list", "json", "yaml"):
            assert main(["config", *line, "--format", format_, "--verbose"]) == 0
            captured = capsys.readouterr()
            assert "hunter2" not in captured.out + captured.err
            assert "[REDACTED]" in captured.out


def test_a_part_can_be_shown_and_only_what_is_written(capsys: Captured) -> None:
    assert set(settings(capsys, "service", "--written")) == {
        "service.log_level",
        "service.name",
        "service.max_hops",
    }
    assert len(settings(capsys, "service")) > 10


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("service.name", "other"),
        ("service.max_hops", 9),
        ("service.kill_grace", "5s"),
        ("api.listen", [":1", ":2"]),
        ("api.listen[0]", ":1"),
        ("api.auth.tokens", [{"token": "[REDACTED]", "scopes": ["*"], "name": "admin"}]),
        ('plugins.greet.config."a.b"', 1),
        ("plugins.greet.config.apikey", "[REDACTED]"),
        ("plugins.greet.env", {}),
    ],
)
def test_one_value_or_a_section_is_printed(path: str, value: object, capsys: Captured) -> None:
    assert main(["config", "get", path]) == 0
    assert json.loads(capsys.readouterr().out) == value


def test_a_shell_gets_the_bare_value(capsys: Captured) -> None:
    assert main(["config", "get", "service.name", "--format", "list", "--verbose"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "other\n"
    assert "service.name is from more.yaml:2:9" in captured.err


def test_what_is_not_there_is_not_found(capsys: Captured) -> None:
    for line in (["get", "service.nam"], ["show", "service.nam"], ["get", "api.listen[7]"]):
        assert main(["config", *line]) == 3
        assert "There is no setting" in capsys.readouterr().err
    assert main(["config", "get", "service.nam"]) == 3
    assert "did you mean `service.name`?" in capsys.readouterr().err


def test_a_faulty_configuration_is_shown_as_far_as_it_can_be(folder: Path, capsys: Captured) -> None:
    (folder / "config.yaml").write_text(CONFIG.replace("debug", "loud"))
    assert main(["config", "get", "service.name"]) == 0
    assert "ductile config check" in capsys.readouterr().err
