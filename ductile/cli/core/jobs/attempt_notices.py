"""Notices of failed attempts on stderr while somebody waits for a job that is retried."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ductile.cli.core.output import Output
from ductile.cli.core.time_format import format_age
from ductile.model.job import ENDED_STATES, PIPELINE_PLUGIN, State

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Client

Json = dict[str, Any]

MAX_ERROR_CHARS: Final = 500
"""Characters of an error in a notice."""


class AttemptNotices:
    """Reports each failed attempt of a job, or of the steps of a run, once."""

    def __init__(self, out: Output, client: "Client") -> None:
        self._out = out
        self._client = client
        self._reported: set[tuple[str, int]] = set()

    async def report_failures(self, job: Json) -> None:
        """Report the attempts that have failed since the last call."""
        if self._out.quiet:
            return
        if job.get("plugin") != PIPELINE_PLUGIN:
            await self._report(job)
            return
        for row in await self._client.tree(job["job_id"]):
            if (
                row["status"] == State.QUEUED
                and row.get("attempt")
                and (row["job_id"], row["attempt"]) not in self._reported
            ):
                await self._report(await self._client.job(row["job_id"]))

    async def _report(self, job: Mapping[str, Any]) -> None:
        attempt = job.get("attempt") or 0
        await self._report_missed(job, range(1, attempt))
        key = (str(job["job_id"]), attempt)
        if (
            job["status"] in {*ENDED_STATES, State.RUNNING}
            or not attempt
            or not job.get("last_error")
            or key in self._reported
        ):
            return
        self._reported.add(key)
        self._out.tell(retry_sentence(job))

    async def _report_missed(self, job: Mapping[str, Any], attempts: Iterable[int]) -> None:
        """Report attempts that have failed between two calls."""
        missed = {attempt for attempt in attempts if (str(job["job_id"]), attempt) not in self._reported}
        if not missed:
            return
        self._reported |= {(str(job["job_id"]), attempt) for attempt in missed}
        for row in (await self._client.job_logs(job["job_id"]))["logs"]:
            if row["attempt"] in missed and row.get("last_error"):
                self._out.tell(failure_sentence({**job, **row}))


def retry_sentence(job: Mapping[str, Any]) -> str:
    """`attempt 1 of 4 failed: exit 3 without a response; again in 30 s`."""
    due = format_age(job.get("run_at")) or "soon"
    again = due if due.startswith("in ") else "at once"
    return f"{failure_sentence(job)}; again {again}"


def failure_sentence(job: Mapping[str, Any]) -> str:
    """`attempt 1 of 4 failed: exit 3 without a response`."""
    error = " ".join(str(job["last_error"]).split()).rstrip(".")
    excerpt = error if len(error) <= MAX_ERROR_CHARS else f"{error[:MAX_ERROR_CHARS]}…"
    step = f"{job['step']}: " if job.get("step") else ""
    return f"{step}attempt {job['attempt']} of {job.get('max_attempts')} failed: {excerpt}"
