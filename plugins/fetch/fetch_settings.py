"""The configuration and the deadline of a request, checked."""

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fetch_http import Limits
from fetch_rules import BadRules, Refused, Rules, rules

FORMATS = ("html", "text", "markdown")
MOST_URLS = 200
LARGEST = 4 * 1024 * 1024
UNLIMITED = 3600.0
"""Seconds of a request that names no deadline."""
MARGIN = 1.0
"""Seconds before the deadline that are kept for reading the page and answering."""


class BadConfig(Exception):
    """The operator has to mend the configuration."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The configuration, checked."""

    rules: Rules
    user_agent: str
    timeout: float
    max_redirects: int
    max_bytes: int
    output_format: str
    ca_file: Path | None
    urls: list[str]
    until: float
    """When the answer must be there, of `time.monotonic()`."""

    def limits(self) -> Limits:
        end = min(time.monotonic() + self.timeout, self.until - MARGIN)
        return Limits(end=end, max_bytes=self.max_bytes, max_redirects=self.max_redirects)


def settings(request: Mapping[str, Any]) -> Settings:
    config = request.get("config") or {}
    if not isinstance(config, dict):
        raise BadConfig("the configuration must be an object")
    follow = config.get("follow_redirects", False)
    if not isinstance(follow, bool):
        raise BadConfig("config.follow_redirects must be true or false")
    agent = config.get("user_agent", "ductile-fetch/1.0")
    if not isinstance(agent, str) or not agent.isascii() or not agent.isprintable() or not agent.strip():
        raise BadConfig("config.user_agent must be printable ASCII text")
    urls = config.get("urls", [])
    if not isinstance(urls, list) or len(urls) > MOST_URLS or not all(isinstance(url, str) for url in urls):
        raise BadConfig(f"config.urls must be a list of at most {MOST_URLS} URLs")
    redirects = int(number(config, "max_redirects", 5, 1, 20))
    try:
        return Settings(
            rules=rules(config),
            user_agent=agent,
            timeout=number(config, "timeout_seconds", 30, 0.1, 600),
            max_redirects=redirects if follow else 0,
            max_bytes=int(number(config, "max_response_bytes", 1024 * 1024, 1, LARGEST)),
            output_format=output_format(config, "html"),
            ca_file=authorities(config.get("ca_file")),
            urls=list(dict.fromkeys(urls)),
            until=time.monotonic() + seconds_left(request.get("deadline_at")),
        )
    except (BadRules, Refused) as error:
        raise BadConfig(str(error).replace("payload.", "config.")) from None


def number(config: Mapping[str, Any], key: str, default: float, least: float, most: float) -> float:
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadConfig(f"config.{key} must be a number from {least} to {most}")
    return value


def output_format(source: Mapping[str, Any], default: str) -> str:
    value = source.get("output_format", default)
    if not isinstance(value, str) or value.lower() not in FORMATS:
        raise Refused(f"payload.output_format must be one of {', '.join(FORMATS)}")
    return value.lower()


def authorities(value: Any) -> Path | None:
    """A file of certificates that are trusted besides the machine's own."""
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise BadConfig("config.ca_file must be the path of a PEM file")
    path = Path(value).resolve()
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise BadConfig(f"config.ca_file: {path} cannot be used: {error.strerror or error}") from None
    return path


def seconds_left(deadline: Any) -> float:
    try:
        return datetime.fromisoformat(str(deadline).replace("Z", "+00:00")).timestamp() - time.time()
    except ValueError:
        return UNLIMITED
