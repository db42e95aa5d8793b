"""`ductile config check`: every problem with its place, and an exit code."""

import json
from pathlib import Path

import pytest

from ductile.cli.main import main

Captured = pytest.CaptureFixture[str]


def test_each_problem_is_listed_with_its_place_and_counted(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "config.yaml").write_text("service:\n  nmae: x\n  kill_grace: soon\n")
    assert main(["config", "check", "--format", "table", "--config-dir", str(tmp_path)]) == 78
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("config.yaml:2:3: error[unknown_key]")
    assert lines[1].startswith("config.yaml:3:15: error[")
    assert lines[-1].startswith("2 errors, ")


def test_json_carries_the_same(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "config.yaml").write_text("service:\n  nmae: x\n")
    assert main(["config", "check", "--json", "--config", str(tmp_path / "config.yaml")]) == 78
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["errors"]) == (False, 1)
    assert (found["problems"][0]["line"], found["problems"][0]["code"]) == (2, "unknown_key")


def test_a_sound_configuration_is_summed_up(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "config.yaml").write_text("plugin_roots: []\n")
    assert main(["config", "check", "--format", "table", "--config-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("0 plugins and 0 pipelines are ready to run\n")


def test_a_start_with_json_says_what_is_wrong_as_json(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "config.yaml").write_text("nothing: here\n")
    assert main(["system", "start", "--json", "--config-dir", str(tmp_path)]) == 78
    captured = capsys.readouterr()
    error = json.loads(captured.err)
    assert (captured.out, error["error"], len(error["details"]["errors"])) == ("", "invalid_configuration", 1)


@pytest.mark.parametrize("command", [["config", "check"], ["system", "start"]])
def test_a_folder_without_a_configuration_ends_with_78(tmp_path: Path, command: list[str], capsys: Captured) -> None:
    assert main([*command, "--config-dir", str(tmp_path)]) == 78
    assert "config.yaml" in capsys.readouterr().err
    assert main([*command, "--json", "--config-dir", str(tmp_path)]) == 78
    assert json.loads(capsys.readouterr().err)["error"] == "config_not_found"
