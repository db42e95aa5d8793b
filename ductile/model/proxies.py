"""Trusted proxies in front of the gateway, whose headers name the client's address."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from msgspec import Struct

UNIX_PEER = "unix"
"""The address of a caller on a Unix socket, and the setting for a proxy on one."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Proxies(Struct, frozen=True, kw_only=True):
    """The proxies of `api.trusted_proxies`."""

    networks: tuple[Network, ...] = ()
    unix: bool = False
    """Whether callers on a Unix socket are proxies."""

    def trust(self, address: str) -> bool:
        """Whether an address is that of a trusted proxy."""
        if address == UNIX_PEER:
            return self.unix
        parsed = parse_address(address)
        return parsed is not None and any(parsed in network for network in self.networks)

    def __bool__(self) -> bool:
        return self.unix or bool(self.networks)


NO_PROXIES = Proxies()


def parse_network(text: str) -> Network:
    """Parse a network such as `10.0.0.0/8`, or one address. Raises ValueError with the rest of a sentence."""
    try:
        return ip_network(text)
    except ValueError:
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            sentence = f"must be an address or a network such as `10.0.0.0/8`, or `{UNIX_PEER}`"
            raise ValueError(sentence) from None
        sentence = f"has bits set behind its prefix; write `{network}`"
        raise ValueError(sentence) from None


@lru_cache(maxsize=1024)
def parse_address(text: str) -> Address | None:
    """Parse an IP address, also an IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`); None for other texts."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
