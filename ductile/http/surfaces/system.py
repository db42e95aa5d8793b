"""Health, and what an operator does to the running gateway."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from structlog.contextvars import bound_contextvars

from ductile.config.lockout import Asker
from ductile.config.reload import ReloadResult
from ductile.errors import Unavailable
from ductile.http.auth.bearer import token_hash
from ductile.http.job_json import queue_depth
from ductile.http.middleware.authenticate import principal_of
from ductile.http.reply import JsonReply, Reply
from ductile.http.request import Request
from ductile.http.surfaces import schemas
from ductile.http.wait import query_flag
from ductile.model.clock import rfc3339
from ductile.model.principal import ALL_SCOPES
from ductile.model.route import Parameter, Route
from ductile.store.errors import StorageFull, StoreUnavailable

OK = "ok"

MAX_REASON_CHARACTERS = 300
"""Characters of what a plugin said of its failure; `GET /job/{id}` has it whole."""


class NotReady(Unavailable):
    """The gateway takes no work now: {reason}."""

    code = "not_ready"


async def get_healthz(request: Request) -> Reply:
    """How the gateway is; 503 when the store cannot be written or read. Paths and reasons are for a token with `*`."""
    storage = await storage_state(request)
    document = await health_json(request, storage=storage)
    usable = document["queue_depth"] is not None
    caller = await principal_of(request)
    if caller is None or ALL_SCOPES not in caller.scopes:
        document = public_health_json(document)
    return JsonReply(
        status=200 if usable else 503,
        body=request.snapshot.redactor.value(document),
        headers={} if usable else {"Retry-After": "1"},
    )


async def storage_state(request: Request) -> str:
    """`ok`, or the code of the error that new work is refused with."""
    store = request.gateway.store
    commits = await store.can_commit()
    fault = store.fault()
    if fault is not None:
        return fault.code
    if not commits:
        return StoreUnavailable.code
    return OK if store.capacity_error is None else StorageFull.code


async def health_json(request: Request, *, storage: str) -> dict[str, Any]:
    """The document of `/healthz`."""
    gateway, snapshot = request.gateway, request.snapshot
    quarantined = [
        {"name": one.name, "reason": one.reason} for one in snapshot.unusable.values() if one.kind == "quarantined"
    ]
    unhealthy: list[dict[str, Any]] = []
    depth = None
    if storage in {OK, StorageFull.code}:
        try:
            unhealthy, depth = await unhealthy_plugins(request), queue_depth(await gateway.store.depth())
        except StoreUnavailable as unavailable:
            storage = (gateway.store.fault() or unavailable).code
    sound = storage == OK and not quarantined and not unhealthy and gateway.live.last_error is None
    return {
        "status": "ok" if sound else "degraded",
        "uptime_seconds": (gateway.clock() - gateway.started_at) // 1000,
        "queue_depth": depth,
        "plugins_loaded": len(snapshot.plugins),
        "config_path": str(snapshot.root),
        "binary_path": gateway.binary_path,
        "version": gateway.version,
        "generation": snapshot.generation,
        "config_hash": snapshot.config_hash,
        "last_reload_error": gateway.live.last_error,
        "plugins_quarantined": quarantined,
        "circuits_open": [],
        "plugins_unhealthy": unhealthy,
        "paused": gateway.control.paused,
        "storage": storage,
        "warnings": [*snapshot.warnings, *gateway.live.notices.values()],
    }


def public_health_json(document: Mapping[str, Any]) -> dict[str, Any]:
    """Health as anybody may see it: the names of plugins and how many other things are wrong, but no text."""
    refused = document["last_reload_error"]
    errors = max(1, len(refused["errors"])) if refused else 0
    return {
        **document,
        "config_path": None,
        "binary_path": None,
        "last_reload_error": f"refused, {errors} error{'s' * (errors > 1)}" if refused else None,
        "plugins_quarantined": [{"name": one["name"]} for one in document["plugins_quarantined"]],
        "plugins_unhealthy": [{"plugin": one["plugin"]} for one in document["plugins_unhealthy"]],
        "warnings": len(document["warnings"]),
    }


async def unhealthy_plugins(request: Request) -> list[dict[str, Any]]:
    """The plugins that serve and whose last `init` or `health` did not succeed."""
    plugins = request.snapshot.plugins
    return [
        {
            "plugin": one.plugin,
            "command": one.command,
            "reason": request.snapshot.redactor.text(one.reason)[:MAX_REASON_CHARACTERS],
            "since": rfc3339(one.since),
            "job_id": one.job_id,
        }
        for one in await request.gateway.store.unhealthy()
        if one.plugin in plugins and one.command in plugins[one.plugin].manifest.commands
    ]


async def get_livez(request: Request) -> Reply:  # noqa: ARG001 - a handler's shape; that it runs is the answer
    """The loop answers."""
    return JsonReply(body={"status": "ok"})


async def get_readyz(request: Request) -> Reply:
    """Whether work is taken: a snapshot serves, the store commits, and no stop was asked for."""
    if request.gateway.control.draining:
        raise NotReady(reason="it is stopping")
    commits = await request.gateway.store.can_commit()
    fault = request.gateway.store.fault()
    if fault is not None:
        raise NotReady(reason=fault.message)
    if not commits:
        raise NotReady(reason="its store cannot commit")
    if request.gateway.store.capacity_error is not None:
        raise NotReady(reason=request.gateway.store.capacity_error)
    return JsonReply(body={"status": "ok", "generation": request.snapshot.generation})


async def reload_config(request: Request) -> Reply:
    """Read the configuration again; an invalid one changes nothing."""
    live = request.gateway.live
    asker = Asker(
        token_hash=token_hash(request.raw.headers.get("Authorization", "")), force=query_flag(request, "force")
    )
    if query_flag(request, "dry_run"):
        message = "The configuration is valid; nothing was changed."
        result = await live.preview(asker)
        would = f"put {', '.join(result.changes)} into force" if result.changes else "change nothing"
        return JsonReply(
            body={"status": "ok", "dry_run": True, "would": would, "message": message, **reload_json(result)}
        )
    with bound_contextvars(request_id=request.request_id):
        result = await live.reload("api", asker)
    return JsonReply(
        body={
            "status": "ok",
            "reloaded_at": rfc3339(request.gateway.clock()),
            "message": "Configuration reloaded successfully.",
            **reload_json(result),
        }
    )


def reload_json(result: ReloadResult) -> dict[str, Any]:
    """The configuration that serves now, or would."""
    return {
        "generation": result.generation,
        "config_hash": result.config_hash,
        "changed": result.changed,
        "changes": result.changes,
        "warnings": result.warnings,
    }


async def pause_gateway(request: Request) -> Reply:
    """Claim nothing more, over a restart too; intake goes on."""
    return await set_paused(request, request.gateway.control.pause, paused=True)


async def resume_gateway(request: Request) -> Reply:
    """Claim again."""
    return await set_paused(request, request.gateway.control.resume, paused=False)


async def set_paused(request: Request, change: Callable[[], Awaitable[None]], *, paused: bool) -> Reply:
    """Pause or resume; a dry run says whether that would change anything."""
    body = {"status": "ok", "paused": paused}
    if query_flag(request, "dry_run"):
        would = "stop claiming jobs" if paused else "claim jobs again"
        changed = request.gateway.control.paused is not paused
        return JsonReply(
            body={**body, "changed": changed, "dry_run": True, "would": would if changed else "change nothing"}
        )
    with bound_contextvars(request_id=request.request_id):
        await change()
    return JsonReply(body=body)


async def stop_gateway(request: Request) -> Reply:
    """Stop gracefully, after this answer."""
    if query_flag(request, "dry_run"):
        return JsonReply(body={"dry_run": True, "would": "stop the gateway gracefully"})
    request.gateway.control.request_stop()
    return JsonReply(status=202, body={"status": "stopping"})


def _probe(path: str, summary: str, handler: Any, responses: dict[int, Any]) -> Route:
    return Route(
        method="GET", path=path, handler=handler, summary=summary, scopes=None, tags=("system",), responses=responses
    )


def _order(path: str, summary: str, handler: Any, responses: dict[int, Any], *more: Parameter) -> Route:
    return Route(
        method="POST",
        path=path,
        handler=handler,
        summary=summary,
        scopes=(ALL_SCOPES,),
        tags=("system",),
        parameters=(schemas.DRY_RUN, *more),
        responses=responses,
    )


ROUTES = [
    _probe("/healthz", "How the gateway is", get_healthz, {200: schemas.HEALTH, 503: schemas.HEALTH}),
    _probe("/livez", "Whether the gateway answers", get_livez, {200: schemas.OK}),
    _probe("/readyz", "Whether the gateway takes work", get_readyz, {200: schemas.OK, 503: None}),
    _order(
        "/system/reload",
        "Read the configuration again",
        reload_config,
        {200: schemas.RELOADED_OR_PLANNED, 422: None},
        schemas.FORCE_RELOAD,
    ),
    _order("/system/pause", "Claim nothing more; intake goes on", pause_gateway, {200: schemas.PAUSED}),
    _order("/system/resume", "Claim again", resume_gateway, {200: schemas.PAUSED}),
    _order("/system/stop", "Stop gracefully", stop_gateway, {200: schemas.STOP_PLANNED, 202: schemas.OK}),
]
