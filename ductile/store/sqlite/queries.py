"""Reads `sql/*.sql`: every statement of the store by its name, one file an area.

A query is `-- name: <name>`, a comment, and SQL with `:name` parameters. A `-- fragment: <name>` is a piece of SQL
that queries of any file include as `${name}`. A `-- rows: <name>` inserts or updates many rows at once: its
`VALUES (…)` stands for one row and is repeated. A name is unique over all files.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from operator import itemgetter
from string import Template
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

_HEAD = re.compile(r"^-- (name|rows|fragment): (\w+)\n((?:-- .*\n)+)", re.MULTILINE)
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
_NUMBER = re.compile(r"\?(\d+)")
_ROW = re.compile(r"(?<=\bVALUES )\([^()]*\)")
CACHED_SEGMENT_QUERIES = 64
"""Queries on closed segments that stay cached: segments come and go for as long as a gateway runs."""


class Query(Struct, frozen=True):
    """One statement. `bind` puts a mapping of parameters in order: positions bind faster than names."""

    name: str
    comment: str
    sql: str
    parameters: tuple[str, ...]
    bind: Callable[[Mapping[str, Any]], tuple[Any, ...]]


def parse(*texts: str) -> dict[str, Query]:
    """Name → query of all files; ValueError where a name is not unique or a query has no statement."""
    queries: dict[str, Query] = {}
    fragments: dict[str, str] = {}
    pieces = [piece for text in texts for piece in zip(*[iter(_HEAD.split(text)[1:])] * 4, strict=True)]
    for kind, name, comment, body in sorted(pieces, key=lambda piece: piece[0] != "fragment"):
        sql = Template(body.strip()).substitute(fragments)
        if not sql or name in queries or name in fragments:
            message = f"{kind} {name} is empty or stands twice"
            raise ValueError(message)
        if kind == "fragment":
            fragments[name] = sql
        else:
            queries[name] = _query(name, " ".join(comment.replace("-- ", " ").split()), sql)
        if kind == "rows" and len(_ROW.findall(sql)) != 1:
            message = f"rows {name} needs one VALUES (…)"
            raise ValueError(message)
    return queries


def _read_files() -> list[str]:
    folder = files("ductile.store.sqlite") / "sql"
    return [file.read_text("utf-8") for file in sorted(folder.iterdir(), key=lambda file: file.name)]


def _query(name: str, comment: str, sql: str) -> Query:
    parameters = tuple(dict.fromkeys(_PARAMETER.findall(sql)))
    numbered = _PARAMETER.sub(lambda found: f"?{parameters.index(found[1]) + 1}", sql)
    return Query(name, comment, numbered, parameters, _binder(parameters))


def _binder(parameters: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    match parameters:
        case ():
            return lambda _: ()
        case (only,):
            return lambda values: (values[only],)
        case _:
            return itemgetter(*parameters)


QUERIES: Mapping[str, Query] = parse(*_read_files())


@lru_cache(maxsize=CACHED_SEGMENT_QUERIES)
def segment_query(name: str, segment: int) -> Query:
    """A query of the full-text index, on a closed segment in place of the open one."""
    query = QUERIES[name]
    written = "attempt_text_0" if "attempt_text_0" in query.sql else "attempt_text"
    return replace(query, sql=query.sql.replace(written, f"attempt_text_{segment}"))


@cache
def multi_row_sql(name: str, rows: int) -> str:
    """The SQL of a `rows` query for so many rows, whose values follow each other."""
    query = QUERIES[name]
    (row,) = _ROW.findall(query.sql)
    width = len(query.parameters)
    return query.sql.replace(row, ", ".join(_shift_numbers(row, n * width) for n in range(rows)))


def _shift_numbers(row: str, by: int) -> str:
    return _NUMBER.sub(lambda found: f"?{int(found[1]) + by}", row)
