"""Imports the gateway's code in the least time: imports are most of a start."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from ssl import SSLContext
from threading import Thread


def import_gateway() -> Callable[[Path], int]:
    """`ductile.app.run`, which runs the gateway of a configuration."""
    # For tracebacks that this gateway's log never has, structlog imports rich where there is one.
    with module_hidden("rich"), certificates_read_in_thread():
        from ductile.app import run  # it is what takes the time
    return run


@contextmanager
def certificates_read_in_thread() -> Iterator[None]:
    """Meanwhile a thread reads the system's certificates for the two TLS contexts that an import of aiohttp makes.

    That is a tenth of a start, in which the thread leaves the interpreter to the others. To import aiohttp itself in a
    thread costs more than it gains: two imports take the interpreter from each other hundreds of times.
    """
    read = SSLContext.set_default_verify_paths
    contexts: list[SSLContext] = []

    def later(self: SSLContext) -> None:
        contexts.append(self)

    SSLContext.set_default_verify_paths = later  # type: ignore[method-assign]  # what every new context calls
    try:
        import_module("aiohttp.web")
    finally:
        SSLContext.set_default_verify_paths = read  # type: ignore[method-assign]  # as it was
    reader = Thread(target=lambda: [read(context) for context in contexts], name="certificates")
    reader.start()
    try:
        yield
    finally:
        reader.join()  # the file that it has open would go to every plugin that is started


@contextmanager
def module_hidden(name: str) -> Iterator[None]:
    """Meanwhile an import of this module fails as if it were not installed, unless it was imported before."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # the import system's own way to say so
    try:
        yield
    finally:
        del sys.modules[name]
