"""The client: everything the gateway's API does, as calls of an async object. The command line uses nothing else."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import orjson

from ductile.client.answer import CALL_TIMEOUT_SECONDS, Answer
from ductile.client.blocking_transport import BlockingTransport
from ductile.client.query import DRY_RUN_MEMBERS, FilterValue, dry_run_query, filter_query

if TYPE_CHECKING:  # aiohttp takes longer to import than most calls of the command line to run
    import aiohttp

    from ductile.client.sse import Message
    from ductile.client.transport import Transport

MARKDOWN = "text/markdown"


class Client:
    """Talks to one gateway: `async with Client("http://127.0.0.1:8080", token) as client: …`.

    The URL may be `unix:/path/of.sock`; `traces` are told of every request. Every call returns the answer's JSON. It
    raises Unreachable, AuthFailed (401, 403), NotFoundError (404), Refused, or Foreign for what no gateway answers.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        traces: "Sequence[aiohttp.TraceConfig]" = (),
        *,
        connection: BlockingTransport | None = None,
    ) -> None:
        self._transport = connection or make_transport(url, token, traces)

    @classmethod
    def blocking(
        cls,
        url: str,
        token: str | None,
        told: Callable[[str], None] = lambda _: None,
        limit: float = CALL_TIMEOUT_SECONDS,
    ) -> Self:
        """A client whose calls block, for `result_of` and without an event loop; it has neither `raw` nor streams.

        `told` hears a sentence of every request; a call takes at most `limit` seconds and what it waits for a result.
        """
        return cls(url, connection=BlockingTransport(url, token, told, limit))

    async def __aenter__(self) -> Self:
        self._transport.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close()

    async def trigger(
        self,
        plugin: str,
        command: str,
        payload: Mapping[str, Any] | None = None,
        *,
        wait: float | None = None,
        idempotency_key: str | None = None,
        dry_run: bool = False,
        **options: Any,
    ) -> dict[str, Any]:
        """Run a plugin command. `wait` is seconds; options are dedupe_key, run_at, priority, route.

        Returns the accepted job, or the finished one where it was waited for and ended in time. Here as everywhere,
        `dry_run` changes nothing and returns what would have been done, with `dry_run: true` in it.
        """
        path = f"/plugin/{quote(plugin, safe='')}/{quote(command, safe='')}"
        return await self._trigger(path, payload, wait, idempotency_key, options, query=dry_run_query(dry_run))

    async def run_pipeline(
        self,
        pipeline: str,
        payload: Mapping[str, Any] | None = None,
        *,
        wait: float | None = None,
        detach: bool = False,
        idempotency_key: str | None = None,
        dry_run: bool = False,
        **options: Any,
    ) -> dict[str, Any]:
        """Run a pipeline; `detach` returns at once from a synchronous one too. Otherwise as `trigger`."""
        path = f"/pipeline/{quote(pipeline, safe='')}"
        query = {**({"async": "true"} if detach else {}), **dry_run_query(dry_run)}
        return await self._trigger(path, payload, wait, idempotency_key, options, query=query)

    async def job(self, job_id: str, *, wait: float = 0) -> dict[str, Any]:
        """A job; with `wait`, once it has ended or so many seconds are over."""
        query = {"wait": str(wait)} if wait else {}
        found: dict[str, Any] = await self._transport.call(
            "GET", f"/job/{quote(job_id, safe='')}", query=query, wait=wait, has=("job_id", "status")
        )
        return found

    async def tree(self, job_id: str) -> list[dict[str, Any]]:
        """A job and everything below it, root first."""
        rows: list[dict[str, Any]] = await self._transport.call("GET", f"/job/{quote(job_id, safe='')}/tree", has=None)
        return rows

    async def jobs(self, **filters: FilterValue) -> dict[str, Any]:
        """A page of jobs; filters are plugin, command, status (one or more), from_, limit, cursor, include_details."""
        page: dict[str, Any] = await self._transport.call(
            "GET", "/jobs", query=filter_query(filters), has=("jobs", "total")
        )
        return page

    async def logs(self, **filters: FilterValue | None) -> dict[str, Any]:
        """A page of ended attempts, newest first: `{logs, total, cursor}`.

        Filters are job_id, plugin, command, status (one or a list), submitted_by, from_, to, query, limit, cursor,
        include_result.
        """
        page: dict[str, Any] = await self._transport.call(
            "GET", "/job-logs", query=filter_query(filters), has=("logs", "total")
        )
        return page

    async def job_logs(self, job_id: str) -> dict[str, Any]:
        """What each ended attempt of a job said, oldest first: `{job_id, logs}`."""
        found: dict[str, Any] = await self._transport.call("GET", f"/job/{quote(job_id, safe='')}/logs", has=("logs",))
        return found

    async def cancel(self, job_id: str, *, dry_run: bool = False) -> dict[str, Any]:
        """Cancel a job or a run."""
        return await self._post(f"/job/{quote(job_id, safe='')}/cancel", dry_run=dry_run)

    async def retry(self, job_id: str, *, dry_run: bool = False) -> dict[str, Any]:
        """Start an ended job or run again, as a new one; returns that one as accepted."""
        return await self._post(f"/job/{quote(job_id, safe='')}/retry", dry_run=dry_run)

    async def purge(
        self,
        *,
        plugin: str | None = None,
        command: str | None = None,
        pipeline: str | None = None,
        state: str | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Cancel what waits: every queued and held job, or those of a plugin, a command, a pipeline, a state."""
        filters = filter_query({"plugin": plugin, "command": command, "pipeline": pipeline, "state": state})
        answer: dict[str, Any] = await self._transport.call(
            "POST", "/queue/purge", query=dry_run_query(dry_run), body=orjson.dumps(filters), wait=None, has=("purged",)
        )
        return answer

    async def analytics_queue(self) -> dict[str, Any]:
        """How much waits and runs, for how long, and how busy the workers are."""
        found: dict[str, Any] = await self._transport.call("GET", "/analytics/queue", has=("queue_depth", "workers"))
        return found

    async def analytics_summary(self) -> dict[str, Any]:
        """What ended within the last day: how, how often and how fast."""
        found: dict[str, Any] = await self._transport.call("GET", "/analytics/summary", has=("stats", "total"))
        return found

    async def send_event(
        self,
        event_type: str,
        payload: Mapping[str, Any] | None = None,
        *,
        dedupe_key: str | None = None,
        idempotency_key: str | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Say that something has happened; returns `{event_id, started}` with the jobs and runs that it started."""
        body = {"type": event_type, "payload": payload or {}}
        if dedupe_key is not None:
            body["dedupe_key"] = dedupe_key
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        sent: dict[str, Any] = await self._transport.call(
            "POST", "/events", query=dry_run_query(dry_run), body=orjson.dumps(body), headers=headers, has=("started",)
        )
        return sent

    def events(
        self, last_event_id: int | str | None = None, types: Sequence[str] = (), *, reconnect: bool = False
    ) -> AsyncIterator[dict[str, Any]]:
        """What happens, as it happens: `{id, type, at, …}`; `lagged` says what was missed. Types may be `job.*`.

        It begins behind `last_event_id`, or when the first one is asked for, and ends when the gateway ends it. With
        `reconnect` it never ends: once connected, it connects again behind the last event, and waits for the gateway.
        """
        after = None if last_event_id is None else str(last_event_id)
        from ductile.client.sse import follow_events  # noqa: PLC0415 - imports aiohttp

        return follow_events(partial(self.following, types=types), after, reconnect=reconnect)

    def following(
        self, last_event_id: str | None = None, types: Sequence[str] = ()
    ) -> "AbstractAsyncContextManager[AsyncIterator[Message]]":
        """A context in which the stream is open: what happens from its begin on comes, as messages."""
        return self._streaming_transport().stream("/events", {"type": ",".join(types)} if types else {}, last_event_id)

    async def plugins(self) -> list[dict[str, Any]]:
        """The plugins that can run."""
        found: list[dict[str, Any]] = (await self._transport.call("GET", "/plugins", has=("plugins",)))["plugins"]
        return found

    async def plugin(self, name: str) -> dict[str, Any]:
        """A plugin and its commands with their input schemas."""
        found: dict[str, Any] = await self._transport.call("GET", f"/plugin/{quote(name, safe='')}", has=("commands",))
        return found

    async def pipelines(self) -> list[dict[str, Any]]:
        """The pipelines, each as `skills` lists it."""
        return [one for one in await self.skills() if one["kind"] == "pipeline"]

    async def pipeline(self, name: str) -> dict[str, Any]:
        """A pipeline, its steps and where each leads."""
        found: dict[str, Any] = await self._transport.call("GET", f"/pipeline/{quote(name, safe='')}", has=("steps",))
        return found

    async def rehearse(
        self,
        pipeline: str,
        payload: Mapping[str, Any] | None = None,
        answers: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    ) -> dict[str, Any]:
        """What a run would do; `answers` are the payloads of the events that a step is assumed to emit."""
        path = f"/pipeline/{quote(pipeline, safe='')}/dry-run"
        body = orjson.dumps({"payload": payload or {}, "answers": answers or {}})
        told: dict[str, Any] = await self._transport.call("POST", path, body=body, has=("steps",))
        return told

    async def skills(self) -> list[dict[str, Any]]:
        """Plugin commands and pipelines in one list."""
        found: list[dict[str, Any]] = (await self._transport.call("GET", "/skills", has=("skills",)))["skills"]
        return found

    async def skills_markdown(self) -> str:
        """The same as a page for agents, with how to call them."""
        page: str = await self._transport.call("GET", "/skills", headers={"Accept": MARKDOWN}, media=MARKDOWN)
        return page

    async def openapi(self, plugin: str | None = None) -> dict[str, Any]:
        """The OpenAPI document of the whole API, or of one plugin's commands."""
        path = "/openapi.json" if plugin is None else f"/plugin/{quote(plugin, safe='')}/openapi.json"
        found: dict[str, Any] = await self._transport.call("GET", path, has=("openapi", "paths"))
        return found

    async def config_view(self) -> dict[str, Any]:
        """The configuration that serves, without its secrets."""
        found: dict[str, Any] = await self._transport.call("GET", "/config/view", has=("service", "plugins"))
        return found

    async def health(self) -> dict[str, Any]:
        """How the gateway is; also where it answers 503 with that."""
        found: dict[str, Any] = await self._transport.call("GET", "/healthz", accept=frozenset({503}), has=("status",))
        return found

    async def reload(self, *, dry_run: bool = False, force: bool = False) -> dict[str, Any]:
        """Read the configuration again. Raises Refused with `details.errors` where it is invalid.

        One that leaves no token with `*`, or not the token of this client, is refused unless `force` is given.
        """
        query = {**dry_run_query(dry_run), **({"force": "true"} if force else {})}
        answer: dict[str, Any] = await self._transport.call("POST", "/system/reload", query=query, has=("status",))
        return answer

    async def pause(self, *, dry_run: bool = False) -> dict[str, Any]:
        """Claim nothing more."""
        return await self._post("/system/pause", dry_run=dry_run)

    async def resume(self, *, dry_run: bool = False) -> dict[str, Any]:
        """Claim again."""
        return await self._post("/system/resume", dry_run=dry_run)

    async def stop(self, *, dry_run: bool = False) -> dict[str, Any]:
        """Stop gracefully."""
        return await self._post("/system/stop", dry_run=dry_run)

    async def raw(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        each: Callable[[str], None] = lambda _: None,
    ) -> Answer:
        """Any call, and its answer whatever the status; it takes as long as it takes.

        A body is JSON unless `headers` say otherwise. Of a stream of events `each` gets the text as it comes.
        """
        return await self._streaming_transport().send(method, path, body=body, headers=headers, each=each)

    def _streaming_transport(self) -> "Transport":
        if isinstance(self._transport, BlockingTransport):
            message = "a blocking client has no streams"
            raise TypeError(message)
        return self._transport

    async def _post(self, path: str, *, dry_run: bool) -> dict[str, Any]:
        answer: dict[str, Any] = await self._transport.call(
            "POST", path, query=dry_run_query(dry_run), has=DRY_RUN_MEMBERS if dry_run else ("status",)
        )
        return answer

    async def _trigger(
        self,
        path: str,
        payload: Mapping[str, Any] | None,
        wait: float | None,
        idempotency_key: str | None,
        options: Mapping[str, Any],
        *,
        query: Mapping[str, str],
    ) -> dict[str, Any]:
        headers = {} if wait is None else {"Prefer": f"wait={wait}"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        body = orjson.dumps({"payload": payload or {}, **options})
        has = DRY_RUN_MEMBERS if "dry_run" in query else ("job_id", "status")
        answer: dict[str, Any] = await self._transport.call(
            "POST", path, query=query, body=body, headers=headers, wait=wait, has=has
        )
        return answer


def make_transport(url: str, token: str | None, traces: "Sequence[aiohttp.TraceConfig]") -> "Transport":
    """A connection for an event loop."""
    from ductile.client.transport import Transport  # noqa: PLC0415 - imports aiohttp

    return Transport(url, token, traces)
