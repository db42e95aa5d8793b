"""What a plugin says about its test is read, or refused with its place."""

from pathlib import Path

import pytest

from ductile.kit.errors import BadSettings
from ductile.kit.kit_settings import read_cases, read_settings


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    folder = tmp_path / "tests"
    folder.mkdir()
    return folder


def test_nothing_need_be_said(tmp_path: Path) -> None:
    assert read_settings(tmp_path).config == {}
    assert read_cases(tmp_path) == {}


def test_settings_and_cases_are_read(tests: Path) -> None:
    (tests / "kit.yaml").write_text("config: {a: 1}\nenv: {B: c}\nfiles: {in/x.txt: text}\nskip: {poll: costs money}\n")
    (tests / "one.json").write_text('{"command": "go", "payload": {"x": "\\ud83d\\ude00"}, "expect": {"result": null}}')
    settings = read_settings(tests.parent)
    assert (settings.config, settings.env, settings.files) == ({"a": 1}, {"B": "c"}, {"in/x.txt": "text"})
    assert settings.skip == {"poll": "costs money"}
    case = read_cases(tests.parent)["one.json"]
    assert (case.payload, case.expect.status) == ({"x": "😀"}, "ok")
    assert case.expect.model_fields_set == {"result"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("confg: {a: 1}", "kit.yaml:1:8 cannot be used: `confg` is no key of it; did you mean `config`?"),
        ("config: {}\nfiles: {../x: y}", "must be a path inside the scratch folder, without `..`, not '../x'"),
        ("files: {/etc/x: y}", "must be a path inside the scratch folder"),
        ("env: {A: 1}", "kit.yaml:1:10 cannot be used: `env.A`"),
        ("config: [1]", "kit.yaml:1:9 cannot be used: `config`"),
        ("a: b: c", "error[yaml]"),
    ],
)
def test_wrong_settings_are_told_with_their_place(tests: Path, text: str, says: str) -> None:
    (tests / "kit.yaml").write_text(text)
    with pytest.raises(BadSettings) as refused:
        read_settings(tests.parent)
    assert says in refused.value.message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "one.json cannot be used: it is not JSON"),
        ("[]", "it must be a map of keys"),
        ("{}", "it needs `command`"),
        ('{"command": "x", "paylod": {}}', "`paylod` is no key of it; did you mean `payload`?"),
        ('{"command": "x", "expect": {"stats": "ok"}}', "`expect.stats` is no key of it; did you mean `status`?"),
        ('{"command": "x", "expect": {"status": "fine"}}', "`expect.status`"),
    ],
)
def test_a_wrong_case_is_told_with_its_file(tests: Path, text: str, says: str) -> None:
    (tests / "one.json").write_text(text)
    with pytest.raises(BadSettings) as refused:
        read_cases(tests.parent)
    assert says in refused.value.message
