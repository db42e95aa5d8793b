"""Finds the row of data that answers a request."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from urllib.parse import unquote

from msgspec import Struct

from ductile.model.route import ANY_METHOD, Route

MAX_CACHED_PATHS = 256
"""Paths whose row a router remembers: clients call few paths often."""
TAIL = "*}"
"""What the last segment of a row's path ends with, where that segment stands for all that are left."""

Methods = Mapping[str, Route]
"""Method → row, of one path."""


class Match(Struct, frozen=True):
    """The row for a request and the values of its `{names}`."""

    route: Route
    path: Mapping[str, str]


class Router:
    """Finds the row for a method and a path.

    Literal segments win over `{names}`, and `{names}` over a `{name*}`. A trailing slash makes no difference. Paths
    come as the client wrote them: they are split first and percent-decoded then, so that `%2F` divides nothing.
    """

    def __init__(self, rows: Sequence[Route]) -> None:
        self.rows = rows
        self._literal: dict[tuple[str, ...], dict[str, Route]] = {}
        self._patterns: dict[int, list[tuple[tuple[str, ...], dict[str, Route]]]] = {}
        """Number of segments → patterns with so many."""
        self._tails: list[tuple[tuple[str, ...], dict[str, Route]]] = []
        """Patterns that end with a `{name*}`, the longest first."""
        for row in rows:
            self._add(row)
        self._find = lru_cache(MAX_CACHED_PATHS)(self._search)
        self.match = lru_cache(MAX_CACHED_PATHS)(self._match)
        """The row for a request, by method and path; None where path or method has none."""

    def _add(self, row: Route) -> None:
        segments = split_path(row.path)
        if "{" not in row.path:
            self._literal.setdefault(segments, {})[row.method] = row
            return
        tail = segments[-1].endswith(TAIL)
        patterns = self._tails if tail else self._patterns.setdefault(len(segments), [])
        for pattern, methods in patterns:
            if pattern == segments:
                methods[row.method] = row
                return
        patterns.append((segments, {row.method: row}))
        patterns.sort(key=lambda known: (-len(known[0]) if tail else 0, [part.startswith("{") for part in known[0]]))

    def _search(self, path: str) -> tuple[Methods, Mapping[str, str]]:
        segments = split_path(path)
        literal = self._literal.get(segments)
        if literal is not None:
            return literal, {}
        for pattern, methods in (*self._patterns.get(len(segments), ()), *self._tails):
            values = bind(pattern, segments)
            if values is not None:
                return methods, values
        return {}, {}

    def methods(self, path: str) -> Mapping[str, Match]:
        """Method → match for every row at this path; empty where there is none."""
        methods, values = self._find(path)
        return {method: Match(row, values) for method, row in methods.items()}

    def _match(self, method: str, path: str) -> Match | None:
        methods, values = self._find(path)
        row = methods.get(method) or (methods.get("GET") if method == "HEAD" else None) or methods.get(ANY_METHOD)
        return Match(row, values) if row is not None else None


def split_path(path: str) -> tuple[str, ...]:
    """The segments of a path, percent-decoded."""
    parts = path.removeprefix("/").removesuffix("/").split("/")
    return tuple(unquote(part) for part in parts) if "%" in path else tuple(parts)


def bind(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    """The values of a pattern's `{names}`; None where the segments do not fit. A `{name*}` may be empty."""
    values: dict[str, str] = {}
    if pattern[-1].endswith(TAIL):
        *pattern, tail = pattern
        if len(segments) < len(pattern):
            return None
        values[tail[1 : -len(TAIL)]] = "/".join(segments[len(pattern) :])
    for part, segment in zip(pattern, segments, strict=False):
        if part.startswith("{"):
            if not segment:
                return None
            values[part[1:-1]] = segment
        elif part != segment:
            return None
    return values
