"""Where a request comes from: the connection's peer, or what a trusted proxy says of its client.

`X-Forwarded-For` and `Forwarded` (RFC 7239) grow to the right: each proxy adds whom it was called by. So they are read
from the right for as long as a trusted proxy said it, and the first address that is no proxy's is the client. What
stands further left was said by the client itself, who may say anything.
"""

import re
from collections.abc import Iterator, Sequence

from aiohttp.web import BaseRequest

from ductile.model.proxies import UNIX_PEER, Proxies, parse_address

FORWARDED_FOR = "X-Forwarded-For"
FORWARDED = "Forwarded"

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_ELEMENT = re.compile(rf'(?:{_QUOTED}|[^",])+')
_PAIR = re.compile(rf'\s*([^=;\s"]+)=({_QUOTED}|[^;"\s]*)\s*(?:;|$)')
_WITH_PORT = re.compile(r"\[(?P<six>[^\]]+)\](?::[0-9]+)?|(?P<four>[0-9.]+):[0-9]+")


def address_of(raw: BaseRequest, proxies: Proxies) -> str:
    """The address of a request's client."""
    headers = raw.headers
    return client_address(raw.remote, headers.getall(FORWARDED_FOR, ()), headers.getall(FORWARDED, ()), proxies)


def client_address(peer: str | None, forwarded_for: Sequence[str], forwarded: Sequence[str], proxies: Proxies) -> str:
    """The client's address: an IP address in its usual spelling, or `unix`. `peer` is empty on a Unix socket."""
    nearest = _usual_spelling(peer) if peer else UNIX_PEER
    if not proxies or not proxies.trust(nearest):
        return nearest
    ways = (_hops(forwarded_for), _forwarded_hops(forwarded))
    found = {_first_untrusted(nearest, hops, proxies) for hops in ways if hops}
    # A proxy writes one of the two. Where they differ, the other one came from the client, and neither is believed.
    return found.pop() if len(found) == 1 else nearest


def _first_untrusted(nearest: str, hops: Sequence[str], proxies: Proxies) -> str:
    """The last hop that a trusted proxy vouches for: it is no proxy, it is the first one, or it names no address."""
    address = nearest
    for hop in reversed(hops):
        if not proxies.trust(address):
            break
        if parse_address(hop) is None:
            break
        address = _usual_spelling(hop)
    return address


def _hops(fields: Sequence[str]) -> list[str]:
    return [_without_port(hop.strip()) for hop in ",".join(fields).split(",")] if fields else []


def _forwarded_hops(fields: Sequence[str]) -> list[str]:
    """The `for` of each element; empty text where an element has none."""
    return [_for(element) for element in _ELEMENT.findall(",".join(fields))]


def _for(element: str) -> str:
    return next((_without_port(value) for name, value in _pairs(element) if name.lower() == "for"), "")


def _pairs(element: str) -> Iterator[tuple[str, str]]:
    for name, value in _PAIR.findall(element):
        yield name, re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _without_port(hop: str) -> str:
    found = _WITH_PORT.fullmatch(hop)
    return (found["six"] or found["four"]) if found else hop


def _usual_spelling(address: str) -> str:
    parsed = parse_address(address)
    return address if parsed is None else str(parsed)
