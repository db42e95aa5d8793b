"""Pages of ended attempts, newest first. The cost depends on the page and the kinds of attempts, not on how many ended.

A position in the order is (end time, seq): seq rises as attempts end.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.filters import AttemptFilter
from ductile.model.read_models import AttemptPage
from ductile.model.search_query import SearchQuery
from ductile.store.rows import read_log_row
from ductile.store.sqlite.read_pool import ReadTransaction
from ductile.store.sqlite.search.expression import render
from ductile.store.transaction import Row

MAX_TOTAL = 10_000
"""Attempts that are counted; beyond that the total is capped."""

MAX_RESULT_BYTES = 8 * 1024 * 1024
"""Bytes of results, errors and stderr on a page that shows results; one row may be more."""

HOUR_MILLIS = 3_600_000
DAY_MILLIS = 24 * HOUR_MILLIS
MAX_DAYS = 400
"""Days that a search names one by one; a longer time is looked through."""

FOREVER_MILLIS = 1 << 62
_TOP = (FOREVER_MILLIS, FOREVER_MILLIS)


class _Found(Struct, frozen=True):
    """The positions of a page and of one row more, and the total, counted to one beyond `MAX_TOTAL`."""

    positions: Sequence[Row]
    total: int


def _filters(wanted: AttemptFilter) -> dict[str, Any]:
    """The parameters of `kind_filter`, and the times."""
    return {
        "plugin": wanted.plugin,
        "command": wanted.command,
        "outcomes": _json(sorted(wanted.outcomes)) if wanted.outcomes else None,
        "submitted_by": wanted.submitted_by,
        "since": -FOREVER_MILLIS if wanted.since is None else wanted.since,
        "until": FOREVER_MILLIS if wanted.until is None else wanted.until,
    }


def list_attempts(reads: ReadTransaction, wanted: AttemptFilter, now: Millis) -> AttemptPage:
    """The page below the cursor."""
    if wanted.job_id is not None:
        found = _find_of_job(reads, wanted, wanted.job_id)
    elif wanted.query is not None:
        found = _find_by_search(reads, wanted, wanted.query, now)
    else:
        found = _find_by_kind(reads, wanted)
    page = found.positions[: wanted.limit]
    if wanted.results:
        page = page[: _fitting(reads, [row_id for row_id, _ in page])]
    rows = {row[0]: read_log_row(row[1:]) for row in _rows(reads, [row_id for row_id, _ in page], wanted)}
    return AttemptPage(
        rows=tuple(rows[row_id] for row_id, _ in page),
        total=min(found.total, MAX_TOTAL),
        total_capped=found.total > MAX_TOTAL,
        cursor=(page[-1][1], page[-1][0]) if len(found.positions) > len(page) else None,
    )


def _rows(reads: ReadTransaction, ids: Sequence[int], wanted: AttemptFilter) -> list[Row]:
    return reads.rows("attempt_rows", ids=_json(ids), results=int(wanted.results))


def _fitting(reads: ReadTransaction, ids: Sequence[int]) -> int:
    """How many of the first rows fit on one page with their results."""
    sizes: dict[int, int] = dict(reads.rows("attempt_sizes", ids=_json(ids)))
    total = 0
    for n, row_id in enumerate(ids):
        total += sizes[row_id]
        if n and total > MAX_RESULT_BYTES:
            return n
    return len(ids)


def _find_of_job(reads: ReadTransaction, wanted: AttemptFilter, job_id: str) -> _Found:
    positions = reads.rows("attempts_of_job", job_id=job_id, **_filters(wanted))
    if wanted.query is not None:
        ids = _json([row_id for row_id, _ in positions])
        match = _in_text(wanted.query)
        fitting = {
            row_id
            for segment in _volumes(reads)
            for (row_id,) in reads.rows_on_segment("search_of_job", segment, ids=ids, match=match)
        }
        positions = [position for position in positions if position[0] in fitting]
    below = wanted.cursor or _TOP
    return _Found([position for position in positions if (position[1], position[0]) < below], len(positions))


def _find_by_kind(reads: ReadTransaction, wanted: AttemptFilter) -> _Found:
    at, below = wanted.cursor or _TOP
    filters = _filters(wanted)
    ((total,),) = reads.rows("attempt_count", limit=MAX_TOTAL + 1, **filters)
    filters["until"] = min(filters["until"], at)
    positions = reads.rows("attempt_page", at=at, below=below, limit=wanted.limit + 1, **filters)
    return _Found(positions, total)


def _find_by_search(reads: ReadTransaction, wanted: AttemptFilter, query: SearchQuery, now: Millis) -> _Found:
    expression = f"{_in_text(query)}{_facets(wanted)}{days(*_times(reads, wanted, now))}"
    top, most = MAX_TOTAL + 1, wanted.limit + 1
    search = _Search(expression, since=_filters(wanted)["since"], until=_filters(wanted)["until"])
    if wanted.cursor is None:  # one search for the page and the total
        positions = search.page(reads, FOREVER_MILLIS, top)
        return _Found(positions[:most], len(positions))
    return _Found(search.page(reads, wanted.cursor[1], most), search.count(reads, top))


class _Search(Struct, frozen=True):
    """What is searched for, segment by segment."""

    match: str
    since: Millis
    until: Millis

    def page(self, reads: ReadTransaction, below: int, limit: int) -> list[Row]:
        """The positions of those below a row, newest first: at most so many."""
        positions: list[Row] = []
        for segment in _volumes(reads):
            left = limit - len(positions)
            if not left:
                break
            positions += reads.rows_on_segment(
                "search_page",
                segment,
                match=self.match,
                since=self.since,
                until=self.until,
                below=below,
                limit=left,
            )
        return positions

    def count(self, reads: ReadTransaction, limit: int) -> int:
        """How many there are, counted to the limit."""
        total = 0
        for segment in _volumes(reads):
            ((found,),) = reads.rows_on_segment(
                "search_count",
                segment,
                match=self.match,
                since=self.since,
                until=self.until,
                limit=limit - total,
            )
            total += found
        return total


def _volumes(reads: ReadTransaction) -> list[int | None]:
    """The segments of the full text, newest first; None is the open one."""
    return [None, *(segment for segment, _ in reads.rows("segments"))]


def _times(reads: ReadTransaction, wanted: AttemptFilter, now: Millis) -> tuple[Millis, Millis]:
    """Between which times the search has to look; an open end is where attempts begin or end."""
    if wanted.since is None and wanted.until is None:
        return 0, FOREVER_MILLIS
    oldest = reads.row("oldest_attempt") if wanted.since is None else None
    since = wanted.since if wanted.since is not None else (oldest[0] if oldest else now) - DAY_MILLIS
    return since, now + DAY_MILLIS if wanted.until is None else wanted.until


def _in_text(query: SearchQuery) -> str:
    return f"({{error stderr result}} : ({render(query)}))"


def _facets(wanted: AttemptFilter) -> str:
    """The filters, as the words that `attempt_words` writes for them."""
    named = (("p", wanted.plugin), ("c", wanted.command), ("s", wanted.submitted_by))
    words = [f'"{_facet(letter, value)}"' for letter, value in named if value is not None]
    if wanted.outcomes:
        words.append(f"({' OR '.join(_facet('o', one) for one in sorted(wanted.outcomes))})")
    return "".join(f" AND facets : {word}" for word in words)


def _facet(letter: str, value: str) -> str:
    return f"{letter}{value.encode().hex()}"


def days(since: Millis, until: Millis) -> str:
    """The days that a time has, and the hours at its edges; nothing where it is too long to name them."""
    first, last = max(since, 0) // HOUR_MILLIS, until // HOUR_MILLIS
    full_days = range(-(-first // 24), (last + 1) // 24)
    if first > last or len(full_days) > MAX_DAYS:
        return ""
    start, stop = (full_days.start * 24, full_days.stop * 24) if full_days else (last + 1, last + 1)
    words = [f"d{day}" for day in full_days] + [f"h{hour}" for hour in (*range(first, start), *range(stop, last + 1))]
    return f" AND facets : ({' OR '.join(words)})"


def _json(values: Sequence[int | str]) -> str:
    return orjson.dumps(values).decode()
