"""Latency: of a single job on an idle gateway, and of pipelines whose caller waits."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bench import bare, place
from bench.client import post
from bench.measure import Budget, Row, middle, percentile
from support.gateway import TOKEN, Gateway

Times = Callable[[Gateway, int], list[float]]
"""What the executable takes by itself: milliseconds of each of so many runs."""


def shell_times(one: Gateway, calls: int) -> list[float]:
    return bare.spawn_times(one.plugins / "shell/run", calls)


def worker_times(one: Gateway, calls: int) -> list[float]:
    return bare.lines_times(one.plugins / "worker/run", calls)


KINDS: dict[str, tuple[str, Times]] = {"shell": ("shell", shell_times), "worker": ("persistent", worker_times)}


def latency(settings: place.Settings) -> Iterator[Row]:
    """By the rows of each job, less what the executable takes by itself; beside it what a waiting caller sees."""
    calls = settings.scaled(400, 40)
    for plugin, (name, own_times) in KINDS.items():
        own = f"the executable by itself, p50 ({name})"
        floor = "two bare durable SQLite commits"
        what = "submitted to settled, less the executable"
        half = Row(what=f"{what}, p50, {name}", unit="ms", bound=floor, budget=Budget(most=2))
        most = Row(what=f"{what}, p99, {name}", unit="ms", bound=floor, budget=Budget(most=10))
        seen = Row(what=f"a waiting call, as its caller sees it, p50, {name}", unit="ms", bound=own)
        for _ in range(settings.rounds):
            with place.gateway() as one, place.caller(one) as line:
                place.warm(one, plugin)
                place.one_by_one(line, place.trigger(plugin, query="?wait=10"), 20)
                alone = middle(own_times(one, calls))
                before = place.newest(one)
                waited = place.one_by_one(line, place.trigger(plugin, query="?wait=10"), calls)
                took = settling(one, before)
                commits = bare.commit_times(one.folder, calls)
                half.add(max(0.0, grouped(took) - alone), 2 * middle(commits))
                most.add(max(0.0, percentile(took, 0.99) - alone), 2 * percentile(commits, 0.99))
                seen.add(middle(waited), alone)
        half.note = most.note = "rows are in whole milliseconds"
        yield from (half, most, seen)


def settling(one: Gateway, after: int) -> list[int]:
    """Milliseconds from each job's submission to the end of its attempt, by the rows."""
    found = place.rows(one, "SELECT ended_at - created_at FROM attempts WHERE rowid > ?", after)
    return [int(took) for (took,) in found]


def grouped(values: Sequence[int]) -> float:
    """The median of differences of whole milliseconds, each of which stands for the values around it."""
    return statistics.median_grouped(values, interval=1)


def chain(name: str, plugin: str, steps: int) -> dict[str, Any]:
    """A synchronous pipeline of so many equal steps, one after the other."""
    written = [{"id": f"s{n}", "uses": f"{plugin}.handle"} for n in range(steps)]
    return {"name": name, "on": "bench.start", "execution_mode": "synchronous", "timeout": "60s", "steps": written}


def pipelines(settings: place.Settings) -> Iterator[Row]:
    """Synchronous pipelines of two and of forty steps; the bound is as many runs of the executable by itself."""
    calls = settings.scaled(200, 20)
    limits = {("worker", 2): 8.0, ("shell", 2): 12.0}
    for plugin, (name, own_times) in KINDS.items():
        for steps in (2, 40):
            most = limits.get((plugin, steps))
            row = Row(
                what=f"synchronous pipeline of {steps} steps, p50, {name}",
                unit="ms",
                bound=f"{steps} runs of the executable by itself",
                budget=Budget(most=most) if most else None,
            )
            for _ in range(settings.rounds):
                with place.gateway(pipelines=[chain("chain", plugin, steps)]) as one:
                    place.warm(one, plugin)
                    alone = middle(own_times(one, 100)) * steps
                    row.add(middle(run_times(one, "chain", max(5, calls * 2 // steps))), alone)
            yield row


def run_times(one: Gateway, pipeline: str, runs: int) -> list[float]:
    """Milliseconds that the caller of each of so many runs waits, one after the other; three before are not counted."""
    with place.caller(one) as line:
        return place.one_by_one(line, post(f"/pipeline/{pipeline}", TOKEN, {"payload": {}}), runs + 3)[3:]


def fanout(settings: place.Settings) -> Iterator[Row]:
    """A step that emits many events, and a step behind each of them."""
    width = settings.scaled(1000, 100)
    burst = {
        "name": "burst",
        "on": "bench.start",
        "steps": [{"id": "burst", "uses": "worker.handle"}, {"id": "item", "uses": "sink.handle"}],
    }
    row = Row(
        what=f"fan-out of {width:,} persistent steps, steps a second",
        unit="/s",
        bound=f"bare JSON Lines loop, {place.WORKERS} workers",
    )
    for _ in range(settings.rounds):
        with place.gateway(pipelines=[burst], plugins={"sink": {"uses": "worker"}}) as one, place.caller(one) as line:
            limit = bare.lines_rate(one.plugins / "worker/run", place.WORKERS, width * 5)
            place.warm(one, "worker")
            place.warm(one, "sink")
            found = []
            for _run in range(3):
                (took,) = place.one_by_one(
                    line, post("/pipeline/burst?wait=120", TOKEN, {"payload": {"burst": width}}), 1
                )
                found.append((width + 1) / took * 1000)
            check(one, width)
            row.add(middle(found), limit)
    yield row


def check(one: Gateway, width: int) -> None:
    """The last run's steps are all there, and went well."""
    ((steps, good),) = place.rows(
        one,
        "SELECT count(*), sum(state = 'succeeded') FROM jobs WHERE root_id = (SELECT max(id) FROM jobs WHERE plugin ="
        " 'pipeline') AND parent_id IS NOT NULL",
    )
    if steps != width + 1 or good != steps:
        raise RuntimeError(f"of {width + 1} steps there are {steps}, {good} of them succeeded")
