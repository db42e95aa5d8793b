"""The gateway's code, imported in the least time: most of a start is imports."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from ssl import SSLContext
from threading import Thread


def gateway() -> Callable[[Path], int]:
    """`ductile.app.run`, which runs the gateway of a configuration."""
    # For tracebacks that this gateway's log never has, structlog imports rich where there is one.
    with absent("rich"), certificates_later():
        from ductile.app import run  # noqa: PLC0415 - it is what takes the time
    return run


@contextmanager
def certificates_later() -> Iterator[None]:
    """TLS contexts that are made meanwhile get the system's certificates afterwards, in a thread of their own.

    aiohttp makes two as it is imported, and reading them takes a tenth of a start. The thread leaves the interpreter to
    the others while it reads; importing aiohttp in a thread instead costs more than it gains, as two imports take the
    interpreter from each other hundreds of times.
    """
    read = SSLContext.set_default_verify_paths
    waiting: list[SSLContext] = []

    def later(self: SSLContext) -> None:
        waiting.append(self)

    SSLContext.set_default_verify_paths = later  # type: ignore[method-assign]  # what is done to every new context
    try:
        yield
    finally:
        SSLContext.set_default_verify_paths = read  # type: ignore[method-assign]  # as it was
        Thread(target=lambda: [read(context) for context in waiting], name="certificates").start()


@contextmanager
def absent(name: str) -> Iterator[None]:
    """Meanwhile an import of this module fails as if it were not installed, unless it has been imported before."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # the import system's own way to say so
    try:
        yield
    finally:
        del sys.modules[name]
