"""Addresses that a gateway listens at."""

import re
from typing import Any

DEFAULT_LISTEN = "127.0.0.1:8080"
UNIX_PATH = "unix:/"
_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\[\]\s]*):(?P<port>[0-9]{1,5})")


def parse_address(value: Any) -> str | None:
    """`host:port` or `unix:/path` as it is listened at; None for anything else."""
    if not isinstance(value, str):
        return None
    if value.startswith(UNIX_PATH) and len(value) > len(UNIX_PATH):
        return value
    match = _ADDRESS.fullmatch(value)
    if match is None or int(match["port"]) >= 2**16:
        return None
    return f"{match['host'] or '0.0.0.0'}:{int(match['port'])}"  # noqa: S104  # `:8080` asks for every interface
