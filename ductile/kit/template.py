"""The files of a new plugin, from the templates that ship with the package. Pure: nothing is written."""

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable

from msgspec import Struct

from ductile.plugin.discovery import MANIFEST_FILE
from ductile.plugin.manifest_schema import manifest_schema
from ductile.plugin.trust import BUILD_SCRIPT

SCHEMA_FILE = "manifest.schema.json"
_BUILD_TEXT = "`./{script}` builds `{entrypoint}`, which the manifest names: run it first, and after each change.\n\n"
_ERRORS_TEXT = (
    "A blank name is a permanent error (`retry: false`); a `greeting` that is no text ends with exit code 78, "
    "which is never retried."
)
_WORKER_ERRORS_TEXT = "A blank name and a `greeting` that is no text are permanent errors (`retry: false`)."
_PROTOCOL_TEXT = """\
- A request comes on stdin, one JSON object: `command`, `payload`, `config`, `state`, and for `handle` the `event`.
- The response goes to stdout: `status`, `result`, and if you like `events`, `state_updates`, `logs`, `error`, `retry`.
  What you print on stderr is kept for people.
"""
_LIBRARY_TEXT = """\
- `{library}` reads requests and writes responses, in workers and in single runs. It is yours to keep, and begins with
  how it is used. What you print is kept for people.
"""
_SUFFIX = ".tmpl"
_DOT_FILES = {"gitignore": ".gitignore"}
"""Names of templates for files whose names packaging and linters would act on."""


class Language(StrEnum):
    """What a new plugin is written in."""

    PYTHON = "python"
    NODE = "node"
    BASH = "bash"
    GO = "go"
    RUST = "rust"


class Toolchain(Struct, frozen=True, kw_only=True):
    """What plugins of a language need, and how their tests are run."""

    entrypoint: str
    test: str
    """The command that runs the plugin's own tests, in the plugin's folder."""
    programs: tuple[str, ...]
    """Programs that must be on the PATH to build the plugin, or to run it where nothing is built."""
    json_programs: tuple[str, ...] = ()
    """Programs that read and write JSON for the plugin; a small plugin needs none."""
    build_files: tuple[str, ...] = ()
    """Files that a compiler needs beside the source; none where nothing is built."""
    library: str | None = None
    """The author library for persistent plugins, or None."""

    @property
    def builds(self) -> bool:
        """Whether the entrypoint has to be built."""
        return bool(self.build_files)


TOOLCHAINS: Mapping[Language, Toolchain] = {
    Language.PYTHON: Toolchain(
        entrypoint="run.py", test="python3 -m unittest", programs=("python3",), library="ductile_plugin.py"
    ),
    Language.NODE: Toolchain(
        entrypoint="run.mjs", test="node --test", programs=("node",), library="ductile_plugin.mjs"
    ),
    Language.BASH: Toolchain(entrypoint="run.sh", test="./test.sh", programs=("bash",), json_programs=("python3",)),
    Language.GO: Toolchain(
        entrypoint="run", test="go test ./...", programs=("go",), build_files=("build.sh", "go.mod", ".gitignore")
    ),
    Language.RUST: Toolchain(
        entrypoint="run",
        test="cargo test",
        programs=("cargo",),
        build_files=("build.sh", "Cargo.toml", "Cargo.lock", ".gitignore"),
    ),
}


class PluginFile(Struct, frozen=True, kw_only=True):
    """One file to be written."""

    text: str

    @property
    def executable(self) -> bool:
        """Whether the file is a script."""
        return self.text.startswith("#!")


def plugin_files(
    name: str, language: Language, *, persistent: bool = False, small: bool = False
) -> dict[str, PluginFile]:
    """Path below the plugin's folder → file.

    `persistent`: with its author library, which the language must have. `small`: a manifest, an executable, and what a
    compiler needs.
    """
    toolchain = TOOLCHAINS[language]
    words = {
        "@NAME@": name,
        "@ENTRYPOINT@": toolchain.entrypoint,
        "@TEST@": f"{toolchain.test:<54} # the tests in {language}",
        "@LIFECYCLE@\n": "lifecycle: persistent # its workers stay up and answer request after request\n"
        if persistent
        else "",
        "@WRONG@": _WORKER_ERRORS_TEXT if persistent else _ERRORS_TEXT,
        "@SPOKEN@\n": _LIBRARY_TEXT.format(library=toolchain.library) if persistent else _PROTOCOL_TEXT,
        "@BUILD@\n": _BUILD_TEXT.format(script=BUILD_SCRIPT, entrypoint=toolchain.entrypoint)
        if toolchain.builds
        else "",
    }
    rendered = {
        path: PluginFile(text=_fill(text, words))
        for path, text in _templates(language, persistent=persistent, small=small)
    }
    if persistent and toolchain.library is not None:
        rendered[toolchain.library] = PluginFile(
            text=(files("ductile.author") / toolchain.library).read_text(encoding="utf-8")
        )
    if not small:
        rendered[SCHEMA_FILE] = PluginFile(text=json.dumps(manifest_schema(), indent=2, ensure_ascii=False) + "\n")
    return {MANIFEST_FILE: rendered.pop(MANIFEST_FILE), **dict(sorted(rendered.items()))}


def _templates(language: Language, *, persistent: bool, small: bool) -> Iterator[tuple[str, str]]:
    """Path below the plugin's folder and text; a later one replaces an earlier one of the same path."""
    root = files("ductile.kit") / "templates"
    sources = ("common", language, f"persistent/{language}") if persistent else ("common", language)
    if not small:
        for source in sources:
            yield from _texts(root / source)
        return
    needed = TOOLCHAINS[language].build_files
    yield from ((path, text) for path, text in _texts(root / language) if path in needed)
    for source in sources:
        yield from _texts(root / "small" / source)


def _texts(folder: Traversable, below: str = "") -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _texts(entry, f"{below}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            name = entry.name.removesuffix(_SUFFIX)
            yield below + _DOT_FILES.get(name, name), entry.read_text(encoding="utf-8")


def _fill(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text
