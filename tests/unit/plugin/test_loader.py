from pathlib import Path

import pytest

from ductile.plugin.discovery import PluginFolder
from ductile.plugin.loader import LoadedPlugin, load_plugin, load_plugins

MANIFEST = """\
manifest_spec: ductile.plugin
manifest_version: 1
name: {name}
version: 1.0.0
protocol: 2
entrypoint: {entrypoint}
commands: [{{name: poll, type: read}}]
"""
SCRIPT = "#!/bin/sh\necho '{}'\n"


def plugin(folder: Path, *, name: str = "demo", entrypoint: str = "run.sh", script: str | None = SCRIPT) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.yaml").write_text(MANIFEST.format(name=name, entrypoint=entrypoint))
    if script is not None:
        path = folder / entrypoint
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script)
        path.chmod(0o755)
    return folder


def load(folder: Path, *, allow_symlinks: bool = False) -> LoadedPlugin:
    found = PluginFolder(folder=folder, manifest_path=folder / "manifest.yaml", root=folder.parent)
    return load_plugin(found, allow_symlinks=allow_symlinks)


def reason(loaded: LoadedPlugin) -> str:
    (problem,) = loaded.problems
    assert problem.severity == "error"
    assert problem.mark is not None
    assert loaded.executable is None
    return problem.message


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "root" / "demo"


def test_a_sound_plugin_is_loaded(folder: Path) -> None:
    loaded = load(plugin(folder))
    assert loaded.problems == ()
    assert loaded.name == "demo"
    assert loaded.manifest is not None
    assert loaded.executable == folder / "run.sh"


def test_an_entrypoint_may_lie_in_a_folder_of_the_plugin(folder: Path) -> None:
    assert load(plugin(folder, entrypoint="./bin/run")).executable == folder / "bin" / "run"


@pytest.mark.parametrize("entrypoint", ["../run.sh", "bin/../../run.sh", "/bin/sh", "bin/../run.sh"])
def test_an_entrypoint_outside_the_plugin_folder_is_refused(folder: Path, entrypoint: str) -> None:
    assert "must be a path inside the plugin folder" in reason(load(plugin(folder, entrypoint=entrypoint, script=None)))


def test_a_missing_entrypoint_is_refused(folder: Path) -> None:
    assert "does not exist" in reason(load(plugin(folder, script=None)))


def test_an_entrypoint_that_is_a_folder_is_refused(folder: Path) -> None:
    plugin(folder, script=None)
    (folder / "run.sh").mkdir()
    assert "is no regular file" in reason(load(folder))


def test_an_entrypoint_that_is_the_plugin_folder_is_refused_as_one(folder: Path) -> None:
    assert "is no regular file" in reason(load(plugin(folder, entrypoint=".", script=None)))


def test_an_entrypoint_that_is_not_executable_is_refused_and_told_how(folder: Path) -> None:
    plugin(folder)
    (folder / "run.sh").chmod(0o644)
    assert f"run `chmod +x {folder / 'run.sh'}`" in reason(load(folder))


@pytest.mark.parametrize("what", [".", "run.sh", "manifest.yaml"])
def test_what_everybody_may_write_is_not_run(folder: Path, what: str) -> None:
    path = plugin(folder) / what
    path.chmod(path.stat().st_mode | 0o002)
    assert "everybody may write" in reason(load(folder))


def test_a_folder_on_the_way_to_the_entrypoint_counts_too(folder: Path) -> None:
    plugin(folder, entrypoint="bin/run")
    (folder / "bin").chmod(0o777)
    assert f"everybody may write {folder / 'bin'}" in reason(load(folder))


def test_a_linked_entrypoint_runs_only_when_links_are_allowed_and_it_stays_inside(folder: Path) -> None:
    plugin(folder, script=None)
    (folder / "real.sh").write_text(SCRIPT)
    (folder / "real.sh").chmod(0o755)
    (folder / "run.sh").symlink_to("real.sh")
    assert "`service.allow_symlinks` does not allow" in reason(load(folder))
    assert load(folder, allow_symlinks=True).executable == folder / "real.sh"


def test_a_link_out_of_the_plugin_folder_is_never_run(folder: Path) -> None:
    plugin(folder, script=None)
    (folder / "run.sh").symlink_to("/bin/sh")
    assert "leads out of the plugin folder" in reason(load(folder, allow_symlinks=True))


def test_a_link_to_nowhere_is_refused(folder: Path) -> None:
    plugin(folder, script=None)
    (folder / "run.sh").symlink_to("nowhere")
    assert "leads nowhere" in reason(load(folder, allow_symlinks=True))


def test_a_linked_manifest_is_refused_unless_links_are_allowed_and_it_stays_inside(
    folder: Path, tmp_path: Path
) -> None:
    plugin(folder)
    (folder / "manifest.yaml").rename(folder / "other.yaml")
    (folder / "manifest.yaml").symlink_to("other.yaml")
    assert "the manifest is a symbolic link" in reason(load(folder))
    assert load(folder, allow_symlinks=True).problems == ()
    (folder / "other.yaml").rename(tmp_path / "other.yaml")
    (folder / "manifest.yaml").unlink()
    (folder / "manifest.yaml").symlink_to(tmp_path / "other.yaml")
    assert "leads out of the plugin root" in reason(load(folder, allow_symlinks=True))


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("#!/opt/no/such/python\n", "needs /opt/no/such/python, which is not installed"),
        ("#!/usr/bin/env no-such-program\n", "needs `no-such-program`, which is not on the PATH"),
        ("#!/usr/bin/env -S no-such-program --script\n", "needs `no-such-program`"),
        ("#!/usr/bin/env -S A=1 no-such-program\n", "needs `no-such-program`"),
        ("#!/bin/sh\r\necho\r\n", "has Windows line ends"),
        ("#!\n", "names no interpreter"),
        ("echo hello\n", "is no program: its first line must name one"),
        ("", "is no program"),
    ],
)
def test_a_script_that_nothing_can_run_is_refused_by_name(folder: Path, script: str, expected: str) -> None:
    assert expected in reason(load(plugin(folder, script=script)))


def test_a_binary_needs_no_first_line(folder: Path) -> None:
    plugin(folder, script=None)
    (folder / "run.sh").write_bytes(b"\x7fELF\x02\0\0")
    (folder / "run.sh").chmod(0o755)
    assert load(folder).problems == ()


def test_a_program_behind_env_is_looked_for_on_the_path(folder: Path) -> None:
    assert load(plugin(folder, script="#!/usr/bin/env -S sh -e\n")).problems == ()


def test_a_bad_manifest_keeps_its_name_and_all_its_problems(folder: Path) -> None:
    plugin(folder)
    (folder / "manifest.yaml").write_text("name: known\nprotocol: 1\nx: 2\n")
    loaded = load(folder)
    assert loaded.name == "known"
    assert loaded.manifest is None
    assert len(loaded.problems) > 2


def test_a_manifest_that_cannot_be_read_takes_the_name_of_its_folder(folder: Path) -> None:
    plugin(folder)
    (folder / "manifest.yaml").write_text("name: [\n")
    assert load(folder).name == "demo"
    (folder / "manifest.yaml").unlink()
    assert load(folder).problems[0].code == "missing_file"


def test_the_first_root_wins_a_name_and_the_second_is_reported(tmp_path: Path) -> None:
    plugin(tmp_path / "one" / "a", name="same")
    plugin(tmp_path / "two" / "b", name="same")
    plugin(tmp_path / "two" / "c", name="other")
    plugins = load_plugins([tmp_path / "one", tmp_path / "two"], allow_symlinks=False)
    assert [(loaded.name, loaded.folder) for loaded in plugins.loaded] == [
        ("same", tmp_path / "one" / "a"),
        ("other", tmp_path / "two" / "c"),
    ]
    (problem,) = plugins.problems
    assert (problem.code, problem.severity) == ("duplicate_plugin", "warning")
    assert str(tmp_path / "one" / "a") in problem.message
    assert problem.mark is not None
    assert problem.mark.file == str(tmp_path / "two" / "b" / "manifest.yaml")


def test_one_bad_plugin_does_not_keep_the_others_from_loading(tmp_path: Path) -> None:
    plugin(tmp_path / "bad", name="bad", script=None)
    plugin(tmp_path / "good", name="good")
    plugins = load_plugins([tmp_path, tmp_path / "missing"], allow_symlinks=False)
    assert [(loaded.name, bool(loaded.problems)) for loaded in plugins.loaded] == [("bad", True), ("good", False)]
    assert [problem.code for problem in plugins.problems] == ["missing_folder"]
