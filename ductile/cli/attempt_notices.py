"""Failed attempts, told on stderr to who waits for a job that is tried again."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ductile.cli.moments import age
from ductile.cli.output import Out
from ductile.model.job import ENDED_STATES, PIPELINE_PLUGIN, State

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Client

Json = dict[str, Any]

LONGEST_ERROR: Final = 500
"""Characters of an error that are told."""


class AttemptNotices:
    """Tells each failed attempt of a job, or of the steps of a run, once."""

    def __init__(self, out: Out, client: "Client") -> None:
        self._out = out
        self._client = client
        self._told: set[tuple[str, int]] = set()

    async def look(self, job: Json) -> None:
        """Tell what has failed of the job since the last look."""
        if self._out.quiet:
            return
        if job.get("plugin") != PIPELINE_PLUGIN:
            await self._tell(job)
            return
        for row in await self._client.tree(job["job_id"]):
            if (
                row["status"] == State.QUEUED
                and row.get("attempt")
                and (row["job_id"], row["attempt"]) not in self._told
            ):
                await self._tell(await self._client.job(row["job_id"]))

    async def _tell(self, job: Mapping[str, Any]) -> None:
        attempt = job.get("attempt") or 0
        await self._tell_missed(job, range(1, attempt))
        key = (str(job["job_id"]), attempt)
        if (
            job["status"] in {*ENDED_STATES, State.RUNNING}
            or not attempt
            or not job.get("last_error")
            or key in self._told
        ):
            return
        self._told.add(key)
        self._out.tell(notice(job))

    async def _tell_missed(self, job: Mapping[str, Any], attempts: Iterable[int]) -> None:
        """Tell of attempts that have failed between two looks."""
        missed = {attempt for attempt in attempts if (str(job["job_id"]), attempt) not in self._told}
        if not missed:
            return
        self._told |= {(str(job["job_id"]), attempt) for attempt in missed}
        for one in (await self._client.job_logs(job["job_id"]))["logs"]:
            if one["attempt"] in missed and one.get("last_error"):
                self._out.tell(failure({**job, **one}))


def notice(job: Mapping[str, Any]) -> str:
    """`attempt 1 of 4 failed: exit 3 without a response; again in 30 s`."""
    due = age(job.get("run_at")) or "soon"
    again = due if due.startswith("in ") else "at once"
    return f"{failure(job)}; again {again}"


def failure(job: Mapping[str, Any]) -> str:
    """`attempt 1 of 4 failed: exit 3 without a response`."""
    error = " ".join(str(job["last_error"]).split()).rstrip(".")
    shown = error if len(error) <= LONGEST_ERROR else f"{error[:LONGEST_ERROR]}…"
    step = f"{job['step']}: " if job.get("step") else ""
    return f"{step}attempt {job['attempt']} of {job.get('max_attempts')} failed: {shown}"
