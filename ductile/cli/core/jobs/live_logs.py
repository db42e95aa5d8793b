"""Prints the logs of a job and of its steps while they run.

A gateway sends no events about log entries, so the logs are polled; each call waits a little for the job's end.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, field

from ductile.cli.core.jobs.attempt_text import attempt_headline, attempt_lines, entry_lines, output_lines, titled_lines
from ductile.cli.core.jobs.outage_notices import OutageNotices
from ductile.cli.core.jobs.waiting import read_job
from ductile.cli.core.output import Output
from ductile.client import Client
from ductile.client.errors import Refused, Unreachable
from ductile.client.sse import RECONNECT_DELAY_SECONDS, is_temporary
from ductile.model.job import ENDED_STATES, PIPELINE_PLUGIN, State

Json = dict[str, Any]

POLL_SECONDS: Final = 0.5
"""Between two reads of a running job's logs."""


class PrintedAttempt(Struct):
    """What has been printed of an attempt."""

    entries: list[Any] = field(default_factory=list)
    """The newest entries of its log, as the gateway last sent them."""
    progress: Any = None


class LiveLogs:
    """Prints the logs of one job."""

    def __init__(self, out: Output, client: Client) -> None:
        self._out = out
        self._client = client
        self._running: dict[tuple[str, int], PrintedAttempt] = {}
        """Job and number of an attempt that was printed while it ran, and has not ended."""
        self._ended: set[tuple[str, int]] = set()
        self._stood: dict[str, tuple[Any, Any]] = {}
        """Step → its status and attempt when it was last asked for."""

    async def follow(self, job_id: str) -> Json:
        """The job when it has ended; its logs are printed until then. Waits for a gateway that restarts."""
        job: Json | None = None
        outages = OutageNotices(self._out)
        while True:
            began = asyncio.get_running_loop().time()
            try:
                job = await read_job(self._client, job_id, 0.0 if job is None else POLL_SECONDS)
                await self._show(job)
            except (Unreachable, Refused) as error:
                if job is None or not is_temporary(error):
                    raise
                outages.report_loss(error)
                await asyncio.sleep(RECONNECT_DELAY_SECONDS)
                continue
            outages.report_return()
            if job["status"] in ENDED_STATES:
                return job
            spent = asyncio.get_running_loop().time() - began
            await asyncio.sleep(max(0.0, POLL_SECONDS - spent))

    async def _show(self, job: Mapping[str, Any]) -> None:
        job_id = job["job_id"]
        if job["plugin"] != PIPELINE_PLUGIN:
            await self._show_job(job_id, {})
            return
        for row in await self._client.tree(job_id):
            step, now = row["job_id"], (row["status"], row.get("attempt"))
            if step in {None, job_id} or (self._stood.get(step) == now and row["status"] != State.RUNNING):
                continue
            self._stood[step] = now
            await self._show_job(step, {"step": row["step"]})

    async def _show_job(self, job_id: str, labels: Mapping[str, Any]) -> None:
        for row in (await self._client.job_logs(job_id))["logs"]:
            key, attempt = (job_id, row["attempt"]), {**({"job_id": job_id} if labels else {}), **labels, **row}
            if key in self._ended:
                continue
            if row["status"] == State.RUNNING:
                self._show_running(key, attempt)
            else:
                self._show_ended(key, attempt)

    def _show_running(self, key: tuple[str, int], attempt: Json) -> None:
        printed = self._running.get(key)
        if printed is None:
            printed = self._running[key] = PrintedAttempt()
            if self._out.for_people:
                self._out.print_item({}, attempt_headline(attempt))
        self._show_entries(key, printed, attempt["logs"] or [])
        progress = attempt.get("progress")
        if progress is not None and progress != printed.progress:
            printed.progress = progress
            self._item(key, {"progress": progress}, titled_lines("progress", progress))

    def _show_ended(self, key: tuple[str, int], attempt: Json) -> None:
        self._ended.add(key)
        printed = self._running.pop(key, None)
        if printed is None or not self._out.for_people:
            self._out.print_item({"job_id": key[0], **attempt}, "\n".join(attempt_lines(attempt)))
            return
        self._show_entries(key, printed, attempt["logs"] or [])
        lines = [attempt_headline(attempt), *titled_lines("error", attempt.get("last_error")), *output_lines(attempt)]
        self._out.print_item({}, "\n".join(lines))

    def _show_entries(self, key: tuple[str, int], printed: PrintedAttempt, entries: Sequence[Any]) -> None:
        for entry in new_entries(printed.entries, entries):
            self._item(key, {"log": entry}, entry_lines(entry))
        printed.entries = list(entries)

    def _item(self, key: tuple[str, int], event: Json, lines: Sequence[str]) -> None:
        self._out.print_item({"job_id": key[0], "attempt": key[1], **event}, "\n".join(lines))


def new_entries(before: Sequence[Any], now: Sequence[Any]) -> Sequence[Any]:
    """The entries behind those that were there before, of which the oldest may be gone by now."""
    for gone in range(len(before) + 1):
        rest = before[gone:]
        if list(now[: len(rest)]) == list(rest):
            return now[len(rest) :]
    return now
