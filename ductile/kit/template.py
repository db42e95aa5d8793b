"""The files of a new plugin, from the templates that ship with the package. Pure: nothing is written."""

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable

from msgspec import Struct

from ductile.plugin.discover import MANIFEST
from ductile.plugin.manifest_schema import manifest_schema

SCHEMA = "manifest.schema.json"
BUILD = "build.sh"
_HOW_TO_BUILD = "`./{script}` builds `{entrypoint}`, which the manifest names: run it first, and after each change.\n\n"
_SUFFIX = ".tmpl"
_DOTTED = {"gitignore": ".gitignore"}
"""Names that packaging and linters would take for their own."""


class Language(StrEnum):
    """What a new plugin is written in."""

    PYTHON = "python"
    NODE = "node"
    BASH = "bash"
    GO = "go"
    RUST = "rust"


class Trade(Struct, frozen=True, kw_only=True):
    """What a language needs and how it is worked with."""

    entrypoint: str
    test: str
    """How its own tests are run, in the plugin's folder."""
    programs: tuple[str, ...]
    """What must be on the PATH to build it, or to run it where nothing is built."""
    builds: bool = False


TRADES: Mapping[Language, Trade] = {
    Language.PYTHON: Trade(entrypoint="run.py", test="python3 -m unittest", programs=("python3",)),
    Language.NODE: Trade(entrypoint="run.mjs", test="node --test", programs=("node",)),
    Language.BASH: Trade(entrypoint="run.sh", test="./test.sh", programs=("bash", "python3")),
    Language.GO: Trade(entrypoint="run", test="go test ./...", programs=("go",), builds=True),
    Language.RUST: Trade(entrypoint="run", test="cargo test", programs=("cargo",), builds=True),
}


class File(Struct, frozen=True, kw_only=True):
    """One file to be written."""

    text: str

    @property
    def executable(self) -> bool:
        """A script is."""
        return self.text.startswith("#!")


def plugin_files(name: str, language: Language) -> dict[str, File]:
    """Path below the plugin's folder → file."""
    trade = TRADES[language]
    words = {
        "@NAME@": name,
        "@ENTRYPOINT@": trade.entrypoint,
        "@TEST@": f"{trade.test:<54} # the tests in {language}",
        "@BUILD@\n": _HOW_TO_BUILD.format(script=BUILD, entrypoint=trade.entrypoint) if trade.builds else "",
    }
    root = files("ductile.kit") / "templates"
    made = {
        path: File(text=_filled(text, words)) for part in ("common", language) for path, text in _texts(root / part)
    }
    schema = json.dumps(manifest_schema(), indent=2, ensure_ascii=False)
    return {MANIFEST: made.pop(MANIFEST), SCHEMA: File(text=schema + "\n"), **dict(sorted(made.items()))}


def _texts(folder: Traversable, below: str = "") -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _texts(entry, f"{below}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            name = entry.name.removesuffix(_SUFFIX)
            yield below + _DOTTED.get(name, name), entry.read_text(encoding="utf-8")


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text
