"""Waiting for a job's end on behalf of a caller: `Prefer: wait=N`, `?wait=N`, synchronous pipelines."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from ductile.document.units import duration
from ductile.errors import BadRequest
from ductile.http.request import Request
from ductile.model.clock import Millis
from ductile.model.ids import new_id
from ductile.model.job import ENDED_STATES, AcceptedJob
from ductile.model.notification import JobEnded

Submit = Callable[[str], Awaitable[AcceptedJob]]
"""Submits a job under this id; returns after its commit."""


def requested_wait(request: Request) -> Millis | None:
    """How long the caller wants to wait, at most `api.max_sync_timeout`; None where it does not say.

    The query wins over the header. Raises BadRequest for what is no length of time.
    """
    text = request.query.get("wait")
    if text is None:
        fields = request.raw.headers.getall("Prefer", None)
        text = prefer_wait(fields) if fields else None
    if text is None:
        return None
    return min(parse_wait(text), request.snapshot.api.max_sync_timeout)


def prefer_wait(fields: Sequence[str]) -> str | None:
    """The value of `wait` in the `Prefer` header fields (RFC 7240)."""
    for preference in ",".join(fields).split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            return value.strip().strip('"')
    return None


def parse_wait(text: str) -> Millis:
    """`2`, `0.5` (seconds), `500ms`, `1m30s` as milliseconds. Raises BadRequest."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            return duration(text)
        except ValueError:
            seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise BadRequest(reason=f"wait must be seconds such as 5 or a duration such as 500ms, not {text!r}")
    return round(min(seconds, 1e9) * 1000)


def query_flag(request: Request, name: str) -> bool:
    """A query parameter that is true or false; false where it is missing. Raises BadRequest."""
    text = request.query.get(name, "false").lower()
    if text in {"true", "1", ""}:
        return True
    if text in {"false", "0"}:
        return False
    raise BadRequest(reason=f"{name} must be true or false, not {text!r}")


def admit_waiter(request: Request) -> AbstractContextManager[None]:
    """A place for this caller to wait in. Entering it raises TooManyWaiters or TooManyWaits."""
    api = request.snapshot.api
    return request.gateway.waiters.admit(api.max_concurrent_sync, request.caller, api.max_waits_per_principal)


async def submit_and_wait(
    request: Request,
    submit: Submit,
    timeout: Millis,  # noqa: ASYNC109 - ends in an answer, not in an error
    *,
    shown: bool = False,
) -> tuple[AcceptedJob, JobEnded | None]:
    """Submit and wait for the end. Returns what was accepted, and its end (`shown`: with the job) if it came in time.

    Raises TooManyWaiters before anything is submitted, or what `submit` raises.
    """
    waiters = request.gateway.waiters
    with admit_waiter(request):
        job_id = new_id()
        with waiters.expect(job_id, with_view=shown) as ended:
            accepted = await submit(job_id)
            if accepted.job_id == job_id:
                return accepted, await wait_until_ended(request, ended, timeout)
        with waiters.expect(accepted.job_id, with_view=shown) as ended:  # an earlier job stands for this one
            view = await request.gateway.store.job(accepted.job_id)
            if view is None or view.state in ENDED_STATES:
                return accepted, None if view is None else JobEnded(view.id, view.state, view)
            return accepted, await wait_until_ended(request, ended, timeout)


async def wait_for_end(request: Request, job_id: str, timeout: Millis) -> None:  # noqa: ASYNC109 - as above
    """Wait for the end of a job that stands already, for so long at most. Raises TooManyWaiters."""
    waiters = request.gateway.waiters
    with admit_waiter(request), waiters.expect(job_id) as ended:
        view = await request.gateway.store.job(job_id)  # it may have ended before it was expected
        if view is not None and view.state not in ENDED_STATES:
            await wait_until_ended(request, ended, timeout)


async def wait_until_ended(request: Request, ended: asyncio.Future[JobEnded], timeout: Millis) -> JobEnded | None:  # noqa: ASYNC109 - as above
    """The end, where it came before the timeout, before the client left and before the gateway stopped."""
    if not ended.done():
        either: set[asyncio.Future[Any]] = {ended, request.disconnected()}
        await asyncio.wait(either, timeout=timeout / 1000, return_when=asyncio.FIRST_COMPLETED)
    return ended.result() if ended.done() and not ended.cancelled() else None
