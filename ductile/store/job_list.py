"""Pages of jobs, newest first. The cost depends on the page and on what is open, not on how much has ended."""

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

import orjson
from msgspec import Struct

from ductile.model.filters import JobFilter
from ductile.model.ids import first_id
from ductile.model.job import ENDED_STATES, State
from ductile.model.read_models import JobPage
from ductile.store.rows import read_job_row
from ductile.store.transaction import Row, RowReader

_TOP = "~"
"""Sorts behind every id."""

_ID_COLUMN = 0


MAX_TOTAL = 10_000
"""Jobs since a time that are counted; beyond that the total is capped."""

ID_LEAD_MILLIS = 60_000
"""An id is made this long before its job's row, at most (milliseconds)."""


class _Count(Struct, frozen=True):
    plugin: str
    command: str
    state: State
    n: int


def _bounds(wanted: JobFilter) -> dict[str, Any]:
    """The id and the time above which jobs are read."""
    since = wanted.since or 0
    return {"above": first_id(max(since - ID_LEAD_MILLIS, 0)), "since": since}


def _is_unfiltered(wanted: JobFilter) -> bool:
    return wanted.plugin is None and wanted.command is None and not wanted.states


def _counts(wanted: JobFilter, rows: Iterable[Row]) -> list[_Count]:
    """The counts of the commands and states that are asked for."""
    counts = [_Count(plugin, command, State(state), n) for plugin, command, state, n in rows]
    return [
        count
        for count in counts
        if wanted.plugin in (None, count.plugin)
        and wanted.command in (None, count.command)
        and (not wanted.states or count.state in wanted.states)
    ]


def list_jobs(reads: RowReader, wanted: JobFilter) -> JobPage:
    """The page below the cursor; the total comes from the kept counts, since a time it is counted."""
    counts = _counts(wanted, reads.rows("all_counts"))
    below, room = wanted.cursor or _TOP, wanted.limit + 1
    if _is_unfiltered(wanted):
        rows = reads.rows("list_all", below=below, limit=room, **_bounds(wanted))
    else:
        rows = _open(reads, wanted, counts, below, room)
        for count in counts:
            if count.state in ENDED_STATES:
                rows = _with_ended(reads, wanted, rows, count, below)
    page = rows[: wanted.limit]
    total = sum(count.n for count in counts) if wanted.since is None else _total(reads, wanted, counts)
    most = total if wanted.since is None else MAX_TOTAL
    return JobPage(
        rows=tuple(read_job_row(row) for row in page),
        total=min(total, most),
        total_capped=total > most,
        cursor=page[-1][_ID_COLUMN] if len(rows) > len(page) > 0 else None,
    )


def _total(reads: RowReader, wanted: JobFilter, counts: Iterable[_Count]) -> int:
    """How many there are since a time, counted to one beyond `MAX_TOTAL`."""
    if _is_unfiltered(wanted):
        ((total,),) = reads.rows("count_all", limit=MAX_TOTAL + 1, **_bounds(wanted))
        return int(total)
    states = open_states(counts)
    found = reads.rows("count_open", limit=MAX_TOTAL + 1, **_filters(wanted, states)) if states else [(0,)]
    total = sum(n for (n,) in found)
    for count in counts:
        if count.state in ENDED_STATES and total <= MAX_TOTAL:
            ((n,),) = reads.rows(
                "count_ended",
                plugin=count.plugin,
                command=count.command,
                state=count.state,
                limit=MAX_TOTAL + 1 - total,
                **_bounds(wanted),
            )
            total += n
    return int(total)


def open_states(counts: Iterable[_Count]) -> list[State]:
    """The states of unfinished jobs that are asked for, as far as there are any."""
    return sorted({count.state for count in counts} - ENDED_STATES)


def _filters(wanted: JobFilter, states: list[State]) -> dict[str, Any]:
    return {
        "plugin": wanted.plugin,
        "command": wanted.command,
        "states": orjson.dumps(states).decode(),
        **_bounds(wanted),
    }


def _open(reads: RowReader, wanted: JobFilter, counts: Iterable[_Count], below: str, room: int) -> list[Row]:
    states = open_states(counts)
    return reads.rows("list_open", below=below, limit=room, **_filters(wanted, states)) if states else []


def _with_ended(reads: RowReader, wanted: JobFilter, rows: list[Row], count: _Count, below: str) -> list[Row]:
    """The newest of the rows and of one command's ended jobs, of which only those newer than a full page are read."""
    bounds, room = _bounds(wanted), wanted.limit + 1
    if len(rows) == room:
        bounds["above"] = rows[-1][_ID_COLUMN]
    found = reads.rows(
        "list_ended",
        plugin=count.plugin,
        command=count.command,
        state=count.state,
        below=below,
        limit=room,
        **bounds,
    )
    return sorted([*rows, *found], key=itemgetter(_ID_COLUMN), reverse=True)[:room] if found else rows
