"""Which addresses may be fetched: the operator's rules, and what they mean for one URL and for one resolved address.

A URL is read strictly, so that no other program reads it otherwise: no user, no odd spelling of an address, no escape
in the host. A name is resolved once, all its addresses must be allowed, and the connection goes to one of just those.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL = 8192
MAX_HOST = 253
HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
PATTERN = re.compile(r"\*|(\*?\.)?[^*/]+")
UNSAFE = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
KEPT = "!#$%&'()*+,/:;=?@[]~"
"""Characters of a path and a query that stay as they are; `%` is among them, for what is escaped already."""


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


PRIVATE = networks(
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10", "198.18.0.0/15",
    "::1/128", "fc00::/7", "fec0::/10",
)  # fmt: skip
"""What `allow_private: true` opens: private, loopback, carrier-grade NAT, benchmarking."""

NEVER = networks(
    "0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::254/128",
    "2001::/23", "2001:db8::/32", "3fff::/20",
)  # fmt: skip
"""What only a network listed by name opens: this host, link-local with the metadata of clouds (and where they keep it
elsewhere), documentation, multicast, reserved, Teredo and its like. From the special-purpose registries of IANA."""

GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
EMBEDDED = (NAT64, ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("::/96"))
"""IPv6 networks whose addresses end in an IPv4 address that is what is really reached."""


class Refused(Exception):
    """The rules do not allow it, or it is no URL; a retry cannot help."""


class BadRules(Exception):
    """The operator has to mend the configuration."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A URL that was read and is allowed as far as its text tells."""

    scheme: str
    host: str
    """A name in ASCII and lower case, or an address."""
    port: int
    path: str
    """With the query, as it is sent."""

    @property
    def authority(self) -> str:
        """As the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The operator's rules, checked."""

    schemes: tuple[str, ...]
    ports: tuple[int, ...]
    allowed_hosts: tuple[str, ...]
    denied_hosts: tuple[str, ...]
    private: bool
    opened: tuple[Network, ...]

    def target(self, url: Any) -> Target:
        """What a URL asks for. Raises Refused."""
        parts = split(url)
        if parts.scheme not in self.schemes:
            raise Refused(f"the scheme of {shown(url)} is not allowed; config.schemes allows {', '.join(self.schemes)}")
        if "@" in parts.netloc:
            raise Refused("a URL with a user or a password before the host is refused")
        host = host_of(parts)
        if named(host, self.denied_hosts):
            raise Refused(f"{host} is refused by config.denied_hosts")
        if self.allowed_hosts and not named(host, self.allowed_hosts):
            raise Refused(f"{host} is not in config.allowed_hosts")
        port = port_of(parts)
        if port not in self.ports:
            raise Refused(f"port {port} is not allowed; config.ports allows {', '.join(map(str, self.ports))}")
        path = quote(parts.path or "/", KEPT) + (f"?{quote(parts.query, KEPT)}" if parts.query else "")
        return Target(scheme=parts.scheme, host=host, port=port, path=path)

    def check(self, host: str, addresses: Iterable[str]) -> list[str]:
        """The addresses a host has, if every one of them is allowed. Raises Refused."""
        checked = [self.allowed(host, address) for address in addresses]
        if not checked:
            raise Refused(f"{host} has no address")
        return list(dict.fromkeys(checked))

    def allowed(self, host: str, text: str) -> str:
        if "%" in text:
            raise Refused(f"{host} is at {text}, an address of one link only")
        address = ipaddress.ip_address(text)
        real = reached(address)
        if not within(real, self.opened):
            if within(real, NEVER) or not (within(real, PRIVATE) or ordinary(real)):
                raise Refused(
                    f"{host} is at {text}, a special address; only a network in config.allow_private opens it"
                )
            if within(real, PRIVATE) and not self.private:
                raise Refused(f"{host} is at {text}, a private address; config.allow_private opens those")
        return text


def split(url: Any) -> SplitResult:
    if not isinstance(url, str) or not url:
        raise Refused("payload.url must be text and not empty")
    if len(url) > MAX_URL:
        raise Refused(f"the URL is longer than {MAX_URL} characters")
    if UNSAFE.search(url):
        raise Refused(f"{shown(url)} has a space, a backslash, a control character or half a character in it")
    try:
        return urlsplit(url)
    except ValueError as error:
        raise Refused(f"{shown(url)} is no URL: {error}") from None


def host_of(parts: SplitResult) -> str:
    """The host in one spelling. Addresses in decimal, octal, hexadecimal or with parts left out are refused."""
    try:
        host = (parts.hostname or "").removesuffix(".")
        if ":" in host:
            return str(ipaddress.IPv6Address(host)) if "%" not in host else refuse_zone(host)
        host = host.encode("idna").decode("ascii").lower() if host else host
    except (ValueError, UnicodeError):
        raise Refused(f"{shown(parts.netloc)} is no host") from None
    if len(host) > MAX_HOST or not HOST.fullmatch(host):
        raise Refused(f"{shown(parts.netloc)} is no host")
    if NUMBER.fullmatch(host.rpartition(".")[2]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise Refused(f"{host} is no address in the usual form of four decimal numbers") from None
    return host


def refuse_zone(host: str) -> str:
    raise Refused(f"[{host}] names a network interface, which is refused")


def port_of(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        raise Refused(f"{shown(parts.netloc)} has no valid port") from None
    return DEFAULT_PORTS[parts.scheme] if port is None else port


def reached(address: Address) -> Address:
    """What is really reached: the IPv4 address inside an IPv6 one."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address.sixtofour is not None:
        return address.sixtofour
    if any(address in network for network in EMBEDDED) and int(address) > 1:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def ordinary(address: Address) -> bool:
    """Whether it is an address of the Internet, where NEVER and PRIVATE do not name it."""
    return isinstance(address, ipaddress.IPv4Address) or address in GLOBAL_V6


def within(address: Address, listed: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in listed)


def named(host: str, patterns: Iterable[str]) -> bool:
    """`example.org` is this host, `*.example.org` those below it, `.example.org` both, `*` every host."""
    for pattern in patterns:
        below = host.endswith(pattern.removeprefix("*")) and pattern.startswith((".", "*."))
        if pattern in ("*", host) or below or (pattern.startswith(".") and host == pattern[1:]):
            return True
    return False


def shown(text: str) -> str:
    return repr(text if len(text) <= 100 else f"{text[:100]}…")  # noqa: PLR2004 - characters of a message


def rules(config: Mapping[str, Any]) -> Rules:
    """The rules of a configuration. Raises BadRules."""
    schemes = tuple(texts(config, "schemes", ["https", "http"]))
    if not schemes or not set(schemes) <= set(DEFAULT_PORTS):
        raise BadRules("config.schemes must be a list of http and https")
    ports = config.get("ports", [80, 443])
    if not isinstance(ports, list) or not ports or not all(type(port) is int and 0 < port < 1 << 16 for port in ports):
        raise BadRules("config.ports must be a list of port numbers")
    private, opened = opened_networks(config.get("allow_private", False))
    return Rules(
        schemes=schemes,
        ports=tuple(ports),
        allowed_hosts=patterns(config, "allowed_hosts"),
        denied_hosts=patterns(config, "denied_hosts"),
        private=private,
        opened=opened,
    )


def patterns(config: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = []
    for text in texts(config, key, []):
        pattern = text.strip().lower().strip("[]").removesuffix(".")
        prefix = "*." if pattern.startswith("*.") else "." if pattern.startswith(".") else ""
        host = pattern.removeprefix(prefix)
        if not PATTERN.fullmatch(pattern):
            raise BadRules(f"config.{key}: {text!r} is no host; write example.org, *.example.org or .example.org")
        found.append(prefix + spelled(host, key))
    return tuple(found)


def spelled(host: str, key: str) -> str:
    """A host as `host_of` spells it."""
    if host == "*":
        return host
    try:
        return host_of(urlsplit(f"//[{host}]" if ":" in host else f"//{host}"))
    except (Refused, ValueError):
        raise BadRules(f"config.{key}: {host!r} is no host") from None


def opened_networks(value: Any) -> tuple[bool, tuple[Network, ...]]:
    if isinstance(value, bool):
        return value, ()
    try:
        listed = [value] if isinstance(value, str) else list(value)
        return False, tuple(ipaddress.ip_network(network) for network in listed if isinstance(network, str) or refuse())
    except (TypeError, ValueError) as error:
        raise BadRules(f"config.allow_private must be true, false or a list of networks: {error}") from None


def refuse() -> bool:
    raise TypeError("a network is text such as 10.0.0.0/8")


def texts(config: Mapping[str, Any], key: str, default: list[str]) -> list[str]:
    value = config.get(key, default)
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise BadRules(f"config.{key} must be a list of texts")
    return value
