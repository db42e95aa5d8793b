"""The runners: completed jobs a second, of what is queued before they are let go."""

from collections.abc import Iterator

from bench import bare, place
from bench.measure import Budget, Row
from support.gateway import Gateway


def spawn(settings: place.Settings) -> Iterator[Row]:
    """Shell scripts, a process each."""
    jobs = settings.scaled(6000, 400)
    for at_once in (4, 8):
        row = Row(
            what=f"shell jobs, {at_once} at once",
            unit="/s",
            bound="bare posix_spawn and pidfd loop",
            budget=Budget(ratio_least=0.8),
        )
        for _ in range(settings.rounds):
            with place.gateway(service={"max_workers": at_once}) as one:
                executable = one.plugins / "shell/run"
                limit = bare.spawn_rate(executable, bare.request_line("shell"), at_once, jobs)
                place.warm(one, "shell")
                row.add(place.drain(one, "shell", jobs), limit)
        yield row


def fork(settings: place.Settings) -> Iterator[Row]:
    """A Python script that knows nothing of it, forked from a warm interpreter; beside it the same one, spawned."""
    jobs, spawned = settings.scaled(6000, 400), settings.scaled(400, 40)
    row = Row(
        what="unmodified Python jobs, fork",
        unit="/s",
        bound="the same plugin under spawn",
        budget=Budget(ratio_least=10),
    )
    for _ in range(settings.rounds):
        with place.gateway() as one:
            limit = place.drain(one, "slow", spawned)
            place.warm(one, "forked")
            row.add(place.drain(one, "forked", jobs), limit)
    yield row


def persistent(settings: place.Settings) -> Iterator[Row]:
    """A no-op written with the Python author library, in workers that stay up."""
    jobs = settings.scaled(30_000, 2000)
    for at_once in (place.WORKERS, 16, 64):
        row = Row(
            what=f"persistent no-ops, {at_once} at once",
            unit="/s",
            bound="bare JSON Lines loop, as many workers",
            budget=Budget(least=5000, ratio_least=0.25),
        )
        for _ in range(settings.rounds):
            with place.gateway(service={"max_workers": at_once}) as one:
                row.add(_drained(one, jobs), bare.lines_rate(one.plugins / "worker/run", at_once, jobs))
        yield row
    single = Row(what="persistent no-ops, one at a time", unit="/s", bound="bare JSON Lines loop, one worker")
    single.note = "each start waits until the one before is durably settled"
    for _ in range(settings.rounds):
        with place.gateway(plugins={"worker": {"parallelism": 1}}) as one:
            few = jobs // 10
            single.add(_drained(one, few), bare.lines_rate(one.plugins / "worker/run", 1, few))
    yield single


def _drained(one: Gateway, jobs: int) -> float:
    place.warm(one, "worker")
    return place.drain(one, "worker", jobs)
