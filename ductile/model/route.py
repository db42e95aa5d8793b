"""A route is a row of data, and the matcher finds the row for a request.

Everything about an endpoint is derived from its row: the scope check, the OpenAPI operation, metrics labels, the list
of endpoints. A path is never written twice.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Handler = Callable[[Any], Awaitable[Any]]
"""Takes an `Ask` (authenticated, parsed, bound to one snapshot) and returns a `Reply`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """A query parameter or request header, as OpenAPI names it."""

    name: str
    schema: Mapping[str, Any]
    description: str
    where: str = "query"


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
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
    """Status → JSON Schema of the answer; None for a description alone. Error answers are added by scope and body."""
    hidden: bool = False
    """Kept out of OpenAPI: it stands there once a plugin command or pipeline instead."""


@dataclass(frozen=True, slots=True)
class Match:
    """The row for a request and the values of its `{names}`."""

    route: Route
    path: Mapping[str, str]


class Matcher:
    """Finds the row for (method, path). Literal segments win over `{names}`; a trailing slash makes no difference."""

    def __init__(self, rows: Sequence[Route]) -> None:
        self.rows = tuple(rows)
        self._literal: dict[str, dict[str, Route]] = {}
        self._patterned: dict[int, list[tuple[tuple[str, ...], dict[str, Route]]]] = {}
        for row in rows:
            self._add(row)

    def _add(self, row: Route) -> None:
        if "{" not in row.path:
            methods = self._literal.setdefault(row.path.rstrip("/") or "/", {})
        else:
            segments = tuple(row.path.strip("/").split("/"))
            shapes = self._patterned.setdefault(len(segments), [])
            methods = next((known for shape, known in shapes if shape == segments), {})
            if not methods:
                shapes.append((segments, methods))
                shapes.sort(key=lambda shape: [part.startswith("{") for part in shape[0]])
        methods[row.method] = row

    def methods(self, path: str) -> Mapping[str, Match]:
        """Method → match for every row at this path; empty where there is none. `HEAD` stands wherever `GET` does."""
        bare = path.rstrip("/") or "/"
        literal = self._literal.get(bare)
        if literal is not None:
            return {method: Match(row, {}) for method, row in literal.items()}
        segments = bare.strip("/").split("/")
        for shape, rows in self._patterned.get(len(segments), ()):
            values = _bind(shape, segments)
            if values is not None:
                return {method: Match(row, values) for method, row in rows.items()}
        return {}

    def match(self, method: str, path: str) -> Match | None:
        """The row for this request; None where path or method has none."""
        found = self.methods(path)
        return found.get(method) or (found.get("GET") if method == "HEAD" else None)


def _bind(shape: tuple[str, ...], segments: Sequence[str]) -> dict[str, str] | None:
    values: dict[str, str] = {}
    for part, segment in zip(shape, segments, strict=True):
        if part.startswith("{"):
            if not segment:
                return None
            values[part[1:-1]] = segment
        elif part != segment:
            return None
    return values
