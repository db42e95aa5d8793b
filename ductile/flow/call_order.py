"""Calls between pipelines: dangling calls, cycles, and an order with every callee before its callers."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from ductile.document.problem import Path, Problem, did_you_mean
from ductile.flow.dsl import PipelineModel


def called_pipelines(model: PipelineModel) -> list[tuple[str, Path]]:
    """The pipelines that a pipeline calls, each with the path of its `call`."""
    return [(step.call, (*at, "call")) for step, at in model.walk_steps() if step.call is not None]


def order_callees_first(models: Mapping[str, PipelineModel]) -> tuple[list[PipelineModel], list[Problem]]:
    """The valid pipelines that can be compiled, callees first, and a problem for each call that cannot be followed."""
    problems: list[Problem] = []
    edges: dict[str, dict[str, Path]] = {}
    for name, model in models.items():
        edges[name] = {}
        for callee, path in called_pipelines(model):
            if callee in models:
                edges[name].setdefault(callee, path)
            else:
                message = f"there is no pipeline `{callee}` to call{did_you_mean(callee, models)}"
                problems.append(Problem(code="unknown_pipeline", message=message, path=path))
    names = _sort_callees_first(edges, problems)
    return [models[name] for name in names if models[name].valid], problems


def _sort_callees_first(edges: dict[str, dict[str, Path]], problems: list[Problem]) -> list[str]:
    """Names, callees first, without those on a cycle; each cycle is reported, then cut at its last call."""
    on_cycle: set[str] = set()
    if not any(edges.values()):
        return list(edges)
    while True:
        try:
            order = list(TopologicalSorter(edges).static_order())
        except CycleError as error:
            cycle = _rotate_to_first_written(list(reversed(error.args[1])), edges)
            on_cycle.update(cycle)
            path = edges[cycle[-2]].pop(cycle[-1])
            message = f"the call closes a circle: {' → '.join(cycle)}"
            problems.append(Problem(code="cycle", message=message, path=path))
        else:
            return [name for name in order if name not in on_cycle]


def _rotate_to_first_written(cycle: list[str], edges: Mapping[str, object]) -> list[str]:
    """The cycle as callers and callees, rotated to begin with the pipeline that is written first."""
    turn = list(edges)
    start = cycle.index(min(cycle, key=turn.index))
    around = cycle[:-1]
    return [*around[start:], *around[:start], around[start]]
