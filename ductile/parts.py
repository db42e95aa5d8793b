"""Everything that is plugged in, in one list each. A feature is one folder or file, and one line here."""

import os
from collections.abc import Callable, Mapping, Sequence

from ductile import sections
from ductile.background_service import BackgroundService
from ductile.config.config_section import AnySection
from ductile.dispatch.gates.gate import Gate
from ductile.dispatch.gates.plugin_available import PluginAvailable
from ductile.http.auth.authenticator import Authenticator
from ductile.http.auth.bearer import bearer_principal
from ductile.http.gateway import Gateway
from ductile.http.middleware.access_log import log_access
from ductile.http.middleware.authenticate import authenticate
from ductile.http.middleware.authorize import authorize
from ductile.http.middleware.body import receive_body
from ductile.http.middleware.cors import allow_origins
from ductile.http.middleware.errors import answer_errors
from ductile.http.middleware.not_found import require_route
from ductile.http.middleware.query_parameters import check_query
from ductile.http.middleware.request_id import assign_request_id
from ductile.http.middleware.request_metrics import count_request
from ductile.http.middleware.timing import time_requests
from ductile.http.request import Middleware
from ductile.http.surfaces import (
    analytics,
    config_view,
    discovery,
    docs,
    events,
    jobs,
    logs,
    metrics,
    pipeline_definitions,
    pipelines,
    plugins,
    queue,
    system,
)
from ductile.ingress.config_watcher import ConfigWatcher
from ductile.ingress.plugin_init import PluginInits
from ductile.ingress.schedule import Schedules
from ductile.maintenance.disk_guard import DiskGuard
from ductile.maintenance.lifecycle_journal import LifecycleJournal
from ductile.maintenance.metrics_sampler import MetricsSampler
from ductile.maintenance.retention import Retention
from ductile.maintenance.search_indexer import SearchIndexer
from ductile.maintenance.store_guard import StoreGuard
from ductile.maintenance.systemd import SystemdReporter
from ductile.model.route import Surface, fixed_surface
from ductile.observe.sd_notify import Notifier
from ductile.plugin.runner.child_processes import ChildProcesses
from ductile.plugin.runner.fork_runner import ForkRunner
from ductile.plugin.runner.interface import Runner
from ductile.plugin.runner.persistent_runner import PersistentRunner
from ductile.plugin.runner.spawn_helper import SpawnHelper
from ductile.plugin.runner.spawn_runner import SpawnRunner

SECTIONS: Sequence[AnySection] = sections.SECTIONS
"""The sections of the configuration that features add."""

SURFACES: list[Surface] = [
    fixed_surface("discovery", discovery.ROUTES),
    fixed_surface("docs", docs.ROUTES),
    fixed_surface("jobs", jobs.ROUTES),
    fixed_surface("logs", logs.ROUTES),
    fixed_surface("plugins", plugins.ROUTES),
    fixed_surface("pipelines", pipelines.ROUTES),
    fixed_surface("pipeline_definitions", pipeline_definitions.ROUTES),
    fixed_surface("config_view", config_view.ROUTES),
    fixed_surface("events", events.ROUTES),
    fixed_surface("queue", queue.ROUTES),
    fixed_surface("analytics", analytics.ROUTES),
    Surface(name="metrics", rows=metrics.metrics_rows),
    fixed_surface("system", system.ROUTES),
]
"""The groups of endpoints."""

AUTHENTICATORS: list[Authenticator] = [bearer_principal]
"""Who may call: asked in order, the first that knows a credential decides."""

MIDDLEWARE: list[Middleware] = [
    time_requests(count_request, log_access),
    assign_request_id,
    allow_origins,
    answer_errors,
    authenticate,
    require_route,
    authorize,
    check_query,
    receive_body,
]
"""What stands around every handler, the outermost first."""

SOURCES: list[Callable[[Gateway], BackgroundService]] = [
    lambda gateway: Schedules(gateway.store, lambda: gateway.live.snapshot, gateway.clock),
    lambda gateway: PluginInits(gateway.store, lambda: gateway.live.snapshot, gateway.clock),
    lambda gateway: ConfigWatcher(gateway.live),
]
"""Services that start jobs or reloads by themselves."""

MAINTENANCE: list[Callable[[Gateway], BackgroundService]] = [
    lambda gateway: LifecycleJournal(gateway.store, gateway.live),  # before the feed, which reports the stop
    lambda gateway: gateway.feed,
    lambda gateway: MetricsSampler(gateway.metrics, gateway.store, gateway.live, gateway.clock),
    lambda gateway: SearchIndexer(gateway.store),
    lambda gateway: StoreGuard(gateway.store, gateway.lock.renew, gateway.live.notices),
    lambda gateway: DiskGuard(gateway.store, lambda: gateway.live.snapshot, gateway.live.notices),
    lambda gateway: Retention(gateway.store, lambda: gateway.live.snapshot, gateway.clock),
    # The last one reports that all are ready.
    lambda gateway: SystemdReporter(Notifier(os.environ, os.getpid()), gateway.store, gateway.live),
]
"""Services that maintain the gateway in the background."""

GATES: list[Gate] = [PluginAvailable()]
"""Asked in order before an attempt starts; the first that does not admit a job decides."""

RUNNERS: Mapping[str, Callable[[ChildProcesses], Runner]] = {
    "spawn": lambda children: SpawnHelper(SpawnRunner(children)),
    "fork": lambda children: ForkRunner(SpawnRunner(children)),
    "persistent": PersistentRunner,
}
"""The ways to run a plugin, by the name that `plugins.<name>.runner` gives them."""
