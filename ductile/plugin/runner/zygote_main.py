"""The zygote of the `fork` runner: runs under a plugin's own interpreter and forks a child for each job.

It is started as a script, needs only the standard library of Python 3.9 (and little of it: what it imports, every
child has), has one thread, and never runs the plugin's code itself. It compiles the entrypoint and imports the modules
of the standard library that the entrypoint names. It speaks datagrams over the descriptor in its first argument; the
second is the entrypoint, empty where it only starts programs. Fields are separated by NULs:

    from the gateway  F id job_id attempt  with the child's stdin, stdout and stderr: fork
                      S id path variable…  with the same: start a program (for a busy `spawn` runner: see there);
                                           either carries the id as its mark
                      R pid                the child is dead and its group killed: reap it
    to the gateway    H                    ready
                      P id pid             forked
                      X id                 the entrypoint cannot be forked as it stands now: run it otherwise
                      E pid code           reaped, with the exit code or minus the signal

It ends when the gateway closes its side.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # typeshed knows signal alone, which costs an enum
import _socket
import gc
import os
import sys

try:
    import resource
except ImportError:  # an interpreter that was built without it
    resource = None  # type: ignore[assignment]
else:
    del sys.modules["resource"]  # a script finds what a fresh interpreter has imported, and no more

TYPE_CHECKING = False  # importing typing would cost more than all the rest
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, NoReturn

JOB_ID, ATTEMPT = "DUCTILE_JOB_ID", "DUCTILE_ATTEMPT"
PLACEHOLDERS = {JOB_ID: "0" * 36, ATTEMPT: "0" * 10}
"""What the zygote starts with: the room for each child's own values, where /proc/<pid>/environ shows them."""

MAX_MESSAGE_BYTES = 65_536
"""Bytes of a message, at most."""
DESCRIPTOR_COUNT = 3
INT_BYTES = 4
"""Bytes of a descriptor's number in a message (unix(7))."""
ENV_START = 50
"""The field of /proc/self/stat with the address of the first variable (proc(5))."""
ONLY_AST = 0x400
"""The flag of `compile` that returns a syntax tree: `ast.PyCF_ONLY_AST`, without importing `ast`."""
RLIMIT_LOCKS, LEAST_HARD = 10, 1 << 62
"""The limit that is the mark of a gateway's processes, and what it is at least there: see process_mark."""
OLDEST = (3, 9)
NEVER_EARLY = frozenset({"antigravity", "idlelib", "test", "this", "tkinter", "turtle", "turtledemo", "__main__"})
"""Modules that do something when they are imported."""

if TYPE_CHECKING:
    from ductile.plugin.runner import child_exit

Machinery = sys.modules["_frozen_importlib_external"]
"""Where `importlib.machinery` has its classes from; it is always there."""


SIGNALS = tuple(_signal.valid_signals() - {_signal.SIGKILL, _signal.SIGSTOP})
"""All that can be set: a program starts with none ignored."""


class Unforkable(Exception):
    """The entrypoint cannot be forked as it stands now."""


class Entrypoint:
    """The plugin's script: its code, compiled again when the file has changed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.folder = os.path.dirname(os.path.realpath(path))
        self._stamp: tuple[int, ...] = ()
        self._folder_stamp = 0
        self._early = False
        self.code: CodeType | None = None

    def refresh(self) -> None:
        """Reads what has changed; raises Unforkable. What does not compile says so in its child."""
        try:
            about, folder = os.stat(self.path), os.stat(self.folder)
            if (stamp := (about.st_ino, about.st_mtime_ns, about.st_size)) != self._stamp:
                self._compile()
                self._stamp = stamp
            if folder.st_mtime_ns != self._folder_stamp:
                if self._early and not shadow_names(self.folder).isdisjoint(sys.modules):
                    raise Unforkable  # what was imported early has a namesake beside the script by now
                self._folder_stamp = folder.st_mtime_ns
        except OSError:
            raise Unforkable from None

    def _compile(self) -> None:
        with open(self.path, "rb") as file:
            source = file.read()
        if b"\0" in source:
            raise Unforkable  # a zip application, or no Python at all
        try:
            self.code = compile(source, self.path, "exec", dont_inherit=True)
            tree = compile(source, self.path, "exec", ONLY_AST, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self.code = None
        else:
            self._import_early(tree)
        gc.collect()
        gc.freeze()

    def read(self) -> CodeType:
        """The code; raises what the interpreter would."""
        if self.code is not None:
            return self.code
        with open(self.path, "rb") as file:
            return compile(file.read(), self.path, "exec", dont_inherit=True)

    def _import_early(self, tree: Any) -> None:
        if shadow_names(self.folder):
            return
        import warnings

        self._early = True
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for name in import_names(tree):
                if is_standard(name):
                    try:
                        __import__(name)
                    except BaseException:
                        continue  # the plugin meets it again, in a process of its own


def import_names(tree: Any) -> list[str]:
    """The modules that the statements of the script's top level import."""
    names = []
    for statement in tree.body:
        kind = type(statement).__name__
        if kind == "Import":
            names += [alias.name for alias in statement.names]
        elif kind == "ImportFrom" and not statement.level:
            names.append(statement.module)
    return names


def standard_names() -> frozenset[str]:
    """The standard library's modules; none where the interpreter cannot tell (before Python 3.10)."""
    return getattr(sys, "stdlib_module_names", frozenset())


def shadow_names(folder: str) -> set[str]:
    """The files and folders beside the script that stand in for a module of the standard library."""
    return {name.partition(".")[0] for name in os.listdir(folder)} & (standard_names() - NEVER_EARLY)


def is_standard(name: str) -> bool:
    """Whether importing it runs the standard library's own code and nothing else."""
    root = name.partition(".")[0]
    if root not in standard_names() or root in NEVER_EARLY:
        return False
    if root in sys.modules or root in sys.builtin_module_names:
        return True
    spec = Machinery.PathFinder.find_spec(root)
    library = os.path.dirname(os.__file__) + os.sep
    origin = (spec.origin if spec else None) or ""
    return origin.startswith(library) and "-packages" not in origin[len(library) :]


def become(entrypoint: Entrypoint, fds: list[int], own: dict[str, str], slots: dict[str, int]) -> None:
    """Makes this child what the interpreter would be at the first line of the script."""
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    write_environ(own, slots)
    os.environ.update(own)
    sys.argv[:] = [entrypoint.path]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv = [*sys.orig_argv[:-DESCRIPTOR_COUNT], entrypoint.path]
    if adds_folder():
        sys.path.insert(0, entrypoint.folder)


def adds_folder() -> bool:
    """Whether the interpreter puts a script's folder before its path."""
    return not sys.flags.isolated and not getattr(sys.flags, "safe_path", False)


def run(entrypoint: Entrypoint) -> NoReturn:
    """Runs the script as `__main__`, to the end of this process."""
    before = frozenset(sys.modules)
    code, unhandled = 0, None
    try:
        exec(entrypoint.read(), as_main(entrypoint.path))
    except SystemExit as error:
        code = child_exit.exit_code(error)
    except BaseException as error:
        code, unhandled = 1, error
    interrupted = isinstance(unhandled, KeyboardInterrupt)
    if unhandled is not None:
        child_exit.print_error(unhandled, globals())
        del unhandled
    child_exit.end(code, before, interrupted=interrupted)


def as_main(path: str) -> dict[str, Any]:
    """The names of a new `__main__`, as a script finds them."""
    main = sys.modules["__main__"] = type(sys)("__main__")
    main.__dict__.update(
        __file__=path,
        __loader__=Machinery.SourceFileLoader("__main__", path),
        __builtins__=sys.modules["builtins"],
        __cached__=None,
    )
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    return main.__dict__


def environ_slots() -> dict[str, int]:
    """Where the placeholders stand in memory; empty where the system does not tell."""
    try:
        with open("/proc/self/stat", "rb") as file:
            start = int(file.read().rpartition(b")")[2].split()[ENV_START - 3])
        with open("/proc/self/environ", "rb") as file:
            shown = b"\0" + file.read()
    except (OSError, ValueError, IndexError):
        return {}
    found = {name: shown.find(f"\0{name}={value}\0".encode()) for name, value in PLACEHOLDERS.items()}
    return {name: start + at + len(name) + 1 for name, at in found.items() if at >= 0 and start}


def write_environ(own: dict[str, str], slots: dict[str, int]) -> None:
    """Writes this child's own variables where a sweep of /proc looks for them.

    Where the system forbids it, what the child leaves behind is found by the instance alone, at the gateway's end.
    """
    try:
        memory = os.open("/proc/self/mem", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return
    try:
        for name, at in slots.items():
            room = len(PLACEHOLDERS[name])
            os.pwrite(memory, own[name].encode()[:room].ljust(room, b"\0"), at)
    except OSError:
        return
    finally:
        os.close(memory)


def receive(channel: _socket.socket) -> tuple[list[bytes], list[int]]:
    """The next message's fields and the descriptors with it; no fields at the end."""
    message, ancillary, _, _ = channel.recvmsg(
        MAX_MESSAGE_BYTES, _socket.CMSG_SPACE(DESCRIPTOR_COUNT * INT_BYTES), _socket.MSG_CMSG_CLOEXEC
    )
    fds = [
        int.from_bytes(data[at : at + INT_BYTES], sys.byteorder)
        for level, kind, data in ancillary
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS)
        for at in range(0, len(data), INT_BYTES)
    ]
    return message.split(b"\0") if message else [], fds


def serve(channel: _socket.socket, entrypoint: Entrypoint) -> None:
    """Forks as it is asked; returns in each child."""
    slots = environ_slots()
    if entrypoint.path:
        entrypoint.refresh()
    channel.send(b"H")
    while True:
        fields, fds = receive(channel)
        if not fields:
            os._exit(0)
        if fields[0] == b"R":
            _, status = os.waitpid(int(fields[1]), 0)
            channel.send(b"E\0%s\0%d" % (fields[1], os.waitstatus_to_exitcode(status)))
            continue
        set_mark(fields[1])
        pid = spawn(fields[2], fields[3:], fds) if fields[0] == b"S" else fork(entrypoint)
        if pid == 0:
            channel.close()
            become(entrypoint, fds, {JOB_ID: fields[2].decode(), ATTEMPT: fields[3].decode()}, slots)
            return
        for fd in fds:  # before it is told: whoever hears of the child must find its pipes held by nobody else
            os.close(fd)
        channel.send(b"X\0" + fields[1] if pid is None else b"P\0%s\0%d" % (fields[1], pid))


def set_mark(number: bytes) -> None:
    """What is started from now on carries this number, where the gateway's processes carry one."""
    if resource is not None and (hard := resource.getrlimit(RLIMIT_LOCKS)[1]) >= LEAST_HARD:
        resource.setrlimit(RLIMIT_LOCKS, (int(number), hard))


def spawn(path: bytes, variables: list[bytes], fds: list[int]) -> int | None:
    """Starts a program in a group of its own; None where it cannot be started."""
    try:
        return os.posix_spawn(
            path,
            [path],
            dict(variable.split(b"=", 1) for variable in variables),
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, at) for at, fd in enumerate(fds)],
            setpgroup=0,
            setsigmask=(),
            setsigdef=SIGNALS,
        )
    except (OSError, ValueError):
        return None


def fork(entrypoint: Entrypoint) -> int | None:
    """Forks a group of its own; 0 in the child, None where there is none."""
    try:
        entrypoint.refresh()
        pid = os.fork()
    except (Unforkable, OSError):
        return None
    try:
        os.setpgid(pid, pid)  # here and in the child, so that the group is there whoever is first
    except OSError:
        pass
    return pid


if __name__ == "__main__":
    if sys.version_info < OLDEST:
        sys.exit("the interpreter is older than Python 3.9")
    if adds_folder():
        del sys.path[0]
    sys.path.insert(0, os.path.dirname(__file__))
    import child_exit  # type: ignore[import-not-found,no-redef]  # beside this file

    del sys.path[0], sys.modules["child_exit"]
    script = Entrypoint(sys.argv[2])
    try:
        serve(_socket.socket(fileno=int(sys.argv[1])), script)
    except Unforkable:
        sys.exit("the entrypoint is no script in Python")
    run(script)
