"""`plugin_roots: [bundled]`: the plugins that ship with Ductile, and what is said of those that nobody uses."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ductile.config.compile import Compiled
from ductile.config.diff import compare_snapshots
from ductile.config.load import load_layers
from ductile.model.snapshot import Snapshot
from ductile.plugin.bundled import bundled_folder

Compile = Callable[..., Compiled]
Snap = Callable[..., Snapshot]
REPOSITORY = Path(__file__).parents[3]


def said(compiled: Compiled) -> list[tuple[str, str]]:
    return [(problem.code, problem.message) for problem in compiled.problems if problem.code != "no_tokens"]


def test_in_a_checkout_the_word_names_its_plugins(snapshot_of: Snap) -> None:
    found = snapshot_of("plugin_roots: [plugins, bundled]\n")
    assert bundled_folder() == REPOSITORY / "plugins"
    assert found.plugins["echo"].folder == REPOSITORY / "plugins/echo"
    assert "worker" in found.plugins
    assert found.inputs.roots[1] == REPOSITORY / "plugins"


def test_a_folder_of_that_name_is_written_as_a_path(compile_yaml: Compile, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "plugins/worker", tmp_path / "bundled/worker")
    by_path = compile_yaml("plugin_roots: [./bundled]\n")
    assert said(by_path) == []
    assert by_path.snapshot is not None
    assert set(by_path.snapshot.plugins) == {"worker"}
    by_word = compile_yaml("plugin_roots: [bundled]\n")
    [(code, message)] = said(by_word)
    assert code == "bundled_folder"
    assert f"not the folder {tmp_path}/bundled; write `./bundled`" in message
    assert by_word.snapshot is not None
    assert "worker" not in by_word.snapshot.plugins


def test_a_folder_beside_an_included_file_is_told_of(compile_yaml: Compile, tmp_path: Path) -> None:
    (tmp_path / "more/bundled").mkdir(parents=True)
    (tmp_path / "more/roots.yaml").write_text("plugin_roots: [bundled]\n")
    [(_, message)] = said(compile_yaml("include: [more/roots.yaml]\n"))
    assert f"{tmp_path}/more/bundled" in message


def test_the_word_counts_from_a_variable_too(snapshot_of: Snap) -> None:
    assert "echo" in snapshot_of("plugin_roots: ['${WHERE}']\n", {"WHERE": "bundled"}).plugins


def test_a_bundled_plugin_that_nothing_names_and_that_lacks_settings_is_no_warning(compile_yaml: Compile) -> None:
    compiled = compile_yaml("plugin_roots: [bundled]\n")
    assert said(compiled) == []
    assert compiled.snapshot is not None
    idle = compiled.snapshot.unusable["switch"]
    assert (idle.kind, idle.reason) == (
        "disabled",
        "it ships with Ductile, and no entry in `plugins:` sets it up: it needs `config.checks`, which is missing",
    )


@pytest.mark.parametrize(
    "use",
    [
        "plugins: {switch: {}}",
        "pipelines: [{name: p, on: e, steps: [{split: [{uses: switch}]}]}]",
        "pipelines: [{name: p, on: e, steps: [{uses: switch.handle}]}]",
        "routes: [{from: worker, event_type: e, to: switch}]",
    ],
)
def test_a_bundled_plugin_that_something_names_is_quarantined_aloud(compile_yaml: Compile, use: str) -> None:
    compiled = compile_yaml(f"plugin_roots: [plugins, bundled]\n{use}\n")
    [(code, message)] = said(compiled)
    assert (code, message) == ("missing", "plugin `switch` is quarantined: it needs `config.checks`, which is missing")
    assert compiled.snapshot is not None
    assert compiled.snapshot.unusable["switch"].kind == "quarantined"


def test_a_missing_interpreter_counts_where_the_plugin_is_named(
    compile_yaml: Compile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for program in ("bash", "python3"):
        (tmp_path / program).symlink_to(shutil.which(program) or "")
    monkeypatch.setenv("PATH", str(tmp_path))
    idle = compile_yaml("plugin_roots: [bundled]\n")
    assert said(idle) == []
    assert idle.snapshot is not None
    assert idle.snapshot.unusable["node-greet"].kind == "disabled"
    named = compile_yaml("plugin_roots: [bundled]\nplugins: {node-greet: {}}\n")
    [(code, message)] = said(named)
    assert code == "missing_program"
    assert "needs `node`, which is not on the PATH" in message


def test_bundled_plugins_are_trusted_as_others_are(compile_yaml: Compile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ductile.plugin.loader.gateway_owners", lambda: frozenset({4711}))
    compiled = compile_yaml("plugin_roots: [bundled]\n")
    assert ("untrusted", True) in {(code, "echo" in message) for code, message in said(compiled)}
    assert compiled.snapshot is not None
    assert compiled.snapshot.plugins == {}


def test_a_copy_of_a_configuration_has_the_same_bundled_plugins(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text("plugin_roots: [bundled]\n")
    layers = [load_layers(tmp_path / name / "config.yaml", {}) for name in ("one", "two")]
    assert [one.value["plugin_roots"] for one in layers] == [["bundled"]] * 2
    assert compare_snapshots(*layers) == []
