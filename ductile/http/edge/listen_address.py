"""Addresses of `api.listen` become listening sites."""

import contextlib
import errno
import resource
import socket
import stat
from pathlib import Path

from aiohttp import web

from ductile.http.edge.port_holder import PortHolder, tcp_holder, unix_holder
from ductile.http.errors import CannotListen

UNIX_PREFIX = "unix:"
MAX_BACKLOG = 1024
"""Connections that may wait to be accepted, at most."""
MAX_CONNECTIONS = 10_000
SOCKET_MODE = 0o600


def max_connections() -> int:
    """How many connections may be open: half of the file descriptors."""
    return min(MAX_CONNECTIONS, _descriptors() // 2)


def backlog() -> int:
    """How many may wait: asyncio accepts as many in one go, so they must find descriptors beside the open ones."""
    return min(MAX_BACKLOG, _descriptors() // 8)


def _descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS * 2 if soft == resource.RLIM_INFINITY else soft


OTHER_ADDRESS = "listen elsewhere: `api.listen`, or `ductile system start --listen ADDRESS`"


def cannot_listen(address: str, error: OSError) -> CannotListen:
    """The error with who is in the way, as far as that can be seen, and with what to do."""
    reason = error.strerror or str(error)
    if error.errno == errno.EADDRINUSE:
        host, port = split_address(address)
        return address_in_use(address, tcp_holder(host, port))
    advice = {
        errno.EACCES: f"A port below 1024 needs root or CAP_NET_BIND_SERVICE; {OTHER_ADDRESS}",
        errno.EADDRNOTAVAIL: f"No interface of this machine has it (`ip address` lists them); {OTHER_ADDRESS}",
    }.get(error.errno or 0, f"{OTHER_ADDRESS[0].upper()}{OTHER_ADDRESS[1:]}")
    return CannotListen(address=address, reason=reason, advice=advice)


def address_in_use(address: str, holder: PortHolder | None) -> CannotListen:
    """The error of an address at which somebody listens."""
    reason = f"another process listens there{f': {holder}' if holder else ''}"
    stop = f"Stop it (`kill {holder.pid}`)" if holder is not None and holder.pid is not None else "Stop it"
    return CannotListen(address=address, reason=reason, advice=f"{stop}, or {OTHER_ADDRESS}")


def site_for(runner: web.ServerRunner, address: str) -> web.BaseSite:
    """The site of one address: `host:port`, `[::1]:8080`, `:8080`, `unix:/path`. Raises CannotListen."""
    if address.startswith(UNIX_PREFIX):
        return web.SockSite(runner, unix_socket(address), backlog=backlog())
    host, port = split_address(address)
    return web.TCPSite(runner, host, port, backlog=backlog())


def split_address(address: str) -> tuple[str | None, int]:
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
    path = Path(address.removeprefix(UNIX_PREFIX))
    remove_stale(path, address)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
        path.chmod(SOCKET_MODE)  # before it listens, so that nobody else was ever let in
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
        raise address_in_use(address, unix_holder(path))
    path.unlink(missing_ok=True)
