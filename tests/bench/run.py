"""The benchmark: each figure beside its bound, both measured in this run. `scripts/bench --help` says how."""

import argparse
import json
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import pytest
from bench import bare, machine, page, place, table
from bench.measure import Row, line
from bench.peers import peers
from bench.scenarios import footprint, growth, ingest, latency, reloads, runners

SCENARIOS: Mapping[str, Callable[[place.Settings], Iterator[Row]]] = {
    "ingest": ingest.ingest,
    "latency": latency.latency,
    "spawn": runners.spawn,
    "fork": runners.fork,
    "persistent": runners.persistent,
    "pipelines": latency.pipelines,
    "fanout": latency.fanout,
    "schedules": footprint.schedules,
    "reload": reloads.reloads,
    "growth": growth.growth,
    "memory": footprint.memory,
    "start": footprint.start,
    "idle": footprint.idle,
    "compile": footprint.compile,
    "peers": peers,
}
LAST = Path(__file__).parent / "last.json"
"""The run that the documentation shows."""
DOCUMENT = place.ROOT / "docs/performance.md"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures this machine; all scenarios, or those named."
    )
    made.add_argument("scenarios", nargs="*", metavar="scenario", help=", ".join(name for name in SCENARIOS))
    made.add_argument("--rounds", type=int, metavar="N", help="rounds of each scenario (3; with --quick 1)")
    made.add_argument("--quick", action="store_true", help="short rounds: shows that it works, not how fast")
    made.add_argument("--peers", action="store_true", help="also measure webhook and Node-RED on the same work")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    made.add_argument("--page", type=Path, metavar="FILE", help="write them as a page with charts")
    made.add_argument("--doc", action="store_true", help="keep them as the run that docs/performance.md shows")
    made.add_argument("--keep", action="store_true", help="keep what the JSON file has of scenarios that are not run")
    made.add_argument(
        "--render", action="store_true", help="measure nothing: write page and document from the JSON file"
    )
    return made


def main(arguments: list[str]) -> int:
    if arguments == [bare.SERVE]:
        bare.serve()
    asked = parser().parse_args(arguments)
    if unknown := set(asked.scenarios) - SCENARIOS.keys():
        known = ", ".join(SCENARIOS)
        print(f"unknown scenario {', '.join(sorted(unknown))}; there are {known}", file=sys.stderr)
        return 2
    # An end that is asked for is an orderly one: what was started is ended.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    file = asked.json or LAST
    if asked.render:
        write(json.loads(file.read_text()), asked)
        return 0
    names = asked.scenarios or [name for name in SCENARIOS if name != "peers"]
    names += ["peers"] if asked.peers and "peers" not in names else []
    settings = place.Settings(rounds=asked.rounds or (1 if asked.quick else 3), quick=asked.quick)
    header = machine.header(rounds=settings.rounds, quick=settings.quick)
    kept = json.loads(file.read_text())["rows"] if asked.keep and file.exists() else []
    for name, text in machine.lines(header):
        print(f"# {name}: {text}", flush=True)
    rows: list[dict[str, Any]] = []
    good = True
    with place.installed():
        for name in names:
            good &= measure(name, settings, rows)
            write({"header": header, "rows": merged(rows, kept, set(names))}, asked)
    return 0 if good else 1


def measure(name: str, settings: place.Settings, rows: list[dict[str, Any]]) -> bool:
    """Runs a scenario; its rows are added as they come. False, with the reason on stderr, where it failed."""
    try:
        for row in SCENARIOS[name](settings):
            rows.append(row.document(name, quick=settings.quick))
            print(f"{name}: {line(rows[-1])}", flush=True)
    except (Exception, pytest.fail.Exception):  # noqa: BLE001 - the other scenarios go on
        traceback.print_exc()
        print(f"{name}: FAILED", file=sys.stderr, flush=True)
        return False
    return True


def merged(fresh: list[dict[str, Any]], kept: list[dict[str, Any]], run: set[str]) -> list[dict[str, Any]]:
    """The rows in the order of the scenarios: the fresh ones, and the old ones of scenarios that were not run."""
    order = list(SCENARIOS)
    known = [row for row in kept if row["scenario"] in SCENARIOS and row["scenario"] not in run]
    return sorted([*fresh, *known], key=lambda row: order.index(row["scenario"]))


def write(found: Mapping[str, Any], asked: argparse.Namespace) -> None:
    """Writes what was asked for; after each scenario, so that an end in between loses little."""
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    for file in (asked.json, LAST if asked.doc else None):
        if file is not None:
            file.write_text(text)
    if asked.page is not None:
        asked.page.write_text(page.page(found))
    if asked.doc:
        table.write(DOCUMENT, found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
