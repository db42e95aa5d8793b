"""How much waits, how busy the gateway is, and how its work has gone of late."""

from collections import Counter
from collections.abc import Mapping

from ductile.http.job_json import Json
from ductile.http.reply import JsonReply, Reply
from ductile.http.request import Request
from ductile.http.surfaces.schemas import INTEGER, STRING, object_schema
from ductile.model.job import ENDED_STATES, State
from ductile.model.principal import ALL_SCOPES
from ductile.model.route import Route
from ductile.model.statistics import MAX_DURATIONS, CountsByPlugin

WINDOW_MILLISECONDS = 86_400_000
"""Milliseconds that the summary looks back."""

OPEN_STATES = (State.QUEUED, State.RUNNING, State.HELD)


async def get_queue(request: Request) -> Reply:
    """What waits and runs now."""
    backlog = await request.gateway.store.backlog()
    total = total_counts(backlog.by_plugin)
    most, busy = request.snapshot.service.max_workers, total[State.RUNNING]
    waits = 0 if backlog.oldest is None else max(request.gateway.clock() - backlog.oldest, 0)
    document = {
        "queue_depth": total[State.QUEUED],
        "running": busy,
        "held": total[State.HELD],
        "oldest_queued_seconds": waits / 1000,
        "workers": {"max": most, "busy": busy, "utilization": round(busy / most, 4)},
        "by_plugin": {
            plugin: {state.value: counts[state] for state in OPEN_STATES}
            for plugin, counts in sorted(backlog.by_plugin.items())
            if any(counts.values())
        },
    }
    return JsonReply(body=document)


async def get_summary(request: Request) -> Reply:
    """What has become of the jobs of the last 24 hours."""
    recent = await request.gateway.store.recent(request.gateway.clock() - WINDOW_MILLISECONDS)
    document = {
        "window": "24h",
        **tally(total_counts(recent.by_plugin)),
        "by_plugin": {
            plugin: tally(counts) for plugin, counts in sorted(recent.by_plugin.items()) if any(counts.values())
        },
        "duration_ms": {f"p{share}": recent.percentile(share) for share in (50, 95, 99)},
        "measured_attempts": len(recent.durations),
    }
    return JsonReply(body=document)


def total_counts(by_plugin: CountsByPlugin) -> Mapping[State, int]:
    """The jobs of all plugins together."""
    total: Counter[State] = Counter()
    for counts in by_plugin.values():
        total.update(counts)
    return total


def tally(counts: Mapping[State, int]) -> Json:
    """How many jobs there are in each state, and how many of those that have ended did well."""
    stats = {state.value: counts.get(state, 0) for state in State}
    ended = sum(counts.get(state, 0) for state in ENDED_STATES)
    rate = round(counts.get(State.SUCCEEDED, 0) / ended, 4) if ended else None
    return {"stats": stats, "total": sum(stats.values()), "success_rate": rate}


NUMBER = {"type": "number"}
SHARE = {"type": ["number", "null"], "description": "Of the jobs that have ended, from 0 to 1; null where none has."}
DURATION = {"type": ["integer", "null"]}
STATS = object_schema(**{state.value: INTEGER for state in State})
TALLY = object_schema("Tally", stats=STATS, total=INTEGER, success_rate=SHARE)
QUEUE = object_schema(
    "QueueAnalytics",
    queue_depth=INTEGER,
    running=INTEGER,
    held=INTEGER,
    oldest_queued_seconds={**NUMBER, "description": "Of the jobs that could start: how long one has waited at most."},
    workers=object_schema(max=INTEGER, busy=INTEGER, utilization=NUMBER),
    by_plugin={
        "type": "object",
        "additionalProperties": object_schema(**{state.value: INTEGER for state in OPEN_STATES}),
    },
)
SUMMARY = object_schema(
    "SummaryAnalytics",
    window=STRING,
    stats=STATS,
    total=INTEGER,
    success_rate=SHARE,
    by_plugin={"type": "object", "additionalProperties": TALLY},
    duration_ms=object_schema(p50=DURATION, p95=DURATION, p99=DURATION),
    measured_attempts={**INTEGER, "description": f"How many attempts the durations are of; {MAX_DURATIONS} at most."},
)

ROUTES = [
    Route(
        method="GET",
        path="/analytics/queue",
        handler=get_queue,
        summary="How much waits and runs",
        description="Runs of pipelines are not counted themselves: their steps are.",
        scopes=(ALL_SCOPES,),
        tags=("analytics",),
        responses={200: QUEUE},
    ),
    Route(
        method="GET",
        path="/analytics/summary",
        handler=get_summary,
        summary="What has become of the jobs of the last 24 hours",
        description=f"""The jobs, and runs of pipelines, that were submitted within the window and have ended, as far as
retention keeps them, and all that have not ended. The durations are those of the newest attempts that ended within the
window, {MAX_DURATIONS:,} at most: `measured_attempts` says of how many.""",
        scopes=(ALL_SCOPES,),
        tags=("analytics",),
        responses={200: SUMMARY},
    ),
]
