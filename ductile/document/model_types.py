"""What stands where in a model: the types of keys and members, found by a YAML path."""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from ductile.document.problem import Path


def type_at(model: type[BaseModel], path: Path) -> Any:
    """The type that stands at a path of the model; None where anything may."""
    kind: Any = model
    for part in path:
        kind = member_type(kind, part)
    return kind


def model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model that stands at a path of the model."""
    kind = type_at(model, path)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def member_type(kind: Any, part: str | int) -> Any:
    """The type that stands under a key or an index of this one; None where anything may."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = kind.model_fields
        return next(
            (bare_type(field.annotation) for name, field in fields.items() if part == (field.alias or name)), None
        )
    return bare_type(get_args(kind)[-1]) if get_origin(kind) in (list, dict) else None


def bare_type(annotation: Any) -> Any:
    """The type without what is annotated to it and without `None`."""
    while get_origin(annotation) in (Annotated, UnionType, Union):
        annotation = get_args(annotation)[0]
    return annotation


def keys_of(model: type[BaseModel] | None) -> list[str]:
    """The keys of a model that are not deprecated, as they are written."""
    fields = model.model_fields.items() if model else ()
    return [field.alias or name for name, field in fields if not field.deprecated]
