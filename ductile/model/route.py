"""A route is a row of data.

Everything about an endpoint is derived from its row: the scope check, the OpenAPI operation, metrics labels, the list
of endpoints. A path is never written twice.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct, field

ANY_METHOD = "*"
JSON_MEDIA = "application/json"

ErrorForm = Literal["envelope", "flat", "success"]
"""`{error: code, message, code: status, details, request_id}`, `{error: message, code: status, details?, request_id}`,
or `{success: false, error: message}`.
"""

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
    """`GET`, or `*` for every method that has no row of its own at this path."""
    path: str
    """`/job/{job_id}/tree`: a `{name}` stands for one whole segment, a `{name*}` at the end for all that are left."""
    handler: Handler
    summary: str
    scopes: tuple[str, ...] | None = ()
    """Any of these suffices; empty: any valid credential, and the handler decides; None: public."""
    tags: tuple[str, ...] = ("control",)
    parameters: tuple[Parameter, ...] = ()
    request: Mapping[str, Any] | None = None
    """The JSON Schema of the body; None: no body is read."""
    request_required: bool = False
    max_body: int | None = None
    """Bytes of a body; None: `api.max_body_size`."""
    content_types: tuple[str, ...] = (JSON_MEDIA,)
    """The media types of a body. A row with others than JSON reads `request.body` itself."""
    errors: ErrorForm = "envelope"
    """How an error is answered: the gateway's own form, or one that callers of this row know from elsewhere."""
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
    media: tuple[str, ...] = (JSON_MEDIA,)
    """The media types of the answers that are no errors; of one that is no JSON the schema is a string's."""
    examples: Mapping[int, Any] = field(default_factory=dict)
    """Status → an answer as it may look."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Header of an answer that is no error → what it says."""
    request_examples: Mapping[str, Any] = field(default_factory=dict)
    """What it shows → a body as it may look."""


class Surface(Struct, frozen=True, kw_only=True):
    """A group of endpoints."""

    name: str
    rows: Callable[[Any], Sequence[Route]]
    """The rows under a snapshot: takes a `Snapshot`, whose own `rows` are not known yet."""


def fixed_surface(name: str, rows: Sequence[Route]) -> Surface:
    """A group whose rows are the same under every configuration."""
    return Surface(name=name, rows=lambda _snapshot: rows)


def rows_of(surfaces: Iterable[Surface], snapshot: Any) -> tuple[Route, ...]:
    """The rows of all groups under a snapshot, in their order."""
    return tuple(row for surface in surfaces for row in surface.rows(snapshot))
