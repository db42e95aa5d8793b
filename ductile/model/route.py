"""A route is a row of data, and the matcher finds the row for a request.

Everything about an endpoint is derived from its row: the scope check, the OpenAPI operation, metrics labels, the list
of endpoints. A path is never written twice.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from msgspec import Struct, field

KEPT_PATHS = 256
"""Paths whose row a matcher remembers: clients call few paths often."""

Handler = Callable[[Any], Awaitable[Any]]
"""Takes an `Ask` (authenticated, parsed, bound to one snapshot) and returns a `Reply`."""


class Parameter(Struct, frozen=True, kw_only=True):
    """A query parameter or request header, as OpenAPI names it."""

    name: str
    schema: Mapping[str, Any]
    description: str
    where: str = "query"


class Route(Struct, frozen=True, kw_only=True):
    """One endpoint."""

    method: str
    path: str
    """`/job/{job_id}/tree`; a `{name}` stands for one whole segment."""
    handler: Handler
    summary: str
    scopes: tuple[str, ...] | None = ()
    """Any of these suffices; empty: any valid credential, and the handler decides; None: public."""
    tags: tuple[str, ...] = ("control",)
    parameters: tuple[Parameter, ...] = ()
    request: Mapping[str, Any] | None = None
    """The JSON Schema of the body; None: no body is read."""
    request_required: bool = False
    responses: Mapping[int, Mapping[str, Any] | None] = field(default_factory=dict)
    """Status → JSON Schema of the answer; None for an error in its one shape, or below 400 for no body at all.

    The errors that follow from scopes, parameters and body are added by themselves.
    """
    hidden: bool = False
    """Kept out of OpenAPI: it stands there once a plugin command or pipeline instead."""
    description: str = ""
    """What the summary leaves open, in Markdown."""
    operation_id: str = ""
    """The name of the operation in generated clients; empty: it is made of method and path."""
    media: tuple[str, ...] = ("application/json",)
    """The media types of the answers that are no errors; of one that is no JSON the schema is a string's."""
    examples: Mapping[int, Any] = field(default_factory=dict)
    """Status → an answer as it may look."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Header of an answer that is no error → what it says."""
    request_examples: Mapping[str, Any] = field(default_factory=dict)
    """What it shows → a body as it may look."""
    under: "Callable[[Route, Any], Route] | None" = None
    """Of a row that the configuration changes: takes the row and the `api:` section, and returns it as it is then."""


class Match(Struct, frozen=True):
    """The row for a request and the values of its `{names}`."""

    route: Route
    path: Mapping[str, str]


class Matcher:
    """Finds the row for (method, path). Literal segments win over `{names}`; a trailing slash makes no difference.

    Paths come as the client wrote them: they are split first and percent-decoded then, so that `%2F` divides nothing.
    """

    def __init__(self, rows: Sequence[Route], *, written: Sequence[Route] | None = None) -> None:
        self.rows = tuple(rows)
        self._written = self.rows if written is None else tuple(written)
        """The rows as they were written, before any configuration."""
        self._literal: dict[tuple[str, ...], dict[str, Route]] = {}
        self._patterned: dict[int, list[tuple[tuple[str, ...], dict[str, Route]]]] = {}
        for row in rows:
            self._add(row)
        self._find = lru_cache(KEPT_PATHS)(self._search)
        self.match = lru_cache(KEPT_PATHS)(self._match)
        """The row for a request, by method and path; None where path or method has none."""

    def _add(self, row: Route) -> None:
        segments = _segments(row.path)
        if "{" not in row.path:
            self._literal.setdefault(segments, {})[row.method] = row
            return
        shapes = self._patterned.setdefault(len(segments), [])
        for shape, methods in shapes:
            if shape == segments:
                methods[row.method] = row
                return
        shapes.append((segments, {row.method: row}))
        shapes.sort(key=lambda shape: [part.startswith("{") for part in shape[0]])

    def _search(self, path: str) -> tuple[Mapping[str, Route], Mapping[str, str]]:
        segments = _segments(path)
        literal = self._literal.get(segments)
        if literal is not None:
            return literal, {}
        for shape, rows in self._patterned.get(len(segments), ()):
            values = _bind(shape, segments)
            if values is not None:
                return rows, values
        return {}, {}

    def under(self, api: Any) -> "Matcher":
        """The matcher of the same rows under these settings of the API; itself where nothing is different."""
        rows = tuple(row if row.under is None else row.under(row, api) for row in self._written)
        return self if rows == self.rows else Matcher(rows, written=self._written)

    def begins(self, segment: str) -> bool:
        """Whether a path of a row begins with this segment."""
        return any(_segments(row.path)[0] == segment for row in self._written)

    def methods(self, path: str) -> Mapping[str, Match]:
        """Method → match for every row at this path; empty where there is none. `HEAD` stands wherever `GET` does."""
        rows, values = self._find(path)
        return {method: Match(row, values) for method, row in rows.items()}

    def _match(self, method: str, path: str) -> Match | None:
        rows, values = self._find(path)
        row = rows.get(method) or (rows.get("GET") if method == "HEAD" else None)
        return Match(row, values) if row is not None else None


def _segments(path: str) -> tuple[str, ...]:
    parts = path.removeprefix("/").removesuffix("/").split("/")
    return tuple(unquote(part) for part in parts) if "%" in path else tuple(parts)


def _bind(shape: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    values: dict[str, str] = {}
    for part, segment in zip(shape, segments, strict=True):
        if part.startswith("{"):
            if not segment:
                return None
            values[part[1:-1]] = segment
        elif part != segment:
            return None
    return values
