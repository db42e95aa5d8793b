"""Every setting that is in force, with where it comes from: a file, a variable, or the default."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ductile.config.field_types import as_written
from ductile.config.load import Layers
from ductile.config.schema.section import Section
from ductile.document.model_types import model_at
from ductile.document.problem import Mark, Path

DEFAULT_SOURCE = "default"


class Setting(Struct, frozen=True, kw_only=True):
    """One value that holds no others: a scalar, or an empty map or list."""

    path: Path
    value: Any
    """As it was written, or as the default would be."""
    mark: Mark | None
    """Where it was written; None for a default."""

    @property
    def source(self) -> str:
        """`config.yaml:3:5`, `environment:DUCTILE_API__LISTEN` or `default`."""
        return DEFAULT_SOURCE if self.mark is None else str(self.mark)


def effective_settings(layers: Layers) -> list[Setting]:
    """The settings that the files and variables give, and the defaults of every section that is there.

    Nothing is redacted: `layers.secrets`, and names that hint at secrets, say what is not to be shown.
    """
    return list(_walk_settings((), layers.value, layers))


def settings_below(settings: list[Setting], path: Path) -> list[Setting]:
    """Those of the settings that stand at a path or below it."""
    return [setting for setting in settings if setting.path[: len(path)] == path]


def _walk_settings(path: Path, value: Any, layers: Layers) -> Iterator[Setting]:
    section = model_at(layers.model, path)
    if section is not None and (value is None or isinstance(value, Mapping)):
        yield from _walk_section(path, section, value or {}, layers)
    elif isinstance(value, Mapping) and value:
        for key, member in value.items():
            yield from _walk_settings((*path, key), member, layers)
    elif isinstance(value, list) and value:
        for index, member in enumerate(value):
            yield from _walk_settings((*path, index), member, layers)
    else:
        yield Setting(path=path, value=value, mark=layers.marks.of(path))


def _walk_section(path: Path, section: type[BaseModel], value: Mapping[str, Any], layers: Layers) -> Iterator[Setting]:
    fields = {field.alias or name: field for name, field in section.model_fields.items()}
    for key in (*fields, *(key for key in value if key not in fields)):
        if key in value:
            yield from _walk_settings((*path, key), value[key], layers)
        else:
            yield from _default((*path, key), fields[key], layers)


def _default(path: Path, field: FieldInfo, layers: Layers) -> Iterator[Setting]:
    """What holds where nothing is written; nothing, where a setting has no value of its own."""
    value = None if field.is_required() else field.get_default(call_default_factory=True)
    if isinstance(value, Section):
        yield from _walk_section(path, type(value), {}, layers)
    elif value is not None:
        yield Setting(path=path, value=as_written(field, value), mark=None)
