"""How a forked script ends: as the interpreter ends one, without tearing down the interpreter itself.

That would touch every object of the zygote, and each page of memory that is touched is copied: ten times what the fork
costs. So threads are waited for, exit handlers run, what the script made is let go, which closes its files and calls
its finalizers, the streams are flushed, and then the process is over. The zygote brings this module along; it needs the
standard library of Python 3.9.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # as in the zygote
import gc
import os
import sys

TYPE_CHECKING = False  # as in the zygote
if TYPE_CHECKING:
    from typing import Any, NoReturn

C_LONG_LIMIT = 2**63
"""Beyond this a code is no number to the interpreter."""

BROKEN_OUTPUT = 120
"""The exit code where stdout could not be flushed."""


def exit_code(error: SystemExit) -> int:
    """What a SystemExit means; a code that is no number is said on stderr."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF if abs(error.code) < C_LONG_LIMIT else 0xFF
    if sys.stderr is not None:
        sys.stderr.write(f"{error.code}\n")
    return 1


def print_error(error: BaseException, own: dict[str, Any]) -> None:
    """Prints the traceback as the interpreter does, without frames of the zygote, whose globals are `own`."""
    error = without_frames(error, own)
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except BaseException as second:
        second = without_frames(second, globals())
        sys.stderr.write("Error in sys.excepthook:\n")
        sys.__excepthook__(type(second), second, second.__traceback__)
        sys.stderr.write("\nOriginal exception was:\n")
        sys.__excepthook__(type(error), error, error.__traceback__)


def without_frames(error: BaseException, own: dict[str, Any]) -> BaseException:
    """The error as if nothing had been called by what these globals belong to."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals is own:
        trace = trace.tb_next
    return error.with_traceback(trace)


def end(code: int, before: frozenset[str], *, interrupted: bool = False) -> NoReturn:
    """Ends the process. `before`: the modules that the zygote had already."""
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()
    run_exit_handlers()
    whole = flush()
    release_objects(before)
    if not (flush() and whole):
        code = BROKEN_OUTPUT
    if interrupted:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
        os.kill(os.getpid(), _signal.SIGINT)
    os._exit(code)


def run_exit_handlers() -> None:
    """Runs what was registered with `atexit`; it prints what they raise."""
    import atexit

    try:
        atexit._run_exitfuncs()
    except BaseException:
        return


def release_objects(before: frozenset[str]) -> None:
    """Drops what the script made and what it imported: finalizers run, and files that were left open are written."""
    from _weakref import ref

    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        if hasattr(sys, name):
            setattr(sys, name, None)
    made = ["__main__", *(name for name in sys.modules if name not in before)]
    left = [ref(module) for module in map(sys.modules.pop, made) if isinstance(module, type(sys))]
    gc.collect()
    for survivor in left:
        module = survivor()
        if module is not None:
            clear(module.__dict__)
    gc.collect()


def clear(names: dict[str, Any]) -> None:
    """Sets the names of a module to None, the private ones first."""
    for private in (True, False):
        for name in list(names):
            if name.startswith("_") is private and name != "__builtins__":
                names[name] = None


def flush() -> bool:
    """Whether what was printed has gone out."""
    whole = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except BaseException:
            whole = whole and stream is not sys.stdout
    return whole
