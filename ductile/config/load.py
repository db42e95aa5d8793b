"""Reads all files of a configuration into one value in which each part has its place."""

from collections.abc import Mapping, Sequence
from functools import partial, reduce
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ductile.config.config_section import AnySection
from ductile.config.configuration_model import configuration_model
from ductile.config.dotenv import Variable
from ductile.config.field_types import FieldMark
from ductile.config.location import absolute
from ductile.config.marked_values import marked_values
from ductile.config.old_spellings import modernize
from ductile.config.read_files import (
    UNREAD,
    FileReader,
    read_environment,
    resolved_addresses,
    resolved_path,
    resolved_paths,
)
from ductile.config.schema.configuration import Configuration
from ductile.config.setting_types import single_type_at
from ductile.document.expand import expand
from ductile.document.locations import Marks
from ductile.document.memoize import memoize_by_document
from ductile.document.merge import merge
from ductile.document.override_names import is_override
from ductile.document.paths import with_value
from ductile.document.problem import Mark, Problem
from ductile.document.read import Document

NO_TEXTS: Mapping[Path, str] = {}


class Layers(Struct, frozen=True, kw_only=True):
    """All files of a configuration, expanded, in today's spelling, and merged; over them the environment."""

    model: type[Configuration]
    """What they may hold: the sections of the core and those of features."""
    sections: tuple[AnySection, ...]
    """Those of features."""
    value: dict[str, Any]
    marks: Marks
    problems: tuple[Problem, ...]
    secrets: frozenset[str]
    """What expansion and the names of keys say is secret."""
    root: Path
    """The folder of `config.yaml`."""
    names: tuple[str, ...]
    """The files as marks show them, in the order of reading."""
    files: tuple[Path, ...]
    """Every file that was read or looked for, those of `environment_vars` and `${file:}` too."""
    folders: tuple[Path, ...]
    """The folders that are included."""
    used: Mapping[str, str]
    """The variables that were expanded, and their values."""


def load_layers(
    location: Path,
    environ: Mapping[str, str],
    texts: Mapping[Path, str] = NO_TEXTS,
    *,
    sections: Sequence[AnySection] = (),
) -> Layers:
    """Reads `config.yaml` and all it includes. Whatever is wrong stands in `problems`; nothing is raised.

    A file that is in `texts` is read from there, as if the text had been written to it. The files may hold `sections`
    besides those of the core.
    """
    sections = tuple(sections)
    model = configuration_model(sections)
    old_spellings = [row for section in sections for row in section.old_spellings]
    kind = partial(single_type_at, model)
    reader = FileReader(location.parent, texts)
    reader.read(location)
    problems = [*reader.problems]
    variables, files, found = read_environment(reader.documents)
    problems += found
    lookup = {**{name: variable.value for name, variable in variables.items()}, **environ}
    secrets: set[str] = set()
    used: dict[str, str] = {}
    files += reader.missing
    layers: list[Document] = []
    for path, document in reader.documents.items():
        expanded = expand(document, lookup, root=location.parent, kind=kind)
        secrets |= expanded.secrets
        used |= expanded.used
        files += expanded.files
        still = expanded.value is document.value
        value, marks, warnings = _modern(document) if still else modernize(expanded.value, expanded.marks)
        if old_spellings:
            value, marks, more = modernize(value, marks, old_spellings)
            problems += more
        layers.append(replace(document, value=_resolved(value, path.parent, model), marks=marks))
        problems += [*document.problems, *expanded.problems, *warnings]
    whole = reduce(merge, layers)
    given = _settings(variables, environ, location.parent)
    if given:
        whole, wrong, hidden = _overridden(whole, given, model, problems)
        problems += wrong
        secrets |= hidden
    return Layers(
        model=model,
        sections=sections,
        value=whole.value,
        marks=whole.marks,
        problems=tuple(problems),
        secrets=frozenset(secrets),
        root=location.parent,
        names=tuple(document.file for document in reader.documents.values()),
        files=(*reader.documents, *(absolute(file) for file in files)),
        folders=tuple(reader.folders),
        used=used,
    )


def _resolved(value: dict[str, Any], folder: Path, model: type[Configuration]) -> dict[str, Any]:
    """The document with its paths absolute, those of features too."""
    value = resolved_paths(value, folder)
    if model is Configuration:
        return value
    for path, mark, written in marked_values(model, value):
        if mark is FieldMark.PATH:
            value = with_value(value, path, resolved_path(written, folder))
        elif mark is FieldMark.ADDRESS:
            value = with_value(value, path, resolved_addresses(written, folder))
    return value


@memoize_by_document
def _modern(document: Document) -> tuple[Any, Marks, list[Problem]]:
    """A document in which nothing was expanded, in today's spelling."""
    return modernize(document.value, document.marks)


def _settings(variables: Mapping[str, Variable], environ: Mapping[str, str], root: Path) -> dict[str, Variable]:
    """The variables that are settings, of `.env` files and of the process, which wins."""
    own = {name: Variable(value=value, mark=Mark.variable(name), folder=root) for name, value in environ.items()}
    return {name: variable for name, variable in {**variables, **own}.items() if is_override(name)}


def _overridden(
    files: Document, given: Mapping[str, Variable], model: type[Configuration], problems: list[Problem]
) -> tuple[Document, tuple[Problem, ...], frozenset[str]]:
    """The files with variables laid over them, what is wrong with those, and what of them is secret."""
    from ductile.config.overrides import read_overrides  # noqa: PLC0415 - pydantic-settings is slow to import

    whole = not any(problem.code in UNREAD for problem in problems)
    read = read_overrides(files.value, given, model, whole=whole)
    for layer in read.layers:
        document = replace(layer.document, value=_resolved(layer.document.value, layer.folder, model))
        files = merge(files, document, append=False)
    return files, read.problems, read.secrets
