"""Everything that is plugged in, in one list each. A feature is one folder or file, and one line here."""

import os
from collections.abc import Callable, Mapping

from ductile.dispatch.gates.gate import Gate
from ductile.dispatch.gates.plugin_available import PluginAvailable
from ductile.dispatch.log_index import LogIndex
from ductile.dispatch.retention import Retention
from ductile.dispatch.space import Space
from ductile.dispatch.store_guard import StoreGuard
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
from ductile.ingress.chronicle import Chronicle
from ductile.ingress.init import Inits
from ductile.ingress.manager import ServiceManager
from ductile.ingress.sampler import Sampler
from ductile.ingress.schedule import Schedules
from ductile.ingress.source import Source
from ductile.ingress.watch import Watch
from ductile.model.route import Surface, fixed_surface
from ductile.observe.notify import Notifier
from ductile.plugin.runner.call import Runner
from ductile.plugin.runner.child_processes import ChildProcesses
from ductile.plugin.runner.fork import Fork
from ductile.plugin.runner.persistent import Persistent
from ductile.plugin.runner.relay import Relay
from ductile.plugin.runner.spawn import Spawn

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

SOURCES: list[Callable[[Gateway], Source]] = [
    lambda gateway: Schedules(gateway.store, lambda: gateway.live.snapshot, gateway.clock),
    lambda gateway: Inits(gateway.store, lambda: gateway.live.snapshot, gateway.clock),
    lambda gateway: Watch(gateway.live),
]
"""What triggers by itself."""

CHORES: list[Callable[[Gateway], Source]] = [
    lambda gateway: Chronicle(gateway.store, gateway.live),  # before the feed, which tells of the stop
    lambda gateway: gateway.feed,
    lambda gateway: Sampler(gateway.metrics, gateway.store, gateway.live, gateway.clock),
    lambda gateway: LogIndex(gateway.store),
    lambda gateway: StoreGuard(gateway.store, gateway.lock.renew, gateway.live.notices),
    lambda gateway: Space(gateway.store, lambda: gateway.live.snapshot, gateway.live.notices),
    lambda gateway: Retention(gateway.store, lambda: gateway.live.snapshot, gateway.clock),
    # The last one: it says that all are ready.
    lambda gateway: ServiceManager(Notifier(os.environ, os.getpid()), gateway.store, gateway.live),
]
"""What keeps the house in the background."""

GATES: list[Gate] = [PluginAvailable()]
"""Asked in order before an attempt starts; the first that holds a job decides."""

RUNNERS: Mapping[str, Callable[[ChildProcesses], Runner]] = {
    "spawn": lambda children: Relay(Spawn(children)),
    "fork": lambda children: Fork(Spawn(children)),
    "persistent": Persistent,
}
"""The ways to run a plugin, by the name that `plugins.<name>.runner` gives them."""
