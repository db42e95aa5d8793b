"""Everything that is plugged in, in one list each. A feature is one folder or file, and one line here."""

import os
from collections.abc import Callable, Mapping

from ductile.dispatch.gates.gate import Gate
from ductile.dispatch.gates.present import PluginPresent
from ductile.dispatch.log_index import LogIndex
from ductile.dispatch.retention import Retention
from ductile.dispatch.space import Space
from ductile.dispatch.store_guard import StoreGuard
from ductile.http.ask import Gateway, Middleware
from ductile.http.middleware.access_log import access_log
from ductile.http.middleware.authenticate import authenticate
from ductile.http.middleware.authorize import authorize
from ductile.http.middleware.body import body
from ductile.http.middleware.errors import errors
from ductile.http.middleware.locate import locate
from ductile.http.middleware.measure import measure
from ductile.http.middleware.observe import observed
from ductile.http.middleware.origins import origins
from ductile.http.middleware.query import check_query
from ductile.http.middleware.request_id import request_id
from ductile.http.surfaces import (
    analytics,
    config_view,
    definitions,
    discovery,
    docs,
    events,
    jobs,
    logs,
    metrics,
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
from ductile.model.route import Route
from ductile.observe.notify import Notifier
from ductile.plugin.runner.call import Runner
from ductile.plugin.runner.child_processes import ChildProcesses
from ductile.plugin.runner.fork import Fork
from ductile.plugin.runner.persistent import Persistent
from ductile.plugin.runner.relay import Relay
from ductile.plugin.runner.spawn import Spawn

SURFACES: list[list[Route]] = [
    discovery.ROUTES,
    docs.ROUTES,
    jobs.ROUTES,
    logs.ROUTES,
    plugins.ROUTES,
    pipelines.ROUTES,
    definitions.ROUTES,
    config_view.ROUTES,
    events.ROUTES,
    queue.ROUTES,
    analytics.ROUTES,
    metrics.ROUTES,
    system.ROUTES,
]
"""The groups of routes."""

MIDDLEWARE: list[Middleware] = [
    observed(measure, access_log),
    request_id,
    origins,
    errors,
    authenticate,
    locate,
    authorize,
    check_query,
    body,
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

GATES: list[Gate] = [PluginPresent()]
"""Asked in order before an attempt starts; the first that holds a job decides."""

RUNNERS: Mapping[str, Callable[[ChildProcesses], Runner]] = {
    "spawn": lambda children: Relay(Spawn(children)),
    "fork": lambda children: Fork(Spawn(children)),
    "persistent": Persistent,
}
"""The ways to run a plugin, by the name that `plugins.<name>.runner` gives them."""
