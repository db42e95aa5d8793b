"""`GET /metrics`: how the gateway fares, for Prometheus."""

from collections import Counter

from msgspec.structs import replace

from ductile.errors import Unavailable
from ductile.http.content_negotiation import preferred_media
from ductile.http.reply import JsonReply, Reply
from ductile.http.request import Request
from ductile.http.surfaces import schemas
from ductile.model.clock import Millis
from ductile.model.route import Route
from ductile.model.snapshot import Snapshot
from ductile.observe import metrics as m
from ductile.observe.instruments import Labels, Metric

METRICS_SCOPE = "jobs:ro"
"""What a scraper needs where `api.metrics_public` is false: metrics say less than the list of jobs."""


async def get_metrics(request: Request) -> Reply:
    """All metrics, as text or as OpenMetrics."""
    media = preferred_media(request.raw.headers.getall("Accept", []), (m.TEXT_MEDIA, m.OPENMETRICS_MEDIA))
    exposition = request.gateway.metrics.expose(await readings(request), media)
    headers = {"Content-Type": exposition.content_type, "Cache-Control": "no-store", "Vary": "Accept"}
    return JsonReply(body=exposition.body, headers=headers)


async def readings(request: Request) -> dict[Metric, dict[Labels, float]]:
    """The gauges as they stand now. Those of the store are missing where it cannot be read, which one of them says."""
    gateway, snapshot = request.gateway, request.snapshot
    found: dict[Metric, dict[Labels, float]] = {
        m.ATTEMPTS_RUNNING: {(): gateway.control.running},
        m.MAX_WORKERS: {(): snapshot.service.max_workers},
        m.EVENT_FOLLOWERS: {(): gateway.feed.follower_count},
        m.CONFIG_GENERATION: {(): snapshot.generation},
        m.LAST_RELOAD_SUCCESSFUL: {(): gateway.live.last_error is None},
        m.LAST_RELOAD_TIMESTAMP: {(): gateway.metrics.last_reload_at},
        m.PLUGINS_BY_STATE: plugin_gauges(snapshot),
        m.GATEWAY_PAUSED: {(): gateway.control.paused},
        m.STORAGE_FULL: {(): gateway.store.capacity_error is not None},
        m.STORAGE_UNSAFE: {(): gateway.store.fault() is not None},
        m.STORE_READABLE: {(): 1},
    }
    try:
        depth, oldest = await gateway.store.depth(), (await gateway.store.backlog()).oldest
    except Unavailable:
        return {**found, m.STORE_READABLE: {(): 0}}
    return {
        **found,
        m.JOBS_BY_STATE: {(state.value,): n for state, n in depth.items()},
        m.OLDEST_QUEUED_SECONDS: {(): seconds_since(oldest, gateway.clock())},
    }


def plugin_gauges(snapshot: Snapshot) -> dict[Labels, float]:
    """How many instances are loaded, quarantined and disabled."""
    kinds = Counter(one.kind for one in snapshot.unusable.values())
    return {
        ("loaded",): len(snapshot.plugins),
        ("quarantined",): kinds["quarantined"],
        ("disabled",): kinds["disabled"],
    }


def seconds_since(at: Millis | None, now: Millis) -> float:
    """0 where there is nothing, and where clocks disagree."""
    return 0 if at is None else max(0, now - at) / 1000


METRICS_DESCRIPTION = f"""\
The text format of Prometheus, or OpenMetrics where `Accept` prefers it. Public, unless `api.metrics_public` is false:
then it needs the scope `{METRICS_SCOPE}`.

{"".join(f"- `{one.name}` ({', '.join([one.type, *one.labels])}): {one.help}{chr(10)}" for one in m.ALL_METRICS)}\
- `process_*`: what the system says of the process.
"""

METRICS_ROUTE = Route(
    method="GET",
    path="/metrics",
    handler=get_metrics,
    summary="How the gateway fares, for Prometheus",
    description=METRICS_DESCRIPTION,
    scopes=None,
    tags=("system",),
    media=("text/plain", "application/openmetrics-text"),
    responses={200: schemas.STRING},
    examples={200: '# HELP ductile_jobs Jobs.\n# TYPE ductile_jobs gauge\nductile_jobs{state="queued"} 3.0\n'},
)


def metrics_rows(snapshot: Snapshot) -> list[Route]:
    """The row, which needs a credential where `api.metrics_public` is false."""
    return [METRICS_ROUTE if snapshot.api.metrics_public else replace(METRICS_ROUTE, scopes=(METRICS_SCOPE,))]
