"""The `spawn` runner: one process a job, by posix_spawn and pidfds."""

import errno
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from ductile.plugin.runner.child_processes import ChildProcesses
from ductile.plugin.runner.errors import PlatformUnsupported, SpawnFailed
from ductile.plugin.runner.interface import RunnerCall
from ductile.plugin.runner.process import Process, StartedProcess
from ductile.plugin.runner.spawn_errors import explain_refusal, interpreter, is_program, shebang

_ENV = "/usr/bin/env"

_DEFAULT_SIGNALS = tuple(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
"""All that can be set: a plugin starts with none ignored, whatever Python (SIGPIPE) or the gateway's starter does."""


class SpawnRunner:
    """Runs each call in a new process group, with a pipe for each of stdin, stdout and stderr and nothing else open.

    One Spawn a process, made on its main thread: it closes the gateway's other descriptors to its children and lets
    SIGCHLD be. PlatformUnsupported: the system has no pidfds.
    """

    def __init__(self, children: ChildProcesses | None = None) -> None:
        self.children = children or ChildProcesses()
        _require_pidfds()
        _reserve_standard_descriptors()
        _keep_descriptors()
        if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:  # inherited; children would vanish unreaped
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def start(self, call: RunnerCall) -> Process:
        """Starts the call on the running loop. SpawnFailed: nothing runs, nothing is left open."""
        process = Process(call, _spawn(call, self.children))
        try:
            process.begin()
        except OSError as error:
            process.abandon()
            raise explain_refusal(call, error) from error
        return process

    def retire(self) -> None:
        """Nothing is kept warm."""

    async def close(self) -> None:
        """Nothing is kept warm."""


def _spawn(call: RunnerCall, children: ChildProcesses) -> StartedProcess:
    number = children.begin_attempt(call.job_id)
    try:
        opened = launch_with_pipes(call, call.variables)
    except (OSError, ValueError, SpawnFailed) as error:
        children.forget(number)
        if isinstance(error, SpawnFailed):
            raise
        raise explain_refusal(call, error) from error
    children.enter(opened.pid)

    def reap(pidfd: int, reaped: Callable[[int], None]) -> None:
        reaped(children.reap(opened.pid, pidfd))

    return StartedProcess(
        pid=opened.pid,
        pidfd=opened.pidfd,
        stdin=opened.stdin,
        stdout=opened.stdout,
        stderr=opened.stderr,
        reap=reap,
        children=children,
        number=number,
    )


class OpenPipes(Struct, frozen=True):
    """A process that has started, and the gateway's ends of its pipes."""

    pid: int
    pidfd: int
    stdin: int
    stdout: int
    stderr: int


def launch_with_pipes(call: RunnerCall, env: Mapping[str, str]) -> OpenPipes:
    """Starts the plugin with a pipe for each standard stream. Raises what `launch` does, and leaves nothing open."""
    opened: list[int] = []
    try:
        for _ in range(3):
            opened.extend(os.pipe())
        stdin, to_stdin, from_stdout, stdout, from_stderr, stderr = opened
        pid, pidfd = launch(call, [str(call.executable), *call.args], env, (stdin, stdout, stderr))
    except BaseException:
        _close(opened)
        raise
    _close((stdin, stdout, stderr))
    return OpenPipes(pid, pidfd, to_stdin, from_stdout, from_stderr)


def launch(call: RunnerCall, argv: list[str], env: Mapping[str, str], descriptors: Sequence[int]) -> tuple[int, int]:
    """Starts the program in a group of its own, with these as its descriptors 0, 1, 2, …: its pid and pidfd.

    Raises OSError or ValueError; SpawnFailed where its working directory is at fault.
    """
    argv = _entering(call, argv)
    pid = os.posix_spawn(
        argv[0],
        argv,
        env,
        file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(descriptors)],
        setpgroup=0,
        setsigmask=(),
        setsigdef=_DEFAULT_SIGNALS,
    )
    try:
        return pid, os.pidfd_open(pid)
    except OSError:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def _entering(call: RunnerCall, argv: list[str]) -> list[str]:
    """`env -C` goes first where the program starts in another folder than ours, which posix_spawn keeps."""
    if is_here(call.cwd):
        return argv
    _check(call)
    return [_ENV, "-C", str(call.cwd), *argv]


def is_here(folder: Path) -> bool:
    """Whether it is the gateway's own working directory."""
    try:
        return str(folder) == os.getcwd() or folder.samefile(".")  # noqa: PTH109 - a Path for each job costs more
    except OSError:
        return False


def _check(call: RunnerCall) -> None:
    """Finds out beforehand what `env` would say on stderr, or do otherwise: it runs a file without shebang by `sh`."""
    if not call.cwd.is_dir():
        raise SpawnFailed(reason=f"its working directory {call.cwd} does not exist")
    if "=" in str(call.executable):
        raise SpawnFailed(
            reason=f"`env` takes {call.executable} for a variable; rename the folder or file with the `=`"
        )
    _check_executable(call.executable)
    line = shebang(call.executable)
    if line:
        _check_executable(Path(interpreter(line)))
    elif not is_program(call.executable):
        raise OSError(errno.ENOEXEC, os.strerror(errno.ENOEXEC))


def _check_executable(path: Path) -> None:
    if not path.exists():
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    if not os.access(path, os.X_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)


def _require_pidfds() -> None:
    if sys.platform != "linux":
        raise PlatformUnsupported(reason=f"{sys.platform} has no pidfds")
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        raise PlatformUnsupported(reason=f"the kernel refuses pidfd_open ({error.strerror})") from error


def _reserve_standard_descriptors() -> None:
    """Fills 0, 1 and 2 where the gateway was started without them: what it prints must not reach a plugin's pipe."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - stderr
        pass
    os.close(fd)


def _keep_descriptors() -> None:
    """Marks what the gateway's own starter left open as not for plugins; Python opens all else that way."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are all that is wanted
        fd = int(name)
        if fd > 2:  # noqa: PLR2004 - stderr
            with suppress(OSError):  # the listing's own
                os.set_inheritable(fd, False)  # noqa: FBT003 - its own signature
