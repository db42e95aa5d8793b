"""A plugin's folder is made whole, or nothing is touched."""

import os
import re
import tempfile
from importlib.resources import files
from pathlib import Path

import pytest

from ductile.errors import DuctileError
from ductile.kit.errors import BadNewName, CannotMakeFolder, FolderTaken
from ductile.kit.plugin_folder import make_folder
from ductile.kit.plugin_under_test import open_plugin
from ductile.kit.template import TOOLCHAINS, Language, PluginFile, plugin_files

FILES = {"a": PluginFile(text="one\n"), "sub/run.sh": PluginFile(text="#!/bin/sh\n")}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("language", [Language.PYTHON, Language.NODE, Language.BASH])
def test_a_new_plugin_has_a_sound_manifest_and_an_entrypoint_that_can_be_trusted(tmp_path: Path, language: str) -> None:
    made = plugin_files("hello", Language(language))
    opened = open_plugin(make_folder("hello", tmp_path, made))
    assert opened.loaded.problems == ()
    assert opened.loaded.executable is not None
    assert names(tmp_path) == ["hello"]
    assert {"manifest.yaml", "manifest.schema.json", "README.md"} <= set(names(opened.folder))
    assert [path for path, file in made.items() if "@" in file.text.replace("npm@", "") and "@NAME@" in file.text] == []


KINDS = [*((language, False) for language in Language), (Language.PYTHON, True), (Language.NODE, True)]


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize(("language", "persistent"), KINDS)
def test_no_word_of_a_template_is_left(language: Language, *, persistent: bool, small: bool) -> None:
    made = plugin_files("hello", language, persistent=persistent, small=small)
    assert re.findall("@[A-Z]+@", "".join(file.text for file in made.values())) == []


BUILT_FROM = {
    Language.GO: ["build.sh", "go.mod", ".gitignore"],
    Language.RUST: ["build.sh", "Cargo.toml", "Cargo.lock", ".gitignore"],
}
SOURCES = {Language.GO: "main.go", Language.RUST: "src/main.rs"}


@pytest.mark.parametrize(("language", "persistent"), KINDS)
def test_a_small_plugin_is_a_short_manifest_and_a_short_program(language: Language, *, persistent: bool) -> None:
    made = plugin_files("hello", language, persistent=persistent, small=True)
    source = SOURCES.get(language, TOOLCHAINS[language].entrypoint)
    library = [TOOLCHAINS[language].library] if persistent else []
    assert sorted(made) == sorted(["manifest.yaml", source, *library, *BUILT_FROM.get(language, [])])
    assert len(made["manifest.yaml"].text.splitlines()) <= 9
    assert len(made[source].text.splitlines()) <= (26 if language == Language.GO else 14)
    assert ("lifecycle: persistent" in made["manifest.yaml"].text) is persistent


@pytest.mark.parametrize("language", [Language.PYTHON, Language.NODE])
def test_a_plugin_that_stays_up_has_its_library_beside_it_and_says_so(tmp_path: Path, language: Language) -> None:
    library = TOOLCHAINS[language].library
    assert library is not None
    opened = open_plugin(make_folder("hello", tmp_path, plugin_files("hello", language, persistent=True)))
    assert opened.loaded.problems == ()
    assert opened.loaded.manifest is not None
    assert opened.loaded.manifest.lifecycle == "persistent"
    assert (opened.folder / library).read_text() == (files("ductile.author") / library).read_text()
    assert library in (opened.folder / TOOLCHAINS[language].entrypoint).read_text()
    assert library not in plugin_files("hello", language)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_nothing_is_writable_by_everybody_whatever_the_umask_is(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        folder = make_folder("hello", tmp_path, FILES)
    finally:
        os.umask(before)
    modes = {path.relative_to(tmp_path).as_posix(): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    wide, narrow = 0o755 & ~umask, 0o644 & ~umask
    assert folder == tmp_path / "hello"
    assert modes == {"hello": wide, "hello/a": narrow, "hello/sub": wide, "hello/sub/run.sh": wide}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("core", "reserved"),
        ("Hello", "names start with"),
        ("../up", "names start with"),
        ("", "names start with"),
        ("a\n", "names start with"),
        ("-x", "names start with"),
        ("é", "names start with"),
        ("x" * 101, "101 characters"),
    ],
)
def test_a_wrong_name_is_refused_and_nothing_made(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(BadNewName, match=reason):
        make_folder(name, tmp_path, FILES)
    assert names(tmp_path) == []


def test_what_is_there_is_not_touched(tmp_path: Path) -> None:
    taken = tmp_path / "hello"
    taken.mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "file").write_text("mine")
    for name in ("hello", "link", "file"):
        with pytest.raises(FolderTaken, match="nothing was touched"):
            make_folder(name, tmp_path, FILES)
    assert names(tmp_path) == ["file", "hello", "link"]
    assert names(taken) == []


def test_a_folder_that_comes_in_between_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(self: Path, target: Path) -> None:
        (target / "theirs").write_text("x")
        os.rename(self, target)  # noqa: PTH104 - the method is replaced

    monkeypatch.setattr(Path, "rename", late)
    with pytest.raises(CannotMakeFolder, match="Directory not empty"):
        make_folder("hello", tmp_path, FILES)
    assert names(tmp_path) == ["hello"]
    assert names(tmp_path / "hello") == ["theirs"]


def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(CannotMakeFolder, match="No space left on device"):
        make_folder("hello", tmp_path, FILES)
    assert names(tmp_path) == []


def test_a_parent_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for parent, reason in ((tmp_path / "nowhere", "no such folder"), (tmp_path / "file", "it is no folder")):
        with pytest.raises(DuctileError, match=reason):
            make_folder("hello", parent, FILES)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_parent_that_may_not_be_written_to_is_told() -> None:
    with tempfile.TemporaryDirectory() as name:  # a folder that others can reach
        Path(name).chmod(0o755)
        child = os.fork()
        if child == 0:
            os.seteuid(65534)
            try:
                make_folder("hello", Path(name), FILES)
            except CannotMakeFolder as error:
                os._exit(0 if "it may not be written to" in error.message else 2)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert names(Path(name)) == []
