"""Addresses of `api.listen` become listening sites."""

import contextlib
import errno
import resource
import socket
import stat
from pathlib import Path

from aiohttp import web

from ductile.http.errors import CannotListen

UNIX = "unix:"
BACKLOG = 1024
"""Connections that may wait to be accepted, at most."""
MOST_CONNECTIONS = 10_000
PRIVATE = 0o600


def max_connections() -> int:
    """How many connections may be open: half of the file descriptors."""
    return min(MOST_CONNECTIONS, _descriptors() // 2)


def backlog() -> int:
    """How many may wait: asyncio accepts as many in one go, so they must find descriptors beside the open ones."""
    return min(BACKLOG, _descriptors() // 8)


def _descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS * 2 if soft == resource.RLIM_INFINITY else soft


def site_for(runner: web.ServerRunner, address: str) -> web.BaseSite:
    """The site of one address: `host:port`, `[::1]:8080`, `:8080`, `unix:/path`. Raises CannotListen."""
    if address.startswith(UNIX):
        return web.SockSite(runner, unix_socket(address), backlog=backlog())
    host, port = split(address)
    return web.TCPSite(runner, host, port, backlog=backlog())


def split(address: str) -> tuple[str | None, int]:
    """Host (None: every interface) and port."""
    host, _, port = address.rpartition(":")
    try:
        number = int(port)
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:  # noqa: PLR2004 - the largest TCP port
        raise CannotListen(address=address, reason="it is neither host:port nor unix:/path")
    return host.removeprefix("[").removesuffix("]") or None, number


def unix_socket(address: str) -> socket.socket:
    """A bound Unix socket that only its owner may use. A socket that nobody listens on any more is replaced."""
    path = Path(address.removeprefix(UNIX))
    remove_stale(path, address)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
        path.chmod(PRIVATE)  # before it listens, so that nobody else was ever let in
    except OSError as error:
        bound.close()
        raise CannotListen(address=address, reason=error.strerror or str(error)) from None
    bound.settimeout(0)
    return bound


def remove_stale(path: Path, address: str) -> None:
    """Unlink a socket without a listener; refuse one in use and anything else that stands at the path."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise CannotListen(address=address, reason=error.strerror or str(error)) from None
    if not stat.S_ISSOCK(mode):
        raise CannotListen(address=address, reason="something that is no socket stands there")
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        outcome = probe.connect_ex(str(path))
    if outcome != errno.ECONNREFUSED:
        raise CannotListen(address=address, reason="another process listens there")
    path.unlink(missing_ok=True)
