"""`api:`."""

from ductile.config.field_types import Count, Moment, Name, NotYet, Secret, Size, Span
from ductile.config.schema.section import Entries, Section
from ductile.config.schema.units import MEGABYTE, MINUTE, SECOND
from ductile.config.schema.value_types import Listen, Names, Origins, ProxyList, PublicUrl
from ductile.document.field_errors import Flag
from ductile.model.address import DEFAULT_LISTEN


class Token(Section):
    """A bearer token."""

    noun = "a token"
    token: Secret
    """The secret itself; best as `${NAME}` or `${file:/path}`."""
    scopes: Names = []
    """What it may do: `*`, `plugin:ro`, `jobs:rw`, `plugin:<name>:rw`, `pipeline:<name>`…"""
    name: Name | None = None
    """How jobs and logs name it."""
    expires_at: Moment | None = None
    """When it stops to be valid (RFC 3339)."""
    secret_ref: NotYet = None


class Auth(Section):
    """Who may call."""

    noun = "`api.auth`"
    tokens: Entries[Token] = []
    """Who may call, and what they may do."""


class ApiSection(Section):
    """The HTTP side."""

    noun = "`api`"
    enabled: Flag = True
    """Whether it listens."""
    listen: Listen = (DEFAULT_LISTEN,)
    """`host:port` or `unix:/path`, or a list of them. A change needs a restart."""
    auth: Auth = Auth()
    """Who may call."""
    max_concurrent_sync: Count = 10
    """Callers that wait for a result at once; the next one gets 503."""
    max_waits_per_principal: Count | None = None
    """Of them, callers of one principal without the scope `*`; the next one gets 429. Default: half of
    `max_concurrent_sync`. A fifth of the places is kept for principals with `*`.
    """
    max_streams_per_principal: Count = 200
    """Clients of one principal that follow events; those with `*` are not counted."""
    max_connections: Count | None = None
    """Connections at once. Default: half of the file descriptors, 10,000 at most. Beyond it the one that does the least
    is closed.
    """
    max_connections_per_address: Count | None = None
    """Connections of one address; those of a trusted proxy count for its clients. Default: seven eighths of
    `max_connections`.
    """
    header_timeout: Span = 10 * SECOND
    """The time for the head of a connection's first request."""
    body_timeout: Span = 30 * SECOND
    """The time for the body of a request."""
    write_timeout: Span = 30 * SECOND
    """The time after which a client is cut off that takes less than 1 KB a second of its answer."""
    keepalive_timeout: Span = 75 * SECOND
    """How long a connection may be idle. A change needs a restart."""
    max_sync_timeout: Span = 5 * MINUTE
    """The longest anyone may wait for a result."""
    max_body_size: Size = MEGABYTE
    """The largest body of a request."""
    max_body_values: Count = 500_000
    """JSON values of a body, counted by commas, colons and opening brackets outside of texts."""
    allowed_origins: Origins = []
    """Web pages that may call, such as `https://tools.example.org`, or `*`."""
    metrics_public: Flag = True
    """Whether `/metrics` can be read without a token."""
    public_url: PublicUrl | None = None
    """Where clients reach the gateway behind a proxy; links and the OpenAPI document name it."""
    trusted_proxies: ProxyList = []
    """Networks of the proxies that may say, in `X-Forwarded-For` or `Forwarded`, who calls; `unix` for one that calls
    over a Unix socket.
    """
    management_socket: NotYet = None
