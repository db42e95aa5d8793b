"""Pages of jobs, newest first. The cost depends on the page and on what is open, not on how much has ended."""

from collections.abc import Iterable
from operator import itemgetter

import orjson
from msgspec import Struct

from ductile.model.job import ENDED, State
from ductile.model.view import JobPage
from ductile.store.moment import Moment
from ductile.store.rows import Row, read_line

_TOP = "~"
"""Sorts behind every id."""

_ID = 0


class Wanted(Struct, frozen=True):
    """Which jobs, how many, and below which id; None and no states let everything pass."""

    plugin: str | None
    command: str | None
    states: frozenset[State]
    limit: int
    cursor: str | None

    @property
    def everything(self) -> bool:
        """Whether nothing is filtered."""
        return self.plugin is None and self.command is None and not self.states

    def counts(self, rows: Iterable[Row]) -> list["_Count"]:
        """The counts of the commands and states that are asked for."""
        counts = [_Count(plugin, command, State(state), n) for plugin, command, state, n in rows]
        return [
            count
            for count in counts
            if self.plugin in (None, count.plugin)
            and self.command in (None, count.command)
            and (not self.states or count.state in self.states)
        ]


class _Count(Struct, frozen=True):
    plugin: str
    command: str
    state: State
    n: int


def list_jobs(moment: Moment, wanted: Wanted) -> JobPage:
    """The page below the cursor; the total comes from the kept counts."""
    counts = wanted.counts(moment.all("all_counts"))
    below, room = wanted.cursor or _TOP, wanted.limit + 1
    if wanted.everything:
        rows = moment.all("list_all", below=below, limit=room)
    else:
        rows = _open(moment, wanted, counts, below, room)
        for count in counts:
            if count.state in ENDED:
                rows = _with_ended(moment, rows, count, below, room)
    page = rows[: wanted.limit]
    return JobPage(
        rows=tuple(read_line(row) for row in page),
        total=sum(count.n for count in counts),
        total_capped=False,
        cursor=page[-1][_ID] if len(rows) > len(page) > 0 else None,
    )


def _open(moment: Moment, wanted: Wanted, counts: Iterable[_Count], below: str, room: int) -> list[Row]:
    states = sorted({count.state for count in counts} - ENDED)
    if not states:
        return []
    return moment.all(
        "list_open",
        below=below,
        plugin=wanted.plugin,
        command=wanted.command,
        states=orjson.dumps(states).decode(),
        limit=room,
    )


def _with_ended(moment: Moment, rows: list[Row], count: _Count, below: str, room: int) -> list[Row]:
    """The newest of the rows and of one command's ended jobs, of which only those newer than a full page are read."""
    above = rows[-1][_ID] if len(rows) == room else ""
    found = moment.all(
        "list_ended",
        plugin=count.plugin,
        command=count.command,
        state=count.state,
        below=below,
        above=above,
        limit=room,
    )
    return sorted([*rows, *found], key=itemgetter(_ID), reverse=True)[:room] if found else rows
