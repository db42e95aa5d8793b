"""Parses the pipelines of a configuration, with a cache: most pipelines are unchanged at the next reload."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from pydantic import ValidationError

from ductile.document.problem import Path, Problem
from ductile.document.value_key import MAX_CACHED_RESULTS, restore_value, value_key
from ductile.flow.dsl import PipelineModel

MAX_NESTING: Final = 32
"""How deep `steps` and `split` may nest."""

ParseResult = tuple[PipelineModel | None, tuple[Problem, ...]]
"""One pipeline and its problems; None where not even a name could be read."""


def parse_pipelines(raw: Sequence[Any], at: Path = ("pipelines",)) -> tuple[list[PipelineModel], tuple[Problem, ...]]:
    """The pipelines of a list, and all their problems.

    A pipeline with a mistake and a name stays in the list, so that others may call it (`valid` is false).
    An unchanged pipeline comes from the cache.
    """
    models: list[PipelineModel] = []
    problems: list[Problem] = []
    for index, one in enumerate(raw):
        place = (*at, index)
        text = value_key(one)
        model, found = _move_to(_parse_value(one), place) if text is None else _parse_source_at(text, place)
        if model is not None:
            models.append(model)
        problems += found
    return models, tuple(problems)


def pipeline_from_source(text: bytes) -> PipelineModel:
    """The pipeline of this canonical text, without a path. Raises ValueError where not even a name can be read."""
    model, _ = _parse_source(text)
    if model is None:
        message = "the text is not that of a pipeline with a name"
        raise ValueError(message)
    return model


@lru_cache(maxsize=MAX_CACHED_RESULTS)
def _parse_source_at(text: bytes, place: Path) -> ParseResult:
    return _move_to(_parse_source(text), place)


def _move_to(read: ParseResult, place: Path) -> ParseResult:
    """The same result, with the pipeline and its problems at another path."""
    model, found = read
    problems = [Problem(code=problem.code, message=problem.message, path=(*place, *problem.path)) for problem in found]
    return model.at_path(place) if model is not None else None, tuple(problems)


@lru_cache(maxsize=MAX_CACHED_RESULTS)
def _parse_source(text: bytes) -> ParseResult:
    model, found = _parse_value(restore_value(text))
    if model is not None:
        model._source = text  # noqa: SLF001  # private attributes of a frozen model
    return model, found


def _parse_value(raw: Any) -> ParseResult:
    if too_deep := _nesting_fault(raw):
        return None, tuple(too_deep)
    try:
        return PipelineModel.model_validate(raw, context=set()), ()
    except ValidationError as error:
        found = tuple(
            Problem(code=one["type"], message=one["ctx"]["message"], path=one["loc"])
            for one in error.errors(include_url=False)
        )
    name = raw.get("name") if isinstance(raw, Mapping) else None
    if not isinstance(name, str):
        return None, found
    model = PipelineModel.model_construct(name=name, steps=[])
    model._valid = False  # noqa: SLF001  # as above
    return model, found


def _nesting_fault(raw: Any) -> list[Problem]:
    """A problem where steps nest too deep, found without recursion."""
    waiting: list[tuple[Any, Path]] = [(raw, ())]
    while waiting:
        one, path = waiting.pop()
        if len(path) > 2 * MAX_NESTING:
            message = f"`steps` and `split` may nest {MAX_NESTING} levels deep; `call` a pipeline of its own instead"
            return [Problem(code="bad_value", message=message, path=path)]
        for key in ("steps", "split") if isinstance(one, Mapping) else ():
            below = one.get(key)
            if isinstance(below, list):
                waiting.extend((step, (*path, key, index)) for index, step in enumerate(below))
    return []
