"""Finds the job that a command names: by its id, by the beginning of the id, or as the last job."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ductile.cli.core.errors import AmbiguousId, NoJob, UsageError

if TYPE_CHECKING:  # aiohttp takes longer to import than `--help` to run
    from ductile.client import Client

MAX_ID: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"
MAX_CANDIDATES: Final = 10
"""Jobs that the error about an ambiguous id lists."""
PAGE_ROWS: Final = 200
"""Rows that one call reads in the search for the last job that is no step."""

Last = Annotated[
    bool, typer.Option("--last", help="The job or run that was started last, by whomever, in place of an ID.")
]


def require_job(given: str | Sequence[str] | None, *, last: bool) -> None:
    """Raises UsageError unless the command names jobs by ids or by --last, not both."""
    if bool(given) == last:
        raise UsageError(reason="--last takes no ID" if last else "say which job: its ID, how that begins, or --last")


async def find_ids(client: "Client", given: Sequence[str] | None, *, last: bool) -> list[str]:
    """The whole ids. Raises AmbiguousId, NoJob."""
    if last:
        return [await find_last_id(client)]
    return [await find_id(client, text) for text in given or ()]


async def find_id(client: "Client", text: str) -> str:
    """The id of the only job whose id begins with the text. A whole id, or a text that begins none, is returned."""
    prefix = id_prefix(text)
    if prefix is None:
        return text
    rows = (await client.jobs(cursor=prefix + MAX_ID[len(prefix) :], limit=MAX_CANDIDATES + 1))["jobs"]
    matches = [row for row in rows if row["job_id"].startswith(prefix)]
    if not matches:
        return text
    if len(matches) > 1:
        raise AmbiguousId(text=text, rows=matches[:MAX_CANDIDATES], more=len(matches) > MAX_CANDIDATES)
    return str(matches[0]["job_id"])


def id_prefix(text: str) -> str | None:
    """The beginning of an id in lower case and with dashes; None for a whole id, or for what no id begins with."""
    digits = text.lower().replace("-", "")
    if not digits or len(digits) >= len(MAX_ID.replace("-", "")) or set(digits) - set("0123456789abcdef"):
        return None
    prefix_text = ""
    for digit in digits:
        prefix_text += "-" if MAX_ID[len(prefix_text)] == "-" else ""
        prefix_text += digit
    dashed = "-" in text
    return None if dashed and prefix_text != text.lower().rstrip("-") else prefix_text


async def find_last_id(client: "Client") -> str:
    """The newest job that is no step of a run. Raises NoJob."""
    cursor: dict[str, Any] = {}
    limit = 1
    while True:
        page = await client.jobs(**cursor, limit=limit, include_details=True)
        job = next((row for row in page["jobs"] if row.get("parent_job_id") is None), None)
        if job is not None:
            return str(job["job_id"])
        if page["cursor"] is None:
            raise NoJob
        cursor, limit = {"cursor": page["cursor"]}, PAGE_ROWS


async def call_with_job_id(
    client: "Client", given: str | None, work: Callable[[str], Awaitable[Any]], *, last: bool
) -> Any:
    """The answer of `work` for the named job. Raises as `find_ids`."""
    (job_id,) = await find_ids(client, [given] if given is not None else [], last=last)
    return await work(job_id)
