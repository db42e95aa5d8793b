"""The settings whose fields carry a mark: secrets, paths, addresses."""

from collections.abc import Iterator, Sequence
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from ductile.config.field_types import FieldMark
from ductile.config.old_spellings import ANY, matching_paths
from ductile.config.schema.section import Section
from ductile.document.paths import value_at
from ductile.document.problem import Path


def marked_values(model: type[Section], value: Any) -> Iterator[tuple[Path, FieldMark, Any]]:
    """What stands in the marked fields of a model, whatever its type, each with its path."""
    for pattern, mark in _marked_paths(model):
        for path in matching_paths(value, pattern):
            yield path, mark, value_at(value, path)


def mark_at(model: type[Section], path: Path) -> FieldMark | None:
    """The mark of the field at a path."""
    return next((mark for pattern, mark in _marked_paths(model) if _fits(path, pattern)), None)


def _fits(path: Path, pattern: Path) -> bool:
    return len(path) == len(pattern) and all(wanted in (ANY, part) for part, wanted in zip(path, pattern, strict=True))


@cache
def _marked_paths(model: type[Section]) -> tuple[tuple[Path, FieldMark], ...]:
    return tuple(_marks_below(model, ()))


def _marks_below(kind: Any, at: Path, metadata: Sequence[Any] = ()) -> Iterator[tuple[Path, FieldMark]]:
    while get_origin(kind) in (Annotated, UnionType, Union):
        metadata = (*metadata, *getattr(kind, "__metadata__", ()))
        kind = get_args(kind)[0]
    mark = next((one for one in metadata if isinstance(one, FieldMark)), None)
    if mark is not None:
        yield at, mark
    elif isinstance(kind, type) and issubclass(kind, Section):
        for name, field in kind.model_fields.items():
            yield from _marks_below(field.annotation, (*at, field.alias or name), field.metadata)
    elif get_origin(kind) in (list, dict):
        yield from _marks_below(get_args(kind)[-1], (*at, ANY))
