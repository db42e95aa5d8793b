"""What the settings of a configuration want to be: text, a number, true or false."""

from pydantic import BaseModel

from ductile.document.model_types import type_at
from ductile.document.problem import Path
from ductile.flow.dsl import PipelineModel

_PIPELINES = "pipelines"
_SINGLE = (str, int, float, bool)


def single_type_at(model: type[BaseModel], path: Path) -> type | None:
    """The type of the single value that a path of this configuration wants; None where anything may stand."""
    if len(path) > 1 and path[0] == _PIPELINES:
        model, path = PipelineModel, path[2:]
    kind: type | None = type_at(model, path)
    return kind if kind in _SINGLE else None
