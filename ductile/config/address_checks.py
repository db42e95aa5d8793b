"""Addresses, origins and URLs as the configuration may write them."""

import re
from typing import Any

from ductile.document.field_errors import quote_value, value_error
from ductile.model.address import parse_address
from ductile.model.proxies import UNIX_PEER, parse_network

_ORIGIN = re.compile(r"https?://[^/?#\s@]+")
_URL = re.compile(
    r"https?://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?(?P<path>(/([A-Za-z0-9._~-])+)*/?)"
)
"""Of the characters of a path only those that every proxy leaves as they are."""


def check_unique(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """At least one address, and none twice."""
    if not addresses or len(set(addresses)) < len(addresses):
        message = "names an address twice" if addresses else "must name at least one address"
        raise value_error(message)
    return addresses


def read_address(value: Any) -> str:
    """`host:port` or `unix:/path`."""
    address = parse_address(value)
    if address is not None:
        return address
    message = f"must be `host:port` or `unix:/path`, not {quote_value(value)}"
    raise value_error(message)


def check_origin(value: Any) -> str:
    """`*`, or scheme, host and port of a web page."""
    if isinstance(value, str) and (value == "*" or _ORIGIN.fullmatch(value)):
        return value
    message = f"must be `*` or an origin such as `https://app.example:8443`, without a path, not {quote_value(value)}"
    raise value_error(message)


def read_public_url(value: Any) -> str:
    """Where clients reach the gateway, without a slash at its end."""
    match = _URL.fullmatch(value) if isinstance(value, str) else None
    if match is None or ".." in match["path"].split("/") or int(match["port"] or 0) >= 2**16:
        message = (
            f"must be a URL such as `https://tools.example/ductile`, without query or user, not {quote_value(value)}"
        )
        raise value_error(message)
    return str(value).rstrip("/")


def check_proxy(value: Any) -> str:
    """A network, or the peer of a Unix socket."""
    try:
        if value != UNIX_PEER:
            parse_network(value if isinstance(value, str) else "")
    except ValueError as error:
        message = f"{error}, not {quote_value(value)}"
        raise value_error(message) from None
    return str(value)
