"""Words to the service manager that started the gateway: datagrams on `$NOTIFY_SOCKET`, as sd_notify(3) has them."""

import socket
from collections.abc import Mapping

import structlog

log = structlog.get_logger(__name__)

ABSTRACT = "@"
"""How an address of Linux' abstract namespace begins where it is written down."""


class Notifier:
    """Tells the service manager; where nobody started the gateway, or nobody listens, it tells nobody."""

    def __init__(self, environ: Mapping[str, str], pid: int) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._silent = False
        self.watchdog = watchdog(environ, pid) if self._address else None
        """Seconds within which the service manager wants a sign of life; None where it wants none."""

    def tell(self, **fields: str | int) -> None:
        """Send `NAME=value` lines. It never waits, and logs its first failure only."""
        if not self._address:
            return
        message = "\n".join(f"{name}={value}" for name, value in fields.items()).encode()
        address = self._address
        if address.startswith(ABSTRACT):
            address = "\0" + address.removeprefix(ABSTRACT)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                sender.sendto(message, address)
        except (OSError, ValueError) as error:
            if not self._silent:
                log.warning("the service manager cannot be told", address=self._address, reason=str(error))
            self._silent = True


def watchdog(environ: Mapping[str, str], pid: int) -> float | None:
    """The seconds of `$WATCHDOG_USEC`, where it is meant for this process."""
    text = environ.get("WATCHDOG_USEC", "")
    if not text or environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    if not (text.isascii() and text.isdigit() and int(text)):
        log.warning("WATCHDOG_USEC is no number of microseconds", found=text)
        return None
    return int(text) / 1_000_000
