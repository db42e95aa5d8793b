"""Settings from environment variables: what each changes, what it means, where it says it came from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ductile.config.compile import Compiled
from ductile.config.load import Layers, load_layers
from ductile.model.snapshot import Snapshot

FILES = """
plugin_roots: [plugins]
environment_vars: {include: [sub/.env]}
service: {inherit_env: [EDITOR]}
plugins:
  worker:
    config:
      greeting: Hello
      count: 1
      names: [a, b]
      deep: {one: 1, other-one: 2}
      db__url: x
    env: {PORT: "1"}
"""


def layers(root: Path, text: str = FILES, *, env: str = "", **variables: str) -> Layers:
    (root / "config.yaml").write_text(text)
    (root / "sub").mkdir(exist_ok=True)
    (root / "sub/.env").write_text(env)
    return load_layers(root / "config.yaml", {f"DUCTILE_{name}": value for name, value in variables.items()})


def config(root: Path, **variables: str) -> Any:
    read = layers(root, **{f"PLUGINS__WORKER__CONFIG{name}": value for name, value in variables.items()})
    assert read.problems == ()
    return read.value["plugins"]["worker"]["config"]


def only(read: Layers) -> str:
    [problem] = read.problems
    return str(problem)


def test_a_variable_sets_what_the_schema_has_whether_or_not_a_file_does(tmp_path: Path) -> None:
    read = layers(tmp_path, API__LISTEN="0.0.0.0:9", SERVICE__MAX_HOPS="7")
    assert read.problems == ()
    assert read.value["api"] == {"listen": "0.0.0.0:9"}
    assert read.value["service"] == {"inherit_env": ["EDITOR"], "max_hops": 7}


def test_each_value_says_which_variable_it_is_of_and_the_others_keep_their_file(tmp_path: Path) -> None:
    read = layers(tmp_path, PLUGINS__WORKER__CONFIG='{"count": 2, "new": {"x": [1]}}')
    at = ("plugins", "worker", "config")
    for path in ((*at, "count"), (*at, "new"), (*at, "new", "x", 0)):
        assert str(read.marks.of(path)) == "environment:DUCTILE_PLUGINS__WORKER__CONFIG"
        assert read.marks.of(path).line == 0
    assert str(read.marks.of((*at, "greeting"))) == "config.yaml:8:17"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Hi", "Hi"),
        ("5", 5),
        (" 5 ", 5),
        (" Hi ", " Hi "),
        ("1.5", 1.5),
        ("true", True),
        ("", None),
        ("null", None),
        ('"5"', "5"),
        ("'it''s'", "it's"),
        ("a: b # c", "a: b # c"),
        ("${HOME}", "${HOME}"),
        ('["${HOME}", yes]', ["${HOME}", "yes"]),
        ("{a: [1, x], b: {}}", {"a": [1, "x"], "b": {}}),
        ('{\t"a":\t"\\ud83d\\ude00"}', {"a": "😀"}),
        ("two\nlines", "two\nlines"),
        ("-", "-"),
        ("0x1F", "0x1F"),
        ("007", "007"),
        ("1e5", "1e5"),
        ("1.10", "1.10"),
        ("1234567890123456789012345", "1234567890123456789012345"),
        ("2030-01-01", "2030-01-01"),
    ],
)
def test_a_value_is_typed_as_a_scalar_without_quotes_or_read_as_json(tmp_path: Path, text: str, value: Any) -> None:
    assert config(tmp_path, __GREETING=text)["greeting"] == value


def test_a_setting_that_is_text_takes_any_text(tmp_path: Path) -> None:
    read = layers(tmp_path, SERVICE__NAME="007", PLUGINS__WORKER__ENV__PORT="[8080")
    assert read.problems == ()
    assert read.value["service"]["name"] == "007"
    assert read.value["plugins"]["worker"]["env"] == {"PORT": "[8080"}


def test_maps_merge_and_a_list_is_replaced(tmp_path: Path) -> None:
    assert config(tmp_path, __DEEP='{"one": 9, "new": 3}')["deep"] == {"one": 9, "other-one": 2, "new": 3}
    assert config(tmp_path, __NAMES='["c"]')["names"] == ["c"]
    assert layers(tmp_path, SERVICE__INHERIT_ENV="[]").value["service"]["inherit_env"] == []


def test_the_variable_of_a_part_is_laid_over_that_of_the_whole(tmp_path: Path) -> None:
    both = {"__DEEP__ONE": "part", "__DEEP": '{"one": "whole", "other-one": 7}'}
    assert config(tmp_path, **both)["deep"] == {"one": "part", "other-one": 7}


@pytest.mark.parametrize("name", ["__DEEP__OTHER_ONE", "__deep__Other-One", "__DEEP__OTHER-ONE"])
def test_keys_match_ignoring_case_dashes_and_underscores(tmp_path: Path, name: str) -> None:
    assert config(tmp_path, **{name: "3"})["deep"] == {"one": 1, "other-one": 3}


def test_a_key_with_two_underscores_is_found(tmp_path: Path) -> None:
    assert config(tmp_path, __DB__URL="y")["db__url"] == "y"


def test_a_name_that_fits_two_keys_is_refused(tmp_path: Path) -> None:
    text = "plugins: {py-greet: {}, py_greet: {}}"
    assert only(layers(tmp_path, text, PLUGINS__PY_GREET__ENABLED="false")) == (
        "environment:DUCTILE_PLUGINS__PY_GREET__ENABLED: error[ambiguous]: `DUCTILE_PLUGINS__PY_GREET__ENABLED` could "
        "set `plugins.py-greet.enabled` or `plugins.py_greet.enabled`; rename one of them"
    )


def test_two_names_for_one_setting_are_refused(tmp_path: Path) -> None:
    assert "error[duplicate]: `DUCTILE_Service__Name` sets `service.name`, and so does `DUCTILE_SERVICE__NAME`" in only(
        layers(tmp_path, SERVICE__NAME="a", Service__Name="b")
    )


def test_what_matches_nothing_is_refused_and_sets_nothing(tmp_path: Path) -> None:
    read = layers(tmp_path, PLUGINS__OTHER__ENABLED="false", API__LISTN="x")
    assert [problem.code for problem in read.problems] == ["unknown_key", "unknown_key"]
    assert read.value == layers(tmp_path).value


def test_a_name_of_endless_keys_is_refused_at_once(tmp_path: Path) -> None:
    [problem] = layers(tmp_path, **{"A__" * 40_000: "1"}).problems
    assert "no file nests deeper than 100 levels" in problem.message


def test_other_variables_are_left_alone(tmp_path: Path) -> None:
    read = layers(tmp_path, TOKEN="x", CONFIG_DIR="x", INSTANCE="x", URL_X="x", _X="x")
    assert read.problems == ()
    assert load_layers(tmp_path / "config.yaml", {"NOT_DUCTILE_API__X": "1", "ductile_api__x": "1"}).problems == ()


def test_nothing_is_said_of_keys_that_an_unreadable_file_may_define(tmp_path: Path) -> None:
    text = "include: [plugins.yaml]\nplugins: {a: {}}"
    (tmp_path / "plugins.yaml").write_text("plugins: {b: {}\n")
    read = layers(tmp_path, text, PLUGINS__B__ENABLED="false", PLUGINS__A__ENABLED="[")
    assert [(problem.code, problem.mark and problem.mark.file) for problem in read.problems] == [
        ("yaml", "plugins.yaml"),
        ("bad_value", "environment:DUCTILE_PLUGINS__A__ENABLED"),
    ]


def test_an_env_file_sets_too_with_its_line_and_the_process_wins(tmp_path: Path) -> None:
    env = "A=1\nDUCTILE_SERVICE__MAX_HOPS=5\nDUCTILE_SERVICE__NAME='from the file'\nDUCTILE_STATE__PATH=x.db\n"
    read = layers(tmp_path, env=env, SERVICE__NAME="from the process")
    assert read.problems == ()
    assert read.value["service"] == {"inherit_env": ["EDITOR"], "max_hops": 5, "name": "from the process"}
    assert str(read.marks.of(("service", "max_hops"))) == "sub/.env:2:1"
    assert read.value["state"]["path"] == str(tmp_path / "sub/x.db")


def test_a_relative_path_is_relative_to_the_configuration_folder(tmp_path: Path) -> None:
    read = layers(tmp_path, STATE__PATH="data/x.db", API__LISTEN='["unix:run/sock", ":80"]')
    assert read.value["state"]["path"] == str(tmp_path / "data/x.db")
    assert read.value["api"]["listen"] == [f"unix:{tmp_path}/run/sock", ":80"]


def test_what_is_named_as_a_secret_is_one(tmp_path: Path) -> None:
    text = "plugins: {a: {config: {password: x, other: x, api_key: 1, tokens: [], max_tokens: 1}}}"
    at = "PLUGINS__A__CONFIG__"
    read = layers(
        tmp_path,
        text,
        **{
            f"{at}PASSWORD": "a-long-password",
            f"{at}OTHER": '{"secret": ["inside-a-list", "short"], "name": "no-secret-here"}',
            f"{at}API_KEY": "1234567890",
            f"{at}MAX_TOKENS": "1000000000",
        },
    )
    assert read.problems == ()
    assert read.secrets == {"a-long-password", "inside-a-list", "1234567890"}


def test_no_error_quotes_a_secret(tmp_path: Path) -> None:
    text = "plugins: {a: {config: {password: x}}}"
    for value in ('["1", 123456789012345678901234567890]', '{"hunter22": 1, "hunter22": 2}', "[hunter22", '"hunter22'):
        said = only(layers(tmp_path, text, PLUGINS__A__CONFIG__PASSWORD=value))
        assert "hunter22" not in said
        assert "1234" not in said
        assert "`DUCTILE_PLUGINS__A__CONFIG__PASSWORD` is no value for `plugins.a.config.password`" in said


def test_a_wrong_value_has_its_variable_where_http_shows_a_file(compile_yaml: Callable[..., Compiled]) -> None:
    [error] = compile_yaml("plugin_roots: [plugins]", {"DUCTILE_SERVICE__MAX_HOPS": "many"}).errors
    assert str(error) == (
        "environment:DUCTILE_SERVICE__MAX_HOPS: error[bad_value]: `max_hops` must be a whole number, not `many`"
    )
    public = error.public()
    assert (public["file"], public["line"], public["column"]) == ("environment:DUCTILE_SERVICE__MAX_HOPS", None, None)


def test_an_override_changes_the_hash_and_an_equal_one_does_not(snapshot_of: Callable[..., Snapshot]) -> None:
    text = "plugin_roots: [plugins]\nservice: {max_hops: 7}"
    plain = snapshot_of(text)
    assert snapshot_of(text, {"DUCTILE_SERVICE__MAX_HOPS": "7"}).config_hash == plain.config_hash
    assert snapshot_of(text, {"DUCTILE_SERVICE__MAX_HOPS": "8"}).config_hash != plain.config_hash


@pytest.mark.parametrize(
    "value",
    ["\udcff", "\0", "{" * 5000, "[" * 200_000, "&a [*a]", "!!python/object:os.system x", "---\n---\n", "\ufeff"],
)
@pytest.mark.parametrize("name", ["SERVICE__NAME", "SERVICE__MAX_HOPS", "API__AUTH", "PLUGINS__WORKER__CONFIG__COUNT"])
def test_no_value_makes_compiling_raise(compile_yaml: Callable[..., Compiled], name: str, value: str) -> None:
    compiled = compile_yaml(
        "plugin_roots: [plugins]\nplugins: {worker: {config: {count: 1}}}", {f"DUCTILE_{name}": value}
    )
    assert all(problem.mark is not None for problem in compiled.problems)
