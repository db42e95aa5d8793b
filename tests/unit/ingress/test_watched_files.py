"""What a look at the disk sees: all that decides what a configuration is, and nothing else."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from watchfiles import Change

from ductile.ingress.watched_files import FileStates, LinkResolver, scan
from ductile.model.config_inputs import ConfigInputs

MANIFEST = "name: x\n"


@pytest.fixture
def inputs(tmp_path: Path) -> ConfigInputs:
    """A configuration with an included folder, and a plugin below a root."""
    for path, body in {
        "conf/config.yaml": "a",
        "conf/more/b.yaml": "b",
        "conf/data/state.db": "",
        "roots/plugins/noop/manifest.yaml": MANIFEST,
        "roots/plugins/noop/run": "#!",
        "roots/plugins/noop/lib/code.py": "",
        "roots/plugins/group/README": "",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(body)
    noop = tmp_path / "roots/plugins/noop"
    conf = tmp_path / "conf"
    return ConfigInputs(
        files=(conf / "config.yaml", conf / "more/b.yaml", conf / "gone/x.yaml", noop / "manifest.yaml", noop / "run"),
        folders=(conf / "more",),
        roots=(tmp_path / "roots/plugins",),
    )


Act = Callable[[Path], object]

CHANGES: dict[str, Act] = {
    "a file is written": lambda at: (at / "conf/config.yaml").write_text("longer"),
    "a file is touched": lambda at: os.utime(at / "conf/config.yaml", ns=(1, 1)),
    "a file goes": lambda at: (at / "conf/config.yaml").unlink(),
    "a file is replaced by one of the same size and time": lambda at: replace(at / "conf/config.yaml"),
    "a file may not be read": lambda at: (at / "conf/config.yaml").chmod(0o200),
    "an included folder gets a file": lambda at: (at / "conf/more/a.yaml").write_text(""),
    "an included folder goes": lambda at: shutil.rmtree(at / "conf/more"),
    "a missing file comes": lambda at: ((at / "conf/gone").mkdir(), (at / "conf/gone/x.yaml").write_text("")),
    "an entrypoint is written": lambda at: (at / "roots/plugins/noop/run").write_text("#!/bin/sh"),
    "an entrypoint may be run": lambda at: (at / "roots/plugins/noop/run").chmod(0o755),
    "everybody may write a plugin's folder": lambda at: (at / "roots/plugins/noop").chmod(0o777),
    "a plugin comes": lambda at: new_plugin(at / "roots/plugins/fresh"),
    "a plugin comes deep below": lambda at: new_plugin(at / "roots/plugins/group/deep/fresh"),
    "a plugin goes": lambda at: shutil.rmtree(at / "roots/plugins/noop"),
    "a root goes": lambda at: shutil.rmtree(at / "roots"),
    "a root is another folder": lambda at: swap(at / "roots"),
}
NOTHING: dict[str, Act] = {
    "nothing happens": lambda _: None,
    "the store writes": lambda at: (at / "conf/data/state.db-wal").write_text("x"),
    "an editor keeps a copy": lambda at: (at / "conf/.config.yaml.swp").write_text("x"),
    "a plugin writes beside its entrypoint": lambda at: (at / "roots/plugins/noop/lib/x.pyc").write_text("x"),
    "a plugin's folder gets a file": lambda at: (at / "roots/plugins/noop/out.txt").write_text("x"),
    "an included folder gets another kind of file": lambda at: (at / "conf/more/notes.md").write_text("x"),
}


def replace(path: Path) -> None:
    status = path.stat()
    other = path.with_name("other")
    other.write_text("z")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.rename(path)


def new_plugin(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "manifest.yaml").write_text(MANIFEST)


def swap(folder: Path) -> None:
    folder.rename(folder.with_name("old"))
    shutil.copytree(folder.with_name("old"), folder, copy_function=shutil.copy2)


def changes_states(inputs: ConfigInputs, act: Callable[[], object]) -> bool:
    before = scan(inputs)
    act()
    return scan(inputs).states != before.states


@pytest.mark.parametrize("what", CHANGES)
def test_it_changes_when(inputs: ConfigInputs, tmp_path: Path, what: str) -> None:
    assert changes_states(inputs, lambda: CHANGES[what](tmp_path))


@pytest.mark.parametrize("what", NOTHING)
def test_it_stays_the_same_when(inputs: ConfigInputs, tmp_path: Path, what: str) -> None:
    assert not changes_states(inputs, lambda: NOTHING[what](tmp_path))


def is_concerned(states: FileStates, path: Path) -> bool:
    return states.concerns(Change.modified, str(path))


def test_only_changes_that_may_matter_wake(inputs: ConfigInputs, tmp_path: Path) -> None:
    states = scan(inputs)
    for path in ("conf", "conf/config.yaml", "conf/gone", "conf/more/new.yaml", "roots", "roots/plugins/new"):
        assert is_concerned(states, tmp_path / path), path
    for path in ("roots/plugins/noop/run", "roots/plugins/noop/manifest.yaml", "roots/plugins/group/new"):
        assert is_concerned(states, tmp_path / path), path
    for path in ("conf/state.db-wal", "conf/.config.yaml.swp", "conf/more/.b.yaml.swp", "conf/data", "other"):
        assert not is_concerned(states, tmp_path / path), path
    for path in ("roots/plugins/noop/__pycache__", "roots/plugins/noop/out.txt", "roots/plugins/.git"):
        assert not is_concerned(states, tmp_path / path), path


def test_the_folders_to_watch_are_those_that_hold_what_matters(inputs: ConfigInputs, tmp_path: Path) -> None:
    watched = {folder for folder, _ in scan(inputs).folders}
    below = {str(folder.relative_to(tmp_path)) for folder in watched if folder.is_relative_to(tmp_path)}
    assert below == {
        ".",
        "conf",
        "conf/more",
        "roots",
        "roots/plugins",
        "roots/plugins/group",
        "roots/plugins/noop",
    }
    assert tmp_path.parent in watched


def test_a_folder_that_was_made_again_is_another_one_to_watch(inputs: ConfigInputs, tmp_path: Path) -> None:
    before = scan(inputs).folders
    swap(tmp_path / "conf/more")
    assert scan(inputs).folders != before


def test_links_are_followed_to_what_they_mean(tmp_path: Path) -> None:
    for version in ("..1", "..2"):
        (tmp_path / "m" / version).mkdir(parents=True)
        (tmp_path / "m" / version / "c.yaml").write_text("x")
    (tmp_path / "m/..data").symlink_to("..1")
    (tmp_path / "m/c.yaml").symlink_to("..data/c.yaml")
    (tmp_path / "abs").symlink_to(tmp_path / "m/../m/c.yaml")
    way = LinkResolver()
    assert way.resolve(tmp_path / "abs") == tmp_path / "m/..1/c.yaml"
    for name in ("abs", "m", "m/c.yaml", "m/..data", "m/..1", "m/..1/c.yaml"):
        assert tmp_path / name in way.entries
    inputs = ConfigInputs(files=(tmp_path / "abs",))
    before = scan(inputs)
    assert is_concerned(before, tmp_path / "m/..data")
    (tmp_path / "m/tmp").symlink_to("..2")
    (tmp_path / "m/tmp").rename(tmp_path / "m/..data")
    after = scan(inputs)
    assert after.states != before.states
    assert after.folders != before.folders


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "self").symlink_to("self/x")
    states = scan(
        ConfigInputs(files=(tmp_path / "a", tmp_path / "self"), folders=(tmp_path / "b",), roots=(tmp_path / "a",))
    )
    assert {state for path, state in states.states} == {()}


def test_odd_names_are_not_there(tmp_path: Path) -> None:
    odd = (tmp_path / "a\0b", tmp_path / ("x" * 5000), tmp_path / "\udcff")
    assert [state for _, state in scan(ConfigInputs(files=odd, folders=odd, roots=odd)).states] == [(), (), ()]
