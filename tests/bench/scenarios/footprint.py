"""What the gateway takes for itself: time to start, memory, processor time when there is nothing to do."""

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import yaml
from bench import bare, place
from bench.measure import Budget, Row, middle
from support.gateway import Gateway, write_plugin

PLUGINS = 100


def _plugins(one: Gateway, count: int) -> None:
    for n in range(count):
        one.plugin(f"shell{n}", place.SHELL)


def start(settings: place.Settings) -> Iterator[Row]:
    """Until the first 200 of `/healthz`, and the time of `ductile --help`; both beside a bare interpreter's start."""
    bound = "python -c pass"
    ready = Row(what=f"start to /healthz with {PLUGINS} plugins", unit="ms", bound=bound, budget=Budget(most=600))
    ready.note = "modules compiled before, as an installation's are"
    helps = Row(what="ductile --help", unit="ms", bound=bound, budget=Budget(most=150))
    with place.gateway(start=False) as one:
        _plugins(one, PLUGINS)
        for _ in range(settings.rounds * 3):
            limit = bare.interpreter_time()
            ready.add(place.started(one), limit)
            one.stop()
            began = time.perf_counter()
            subprocess.run([sys.executable, "-m", "ductile.cli.main", "--help"], stdout=-3, check=True)
            helps.add((time.perf_counter() - began) * 1000, limit)
    yield ready
    yield helps


def idle(settings: place.Settings) -> Iterator[Row]:
    """Resident memory and processor time with 100 plugins and nothing to do, after work and a rest."""
    memory = Row(what=f"idle memory, {PLUGINS} plugins", unit="MB", budget=Budget(most=80))
    used = Row(what="memory after shell jobs", unit="MB")
    share = Row(what="idle processor time", unit="%", budget=Budget(most=0.2))
    jobs = settings.scaled(1000, 50)
    for _ in range(settings.rounds):
        with place.gateway(start=False) as one:
            _plugins(one, PLUGINS)
            one.start()
            pid = place.pid_of(one)
            time.sleep(2)
            memory.add(place.memory(pid))
            place.drain(one, "shell", jobs)
            used.add(place.memory(pid))
            # The full text of what has ended is written behind it; then there is nothing to do.
            _rest(pid)
            share.add(place.share(pid, settings.scaled(20, 5)))
    yield from (memory, used, share)


def _rest(pid: int, *, within: float = 60.0) -> None:
    """Waits for two seconds in which the process does nothing to speak of, or until the time is over."""
    until = time.monotonic() + within
    while place.share(pid, 2.0) > 1.0 and time.monotonic() < until:
        pass


def schedules(settings: place.Settings) -> Iterator[Row]:
    """Ten thousand schedules, none of them due: what they cost at the start and while nothing happens."""
    count, each = settings.scaled(10_000, 1000), 100
    bound = "without schedules"
    ready = Row(what=f"start to /healthz with {count:,} schedules", unit="ms", bound=bound)
    again = Row(what=f"second start with {count:,} schedules", unit="ms", bound=bound)
    memory = Row(what=f"memory with {count:,} schedules", unit="MB", bound=bound)
    share = Row(what=f"idle processor time with {count:,} schedules", unit="%", budget=Budget(most=0.2))
    for _ in range(settings.rounds):
        without: dict[str, Any] = {f"s{n}": {"uses": "shell"} for n in range(count // each)}
        every = [{"id": f"at{n}", "every": "24h", "command": "handle"} for n in range(each)]
        with place.gateway(start=False, plugins=without) as one:
            limit = place.started(one)
            time.sleep(1)
            light = place.memory(place.pid_of(one))
        with place.gateway(
            start=False, plugins={name: {**was, "schedules": every} for name, was in without.items()}
        ) as one:
            ready.add(place.started(one), limit)
            _rest(place.pid_of(one))
            one.stop()
            again.add(place.started(one), limit)
            _rest(place.pid_of(one))
            ((seen,),) = place.rows(one, "SELECT count(*) FROM schedules")
            if seen != count:
                raise RuntimeError(f"there are {seen} schedules, not {count}")
            memory.add(place.memory(place.pid_of(one)), light)
            share.add(place.share(place.pid_of(one), settings.scaled(20, 5)))
    yield from (ready, again, memory, share)


def memory(settings: place.Settings) -> Iterator[Row]:
    """Many jobs that wait: what they take of memory, and whether they are drained as fast as few."""
    many, few = settings.scaled(100_000, 4000), settings.scaled(5000, 500)
    grown = Row(what=f"memory that {many:,} queued jobs take", unit="MB")
    rate = Row(
        what=f"drain of {many:,} persistent no-ops",
        unit="/s",
        bound=f"drain of {few:,}",
        budget=Budget(ratio_least=0.8),
    )
    peak = Row(what=f"memory while {many:,} jobs drain, over the idle gateway", unit="MB")
    for _ in range(settings.rounds):
        with place.gateway() as one, place.caller(one) as line:
            place.warm(one, "worker")
            limit = place.drain(one, "worker", few)
            pid, was = place.pid_of(one), place.memory(place.pid_of(one))
            line.post("/system/pause")
            place.queue(one, "worker", many)
            grown.add(place.memory(pid) - was)
            before = place.newest(one)
            line.post("/system/resume")
            place.settled(one, line)
            rate.add(place.completed(one, "worker", before, many), limit)
            peak.add(place.memory(pid) - was)
    yield from (grown, peak, rate)


def compile(settings: place.Settings) -> Iterator[Row]:  # noqa: A001 - the scenario's name
    """A thousand plugins and five thousand pipelines: to load, and to load again after a change."""
    plugins, pipelines = settings.scaled(1000, 50), settings.scaled(5000, 250)
    bound = "reading and parsing the same YAML by libyaml"
    size = f"{plugins:,} plugins, {pipelines:,} pipelines"
    load = Row(what=f"start to /healthz, {size}", unit="ms", bound=bound, budget=Budget(most=2000))
    reload = Row(what=f"reload after a change, {size}", unit="ms", bound=bound, budget=Budget(most=1000))
    with place.gateway(start=False) as one:
        for n in range(plugins):
            write_plugin(one.plugins, f"p{n}", place.SHELL)
        for _ in range(settings.rounds):
            place.configure(one, pipelines=_pipelines(plugins, pipelines))
            limit = _parsed(one)
            load.add(place.started(one), limit)
            with place.caller(one) as line:
                reload.add(middle([_changed(one, line, n) for n in range(3)]), limit)
            one.stop()
    yield from (load, reload)


def _pipelines(plugins: int, count: int) -> list[Any]:
    return [
        {
            "name": f"pipeline{n}",
            "on": f"p{n % plugins}.done",
            "steps": [
                {"id": "a", "uses": f"p{n % plugins}.handle"},
                {
                    "id": "b",
                    "uses": f"p{(n + 1) % plugins}.handle",
                    "if": {"path": "payload.n", "op": "gt", "value": n},
                },
            ],
        }
        for n in range(count)
    ]


def _parsed(one: Gateway) -> float:
    """Milliseconds to read each YAML file of it and parse it, nothing more."""
    loader = yaml.CSafeLoader
    files = [one.folder / "config.yaml", *one.plugins.glob("*/manifest.yaml")]
    began = time.perf_counter()
    for file in files:
        yaml.load(file.read_bytes(), Loader=loader)
    return (time.perf_counter() - began) * 1000


def _changed(one: Gateway, line: Any, number: int) -> float:
    """Milliseconds of a reload after a pipeline has changed."""
    one.config["pipelines"][number]["steps"].append({"id": "c", "uses": "p0.handle"})
    one.configure(pipelines=one.config["pipelines"])
    began = time.perf_counter()
    status, answer = line.post("/system/reload")
    if status != 200 or not answer["changed"]:
        raise RuntimeError(f"the reload answered {status}: {answer}")
    return (time.perf_counter() - began) * 1000
