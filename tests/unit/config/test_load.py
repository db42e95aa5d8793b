from collections.abc import Mapping
from pathlib import Path

import pytest

from ductile.config import location
from ductile.config.errors import ConfigNotFound
from ductile.config.load import load_layers
from ductile.config.location import find_config, named_path


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "config.yaml").write_text("service: {}\n")
    return path


def test_the_option_names_a_folder_or_a_file(tmp_path: Path) -> None:
    here = folder(tmp_path / "here")
    other = here / "other.yaml"
    other.write_text("")
    assert find_config(str(here), {}) == here / "config.yaml"
    assert find_config(str(other), {}) == other


def test_the_option_wins_over_the_environment_which_wins_over_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    option, named, home = (folder(tmp_path / name) for name in ("option", "named", "home/.config/ductile"))
    environ: Mapping[str, str] = {"DUCTILE_CONFIG_DIR": str(named), "HOME": str(tmp_path / "home")}
    assert find_config(str(option), environ).parent == option
    assert find_config(None, environ).parent == named
    assert find_config(None, {"HOME": environ["HOME"]}).parent == home
    monkeypatch.setattr(location, "SYSTEM_FOLDER", folder(tmp_path / "etc"))
    assert find_config(None, {"HOME": "/nobody"}).parent == tmp_path / "etc"


def test_a_relative_option_becomes_an_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    assert find_config("here", {}) == tmp_path / "here" / "config.yaml"


def test_a_configuration_that_is_not_found_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigNotFound) as wrong:
        find_config(None, {"HOME": str(tmp_path)})
    assert str(tmp_path / ".config/ductile/config.yaml") in wrong.value.message
    assert "/etc/ductile/config.yaml" in wrong.value.message
    assert wrong.value.message.endswith("$DUCTILE_CONFIG_DIR.")


def test_a_configuration_that_stands_here_is_not_taken_but_pointed_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder(tmp_path / "here"))
    with pytest.raises(ConfigNotFound, match=r"`--config-dir \.` takes it\.$"):
        find_config(None, {"HOME": str(tmp_path)})
    with pytest.raises(ConfigNotFound, match=r"DUCTILE_CONFIG_DIR\.$"):
        find_config("nowhere", {})


def test_a_named_folder_without_a_configuration_does_not_fall_back(tmp_path: Path) -> None:
    folder(tmp_path / ".config/ductile")
    with pytest.raises(ConfigNotFound, match="nowhere"):
        find_config(None, {"HOME": str(tmp_path), "DUCTILE_CONFIG_DIR": str(tmp_path / "nowhere")})


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert named_path("~/x", Path("/conf")) == Path("/home/somebody/x")
    assert named_path("../x", Path("/conf/sub")) == Path("/conf/x")


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, body in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    return root / "config.yaml"


def test_includes_merge_maps_append_lists_and_the_later_scalar_wins(tmp_path: Path) -> None:
    files = {
        "config.yaml": "include: [more, last.yaml]\nservice: {name: a, log_level: info}\nroutes: [1]",
        "more/b.yaml": "service: {name: c}\nroutes: [3]",
        "more/a.yaml": "include: [deep.yaml]\nservice: {name: b}\nroutes: [2]",
        "more/sub/z.yaml": "service: {name: never}",
        "last.yaml": "service:\nroutes: [4]",
    }
    files["more/deep.yaml"] = "routes: [2.5]"
    layers = load_layers(write(tmp_path, files), {})
    assert layers.problems == ()
    assert layers.value["service"] == {"name": "c", "log_level": "info"}
    assert layers.value["routes"] == [1, 2, 2.5, 3, 4]
    assert str(layers.marks.of(("routes", 3))) == "more/b.yaml:2:10"
    assert str(layers.marks.of(("service", "log_level"))) == "config.yaml:2:31"
    assert layers.names == ("config.yaml", "more/a.yaml", "more/deep.yaml", "more/b.yaml", "last.yaml")


def test_paths_are_relative_to_the_file_that_holds_them(tmp_path: Path) -> None:
    listen = "api: {listen: ['unix:sock', '127.0.0.1:1']}"
    files = {
        "config.yaml": "include: [sub/a.yaml]",
        "sub/a.yaml": f"include: [../b.yaml]\nplugin_roots: [plugins, /abs]\nstate: {{path: x.db}}\n{listen}",
        "b.yaml": "plugin_roots: [plugins]",
    }
    value = load_layers(write(tmp_path, files), {}).value
    assert value["plugin_roots"] == [str(tmp_path / "sub/plugins"), "/abs", str(tmp_path / "plugins")]
    assert value["state"] == {"path": str(tmp_path / "sub/x.db")}
    assert value["api"] == {"listen": [f"unix:{tmp_path}/sub/sock", "127.0.0.1:1"]}


def test_env_files_are_read_before_expansion_and_the_process_wins(tmp_path: Path) -> None:
    files = {
        "config.yaml": "environment_vars: {include: [sub/.env]}\nservice:\n  name: ${A}-${B}-${C}\n  max_workers: ${N}",
        "sub/.env": '# a comment\nexport A=one\nB=\'t w o\' # behind\nC="th\\"ree"\nN=7\n',
    }
    layers = load_layers(write(tmp_path, files), {"A": "process"})
    assert layers.problems == ()
    assert layers.value["service"] == {"name": 'process-t w o-th"ree', "max_workers": 7}
    assert layers.used == {"A": "process", "B": "t w o", "C": 'th"ree', "N": "7"}
    assert tmp_path / "sub/.env" in layers.files


def test_a_value_of_a_variable_cannot_inject_yaml(tmp_path: Path) -> None:
    location = write(tmp_path, {"config.yaml": "service: {name: '${A}'}"})
    assert load_layers(location, {"A": "x}\napi: {} # y"}).value == {"service": {"name": "x}\napi: {} # y"}}


def test_a_configuration_that_vanished_is_a_problem_not_an_exception(tmp_path: Path) -> None:
    assert [problem.code for problem in load_layers(tmp_path / "config.yaml", {}).problems] == ["missing_file"]


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    location = write(tmp_path, {"config.yaml": "include: [sub/config.yaml]"})
    (tmp_path / "sub").symlink_to(tmp_path)
    assert [problem.code for problem in load_layers(location, {}).problems] == ["include_cycle"]
