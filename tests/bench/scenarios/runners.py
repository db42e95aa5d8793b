"""The runners: completed jobs a second, of what is queued before they are let go."""

from collections.abc import Iterator

from bench import bare, place
from bench.measure import Budget, Row


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
    row = Row(
        what=f"persistent no-ops, {place.WORKERS} workers",
        unit="/s",
        bound="bare JSON Lines loop, the same workers",
        budget=Budget(least=5000, ratio_least=0.25),
    )
    single = Row(what="persistent no-ops, one at a time", unit="/s", bound="bare JSON Lines loop, one worker")
    for _ in range(settings.rounds):
        with place.gateway() as one:
            executable = one.plugins / "worker/run"
            limit = bare.lines_rate(executable, place.WORKERS, jobs)
            place.warm(one, "worker")
            row.add(place.drain(one, "worker", jobs), limit)
        with place.gateway(plugins={"worker": {"parallelism": 1}}) as one:
            limit = bare.lines_rate(one.plugins / "worker/run", 1, jobs)
            place.warm(one, "worker")
            single.add(place.drain(one, "worker", max(200, jobs // 10)), limit)
    single.note = "each start waits until the one before is durably settled"
    yield row
    yield single
