"""`ductile config init`: a configuration that works, and nothing that was there is touched."""

import json
import os
import re
import stat
from pathlib import Path

import jsonschema_rs
import pytest

from ductile.cli.commands import config_init
from ductile.cli.main import main
from ductile.document.read import read_document

Captured = pytest.CaptureFixture[str]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_made_has_no_problem_at_all(tmp_path: Path, capsys: Captured) -> None:
    before = os.umask(0)
    try:
        assert main(["config", "init", str(tmp_path / "new")]) == 0
    finally:
        os.umask(before)
    made = json.loads(capsys.readouterr().out)
    assert set(made["files"]) == set(tree(tmp_path / "new"))
    assert main(["config", "check", "--config-dir", str(tmp_path / "new")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["problems"], found["plugins"], found["pipelines"]) == ([], ["hello"], ["greet"])


def test_the_token_is_random_and_only_its_owner_may_read_it(tmp_path: Path, capsys: Captured) -> None:
    tokens = set()
    for name in ("a", "b"):
        assert main(["config", "init", str(tmp_path / name)]) == 0
        file = tmp_path / name / ".env"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        found = re.search(r"^DUCTILE_ADMIN_TOKEN=([0-9a-f]{48})$", file.read_text(), re.MULTILINE)
        assert found
        tokens.add(found[1])
    captured = capsys.readouterr()
    assert len(tokens) == 2
    assert not any(token in captured.out + captured.err for token in tokens)


def test_editors_find_the_schemas_and_nothing_to_mark(tmp_path: Path) -> None:
    assert main(["config", "init", str(tmp_path / "new")]) == 0
    for name in ("config.yaml", "pipelines/hello.yaml", "plugins/hello/manifest.yaml"):
        file = tmp_path / "new" / name
        schema = re.match(r"# yaml-language-server: \$schema=(\S+)\n", file.read_text())
        assert schema
        validator = jsonschema_rs.validator_for(json.loads((file.parent / schema[1]).read_text()))
        validator.validate(read_document(file).value)


def test_what_is_commented_out_is_the_default(tmp_path: Path, capsys: Captured) -> None:
    assert main(["config", "init", str(tmp_path / "new")]) == 0
    capsys.readouterr()
    assert main(["config", "show", "--config-dir", str(tmp_path / "new")]) == 0
    defaults = {
        one["path"].split(".")[-1]: one["value"]
        for one in json.loads(capsys.readouterr().out)["settings"]
        if one["source"] == "default"
    }
    written = re.findall(r"^  # (\w+): (\S+) +#", (tmp_path / "new/config.yaml").read_text(), re.MULTILINE)
    assert len(written) > 8
    compared = [(name, value) for name, value in written if name != "max_workers"]
    units = {"24h": "1d"}
    assert [(name, json.dumps(defaults[name]).strip('"')) for name, _ in compared] == [
        (name, units.get(value, value)) for name, value in compared
    ]


@pytest.mark.parametrize("entry", ["config.yaml", ".hidden", "folder"])
def test_a_folder_with_anything_in_it_is_not_touched(tmp_path: Path, entry: str, capsys: Captured) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / entry).mkdir() if entry == "folder" else (there / entry).write_text("mine")
    assert main(["config", "init", str(there)]) == 1
    assert f"{there} is not empty ({entry} is there), so nothing was touched" in capsys.readouterr().err
    assert [path.name for path in there.iterdir()] == [entry]


def test_an_empty_folder_is_filled_and_here_is_the_usual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["config", "init"]) == 0
    assert (tmp_path / "config.yaml").is_file()


def test_a_file_in_its_place_and_a_folder_that_cannot_be_made_are_errors(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "file").write_text("mine")
    for place in ("file", "file/below"):
        assert main(["config", "init", str(tmp_path / place)]) == 1
        assert "cannot be made: Not a directory" in capsys.readouterr().err
    assert tree(tmp_path) == {"file": b"mine"}


def test_a_failure_on_the_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    whole = config_init.starter_files

    def broken(listen: str) -> dict[str, str]:
        return {**whole(listen), "config.yaml/impossible": "x"}

    monkeypatch.setattr(config_init, "starter_files", broken)
    assert main(["config", "init", str(tmp_path / "a/b")]) == 1
    assert "cannot be made" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_lists_the_files_and_makes_none(tmp_path: Path, capsys: Captured) -> None:
    assert main(["config", "init", str(tmp_path / "new"), "--dry-run", "--format", "list"]) == 0
    captured = capsys.readouterr()
    assert f"{tmp_path}/new/config.yaml\n" in captured.out
    assert captured.err == ""
    assert list(tmp_path.iterdir()) == []


def test_the_address_can_be_chosen(tmp_path: Path, capsys: Captured) -> None:
    for number, listen in enumerate((":9000", "[::1]:9000", "unix:/run/d.sock")):
        folder = tmp_path / str(number)
        assert main(["config", "init", str(folder), "--listen", listen]) == 0
        assert main(["config", "check", "--config-dir", str(folder)]) == 0
    assert main(["config", "init", str(tmp_path / "x"), "--listen", "nowhere"]) == 2
    assert "host:port" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
