"""Messages to the service manager that started the gateway: datagrams on `$NOTIFY_SOCKET`, see sd_notify(3)."""

import socket
from collections.abc import Mapping

import structlog

log = structlog.get_logger(__name__)

ABSTRACT_PREFIX = "@"
"""Prefix of an address in Linux' abstract namespace, as it is written."""


class Notifier:
    """Sends messages to the service manager, if there is one."""

    def __init__(self, environ: Mapping[str, str], pid: int) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._failure_logged = False
        self.watchdog_seconds = read_watchdog_seconds(environ, pid) if self._address else None
        """Seconds within which the service manager wants a sign of life; None without a watchdog."""

    def send(self, **fields: str | int) -> None:
        """Send `NAME=value` lines without waiting; only the first failure is logged."""
        if not self._address:
            return
        message = "\n".join(f"{name}={value}" for name, value in fields.items()).encode()
        address = self._address
        if address.startswith(ABSTRACT_PREFIX):
            address = "\0" + address.removeprefix(ABSTRACT_PREFIX)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                sender.sendto(message, address)
        except (OSError, ValueError) as error:
            if not self._failure_logged:
                log.warning("the service manager cannot be told", address=self._address, reason=str(error))
            self._failure_logged = True


def read_watchdog_seconds(environ: Mapping[str, str], pid: int) -> float | None:
    """The seconds of `$WATCHDOG_USEC`, if the variable is meant for this process."""
    text = environ.get("WATCHDOG_USEC", "")
    if not text or environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    if not (text.isascii() and text.isdigit() and int(text)):
        log.warning("WATCHDOG_USEC is no number of microseconds", found=text)
        return None
    return int(text) / 1_000_000
