"""Reloads while calls come in: nothing may be dropped, mixed or left behind."""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from bench import place
from bench.client import Line, Plan, crowd
from bench.measure import Budget, Row, percentile
from support.gateway import TOKEN, Gateway

AT_ONCE = 4
"""Reloads that are asked for together, now and then."""
NONE = Budget(most=0)


class Held:
    """Child processes and open descriptors of the gateway."""

    def __init__(self, one: Gateway) -> None:
        process = Path(f"/proc/{place.pid_of(one)}")
        self.processes = sum(len((task / "children").read_text().split()) for task in (process / "task").iterdir())
        self.descriptors = Counter(_kinds(process / "fd"))


def _kinds(folder: Path) -> Iterator[str]:
    for fd in folder.iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            yield re.sub(r":\[\d+\]$", "", str(fd.readlink())).rpartition("/")[2]


def reloads(settings: place.Settings) -> Iterator[Row]:
    """Half of them of an invalid configuration, some concurrent, under the load of 16 connections."""
    count = settings.scaled(1000, 40)
    rows = {
        "dropped": Row(what="dropped requests", unit="", budget=NONE, worst=True),
        "mixed": Row(what="attempts of mixed generations", unit="", budget=NONE, worst=True),
        "descriptors": Row(what="descriptors left open", unit="", budget=NONE, worst=True),
        "processes": Row(what="processes left behind", unit="", budget=NONE, worst=True),
        "p50": Row(what="reload under load, p50", unit="ms"),
        "p99": Row(what="reload under load, p99", unit="ms"),
        "load": Row(what="202s a second meanwhile", unit="/s"),
    }
    kinds: Counter[str] = Counter()
    for row in rows.values():
        row.what = f"{count:,} reloads: {row.what}"
    for _ in range(settings.rounds):
        with place.gateway() as one:
            found, left = _round(one, count)
            for name, value in found.items():
                rows[name].add(value)
            kinds |= left
    if kinds:
        rows["descriptors"].note = f"more than before: {', '.join(f'{n} {kind}' for kind, n in kinds.items())}"
    yield from rows.values()


def _round(one: Gateway, count: int) -> tuple[dict[str, float], Counter[str]]:
    """What is found, and the kinds of descriptors that are left open."""
    before = _exercised(one)
    times: list[float] = []
    ended = threading.Event()
    # Calls go on until the last reload has been answered: the crowd is given more time than it can need, in slices.
    with ThreadPoolExecutor(1) as pool:
        loads = pool.submit(_load, one, ended)
        try:
            _reload_all(one, count, times)
        finally:
            ended.set()
        answers, seconds, dropped = loads.result()
    with place.caller(one) as line:
        line.post("/system/pause")
        mixed = _mixed(one)
        _clear(one, line)
        processes, descriptors = _left(one, before)
    found = {
        "dropped": dropped,
        "mixed": mixed,
        "descriptors": descriptors.total(),
        "processes": processes,
        "p50": percentile(times, 0.5),
        "p99": percentile(times, 0.99),
        "load": answers / seconds,
    }
    return found, descriptors


def _exercised(one: Gateway) -> Held:
    """What it holds once it has done all that follows at least once: what is made at the first use is no leak."""
    with place.caller(one) as line:
        crowd(Plan(address=one.address, request=place.trigger("forked"), connections=16, calls=200)).checked()
        _reload_all(one, 8, [])
        line.post("/system/pause")
        _clear(one, line)
        return Held(one)


def _load(one: Gateway, ended: threading.Event) -> tuple[int, float, int]:
    answers = dropped = 0
    seconds = 0.0
    while not ended.is_set():
        load = crowd(Plan(address=one.address, request=place.trigger("forked"), connections=16, seconds=2.0))
        answers, seconds, dropped = answers + load.answers, seconds + load.seconds, dropped + sum(load.others.values())
    return answers, seconds, dropped


def _stamp(one: Gateway, number: int) -> None:
    """A configuration that the plugin's answers tell apart; JSON is YAML, and read faster."""
    one.config["plugins"]["forked"]["config"] = {"stamp": f"stamp {number}"}
    _write(one, json.dumps(one.config))


def _write(one: Gateway, text: str) -> None:
    fresh = one.folder / "config.yaml.new"
    fresh.write_text(text)
    fresh.rename(one.folder / "config.yaml")


def _reload_all(one: Gateway, count: int, times: list[float]) -> None:
    def call(expected: int | None) -> None:
        with Line(one.address, TOKEN) as line:
            began = time.perf_counter()
            status, answer = line.post("/system/reload")
            times.append((time.perf_counter() - began) * 1000)
            if expected is not None and status != expected:
                raise RuntimeError(f"a reload answered {status}: {answer}")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = number = 0
        while done < count:
            number += 1
            if number % 2:
                _stamp(one, number)
            else:
                _write(one, json.dumps({**one.config, "nonsense": number}))
            # Every fifth pair is asked for by several at once.
            together = min(AT_ONCE, count - done) if number % 10 in (0, 5) else 1
            list(pool.map(call, [200 if number % 2 else 422] * together))
            done += together


def _mixed(one: Gateway) -> int:
    """Attempts whose configuration is another than their generation's: each generation has one stamp."""
    found = place.rows(
        one,
        "SELECT generation, json_extract(CAST(result AS TEXT), '$.result'), count(*) FROM attempts"
        " WHERE plugin = 'forked' AND outcome = 'succeeded' GROUP BY 1, 2 ORDER BY 3",
    )
    if len({stamp for _, stamp, _ in found}) < 2:
        raise RuntimeError(f"the load has not met a reload: {found}")
    most = {generation: attempts for generation, _, attempts in found}
    return int(sum(attempts for *_, attempts in found) - sum(most.values()))


def _clear(one: Gateway, line: Line) -> None:
    """Takes out what is still queued, and waits for what runs."""
    status, answer = line.post("/queue/purge", {})
    if status != 200:
        raise RuntimeError(f"the queue cannot be purged: {status} {answer}")
    line.post("/system/resume")
    place.settled(one, line)
    place.warm(one, "forked")


def _left(one: Gateway, before: Held) -> tuple[int, Counter[str]]:
    """Processes and descriptors more than before, once there are none, or after ten seconds."""
    until = time.monotonic() + 10
    while True:
        now = Held(one)
        processes = max(0, now.processes - before.processes)
        descriptors = now.descriptors - before.descriptors
        if not (processes or descriptors) or time.monotonic() > until:
            return processes, descriptors
        time.sleep(0.1)
