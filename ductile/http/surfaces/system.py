"""Health, and what an operator does to the running gateway."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from structlog.contextvars import bound_contextvars

from ductile.config.lockout import Asker
from ductile.config.reload import ReloadResult
from ductile.errors import Unavailable
from ductile.http.ask import Ask, Reply
from ductile.http.documents import depth_of
from ductile.http.middleware.authenticate import hashed, known_caller
from ductile.http.surfaces import schemas
from ductile.http.wait import flag
from ductile.model.clock import rfc3339
from ductile.model.principal import ALL
from ductile.model.route import Parameter, Route
from ductile.store.errors import StorageFull, StoreUnavailable

OK = "ok"

LONGEST_REASON = 300
"""Characters of what a plugin said of its failure; `GET /job/{id}` has it whole."""


class NotReady(Unavailable):
    """The gateway takes no work now: {reason}."""

    code = "not_ready"


async def healthz(ask: Ask) -> Reply:
    """How the gateway is; 503 when the store cannot be written or read. Paths and reasons are for a token with `*`."""
    storage = await storage_state(ask)
    document = await health(ask, storage=storage)
    usable = document["queue_depth"] is not None
    caller = known_caller(ask)
    if caller is None or ALL not in caller.scopes:
        document = public_health(document)
    return Reply(
        status=200 if usable else 503,
        body=ask.snapshot.redactor.value(document),
        headers={} if usable else {"Retry-After": "1"},
    )


async def storage_state(ask: Ask) -> str:
    """`ok`, or the code of the error that new work is refused with."""
    store = ask.gateway.store
    commits = await store.commits()
    fault = store.fault()
    if fault is not None:
        return fault.code
    if not commits:
        return StoreUnavailable.code
    return OK if store.shortage is None else StorageFull.code


async def health(ask: Ask, *, storage: str) -> dict[str, Any]:
    """The document of `/healthz`."""
    gateway, snapshot = ask.gateway, ask.snapshot
    quarantined = [
        {"name": one.name, "reason": one.reason} for one in snapshot.unusable.values() if one.kind == "quarantined"
    ]
    unhealthy: list[dict[str, Any]] = []
    depth = None
    if storage in {OK, StorageFull.code}:
        try:
            unhealthy, depth = await unhealthy_plugins(ask), depth_of(await gateway.store.depth())
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


def public_health(document: Mapping[str, Any]) -> dict[str, Any]:
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


async def unhealthy_plugins(ask: Ask) -> list[dict[str, Any]]:
    """The plugins that serve and whose last `init` or `health` did not succeed."""
    plugins = ask.snapshot.plugins
    return [
        {
            "plugin": one.plugin,
            "command": one.command,
            "reason": ask.snapshot.redactor.text(one.reason)[:LONGEST_REASON],
            "since": rfc3339(one.since),
            "job_id": one.job_id,
        }
        for one in await ask.gateway.store.unhealthy()
        if one.plugin in plugins and one.command in plugins[one.plugin].manifest.commands
    ]


async def livez(ask: Ask) -> Reply:  # noqa: ARG001 - a handler's shape; that it runs is the answer
    """The loop answers."""
    return Reply(body={"status": "ok"})


async def readyz(ask: Ask) -> Reply:
    """Whether work is taken: a snapshot serves, the store commits, and no stop was asked for."""
    if ask.gateway.control.draining:
        raise NotReady(reason="it is stopping")
    commits = await ask.gateway.store.commits()
    fault = ask.gateway.store.fault()
    if fault is not None:
        raise NotReady(reason=fault.message)
    if not commits:
        raise NotReady(reason="its store cannot commit")
    if ask.gateway.store.shortage is not None:
        raise NotReady(reason=ask.gateway.store.shortage)
    return Reply(body={"status": "ok", "generation": ask.snapshot.generation})


async def reload(ask: Ask) -> Reply:
    """Read the configuration again; an invalid one changes nothing."""
    live = ask.gateway.live
    asker = Asker(token_hash=hashed(ask.raw.headers.get("Authorization", "")), force=flag(ask, "force"))
    if flag(ask, "dry_run"):
        message = "The configuration is valid; nothing was changed."
        result = await live.preview(asker)
        would = f"put {', '.join(result.changes)} into force" if result.changes else "change nothing"
        return Reply(body={"status": "ok", "dry_run": True, "would": would, "message": message, **compiled(result)})
    with bound_contextvars(request_id=ask.request_id):
        result = await live.reload("api", asker)
    return Reply(
        body={
            "status": "ok",
            "reloaded_at": rfc3339(ask.gateway.clock()),
            "message": "Configuration reloaded successfully.",
            **compiled(result),
        }
    )


def compiled(result: ReloadResult) -> dict[str, Any]:
    """The configuration that serves now, or would."""
    return {
        "generation": result.generation,
        "config_hash": result.config_hash,
        "changed": result.changed,
        "changes": result.changes,
        "warnings": result.warnings,
    }


async def pause(ask: Ask) -> Reply:
    """Claim nothing more, over a restart too; intake goes on."""
    return await switch(ask, ask.gateway.control.pause, paused=True)


async def resume(ask: Ask) -> Reply:
    """Claim again."""
    return await switch(ask, ask.gateway.control.resume, paused=False)


async def switch(ask: Ask, change: Callable[[], Awaitable[None]], *, paused: bool) -> Reply:
    """Pause or resume; a dry run says whether that would change anything."""
    body = {"status": "ok", "paused": paused}
    if flag(ask, "dry_run"):
        would = "stop claiming jobs" if paused else "claim jobs again"
        changed = ask.gateway.control.paused is not paused
        return Reply(
            body={**body, "changed": changed, "dry_run": True, "would": would if changed else "change nothing"}
        )
    with bound_contextvars(request_id=ask.request_id):
        await change()
    return Reply(body=body)


async def stop(ask: Ask) -> Reply:
    """Stop gracefully, after this answer."""
    if flag(ask, "dry_run"):
        return Reply(body={"dry_run": True, "would": "stop the gateway gracefully"})
    ask.gateway.control.request_stop()
    return Reply(status=202, body={"status": "stopping"})


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
        scopes=(ALL,),
        tags=("system",),
        parameters=(schemas.DRY_RUN, *more),
        responses=responses,
    )


ROUTES = [
    _probe("/healthz", "How the gateway is", healthz, {200: schemas.HEALTH, 503: schemas.HEALTH}),
    _probe("/livez", "Whether the gateway answers", livez, {200: schemas.OK}),
    _probe("/readyz", "Whether the gateway takes work", readyz, {200: schemas.OK, 503: None}),
    _order(
        "/system/reload",
        "Read the configuration again",
        reload,
        {200: schemas.RELOADED_OR_PLANNED, 422: None},
        schemas.FORCE_RELOAD,
    ),
    _order("/system/pause", "Claim nothing more; intake goes on", pause, {200: schemas.PAUSED}),
    _order("/system/resume", "Claim again", resume, {200: schemas.PAUSED}),
    _order("/system/stop", "Stop gracefully", stop, {200: schemas.STOP_PLANNED, 202: schemas.OK}),
]
