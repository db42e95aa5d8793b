"""The configuration of a notifier, checked. What is wrong in it is told without any value that may be secret."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import getaddresses
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from urllib.parse import SplitResult

CHANNELS = ("http", "slack", "smtp")
KEYS = {
    "": {*CHANNELS, "channel", "timeout_seconds", "max_text_chars"},
    "http": {"url", "headers", "bearer_token", "ca_file"},
    "slack": {"webhook_url", "ca_file"},
    "smtp": {"host", "port", "security", "user", "password", "from", "to", "ca_file"},
}
PORTS = {"starttls": 587, "tls": 465, "none": 25}
LARGEST_PORT = 65_535
TIMEOUT_SECONDS = 15
LONGEST_TIMEOUT_SECONDS = 300
MAX_TEXT_CHARS = 3000
SHORTEST_TEXT_CHARS = 200
LONGEST_TEXT_CHARS = 30_000
"""Slack cuts a message at 40,000, and escapes make a text longer."""
MOST_RECIPIENTS = 50
SHORTEST_SECRET = 4
"""Characters: what is shorter stands in other words too."""
SHORTEST_SECRET_PATH = 8
"""Characters of a URL's path."""
OWN_HEADERS = {"host", "content-length", "content-type", "transfer-encoding", "connection", "expect"}
"""Headers that the request itself decides on."""
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\\]+")


class BadConfig(Exception):
    """The operator has to mend the configuration."""


@dataclass(frozen=True)
class Post:
    """Where JSON is posted to."""

    url: str
    headers: Mapping[str, str]
    ca_file: str | None

    @property
    def host(self) -> str:
        """Host and port alone: the rest of the URL may be a secret."""
        return urlsplit(self.url).netloc


@dataclass(frozen=True)
class Mail:
    """How and to whom mail is sent."""

    host: str
    port: int
    security: str
    user: str | None
    password: str | None
    sender: str
    recipients: tuple[str, ...]
    ca_file: str | None


@dataclass(frozen=True)
class Settings:
    """All of it."""

    channel: str | None
    http: Post | None
    slack: Post | None
    smtp: Mail | None
    timeout_seconds: float
    max_text_chars: int


def settings(config: Mapping[str, Any]) -> Settings:
    """Raises BadConfig."""
    _known(config, "")
    parts: dict[str, Any] = {name: _section(config, name) for name in CHANNELS}
    present = [name for name in CHANNELS if parts[name] is not None]
    if not present:
        raise BadConfig("the config needs one of `http`, `slack`, `smtp`")
    channel = config.get("channel", present[0] if len(present) == 1 else None)
    if channel is not None and channel not in present:
        raise BadConfig(f"config.channel must be one that is configured: {', '.join(present)}")
    made: tuple[tuple[str, Callable[[Mapping[str, Any]], Any]], ...] = (
        ("http", _http),
        ("slack", _slack),
        ("smtp", _smtp),
    )
    sections = {name: None if parts[name] is None else read(parts[name]) for name, read in made}
    return Settings(
        channel=channel,
        timeout_seconds=float(
            _number(config, "timeout_seconds", TIMEOUT_SECONDS, least=0.1, most=LONGEST_TIMEOUT_SECONDS)
        ),
        max_text_chars=int(
            _number(config, "max_text_chars", MAX_TEXT_CHARS, least=SHORTEST_TEXT_CHARS, most=LONGEST_TEXT_CHARS)
        ),
        **sections,
    )


def secrets(config: Mapping[str, Any]) -> Iterator[str]:
    """Texts of the configuration that nobody may see, also of one that is wrong."""
    yield from (text for text in _secret_texts(config) if len(text) >= SHORTEST_SECRET)


def _secret_texts(config: Mapping[str, Any]) -> Iterator[str]:
    for section, names in (("http", ("url", "bearer_token")), ("slack", ("webhook_url",)), ("smtp", ("password",))):
        part = config.get(section)
        for name in names if isinstance(part, dict) else ():
            value = part.get(name)
            if isinstance(value, str):
                yield value
                if "url" in name:
                    yield from _secret_parts(value)
    http = config.get("http")
    headers = http.get("headers") if isinstance(http, dict) else None
    for value in headers.values() if isinstance(headers, dict) else ():
        if isinstance(value, str):
            yield value


def _secret_parts(url: str) -> Iterator[str]:
    """The path and the query of a URL, which a server may repeat without the host."""
    rest = url.partition("://")[2].partition("/")[2]
    yield from (part for part in (rest, *rest.partition("?")[::2]) if len(part) >= SHORTEST_SECRET_PATH)


def _known(part: Mapping[str, Any], section: str) -> None:
    unknown = sorted(str(key) for key in part if key not in KEYS[section])
    if unknown:
        at = f"config.{section}" if section else "config"
        raise BadConfig(f"{at} has unknown keys: {', '.join(unknown)}")


def _section(config: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    part = config.get(name)
    if part is None:
        return None
    if not isinstance(part, dict):
        raise BadConfig(f"config.{name} must be a map")
    _known(part, name)
    return part


def _http(part: Mapping[str, Any]) -> Post:
    url = _url(part, "http", "url")
    headers: dict[str, str] = {}
    written = part.get("headers") or {}
    if not isinstance(written, dict):
        raise BadConfig("config.http.headers must be a map")
    for name, value in written.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise BadConfig("config.http.headers has a name that HTTP does not allow")
        if name.lower() in OWN_HEADERS:
            raise BadConfig(f"config.http.headers must not hold {name}, which the request itself decides on")
        if name.lower() in (known.lower() for known in headers):
            raise BadConfig(f"config.http.headers has {name} twice")
        headers[name] = _ascii(value, f"config.http.headers.{name}")
    token = part.get("bearer_token")
    if token is not None:
        if "authorization" in (name.lower() for name in headers):
            raise BadConfig("config.http has a bearer_token and a header Authorization; give one of them")
        headers["Authorization"] = f"Bearer {_ascii(token, 'config.http.bearer_token')}"
    return Post(url=url, headers=headers, ca_file=_optional(part, "http", "ca_file"))


def _slack(part: Mapping[str, Any]) -> Post:
    return Post(url=_url(part, "slack", "webhook_url"), headers={}, ca_file=_optional(part, "slack", "ca_file"))


def _smtp(part: Mapping[str, Any]) -> Mail:
    security = part.get("security", "starttls")
    if security not in PORTS:
        raise BadConfig(f"config.smtp.security must be one of {', '.join(PORTS)}")
    host = _line(part.get("host"), "config.smtp.host")
    user, password = (_optional(part, "smtp", key, _ascii) for key in ("user", "password"))
    if (user is None) != (password is None):
        raise BadConfig("config.smtp needs user and password together, or neither of them")
    if password is not None and security == "none" and not _is_loopback(host):
        raise BadConfig("config.smtp.security must be starttls or tls where there is a password")
    to = part.get("to")
    listed = [to] if isinstance(to, str) else to
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_RECIPIENTS:
        raise BadConfig(f"config.smtp.to must list 1 to {MOST_RECIPIENTS} addresses")
    return Mail(
        host=host,
        port=int(_number(part, "port", PORTS[security], least=1, most=LARGEST_PORT, at="config.smtp")),
        security=security,
        user=user,
        password=password,
        sender=_address(part.get("from"), "config.smtp.from"),
        recipients=tuple(_address(one, "config.smtp.to") for one in listed),
        ca_file=_optional(part, "smtp", "ca_file"),
    )


def _url(part: Mapping[str, Any], section: str, key: str) -> str:
    at = f"config.{section}.{key}"
    url = _line(part.get(key), at)
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[^\x21-\x7e]", url):
        raise BadConfig(f"{at} must be an http or https URL of printable ASCII")
    if parts.username is not None or parts.password is not None:
        raise BadConfig(f"{at} must not hold a user or password; use config.http.headers or config.http.bearer_token")
    return parts._replace(fragment="").geturl()


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts


def _address(value: Any, at: str) -> str:
    """`Name <user@example.org>` or the address alone."""
    text = _line(value, at)
    if [bool(_ADDRESS.fullmatch(address)) for _, address in getaddresses([text])] != [True]:
        raise BadConfig(f"{at} must be an address such as ops@example.org")
    return text


def _line(value: Any, at: str) -> str:
    """Text in one line: a line break in a header or an address begins another one."""
    if not isinstance(value, str) or not value.strip():
        raise BadConfig(f"{at} must be text and not empty")
    if _CONTROLS.search(value):
        raise BadConfig(f"{at} must not hold line breaks or other control characters")
    return value.strip()


def _ascii(value: Any, at: str) -> str:
    """What a header or a login can carry."""
    text = _line(value, at)
    if not text.isascii():
        raise BadConfig(f"{at} must hold ASCII characters alone")
    return text


def _optional(part: Mapping[str, Any], section: str, key: str, read: Callable[[Any, str], str] = _line) -> str | None:
    return None if part.get(key) is None else read(part[key], f"config.{section}.{key}")


def _number(
    part: Mapping[str, Any], key: str, default: float, *, least: float, most: float, at: str = "config"
) -> float:
    value = part.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise BadConfig(f"{at}.{key} must be a number from {least} to {most}")
    if isinstance(default, int) and key != "timeout_seconds" and not isinstance(value, int):
        raise BadConfig(f"{at}.{key} must be a whole number")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
