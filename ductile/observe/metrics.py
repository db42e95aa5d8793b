"""The metrics of the gateway: one list of what there is, and the object that keeps them for one gateway."""

import platform
from collections.abc import Mapping

from msgspec import Struct

from ductile.model.route import Route
from ductile.observe.measures import OTHER, Counter, Histogram, Labels, Metric, Type

TEXT = "text/plain"
OPENMETRICS = "application/openmetrics-text"

FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Seconds: what takes milliseconds when all is well."""
USUAL = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds: requests, of which some wait for a result."""
LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""Seconds: attempts, and how long a job waits for one."""
POWERS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)

BUILD = Metric(name="ductile_build_info", type=Type.INFO, help="The version of Ductile and of Python.")
JOBS = Metric(name="ductile_jobs", type=Type.GAUGE, help="Jobs that are kept, by state.", labels=("state",))
OLDEST = Metric(
    name="ductile_oldest_queued_seconds",
    type=Type.GAUGE,
    help="For how long the oldest job that may run waits; 0 where none does.",
)
RUNNING = Metric(name="ductile_attempts_running", type=Type.GAUGE, help="Attempts that are running.")
SLOTS = Metric(name="ductile_workers", type=Type.GAUGE, help="Attempts that may run at once (service.max_workers).")
ATTEMPTS = Metric(
    name="ductile_attempts_total",
    type=Type.COUNTER,
    help="Attempts that have ended, by outcome.",
    labels=("plugin", "command", "outcome"),
)
ATTEMPT_SECONDS = Metric(
    name="ductile_attempt_duration_seconds",
    type=Type.HISTOGRAM,
    help="How long attempts took, from their start to their settlement.",
    labels=("plugin", "command"),
    buckets=LONG,
)
WAIT_SECONDS = Metric(
    name="ductile_queue_wait_seconds",
    type=Type.HISTOGRAM,
    help="How long jobs that may run waited for each of their attempts.",
    labels=("plugin",),
    buckets=LONG,
)
REQUESTS = Metric(
    name="ductile_http_requests_total",
    type=Type.COUNTER,
    help="Requests answered.",
    labels=("route", "method", "status"),
)
REQUEST_SECONDS = Metric(
    name="ductile_http_request_duration_seconds",
    type=Type.HISTOGRAM,
    help="How long requests took until their answer began, those that wait for a result included.",
    labels=("route", "method"),
    buckets=USUAL,
)
SUBMIT_SECONDS = Metric(
    name="ductile_http_submit_duration_seconds",
    type=Type.HISTOGRAM,
    help="How long triggers took until their 202, with the commit that made their jobs durable.",
    labels=("route",),
    buckets=FAST,
)
FOLLOWERS = Metric(name="ductile_event_followers", type=Type.GAUGE, help="Clients that follow GET /events.")
COMMITS = Metric(name="ductile_store_commits_total", type=Type.COUNTER, help="Batches that the store has committed.")
FAILURES = Metric(
    name="ductile_store_failures_total", type=Type.COUNTER, help="Batches that the store could not commit."
)
COMMIT_SECONDS = Metric(
    name="ductile_store_commit_duration_seconds",
    type=Type.HISTOGRAM,
    help="How long commits took until their batch was durable.",
    buckets=FAST,
)
BATCH = Metric(
    name="ductile_store_batch_operations",
    type=Type.HISTOGRAM,
    help="Operations that were committed together.",
    buckets=POWERS,
)
READABLE = Metric(
    name="ductile_store_readable",
    type=Type.GAUGE,
    help="1 where the store could be read for this scrape; 0: what comes from it is missing.",
)
LAG = Metric(
    name="ductile_event_loop_lag_seconds",
    type=Type.HISTOGRAM,
    help="How much later than asked for the event loop woke its sampler.",
    buckets=FAST,
)
HELPERS = Metric(
    name="ductile_helpers_replaced_total",
    type=Type.COUNTER,
    help="Helper processes that did not answer and were replaced: zygote, spawn_helper.",
    labels=("helper",),
)
RELOADS = Metric(
    name="ductile_config_reloads_total",
    type=Type.COUNTER,
    help="Reloads, by what came of them: changed, unchanged, refused.",
    labels=("result",),
)
GENERATION = Metric(
    name="ductile_config_generation", type=Type.GAUGE, help="The generation of the configuration that serves."
)
RELOAD_OK = Metric(
    name="ductile_config_last_reload_successful", type=Type.GAUGE, help="0 where the last reload was refused."
)
RELOAD_AT = Metric(
    name="ductile_config_last_reload_timestamp_seconds",
    type=Type.GAUGE,
    help="When the last reload ended, refused or not; 0 before the first.",
)
PLUGINS = Metric(
    name="ductile_plugins",
    type=Type.GAUGE,
    help="Plugin instances: loaded, quarantined, disabled.",
    labels=("state",),
)
PAUSED = Metric(name="ductile_paused", type=Type.GAUGE, help="1 while the gateway is paused.")
FULL = Metric(name="ductile_storage_full", type=Type.GAUGE, help="1 while no new work is taken for want of room.")
UNSAFE = Metric(
    name="ductile_storage_unsafe",
    type=Type.GAUGE,
    help="1 while no new work is taken because the files of the state are lost or damaged.",
)

METRICS: tuple[Metric, ...] = (
    BUILD,
    JOBS,
    OLDEST,
    RUNNING,
    SLOTS,
    ATTEMPTS,
    ATTEMPT_SECONDS,
    WAIT_SECONDS,
    REQUESTS,
    REQUEST_SECONDS,
    SUBMIT_SECONDS,
    FOLLOWERS,
    COMMITS,
    FAILURES,
    COMMIT_SECONDS,
    BATCH,
    READABLE,
    LAG,
    HELPERS,
    RELOADS,
    GENERATION,
    RELOAD_OK,
    RELOAD_AT,
    PLUGINS,
    PAUSED,
    FULL,
    UNSAFE,
)
"""Every metric of Ductile's own; beside them stand those of the process (`process_*`)."""

NO_ROUTE = "(none)"
"""The route of a request that no row answers."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SUBMITTED = 202

Readings = Mapping[Metric, Mapping[Labels, float]]
"""Gauge → its values now, by label values."""


class Exposition(Struct, frozen=True, kw_only=True):
    """All metrics, as they are scraped."""

    body: bytes
    content_type: str


class Metrics:
    """Counts and measures for one gateway, on its event loop; each method is a callback of some part."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._attempts = Counter(ATTEMPTS)
        self._attempt_seconds = Histogram(ATTEMPT_SECONDS)
        self._wait_seconds = Histogram(WAIT_SECONDS)
        self._requests = Counter(REQUESTS)
        self._request_seconds = Histogram(REQUEST_SECONDS)
        self._submit_seconds = Histogram(SUBMIT_SECONDS)
        self._commits = Counter(COMMITS)
        self._failures = Counter(FAILURES)
        self._commit_seconds = Histogram(COMMIT_SECONDS)
        self._batch = Histogram(BATCH)
        self._lag = Histogram(LAG)
        self._helpers = Counter(HELPERS)
        for helper in ("zygote", "spawn_helper"):  # there before the first one, so that an alert sees it rise
            self._helpers.add((helper,), 0)
        self._reloads = Counter(RELOADS)
        self.reloaded_at = 0.0
        """When the last reload ended, in seconds since the epoch."""

    def settled(self, plugin: str, command: str, outcome: str, seconds: float, waited: float) -> None:
        """An attempt has been settled, after so many seconds, and so many that its job waited for it."""
        self._attempts.add((plugin, command, outcome))
        self._attempt_seconds.add(seconds, (plugin, command))
        self._wait_seconds.add(waited, (plugin,))

    def helper_replaced(self, helper: str) -> None:
        """A helper process did not answer, and another one takes over."""
        self._helpers.add((helper,))

    def answered(self, route: Route | None, method: str, status: int, seconds: float) -> None:
        """A request is about to be answered."""
        path = NO_ROUTE if route is None else route.path
        method = method if method in METHODS else OTHER
        self._requests.add((path, method, str(status)))
        self._request_seconds.add(seconds, (path, method))
        if status == SUBMITTED:
            self._submit_seconds.add(seconds, (path,))

    def committed(self, operations: int, seconds: float | None) -> None:
        """The store has committed a batch; None: it could not."""
        if seconds is None:
            self._failures.add()
            return
        self._commits.add()
        self._commit_seconds.add(seconds)
        self._batch.add(operations)

    def lagged(self, seconds: float) -> None:
        """The event loop was late by so much."""
        self._lag.add(seconds)

    def reloaded(self, result: str, at: float) -> None:
        """A reload is over: `changed`, `unchanged` or `refused`."""
        self._reloads.add((result,))
        self.reloaded_at = at

    def expose(self, readings: Readings, media: str = TEXT) -> Exposition:
        """Everything, in the text format or as OpenMetrics."""
        from ductile.observe import exposition  # noqa: PLC0415 - it says why

        facts = {"version": self._version, "python": platform.python_version()}
        families = [
            exposition.info(BUILD, facts),
            *map(exposition.family, self._measures()),
            *exposition.process(),
            *(exposition.gauge(metric, values) for metric, values in readings.items()),
        ]
        body, content_type = exposition.written(families, openmetrics=media == OPENMETRICS)
        return Exposition(body=body, content_type=content_type)

    def _measures(self) -> tuple[Counter | Histogram, ...]:
        return (
            self._attempts,
            self._attempt_seconds,
            self._wait_seconds,
            self._requests,
            self._request_seconds,
            self._submit_seconds,
            self._commits,
            self._failures,
            self._commit_seconds,
            self._batch,
            self._lag,
            self._helpers,
            self._reloads,
        )
