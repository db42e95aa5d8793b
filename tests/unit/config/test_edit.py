"""Settings are changed in the file that sets them; nothing is written that would not be loaded."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ductile.config.edit import Edit, plan_set, plan_unset, review
from ductile.config.errors import (
    EditRefused,
    NoSuchFile,
    NoSuchSetting,
    NotEditable,
    NotWritten,
    SetByVariable,
    SetElsewhere,
    SetInSeveral,
)
from ductile.config.load import load_layers
from ductile.document.yaml_write import NewValue
from ductile.errors import DuctileError

CONFIG = """\
# The gateway.
include: [plugins.yaml, more]
service:
    log_level: info   # or debug
    name: 'x'
plugin_roots:
- ./plugins
api: {listen: "127.0.0.1:8080"}
"""
PLUGINS = """\
plugins:
  # says hello
  greet:
    config: {a: 1}
    schedules:
      - id: one
        every: 5m
plugin_roots: [./more-plugins]
"""
MORE = "plugins:\n  greet:\n    timeout: 30s\nplugin_roots:\n  - ../third\n"
MANIFEST = """\
{manifest_spec: ductile.plugin, manifest_version: 1, name: greet, version: 1.0.0, protocol: 2, entrypoint: run,
 commands: [{name: poll, type: read}]}
"""
FILES = {"config.yaml": CONFIG, "plugins.yaml": PLUGINS, "more/a.yaml": MORE}

Plan = Callable[..., Edit]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    for name in ("plugins/greet", "more-plugins", "third"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "plugins/greet/manifest.yaml").write_text(MANIFEST)
    (tmp_path / "plugins/greet/run").write_text("#!/bin/sh\n")
    (tmp_path / "plugins/greet/run").chmod(0o755)
    return tmp_path


def set_(folder: Path, setting: str, value: object, environ: Mapping[str, str] | None = None, **more: str) -> Edit:
    return plan_set(folder / "config.yaml", environ or {}, setting, NewValue(value), **more)  # type: ignore[arg-type]


def unset(folder: Path, setting: str, environ: Mapping[str, str] | None = None, **more: str) -> Edit:
    return plan_unset(folder / "config.yaml", environ or {}, setting, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("setting", "value", "name", "change"),
    [
        ("service.log_level", "debug", "config.yaml", ("info ", "debug ")),
        ("service.name", "y", "config.yaml", ("'x'", "'y'")),
        ("api.listen", ":9", "config.yaml", ('"127.0.0.1:8080"', '":9"')),
        ("plugins.greet.config.a", 2, "plugins.yaml", ("a: 1", "a: 2")),
        ("plugins.greet.timeout", "1m", "more/a.yaml", ("30s", "1m")),
        ("plugins.greet.schedules[0].every", "1h", "plugins.yaml", ("5m", "1h")),
        ("plugin_roots[0]", "./x", "config.yaml", ("./plugins", "./x")),
        ("plugin_roots[1]", "./x", "plugins.yaml", ("./more-plugins", "./x")),
        ("plugin_roots[2]", "./x", "more/a.yaml", ("../third", "./x")),
        ("plugin_roots[+]", "./x", "more/a.yaml", ("../third\n", "../third\n  - ./x\n")),
        ("plugin_roots[3]", "./x", "more/a.yaml", ("../third\n", "../third\n  - ./x\n")),
        ("plugins.greet.env.A", "1", "plugins.yaml", ("every: 5m\n", 'every: 5m\n    env:\n      A: "1"\n')),
        ("service.max_hops", 3, "config.yaml", ("name: 'x'\n", "name: 'x'\n    max_hops: 3\n")),
        ("state.path", "s.db", "config.yaml", ('8080"}\n', '8080"}\nstate:\n    path: s.db\n')),
        ("plugins.other.enabled", False, "plugins.yaml", ("5m\n", "5m\n  other:\n    enabled: false\n")),
    ],
)
def test_a_setting_is_changed_where_it_is_set(
    folder: Path, setting: str, value: object, name: str, change: tuple[str, str]
) -> None:
    edit = set_(folder, setting, value)
    assert (edit.name, edit.file) == (name, folder / name)
    assert edit.before == FILES[name]
    assert edit.after == FILES[name].replace(*change)
    edit.write()
    assert edit.file.read_text() == edit.after
    changed = next(number for number, line in enumerate(edit.after.splitlines(), 1) if line not in edit.before)
    assert edit.line == changed


@pytest.mark.parametrize(
    ("setting", "name", "old", "new"),
    [
        ("service.name", "config.yaml", "    name: 'x'\n", ""),
        ("plugins.greet.timeout", "more/a.yaml", "  greet:\n    timeout: 30s\n", "  greet: {}\n"),
        ("plugin_roots[2]", "more/a.yaml", "plugin_roots:\n  - ../third\n", "plugin_roots: []\n"),
        ("plugins.greet.schedules[0].id", "plugins.yaml", "id: one\n        ", ""),
    ],
)
def test_a_setting_is_unset_where_it_is_set(folder: Path, setting: str, name: str, old: str, new: str) -> None:
    assert unset(folder, setting).after == FILES[name].replace(old, new)


def test_a_file_can_be_named_and_counts_its_own_entries(folder: Path) -> None:
    edit = set_(folder, "plugin_roots[0]", "./x", file="more/a.yaml")
    assert (edit.name, edit.after) == ("more/a.yaml", MORE.replace("../third", "./x"))
    assert set_(folder, "service.max_hops", 3, file=str(folder / "plugins.yaml")).after.endswith(
        "service:\n  max_hops: 3\n"
    )


@pytest.mark.parametrize(
    ("setting", "more", "error", "says"),
    [
        ("plugins.greet", {}, SetInSeveral, "plugins.yaml and more/a.yaml"),
        ("plugins.greet.timeout", {"file": "plugins.yaml"}, SetElsewhere, "more/a.yaml:3:14"),
        ("service.name", {"file": "none.yaml"}, NoSuchFile, "config.yaml, plugins.yaml, more/a.yaml"),
        ("plugin_roots[7]", {}, NoSuchSetting, "has 3 entries; append one with"),
        ("service.name.x", {}, NotEditable, "config.yaml:5:11: there is no map"),
    ],
)
def test_what_cannot_be_changed_says_why(
    folder: Path, setting: str, more: dict[str, str], error: type[DuctileError], says: str
) -> None:
    with pytest.raises(error, match=says):
        set_(folder, setting, "1s", **more)


@pytest.mark.parametrize(
    ("setting", "variables"),
    [
        ("service.log_level", {"DUCTILE_SERVICE__LOG_LEVEL": "error"}),
        ("service", {"DUCTILE_SERVICE__LOG_LEVEL": "error"}),
        ("service.max_hops", {"DUCTILE_SERVICE__MAX_HOPS": "4"}),
        ("api.listen", {"DUCTILE_API__LISTEN": "[':1', ':2']"}),
        ("api.listen[0]", {"DUCTILE_API__LISTEN": "[':1', ':2']"}),
        ("api.listen[+]", {"DUCTILE_API__LISTEN": "[':1', ':2']"}),
    ],
)
def test_a_variable_that_wins_is_named(folder: Path, setting: str, variables: dict[str, str]) -> None:
    (name,) = variables
    with pytest.raises(SetByVariable, match=name):
        set_(folder, setting, "x", variables)


def test_a_variable_wins_over_a_file_that_is_named(folder: Path) -> None:
    with pytest.raises(SetByVariable, match="DUCTILE_SERVICE__LOG_LEVEL"):
        set_(folder, "service.log_level", "x", {"DUCTILE_SERVICE__LOG_LEVEL": "error"}, file="config.yaml")


def test_other_variables_stand_in_nobodys_way(folder: Path) -> None:
    assert set_(folder, "service.name", "y", {"DUCTILE_SERVICE__LOG_LEVEL": "error"}).name == "config.yaml"
    assert set_(folder, "state.path", "y", {"DUCTILE_SERVICE__LOG_LEVEL": "error"}).name == "config.yaml"


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("log_level: debug\n", "service.log_level"),
        ("x-a: &a {b: 1}\nplugins:\n  p: {config: *a}\n", "plugins.p.config.b"),
        ("plugins:\n  p: {concurrency_safe: false}\n", "plugins.p.parallelism"),
        ("plugins:\n  p:\n    schedule: {every: 5m}\n", "plugins.p.schedules[0].every"),
    ],
)
def test_an_alias_and_an_old_spelling_are_left_to_people(tmp_path: Path, text: str, setting: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(NotEditable, match=r"config\.yaml:"):
        set_(tmp_path, setting, "x")


def test_a_file_that_is_no_yaml_is_not_edited(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("service: [\n")
    with pytest.raises(NotEditable, match=r"config.yaml:\d+:\d+"):
        set_(tmp_path, "service.name", "x")
    (tmp_path / "config.yaml").write_bytes(b"a: \xff\n")
    with pytest.raises(NotEditable, match="UTF-8"):
        set_(tmp_path, "service.name", "x")


def test_a_byte_order_mark_and_line_ends_stay(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"\xef\xbb\xbfservice:\r\n  name: a\r\n")
    set_(tmp_path, "service.name", "b").write()
    assert (tmp_path / "config.yaml").read_bytes() == b"\xef\xbb\xbfservice:\r\n  name: b\r\n"


def test_what_is_not_there_cannot_be_unset(folder: Path) -> None:
    for setting, says in (
        ("service.max_hops", "service.max_hops"),
        ("service.nam", "did you mean `service.name`"),
        ("nothing", "nothing"),
    ):
        with pytest.raises(NoSuchSetting, match=says):
            unset(folder, setting)
    with pytest.raises(NoSuchSetting, match=r"in plugins\.yaml"):
        unset(folder, "plugins.greet.timeout", file="plugins.yaml")


def test_an_edit_that_breaks_the_configuration_is_refused(folder: Path) -> None:
    location = folder / "config.yaml"
    for edit, place in (
        (set_(folder, "service.log_level", "loud"), "config.yaml"),
        (set_(folder, "service.log_levl", "info"), "config.yaml"),
        (set_(folder, "plugin_roots[1]", "./nowhere"), "plugins.yaml"),
    ):
        with pytest.raises(EditRefused) as refused:
            review(edit, location, {}).approve()
        assert refused.value.details["errors"][0]["file"] == place
    good = review(set_(folder, "service.log_level", "debug"), location, {})
    good.approve()
    assert good.after.snapshot is not None
    assert good.after.snapshot.service.log_level == "debug"
    assert location.read_text() == CONFIG


def test_one_of_several_errors_can_be_mended_alone(folder: Path) -> None:
    location = folder / "config.yaml"
    location.write_text(CONFIG.replace("info", "loud").replace("name:", "nam:"))
    mended = review(set_(folder, "service.log_level", "info"), location, {})
    mended.approve()
    assert [problem.code for problem in mended.after.errors] == ["unknown_key"]


def test_the_edited_value_is_what_is_loaded(folder: Path) -> None:
    set_(folder, "service.name", "yes").write()
    set_(folder, "plugins.greet.config.list[+]", "1").write()
    value = load_layers(folder / "config.yaml", {}).value
    assert value["service"]["name"] == "yes"
    assert value["plugins"]["greet"]["config"]["list"] == ["1"]


def test_a_file_that_changes_meanwhile_is_not_overwritten(folder: Path) -> None:
    edit = set_(folder, "service.name", "y")
    (folder / "config.yaml").write_text(CONFIG + "# mine\n")
    with pytest.raises(NotWritten, match="in the meantime"):
        edit.write()
    assert (folder / "config.yaml").read_text() == CONFIG + "# mine\n"


def test_a_text_that_would_mean_something_else_afterwards_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("service:\n  name: |+\n    x\n\nroutes: []\n")
    with pytest.raises(NotEditable, match="a form that this command does not know"):
        set_(tmp_path, "service.max_hops", 3)
