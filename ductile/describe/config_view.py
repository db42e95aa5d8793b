"""The current configuration for operators: without tokens, and with secrets masked."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import to_builtins

from ductile.document.redactor import MASK, Redactor, is_display_secret
from ductile.document.units import format_duration
from ductile.model.snapshot import Snapshot

Json = dict[str, Any]

DURATION_SETTINGS = frozenset(
    {"tick_interval", "dedupe_ttl", "job_log_retention", "job_queue_retention", "kill_grace", "drain_timeout", "settle"}
)
"""The settings of `service` that are durations."""


def config_view(snapshot: Snapshot) -> Json:
    """`{service, api, plugins, pipelines, compiled_routes}` and the sections of features, all secrets masked."""
    view: Json = mask_by_value(_unmasked_view(snapshot), snapshot.redactor)
    return view


def _unmasked_view(snapshot: Snapshot) -> Json:
    listen, service = snapshot.api.listen, to_builtins(snapshot.service)
    return {
        "service": {
            name: format_duration(value) if name in DURATION_SETTINGS else value for name, value in service.items()
        },
        "api": {
            "enabled": snapshot.api.enabled,
            "listen": listen[0] if len(listen) == 1 else list(listen),
            "tokens": [{"scopes": sorted(principal.scopes)} for principal in snapshot.principals.values()],
        },
        "plugins": dict(sorted(_plugin_views(snapshot))),
        "pipelines": [{"name": graph.name, "on": graph.on or graph.on_hook} for graph in snapshot.pipelines.values()],
        "compiled_routes": list(_route_views(snapshot)),
        **{key: mask_by_key(settings) for key, settings in snapshot.section_settings.items()},
    }


def _plugin_views(snapshot: Snapshot) -> Iterator[tuple[str, Json]]:
    for name, plugin in snapshot.plugins.items():
        yield name, {"enabled": True, "config": mask_by_key(plugin.config)}
    for name, unusable in snapshot.unusable.items():
        yield name, {"enabled": unusable.kind != "disabled", "config": mask_by_key(unusable.config)}


def _route_views(snapshot: Snapshot) -> Iterator[Json]:
    """What each event starts, in the order of evaluation; `source` is null for events from any source."""
    for groups, hook in ((snapshot.on_event, False), (snapshot.on_hook, True)):
        for event_type, graphs in groups.items():
            for graph in graphs:
                to = f"pipeline.{graph.name}"
                yield {"event_type": event_type, "source": graph.from_plugin, "to": to, "hook": hook}
    for routes in snapshot.routes.values():
        for route in routes:
            to = f"plugin.{route.to}.handle"
            yield {"event_type": route.event_type, "source": route.source, "to": to, "hook": False}


def mask_by_key(value: Any) -> Any:
    """Mask the values of keys whose names suggest a secret."""
    if isinstance(value, Mapping):
        return {key: MASK if is_display_secret(str(key)) else mask_by_key(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [mask_by_key(member) for member in value]
    return value


def mask_by_value(value: Any, redactor: Redactor) -> Any:
    """Mask secrets in all texts; a number whose digits are a secret is masked, too."""
    if isinstance(value, Mapping):
        return {redactor.text(str(key)): mask_by_value(member, redactor) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [mask_by_value(member, redactor) for member in value]
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and redactor.text(str(value)) == MASK:
        return MASK
    return value
