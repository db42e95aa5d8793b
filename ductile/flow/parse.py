"""Reads the pipelines of a configuration, and remembers what it has read: most are the same at the next reload."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from pydantic import ValidationError

from ductile.document.content import KEPT, content, restored
from ductile.document.problem import Path, Problem
from ductile.flow.dsl import PipelineModel

MAX_NESTING: Final = 32
"""`steps` and `split` may stand this deep inside each other."""

Parsed = tuple[PipelineModel | None, tuple[Problem, ...]]
"""What was read of one pipeline, and what is wrong in it."""


def parse_pipelines(raw: Sequence[Any], at: Path = ("pipelines",)) -> tuple[list[PipelineModel], tuple[Problem, ...]]:
    """The pipelines of a list, and everything wrong with them.

    A pipeline with a mistake stays in the list, as a name that others may call (`sound` is false), where it has one.
    One that is written as it was some time before is not looked at again.
    """
    models: list[PipelineModel] = []
    problems: list[Problem] = []
    for index, one in enumerate(raw):
        place = (*at, index)
        text = content(one)
        model, found = _placed(_parse(one), place) if text is None else _known_at(text, place)
        if model is not None:
            models.append(model)
        problems += found
    return models, tuple(problems)


def parsed(text: bytes) -> PipelineModel:
    """The pipeline of which this was written, standing nowhere. Raises ValueError where it has not even a name."""
    model, _ = _known(text)
    if model is None:
        message = "no pipeline was written so"
        raise ValueError(message)
    return model


@lru_cache(maxsize=KEPT)
def _known_at(text: bytes, place: Path) -> Parsed:
    return _placed(_known(text), place)


def _placed(read: Parsed, place: Path) -> Parsed:
    """What was read of a pipeline, as of one that stands there."""
    model, found = read
    problems = [Problem(code=problem.code, message=problem.message, path=(*place, *problem.path)) for problem in found]
    return model.placed(place) if model is not None else None, tuple(problems)


@lru_cache(maxsize=KEPT)
def _known(text: bytes) -> Parsed:
    model, found = _parse(restored(text))
    if model is not None:
        model._text = text  # noqa: SLF001  # how a frozen model keeps what is not written in it
    return model, found


def _parse(raw: Any) -> Parsed:
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
    model._sound = False  # noqa: SLF001  # as above
    return model, found


def _nesting_fault(raw: Any) -> list[Problem]:
    """Steps that nest too deep are refused before anything descends into them."""
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
