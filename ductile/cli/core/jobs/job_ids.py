"""Which job is meant: by its id, by how the id begins, or the last one."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ductile.cli.core.errors import AmbiguousId, NoJob, UsageError

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Client

MAX_ID: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"
MAX_CANDIDATES: Final = 10
"""Jobs that an error about an ambiguous beginning names."""
PAGE_ROWS: Final = 200
"""Jobs that are looked at for the last one that is no step, at once."""

Last = Annotated[
    bool, typer.Option("--last", help="The job or run that was started last, by whomever, in place of an ID.")
]


def require_job(given: str | Sequence[str] | None, *, last: bool) -> None:
    """Raises UsageError unless the job is named in exactly one way."""
    if bool(given) == last:
        raise UsageError(reason="--last takes no ID" if last else "say which job: its ID, how that begins, or --last")


async def find_ids(client: "Client", given: Sequence[str] | None, *, last: bool) -> list[str]:
    """The whole ids. Raises AmbiguousId, NoJob."""
    if last:
        return [await find_last_id(client)]
    return [await find_id(client, one) for one in given or ()]


async def find_id(client: "Client", text: str) -> str:
    """The id of the only job whose id begins so. What is whole, no beginning, or of no job, is returned as it is."""
    prefix = id_prefix(text)
    if prefix is None:
        return text
    rows = (await client.jobs(cursor=prefix + MAX_ID[len(prefix) :], limit=MAX_CANDIDATES + 1))["jobs"]
    found = [row for row in rows if row["job_id"].startswith(prefix)]
    if not found:
        return text
    if len(found) > 1:
        raise AmbiguousId(text=text, rows=found[:MAX_CANDIDATES], more=len(found) > MAX_CANDIDATES)
    return str(found[0]["job_id"])


def id_prefix(text: str) -> str | None:
    """How an id begins, in lower case and with its dashes; None where no id begins so, or it is a whole one."""
    digits = text.lower().replace("-", "")
    if not digits or len(digits) >= len(MAX_ID.replace("-", "")) or set(digits) - set("0123456789abcdef"):
        return None
    written = ""
    for digit in digits:
        written += "-" if MAX_ID[len(written)] == "-" else ""
        written += digit
    dashed = "-" in text
    return None if dashed and written != text.lower().rstrip("-") else written


async def find_last_id(client: "Client") -> str:
    """The newest job that is no step of a run. Raises NoJob."""
    cursor: dict[str, Any] = {}
    limit = 1
    while True:
        page = await client.jobs(**cursor, limit=limit, include_details=True)
        found = next((row for row in page["jobs"] if row.get("parent_job_id") is None), None)
        if found is not None:
            return str(found["job_id"])
        if page["cursor"] is None:
            raise NoJob
        cursor, limit = {"cursor": page["cursor"]}, PAGE_ROWS


async def call_with_job_id(
    client: "Client", given: str | None, work: Callable[[str], Awaitable[Any]], *, last: bool
) -> Any:
    """What `work` answers for the job that is meant. Raises as `find_ids`."""
    (job_id,) = await find_ids(client, [given] if given is not None else [], last=last)
    return await work(job_id)
