"""What the settings of a configuration want to be: text, a number, true or false."""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from ductile.document.problem import Path
from ductile.flow.dsl import PipelineModel

_PIPELINES = "pipelines"
_SINGLE = (str, int, float, bool)


def type_at(model: type[BaseModel], path: Path) -> type | None:
    """The type of the single value that a path of this configuration wants; None where anything may stand."""
    kind: Any = model
    if len(path) > 1 and path[0] == _PIPELINES:
        kind, path = PipelineModel, path[2:]
    for part in path:
        kind = member_type(kind, part)
    return kind if kind in _SINGLE else None


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
