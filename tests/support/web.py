"""An HTTP server on a loopback port over a real store and a snapshot made by hand; tests play the dispatcher."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from blake3 import blake3
from msgspec.structs import replace
from yarl import URL

from ductile import parts
from ductile.config.lockout import Asker
from ductile.config.reload import ReloadResult
from ductile.describe.openapi import openapi
from ductile.document.redactor import Redactor
from ductile.flow.compile import compile_pipelines
from ductile.flow.dsl import PipelineModel
from ductile.http.gateway import Gateway
from ductile.http.server import HttpServer
from ductile.http.surfaces.error_examples import ERROR_EXAMPLES
from ductile.model.job import ClaimedJob, Outcome, State
from ductile.model.manifest import Command, CommandType, Manifest
from ductile.model.principal import Principal
from ductile.model.route import rows_of
from ductile.model.snapshot import Api, Plugin, Service, Snapshot, UnusablePlugin
from ductile.model.writes import Settlement
from ductile.observe.event_feed import EventFeed
from ductile.observe.metrics import Metrics
from ductile.observe.running_logs import RunningLogs
from ductile.observe.waiters import Waiters
from ductile.plugin.json_schema import compile_validator
from ductile.store.sqlite.lock import StateLock
from ductile.store.sqlite.store import SqliteStore
from support.conformity import Conformity, Seen

SECRET = "s3cr3t-of-the-house"
SCHEMA = {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}
EXPIRES = 1_700_000_500_000

TOKENS = {
    "admin": ["*"],
    "reader": ["plugin:ro", "jobs:ro"],
    "writer": ["plugin:rw"],
    "echo-only": ["plugin:echo:ro"],
    "one-pipeline": ["pipeline:sync"],
    "canceller": ["jobs:rw"],
    "listener": ["events:ro"],
    "sender": ["events:rw"],
}

PIPELINES = [
    {"name": "sync", "on": "a.b", "execution_mode": "synchronous", "timeout": "30s", "steps": [{"uses": "echo"}]},
    {"name": "async", "on": "a.b", "steps": [{"id": "only", "uses": "echo.poll"}]},
    {
        "name": "wide",
        "on": "a.b",
        "execution_mode": "synchronous",
        "steps": [{"split": [{"id": "left", "uses": "echo"}, {"id": "right", "uses": "echo"}]}],
    },
    {"name": "two", "on": "a.b", "steps": [{"split": [{"id": "l", "uses": "echo"}, {"id": "r", "uses": "echo"}]}]},
    {
        "name": "gated",
        "on": "a.b",
        "steps": [{"id": "gate", "uses": "echo", "if": {"path": "payload.go", "op": "eq", "value": True}}],
    },
    {"name": "picky", "on": "a.b", "steps": [{"uses": "echo", "baggage": {"kept.id": "payload.id"}}]},
]


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now


class Control:
    """An operator's switches that only remember."""

    def __init__(self) -> None:
        self.paused = False
        self.draining = False
        self.running = 0
        self.stops = 0

    async def pause(self) -> None:
        self.paused = True

    async def resume(self) -> None:
        self.paused = False

    def request_stop(self) -> None:
        self.stops += 1


@dataclass
class Live:
    """Holds the snapshot; `reload` does what the test says."""

    snapshot: Snapshot
    last_error: Mapping[str, Any] | None = None
    outcome: Exception | None = None
    causes: list[str] = field(default_factory=list)
    notices: dict[str, str] = field(default_factory=dict)
    askers: list[Asker] = field(default_factory=list)

    async def reload(self, cause: str, asker: Asker) -> ReloadResult:
        self.causes.append(cause)
        self.askers.append(asker)
        if self.outcome is not None:
            raise self.outcome
        return ReloadResult(generation=2, config_hash="h2", changes=["plugins.echo"], changed=True, warnings=[])

    async def preview(self, asker: Asker) -> ReloadResult:
        self.askers.append(asker)
        if self.outcome is not None:
            raise self.outcome
        return ReloadResult(generation=2, config_hash="h2", changes=["plugins.echo"], changed=True, warnings=[])


def plugin(name: str = "echo", folder: Path = Path("/plugins/echo")) -> Plugin:
    """A plugin with a command of each kind."""
    commands = {
        "poll": Command(name="poll"),
        "peek": Command(name="peek", type=CommandType.READ, description="Looks."),
        "handle": Command(name="handle", input_schema=None),
        "say": Command(name="say", description="Says it.", input_schema=SCHEMA, output_schema={"type": "string"}),
    }
    return Plugin(
        name=name,
        manifest=Manifest(name="echo", version="1.2.3", entrypoint="run", commands=commands, description="Echoes."),
        folder=folder,
        executable=folder / "run",
        config={},
        env={},
        inherit_env=(),
        timeouts=dict.fromkeys(commands, 60_000),
        max_attempts=4,
        backoff_base=30_000,
        parallelism=4,
        notify_on_complete=False,
        runner="spawn",
        validators={"say": compile_validator(SCHEMA)},
    )


def snapshot(root: Path = Path("/etc/ductile"), **changes: Any) -> Snapshot:
    """One generation with a plugin, an alias, two that cannot run, and some pipelines."""
    plugins = {name: plugin(name) for name in ("echo", "alias")}
    commands = {name: one.manifest.commands for name, one in plugins.items()}
    graphs, problems = compile_pipelines([PipelineModel.model_validate(raw) for raw in PIPELINES], commands)
    assert not problems
    principals = {
        blake3(f"{name}-token".encode()).hexdigest(): Principal(
            id=f"token:{name}", kind="token", scopes=frozenset(scopes)
        )
        for name, scopes in TOKENS.items()
    }
    principals[blake3(b"expiring-token").hexdigest()] = Principal(
        id="token:expiring", kind="token", scopes=frozenset({"*"}), expires_at=EXPIRES
    )
    whole = Snapshot(
        generation=1,
        config_hash="h1",
        root=root,
        service=Service(
            name="ductile",
            tick_interval=60_000,
            log_level="info",
            log_format="json",
            dedupe_ttl=86_400_000,
            job_log_retention=86_400_000,
            job_queue_retention=86_400_000,
            max_workers=4,
            kill_grace=5_000,
            drain_timeout=30_000,
            max_hops=20,
            strict_mode=False,
            allow_symlinks=False,
            inherit_env=(),
        ),
        api=Api(
            enabled=True,
            listen=("127.0.0.1:0",),
            max_concurrent_sync=2,
            max_sync_timeout=300_000,
            max_body_size=4096,
            allowed_origins=("https://app.example",),
            metrics_public=True,
        ),
        state_path=root / "state.db",
        principals=principals,
        plugins=plugins,
        unusable={
            "off": UnusablePlugin(
                name="off", kind="disabled", reason="enabled: false", manifest=plugins["echo"].manifest
            ),
            "broken": UnusablePlugin(name="broken", kind="quarantined", reason=f"no entrypoint, {SECRET}"),
        },
        pipelines=graphs,
        on_event={},
        on_hook={},
        routes={},
        schedules=(),
        redactor=Redactor([SECRET]),
        warnings=("config.yaml:3:1: warning[legacy]: old",),
    )
    served = replace(whole, **changes)
    return replace(served, rows=rows_of(parts.SURFACES, served))


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    json: Any
    headers: Mapping[str, str]


class Web:
    """The server under test, and a client of it."""

    def __init__(self, store: SqliteStore, live: Live, clock: Clock, feed: Mapping[str, Any]) -> None:
        self.store, self.live, self.clock = store, live, clock
        self.control, self.waiters = Control(), Waiters()
        self.feed = EventFeed(store, lambda: live.snapshot.redactor, **feed)
        self.changed = asyncio.Event()
        store.on_commit(self.waiters.wake)
        store.include_view_for(self.waiters.wants_view)
        store.on_commit(lambda _: self.changed.set())
        self.gateway = Gateway(
            store=store,
            live=live,
            lock=StateLock(Path("state.db")),
            control=self.control,
            waiters=self.waiters,
            running_logs=RunningLogs(),
            feed=self.feed,
            metrics=Metrics("0.9"),
            clock=clock,
            authenticators=parts.AUTHENTICATORS,
            started_at=clock(),
            version="0.9",
            binary_path="/bin/ductile",
        )
        self.server = HttpServer(self.gateway, parts.MIDDLEWARE)
        self.session = aiohttp.ClientSession()
        self._conformity = Conformity(self._openapi)

    @property
    def url(self) -> str:
        return self.server.urls[0]

    @property
    def port(self) -> int:
        return URL(self.url).port or 0

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "admin-token",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request. A body of bytes or an async iterator goes as it is, anything else as JSON.

        Every answer is held against the OpenAPI document of the snapshot that serves.
        """
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None and not isinstance(body, bytes | AsyncIterator):
            body = orjson.dumps(body)
            sent["Content-Type"] = "application/json"
        url = URL(self.url + path, encoded=True)
        async with self.session.request(method, url, data=body, headers={**sent, **(headers or {})}) as response:
            content = await response.read()
            self._conformity.check(method, path, Seen(response.status, response.headers, content))
            return Answer(response.status, orjson.loads(content) if content else None, response.headers)

    def _openapi(self) -> Any:
        """The document of the snapshot that serves; None where a test has taken that away."""
        serves = self.live.snapshot
        return (
            orjson.loads(orjson.dumps(openapi(serves, "0.9", ERROR_EXAMPLES))) if isinstance(serves, Snapshot) else None
        )

    async def post(self, path: str, body: Any = None, **kwargs: Any) -> Answer:
        return await self.call("POST", path, body, **kwargs)

    async def get(self, path: str, **kwargs: Any) -> Answer:
        return await self.call("GET", path, **kwargs)

    async def claim(self) -> ClaimedJob:
        """Start the next job of echo, once there is one."""
        while True:
            self.changed.clear()
            claims = await self.store.claim({"echo": 1, "alias": 1}, 1, lambda _: None)
            if claims.claimed:
                return claims.claimed[0]
            await self.changed.wait()

    async def finish(self, claimed: ClaimedJob, *, error: str | None = None, **more: Any) -> None:
        """End an attempt."""
        result = {"status": "error", "error": error} if error else {"status": "ok", "result": "done"}
        result["state_updates"] = {"seen": 1}
        change = Settlement(
            job=claimed.job,
            outcome=Outcome.FAILED if error else Outcome.SUCCEEDED,
            state=State.FAILED if error else State.SUCCEEDED,
            started_at=self.clock(),
            runner="spawn",
            generation=1,
            exit_code=1 if error else 0,
            result=orjson.dumps(result),
            error=error,
            logs=orjson.dumps([{"level": "info", "message": "hello"}]),
        )
        await self.store.settle(replace(change, **more))

    async def count(self) -> int:
        """How many jobs there are."""
        return (await self.store.jobs()).total


@asynccontextmanager
async def serving(folder: Path, *, feed: Mapping[str, Any] | None = None, **changes: Any) -> AsyncIterator[Web]:
    """A server over a store in this folder, with a snapshot changed as given; `feed` sets up the journal's live end."""
    clock = Clock()
    store = await SqliteStore.open(folder / "state.db", clock=clock)
    web = Web(store, Live(snapshot(folder, **changes)), clock, feed or {})
    try:
        await web.server.start(web.live.snapshot.api.listen)
        await web.feed.start()
        yield web
    finally:
        web.waiters.release_all()
        await web.feed.stop()
        await web.session.close()
        await web.server.close(5)
        await store.close()
