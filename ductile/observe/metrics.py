"""The metrics of the gateway: the list of all, and the object that counts them for one gateway."""

import platform
from collections.abc import Mapping

from msgspec import Struct

from ductile.model.route import Route
from ductile.observe.instruments import OTHER_LABEL, Counter, Histogram, Labels, Metric, MetricType

TEXT_MEDIA = "text/plain"
OPENMETRICS_MEDIA = "application/openmetrics-text"

COMMIT_BUCKETS_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Bounds for durations of milliseconds."""
REQUEST_BUCKETS_SECONDS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
)
"""Bounds for requests, some of which wait for a result."""
ATTEMPT_BUCKETS_SECONDS = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    900.0,
    3600.0,
)
"""Bounds for attempts, and for the time that jobs wait for them."""
BATCH_SIZE_BUCKETS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)

BUILD_INFO = Metric(name="ductile_build_info", type=MetricType.INFO, help="The version of Ductile and of Python.")
JOBS_BY_STATE = Metric(
    name="ductile_jobs", type=MetricType.GAUGE, help="Jobs that are kept, by state.", labels=("state",)
)
OLDEST_QUEUED_SECONDS = Metric(
    name="ductile_oldest_queued_seconds",
    type=MetricType.GAUGE,
    help="For how long the oldest job that may run waits; 0 where none does.",
)
ATTEMPTS_RUNNING = Metric(name="ductile_attempts_running", type=MetricType.GAUGE, help="Attempts that are running.")
MAX_WORKERS = Metric(
    name="ductile_workers", type=MetricType.GAUGE, help="Attempts that may run at once (service.max_workers)."
)
ATTEMPTS_TOTAL = Metric(
    name="ductile_attempts_total",
    type=MetricType.COUNTER,
    help="Attempts that have ended, by outcome.",
    labels=("plugin", "command", "outcome"),
)
ATTEMPT_SECONDS = Metric(
    name="ductile_attempt_duration_seconds",
    type=MetricType.HISTOGRAM,
    help="How long attempts took, from their start to their settlement.",
    labels=("plugin", "command"),
    buckets=ATTEMPT_BUCKETS_SECONDS,
)
WAIT_SECONDS = Metric(
    name="ductile_queue_wait_seconds",
    type=MetricType.HISTOGRAM,
    help="How long jobs that may run waited for each of their attempts.",
    labels=("plugin",),
    buckets=ATTEMPT_BUCKETS_SECONDS,
)
REQUESTS_TOTAL = Metric(
    name="ductile_http_requests_total",
    type=MetricType.COUNTER,
    help="Requests answered.",
    labels=("route", "method", "status"),
)
REQUEST_SECONDS = Metric(
    name="ductile_http_request_duration_seconds",
    type=MetricType.HISTOGRAM,
    help="How long requests took until their answer began, those that wait for a result included.",
    labels=("route", "method"),
    buckets=REQUEST_BUCKETS_SECONDS,
)
SUBMIT_SECONDS = Metric(
    name="ductile_http_submit_duration_seconds",
    type=MetricType.HISTOGRAM,
    help="How long triggers took until their 202, with the commit that made their jobs durable.",
    labels=("route",),
    buckets=COMMIT_BUCKETS_SECONDS,
)
EVENT_FOLLOWERS = Metric(name="ductile_event_followers", type=MetricType.GAUGE, help="Clients that follow GET /events.")
STORE_COMMITS = Metric(
    name="ductile_store_commits_total", type=MetricType.COUNTER, help="Batches that the store has committed."
)
STORE_FAILURES = Metric(
    name="ductile_store_failures_total", type=MetricType.COUNTER, help="Batches that the store could not commit."
)
COMMIT_SECONDS = Metric(
    name="ductile_store_commit_duration_seconds",
    type=MetricType.HISTOGRAM,
    help="How long commits took until their batch was durable.",
    buckets=COMMIT_BUCKETS_SECONDS,
)
BATCH_OPERATIONS = Metric(
    name="ductile_store_batch_operations",
    type=MetricType.HISTOGRAM,
    help="Operations that were committed together.",
    buckets=BATCH_SIZE_BUCKETS,
)
STORE_READABLE = Metric(
    name="ductile_store_readable",
    type=MetricType.GAUGE,
    help="1 where the store could be read for this scrape; 0: what comes from it is missing.",
)
LOOP_LAG_SECONDS = Metric(
    name="ductile_event_loop_lag_seconds",
    type=MetricType.HISTOGRAM,
    help="How much later than asked for the event loop woke its sampler.",
    buckets=COMMIT_BUCKETS_SECONDS,
)
HELPERS_REPLACED = Metric(
    name="ductile_helpers_replaced_total",
    type=MetricType.COUNTER,
    help="Helper processes that did not answer and were replaced: zygote, spawn_helper.",
    labels=("helper",),
)
CONFIG_RELOADS = Metric(
    name="ductile_config_reloads_total",
    type=MetricType.COUNTER,
    help="Reloads, by what came of them: changed, unchanged, refused.",
    labels=("result",),
)
CONFIG_GENERATION = Metric(
    name="ductile_config_generation", type=MetricType.GAUGE, help="The generation of the configuration that serves."
)
LAST_RELOAD_SUCCESSFUL = Metric(
    name="ductile_config_last_reload_successful", type=MetricType.GAUGE, help="0 where the last reload was refused."
)
LAST_RELOAD_TIMESTAMP = Metric(
    name="ductile_config_last_reload_timestamp_seconds",
    type=MetricType.GAUGE,
    help="When the last reload ended, refused or not; 0 before the first.",
)
PLUGINS_BY_STATE = Metric(
    name="ductile_plugins",
    type=MetricType.GAUGE,
    help="Plugin instances: loaded, quarantined, disabled.",
    labels=("state",),
)
GATEWAY_PAUSED = Metric(name="ductile_paused", type=MetricType.GAUGE, help="1 while the gateway is paused.")
STORAGE_FULL = Metric(
    name="ductile_storage_full", type=MetricType.GAUGE, help="1 while no new work is taken for want of room."
)
STORAGE_UNSAFE = Metric(
    name="ductile_storage_unsafe",
    type=MetricType.GAUGE,
    help="1 while no new work is taken because the files of the state are lost or damaged.",
)

ALL_METRICS: tuple[Metric, ...] = (
    BUILD_INFO,
    JOBS_BY_STATE,
    OLDEST_QUEUED_SECONDS,
    ATTEMPTS_RUNNING,
    MAX_WORKERS,
    ATTEMPTS_TOTAL,
    ATTEMPT_SECONDS,
    WAIT_SECONDS,
    REQUESTS_TOTAL,
    REQUEST_SECONDS,
    SUBMIT_SECONDS,
    EVENT_FOLLOWERS,
    STORE_COMMITS,
    STORE_FAILURES,
    COMMIT_SECONDS,
    BATCH_OPERATIONS,
    STORE_READABLE,
    LOOP_LAG_SECONDS,
    HELPERS_REPLACED,
    CONFIG_RELOADS,
    CONFIG_GENERATION,
    LAST_RELOAD_SUCCESSFUL,
    LAST_RELOAD_TIMESTAMP,
    PLUGINS_BY_STATE,
    GATEWAY_PAUSED,
    STORAGE_FULL,
    STORAGE_UNSAFE,
)
"""All metrics of Ductile; scrapes also have those of the process (`process_*`)."""

NO_ROUTE = "(none)"
"""The route label of a request without a route."""
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SUBMITTED_STATUS = 202

Readings = Mapping[Metric, Mapping[Labels, float]]
"""Gauge → its current values, by label values."""


class Exposition(Struct, frozen=True, kw_only=True):
    """The text of a scrape."""

    body: bytes
    content_type: str


class Metrics:
    """Counts and measures for one gateway, on its event loop; other parts call the methods."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._attempts = Counter(ATTEMPTS_TOTAL)
        self._attempt_seconds = Histogram(ATTEMPT_SECONDS)
        self._wait_seconds = Histogram(WAIT_SECONDS)
        self._requests = Counter(REQUESTS_TOTAL)
        self._request_seconds = Histogram(REQUEST_SECONDS)
        self._submit_seconds = Histogram(SUBMIT_SECONDS)
        self._commits = Counter(STORE_COMMITS)
        self._failures = Counter(STORE_FAILURES)
        self._commit_seconds = Histogram(COMMIT_SECONDS)
        self._batch = Histogram(BATCH_OPERATIONS)
        self._lag = Histogram(LOOP_LAG_SECONDS)
        self._helpers = Counter(HELPERS_REPLACED)
        for helper in ("zygote", "spawn_helper"):  # a series from the start, so that an alert sees it rise
            self._helpers.add((helper,), 0)
        self._reloads = Counter(CONFIG_RELOADS)
        self.last_reload_at = 0.0
        """Time of the last reload's end, in seconds since the epoch."""

    def count_attempt(self, plugin: str, command: str, outcome: str, seconds: float, waited: float) -> None:
        """Count a settled attempt, its seconds, and the seconds that its job waited for it."""
        self._attempts.add((plugin, command, outcome))
        self._attempt_seconds.add(seconds, (plugin, command))
        self._wait_seconds.add(waited, (plugin,))

    def count_helper_replacement(self, helper: str) -> None:
        """Count a helper process that was replaced."""
        self._helpers.add((helper,))

    def count_request(self, route: Route | None, method: str, status: int, seconds: float) -> None:
        """Count a request that is about to be answered."""
        path = NO_ROUTE if route is None else route.path
        method = method if method in KNOWN_METHODS else OTHER_LABEL
        self._requests.add((path, method, str(status)))
        self._request_seconds.add(seconds, (path, method))
        if status == SUBMITTED_STATUS:
            self._submit_seconds.add(seconds, (path,))

    def count_commit(self, operations: int, seconds: float | None) -> None:
        """Count a batch; `seconds` is None where the batch could not be committed."""
        if seconds is None:
            self._failures.add()
            return
        self._commits.add()
        self._commit_seconds.add(seconds)
        self._batch.add(operations)

    def record_lag(self, seconds: float) -> None:
        """Record the lag of the event loop."""
        self._lag.add(seconds)

    def count_reload(self, result: str, at: float) -> None:
        """Count a reload: `changed`, `unchanged` or `refused`."""
        self._reloads.add((result,))
        self.last_reload_at = at

    def expose(self, readings: Readings, media: str = TEXT_MEDIA) -> Exposition:
        """All metrics, in the text format or as OpenMetrics."""
        from ductile.observe import exposition  # noqa: PLC0415 - the module says why

        facts = {"version": self._version, "python": platform.python_version()}
        families = [
            exposition.info_family(BUILD_INFO, facts),
            *map(exposition.instrument_family, self._instruments()),
            *exposition.process_families(),
            *(exposition.gauge_family(metric, values) for metric, values in readings.items()),
        ]
        body, content_type = exposition.format_metrics(families, openmetrics=media == OPENMETRICS_MEDIA)
        return Exposition(body=body, content_type=content_type)

    def _instruments(self) -> tuple[Counter | Histogram, ...]:
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
