"""What the sections of features have become."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace
from pydantic.fields import FieldInfo

from ductile.config.config_section import AnySection
from ductile.config.digest import digest
from ductile.config.field_types import as_written
from ductile.config.schema.section import Section
from ductile.config.section_context import SectionContext
from ductile.document.paths import value_at
from ductile.document.problem import Problem
from ductile.document.validation import with_mark


class CompiledSections(Struct, frozen=True, kw_only=True):
    """The sections of features, each by its key."""

    values: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    """As a file would have them, the defaults too."""
    restart_hashes: Mapping[str, str] = field(default_factory=dict)
    """`webhooks.listen` → BLAKE3 (hex) of its value, for each key whose change needs a restart."""


def compile_sections(sections: Sequence[AnySection], context: SectionContext) -> tuple[CompiledSections, list[Problem]]:
    """What the `compile` of each section makes, and what it finds wrong."""
    values: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    hashes: dict[str, str] = {}
    problems: list[Problem] = []
    for section in sections:
        key = section.key
        model = getattr(context.configuration, key)
        values[key], found = section.compile(model, replace(context, key=key))
        problems += [with_mark(problem, context.marks) for problem in found]
        settings[key] = written_form(model)
        for name in section.restart_keys:
            hashes[f"{key}.{name}"] = digest(value_at(settings[key], tuple(name.split("."))))
    return CompiledSections(values=values, settings=settings, restart_hashes=hashes), problems


def written_form(value: Any, field: FieldInfo | None = None) -> Any:
    """A validated section as a file would have it."""
    if isinstance(value, Section):
        fields = type(value).model_fields.items()
        return {field.alias or name: written_form(getattr(value, name), field) for name, field in fields}
    if isinstance(value, Mapping):
        return {key: written_form(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [written_form(member) for member in value]
    return value if field is None or value is None else as_written(field, value)
