"""Who calls whom: dangling calls, cycles, and an order in which every pipeline comes after those that it calls."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from ductile.document.problem import Path, Problem, did_you_mean
from ductile.flow.dsl import PipelineModel


def calls(model: PipelineModel) -> list[tuple[str, Path]]:
    """The pipelines it calls, each with the path of its `call`."""
    return [(step.call, (*at, "call")) for step, at in model.every_step() if step.call is not None]


def callees_first(named: Mapping[str, PipelineModel]) -> tuple[list[PipelineModel], list[Problem]]:
    """The sound pipelines that can be compiled, callees first, and the calls that cannot be followed."""
    problems: list[Problem] = []
    edges: dict[str, dict[str, Path]] = {}
    for name, model in named.items():
        edges[name] = {}
        for callee, path in calls(model):
            if callee in named:
                edges[name].setdefault(callee, path)
            else:
                message = f"there is no pipeline `{callee}` to call{did_you_mean(callee, named)}"
                problems.append(Problem(code="unknown_pipeline", message=message, path=path))
    ordered = _ordered(edges, problems)
    return [named[name] for name in ordered if named[name].sound], problems


def _ordered(edges: dict[str, dict[str, Path]], problems: list[Problem]) -> list[str]:
    """Names, callees first, without those on a cycle; each cycle is reported, and cut at the call that closes it."""
    broken: set[str] = set()
    if not any(edges.values()):
        return list(edges)
    while True:
        try:
            order = list(TopologicalSorter(edges).static_order())
        except CycleError as error:
            cycle = _from_first(list(reversed(error.args[1])), edges)
            broken.update(cycle)
            path = edges[cycle[-2]].pop(cycle[-1])
            message = f"the call closes a circle: {' → '.join(cycle)}"
            problems.append(Problem(code="cycle", message=message, path=path))
        else:
            return [name for name in order if name not in broken]


def _from_first(cycle: list[str], edges: Mapping[str, object]) -> list[str]:
    """The cycle as callers and callees, turned so that it begins with the pipeline written first."""
    turn = list(edges)
    start = cycle.index(min(cycle, key=turn.index))
    around = cycle[:-1]
    return [*around[start:], *around[:start], around[start]]
