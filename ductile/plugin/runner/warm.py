"""The gateway's side of a zygote: starts it, asks it for children, and lets it go."""

import asyncio
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from ductile.plugin.runner import zygote as script
from ductile.plugin.runner.call import Call
from ductile.plugin.runner.errors import SpawnFailed
from ductile.plugin.runner.process import UNKNOWN_EXIT, Process, Started
from ductile.plugin.runner.refusal import explain
from ductile.plugin.runner.spawn import launch

HELLO_SECONDS = 15.0
"""How long an interpreter may take to come up."""

IDLE_SECONDS = 300.0
"""How long a zygote without children is kept."""

_REASON = 500
"""Characters of an interpreter's own words that a reason quotes."""


Order = Callable[[int, Call], bytes]
"""The message that asks for the child of a number."""


class Waiting(Protocol):
    """An attempt that wants a process."""

    call: Call

    def begun(self, process: Process) -> None:
        """Here it is."""

    def refused(self, error: SpawnFailed) -> None:
        """There is none, and the call may not be run otherwise."""

    def spawned(self) -> None:
        """There is none, and the call has not been touched."""


class Pipes:
    """The three pipes of a child that is still to be forked, with as much of the request as the first one takes."""

    def __init__(self, call: Call) -> None:
        self._open: list[int] = []
        try:
            for _ in range(3):
                self._open.extend(os.pipe())
            stdin, to_stdin, from_stdout, stdout, from_stderr, stderr = self._open
            self.childs = (stdin, stdout, stderr)
            self.ours = (to_stdin, from_stdout, from_stderr)
            os.set_blocking(to_stdin, False)
            self.written = 0
            with suppress(BlockingIOError):
                self.written = os.write(to_stdin, call.stdin)
        except OSError:
            self.close()
            raise

    def hand_over(self) -> None:
        """The child has its ends."""
        for fd in self.childs:
            os.close(fd)
            self._open.remove(fd)

    def close(self) -> None:
        """Nobody gets them."""
        for fd in self._open:
            os.close(fd)
        self._open.clear()


class Zygote:
    """One warm interpreter, for an entrypoint to fork or, without one, to start programs.

    `left` is told when it takes no more calls, with the reason where it never took one, and again once it is gone.
    """

    def __init__(
        self,
        interpreter: Sequence[str],
        call: Call,
        env: Mapping[str, str],
        left: Callable[["Zygote", str | None], None],
        *,
        entrypoint: str,
        order: Order,
    ) -> None:
        self._left = left
        self._order = order
        self._runner = "fork" if entrypoint else "spawn"
        self._loop = asyncio.get_running_loop()
        self._ready = False
        self._retired = False
        self._queue: deque[Waiting] = deque()
        self._asked: dict[int, tuple[Waiting, Pipes]] = {}
        self._reaping: dict[int, Callable[[int], None]] = {}
        self._unreaped: deque[int] = deque()
        self.children = 0
        """Those that are not reaped yet."""
        self._number = 0
        self.gone = asyncio.Event()
        self._errors = os.memfd_create("zygote-stderr")
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs, open(os.devnull, "r+b", buffering=0) as null:  # noqa: PTH123 - a descriptor is wanted
                argv = [*interpreter, script.__file__, "3", entrypoint]
                descriptors = (null.fileno(), null.fileno(), self._errors, theirs.fileno())
                self.pid, self._pidfd = launch(call, argv, env, descriptors)
        except BaseException:
            self._channel.close()
            os.close(self._errors)
            raise
        self._channel.settimeout(0)
        self._loop.add_reader(self._channel, self._heard)
        self._loop.add_reader(self._pidfd, self._ended)
        self._timer = self._loop.call_later(HELLO_SECONDS, self._late)

    def fork(self, waiting: Waiting) -> None:
        """Asks for a child for this attempt, now or once the interpreter is up."""
        if not self._ready or self._queue:
            self._queue.append(waiting)
        else:
            self._ask(waiting)

    def retire(self) -> None:
        """Takes no more calls and ends with its last child."""
        if not self._retired:
            self._retired = True
            self._left(self, None)
        self._end_if_idle()

    def kill(self) -> None:
        """Ends it now."""
        if not self.gone.is_set():
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def hang_up(self) -> None:
        """Closes the channel, upon which it ends by itself."""
        self._channel.shutdown(socket.SHUT_RDWR)

    def _end_if_idle(self) -> None:
        if self._retired and not (self.children or self._queue or self._asked or self._reaping):
            self.kill()

    def _late(self) -> None:
        os.pwrite(self._errors, f"it was not up within {HELLO_SECONDS:.0f} s\n".encode(), 0)
        self.kill()

    def _ask(self, waiting: Waiting) -> bool:
        """Whether it could be asked; else it stays in the queue until the channel takes more."""
        call = waiting.call
        try:
            pipes = Pipes(call)
        except OSError as error:
            waiting.refused(explain(call, error))
            return True
        self._number += 1
        try:
            socket.send_fds(self._channel, [self._order(self._number, call)], pipes.childs)
        except BlockingIOError:
            pipes.close()
            return False
        except OSError:  # it is dead, which is heard of presently; nothing has reached it
            pipes.close()
            waiting.spawned()
            return True
        pipes.hand_over()
        self._asked[self._number] = (waiting, pipes)
        return True

    def _flush(self) -> None:
        """Sends what waits for room in the channel: who is to be reaped, then who wants a child."""
        with suppress(OSError):  # it is dead, which is heard of presently
            try:
                while self._unreaped:
                    self._channel.send(b"R\0%d" % self._unreaped[0])
                    self._unreaped.popleft()
            except BlockingIOError:
                self._loop.add_writer(self._channel, self._flush)
                return
        while self._queue:
            if not self._ask(self._queue[0]):
                self._loop.add_writer(self._channel, self._flush)
                return
            self._queue.popleft()
        self._loop.remove_writer(self._channel)

    def _heard(self) -> None:
        while True:
            try:
                kind, *fields = self._channel.recv(script.MESSAGE).split(b"\0")
            except BlockingIOError:
                return
            except OSError:
                kind, fields = b"", []
            if kind == b"H":
                self._ready = True
                self._rest()
                self._flush()
            elif kind == b"P":
                self._forked(int(fields[0]), int(fields[1]))
            elif kind == b"X":
                self._unforked(int(fields[0]))
            elif kind == b"E":
                self._reaped(int(fields[0]), int(fields[1]))
            else:
                self._loop.remove_reader(self._channel)
                return

    def _forked(self, number: int, pid: int) -> None:
        waiting, pipes = self._asked.pop(number)
        to_stdin, from_stdout, from_stderr = pipes.ours
        try:
            pidfd = os.pidfd_open(pid)
        except OSError as error:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            pipes.close()
            self.children += 1
            self._reap(pid, lambda _: None)
            waiting.refused(explain(waiting.call, error))
            return

        def reap(pidfd: int, reaped: Callable[[int], None]) -> None:
            os.close(pidfd)
            self._reap(pid, reaped)

        started = Started(
            pid=pid,
            pidfd=pidfd,
            stdin=to_stdin,
            stdout=from_stdout,
            stderr=from_stderr,
            reap=reap,
            written=pipes.written,
            runner=self._runner,
        )
        self.children += 1
        process = Process(waiting.call, started)
        try:
            process.begin()
        except OSError as error:
            process.abandon()
            waiting.refused(explain(waiting.call, error))
        else:
            waiting.begun(process)

    def _unforked(self, number: int) -> None:
        """It could not; where the entrypoint has changed beyond what it can follow, the next call gets a new one."""
        waiting, pipes = self._asked.pop(number)
        pipes.close()
        waiting.spawned()
        if self._runner == "fork":
            self.retire()

    def _reap(self, pid: int, reaped: Callable[[int], None]) -> None:
        """Lets go of a dead child; until then its pid and its group are nobody else's."""
        if self.gone.is_set():  # it has left its children to init
            self.children -= 1
            reaped(UNKNOWN_EXIT)
            return
        self._reaping[pid] = reaped
        self._unreaped.append(pid)
        if len(self._unreaped) == 1:
            self._flush()

    def _reaped(self, pid: int, code: int) -> None:
        self.children -= 1
        self._reaping.pop(pid)(code)
        self._end_if_idle()
        if not self.children:
            self._rest()

    def _rest(self) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(IDLE_SECONDS, self._idle)

    def _idle(self) -> None:
        if not (self.children or self._queue or self._asked):
            self.retire()

    def _ended(self) -> None:
        """The interpreter is dead, as it was asked to be or not."""
        self._heard()
        self._timer.cancel()
        self._loop.remove_reader(self._pidfd)
        self._loop.remove_reader(self._channel)
        self._loop.remove_writer(self._channel)
        os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED)
        os.close(self._pidfd)
        self._channel.close()
        reason = None if self._ready else self._words()
        os.close(self._errors)
        self.gone.set()
        self._left(self, reason)
        for reaped in tuple(self._reaping.values()):
            reaped(UNKNOWN_EXIT)
        self._reaping.clear()
        for waiting, pipes in self._asked.values():
            pipes.close()
            waiting.refused(SpawnFailed(reason="the interpreter it is forked from has died", transient=True))
        self._asked.clear()
        while self._queue:
            self._queue.popleft().spawned()

    def _words(self) -> str:
        said = os.pread(self._errors, 65_536, 0).decode(errors="replace").strip()
        return said[-_REASON:] or "its interpreter ended at once"
