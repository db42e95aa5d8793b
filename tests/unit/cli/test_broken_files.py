"""A configuration whose files cannot be read: every verb that needs it says where and why, and none crashes."""

import os
from pathlib import Path

import pytest

from ductile.cli.main import main

BROKEN = {
    "an open bracket": "api: [1\nfoo: x\n",
    "a tab": "api:\n\tlisten: x\n",
    "a second document": "---\napi: {}\n---\nx: 1\n",
    "an alias of nothing": "api: *nothing\n",
    "a list": "- api\n",
    "no UTF-8": "api: {listen: '\udcff'}\n",
    "a NUL": "api: {listen: '\0'}\n",
    "very deep": "api: " + "[" * 5000,
}
ADDRESSES = ["5", "!!python/object:os.system {}", "{listen: 1.5.5.5.5:x}", "{listen: [127.0.0.1:8080, {}]}"]
VERBS = [
    ["job", "list"],
    ["system", "status"],
    ["system", "reload"],
    ["plugin", "list"],
    ["queue", "stats"],
    ["nonesuch", "greet"],
    ["config", "diff"],
    ["config", "get", "api"],
    ["config", "set", "service.log_level", "debug"],
    ["config", "check", "--format", "table"],
    ["config", "doctor", "--format", "table"],
    ["config", "show"],
    ["plugin", "enable", "hello"],
    ["pipeline", "show", "x", "--offline"],
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("DUCTILE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DUCTILE_CONFIG_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_says_the_place(folder: Path, verb: list[str], text: str, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "config.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
    code = main(verb)
    out, err = capfd.readouterr()
    told = out + err
    assert "config.yaml:" in told or "config.yaml " in told, told
    assert "error[" in told or "is no YAML" in told or "cannot be changed" in told, told
    assert "no enabled `api:`" not in told
    assert code in {0, 1, 78} if verb[0] == "config" else code == 78


@pytest.mark.parametrize("api", ADDRESSES)
@pytest.mark.parametrize("verb", [["job", "list"], ["system", "stop"], ["nonesuch", "greet"]], ids=" ".join)
def test_no_gateway_is_called_at_an_address_that_is_not_known(
    folder: Path, verb: list[str], api: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "config.yaml").write_text(f"api: {api}\n")
    assert main(verb) == 78
    assert "config.yaml:1:" in capfd.readouterr().err


def test_what_a_broken_file_does_not_hide_is_still_known(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "config.yaml").write_text("include: [more.yaml]\napi: {listen: '127.0.0.1:1', foo: 1}\n")
    (folder / "more.yaml").write_text("pipelines: [\n")
    assert main(["job", "list"]) == 7
    assert "http://127.0.0.1:1 cannot be reached" in capfd.readouterr().err
