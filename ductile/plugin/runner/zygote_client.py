"""The gateway's side of a zygote: starts it, asks it for children, and lets it go."""

import asyncio
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import structlog

from ductile.plugin.runner import child_order
from ductile.plugin.runner import zygote_main as script
from ductile.plugin.runner.answer_deadline import ANSWER_SECONDS, STOPPED_STATES, AnswerDeadline
from ductile.plugin.runner.child_order import ChildPipes, EndedChild, Order, OrderedChild, WaitingChild
from ductile.plugin.runner.child_processes import DEATH_SECONDS, ChildProcesses
from ductile.plugin.runner.interface import RunnerCall
from ductile.plugin.runner.process import Process, StartedProcess
from ductile.plugin.runner.spawn_errors import explain_refusal
from ductile.plugin.runner.spawn_runner import launch

HELLO_SECONDS = 15.0
"""How long an interpreter may take to come up."""

IDLE_SECONDS = 300.0
"""How long a zygote without children is kept."""

MESSAGES_AT_ONCE = 1_024
"""Messages that are read before others have their turn on the loop: more than a channel holds."""

_MAX_REASON_CHARACTERS = 500

_log = structlog.get_logger()


class Zygote:
    """One warm interpreter, for an entrypoint to fork or, without one, to start programs.

    `left` is told when it takes no more calls, with the reason where it never took one, and again once it is gone.
    """

    def __init__(
        self,
        interpreter: Sequence[str],
        call: RunnerCall,
        env: Mapping[str, str],
        left: Callable[["Zygote", str | None], None],
        *,
        entrypoint: str,
        order: Order,
        children: ChildProcesses,
    ) -> None:
        self._on_leave = left
        self._order = order
        self._processes = children
        self._name = call.executable.parent.name if entrypoint else "programs"
        self._runner = "fork" if entrypoint else "spawn"
        self._loop = asyncio.get_running_loop()
        self._ready = False
        self._retired = False
        self._queue: deque[WaitingChild] = deque()
        self._asked: dict[int, OrderedChild] = {}
        self._reaping: dict[int, EndedChild] = {}
        self._unreaped: deque[int] = deque()
        self.children = 0
        """Those that are not reaped yet."""
        number = children.begin_helper()
        self._overdue: str | None = None
        """Why it was ended, where it did not answer."""
        self.gone = asyncio.Event()
        self._errors = os.memfd_create("zygote-stderr")
        self._channel, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with open(os.devnull, "r+b", buffering=0) as null:  # noqa: PTH123 - a descriptor is wanted
                argv = [*interpreter, script.__file__, "3", entrypoint]
                descriptors = (null.fileno(), null.fileno(), self._errors, self._theirs.fileno())
                self.pid, self._pidfd = launch(call, argv, env, descriptors)
        except BaseException:
            children.forget(number)
            self._channel.close()
            self._theirs.close()
            os.close(self._errors)
            raise
        children.enter(self.pid)
        children.forget(number)  # it starts nothing under its own number: what carries that is no process of it
        self._channel.settimeout(0)
        self._loop.add_reader(self._channel, self._on_readable)
        self._loop.add_reader(self._pidfd, self._on_end)
        self._timer: asyncio.TimerHandle | None = None
        self._answers = AnswerDeadline(self.pid, owed=self._answers_owed, overdue=self._replace)
        self._answers.expect()

    def fork(self, waiting: WaitingChild) -> None:
        """Asks for a child for this attempt, now or once the interpreter is up."""
        if not self._ready or self._queue:
            waiting.on_queued()
            self._queue.append(waiting)
        elif not self._ask(waiting):
            waiting.on_queued()
            self._queue.append(waiting)
            self._loop.add_writer(self._channel, self._flush)

    def retire(self) -> None:
        """Takes no more calls and ends with its last child."""
        if not self._retired:
            self._retired = True
            self._on_leave(self, None)
        self._end_if_idle()

    def kill(self) -> None:
        """Ends it now."""
        self._retired = True
        if not self.gone.is_set():
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            self._arm(DEATH_SECONDS, self._give_up)

    def hang_up(self) -> None:
        """Closes the channel, upon which it ends by itself."""
        self._channel.shutdown(socket.SHUT_RDWR)

    def _answers_owed(self) -> Mapping[Hashable, float]:
        """The answers that it has owed for the longest."""
        if not self._ready:
            return {"hello": HELLO_SECONDS}
        oldest = (next(iter(self._asked), None), *list(self._reaping)[:1])
        return {answer: ANSWER_SECONDS for answer in oldest if answer is not None}

    def _replace(self, reason: str) -> None:
        """It does not answer: its children go on without it, and what it was asked for is started otherwise."""
        kind = "zygote" if self._runner == "fork" else "spawn_helper"
        _log.warning("helper replaced", helper=kind, plugin=self._name, pid=self.pid, reason=reason)
        self._processes.tell_replaced(kind, reason)
        self._overdue = reason
        self.retire()
        self.kill()

    def _end_if_idle(self) -> None:
        if self._retired and not (self.children or self._queue or self._asked or self._reaping):
            self.kill()

    def _ask(self, waiting: WaitingChild) -> bool:
        """Whether it could be asked; else it stays in the queue until the channel takes more."""
        if not waiting.open:
            return True
        call = waiting.call
        try:
            pipes = ChildPipes(call)
        except OSError as error:
            waiting.on_refusal(explain_refusal(call, error))
            return True
        number = self._processes.begin_attempt(call.job_id)
        try:
            socket.send_fds(self._channel, [self._order(number, call)], pipes.childs)
        except OSError as error:
            pipes.close()
            self._processes.forget(number)
            if isinstance(error, BlockingIOError):
                return False
            waiting.on_fallback()  # it is dead, which is heard of presently; nothing has reached it
            return True
        pipes.hand_over()
        waiting.on_ordered()
        self._asked[number] = OrderedChild(waiting, pipes)
        self._answers.expect()
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

    def _on_readable(self) -> None:
        """Reads what it answers. What is no answer comes from a plugin that writes into the channel."""
        for _ in range(MESSAGES_AT_ONCE):
            try:
                kind, *fields = self._channel.recv(script.MAX_MESSAGE_BYTES).split(b"\0")
            except BlockingIOError:
                return
            except OSError:
                kind, fields = b"", []
            try:
                if not self._on_answer(kind, fields):
                    self._loop.remove_reader(self._channel)
                    return
            except (KeyError, IndexError, ValueError):
                self._loop.remove_reader(self._channel)
                self._replace("something else speaks for it")
                return

    def _on_answer(self, kind: bytes, fields: Sequence[bytes]) -> bool:
        """Takes one answer; whether more may come. Raises KeyError, IndexError or ValueError where it is none."""
        if kind == b"H":
            self._ready = True
            self._rest()
            self._flush()
        elif kind == b"P":
            self._on_fork(int(fields[0]), int(fields[1]))
        elif kind == b"X":
            self._on_no_fork(int(fields[0]))
        elif kind == b"E":
            self._on_reap(int(fields[0]), int(fields[1]))
        else:
            return False
        return True

    def _on_fork(self, number: int, pid: int) -> None:
        asked = self._asked.pop(number)
        waiting, pipes = asked.waiting, asked.pipes
        to_stdin, from_stdout, from_stderr = pipes.ours
        try:
            pidfd = os.pidfd_open(pid)
        except OSError as error:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            pipes.close()
            self.children += 1
            self._reap(pid, -1, lambda _: None)
            self._processes.end(number, lambda _: None)
            waiting.on_refusal(explain_refusal(waiting.call, error))
            return

        started = StartedProcess(
            pid=pid,
            pidfd=pidfd,
            stdin=to_stdin,
            stdout=from_stdout,
            stderr=from_stderr,
            reap=partial(self._reap, pid),
            children=self._processes,
            number=number,
            written=pipes.written,
            runner=self._runner,
        )
        self.children += 1
        self._processes.expect(pid)
        process = Process(waiting.call, started)
        try:
            process.begin()
        except OSError as error:
            process.abandon()
            waiting.on_refusal(explain_refusal(waiting.call, error))
        else:
            waiting.on_process(process)

    def _on_no_fork(self, number: int) -> None:
        """It could not; where the entrypoint has changed beyond what it can follow, the next call gets a new one."""
        asked = self._asked.pop(number)
        self._processes.forget(number)
        asked.pipes.close()
        asked.waiting.on_fallback()
        if self._runner == "fork":
            self.retire()

    def _reap(self, pid: int, pidfd: int, reaped: Callable[[int], None]) -> None:
        """Lets go of a dead child; until then its pid and its group are nobody else's."""
        if self.gone.is_set():  # it has left its children to the gateway
            self.children -= 1
            reaped(self._processes.reap(pid, pidfd))
            return
        self._reaping[pid] = EndedChild(pidfd, reaped)
        self._unreaped.append(pid)
        self._answers.expect()
        if len(self._unreaped) == 1:
            self._flush()

    def _on_reap(self, pid: int, code: int) -> None:
        dead = self._reaping.pop(pid)
        self.children -= 1
        self._processes.on_reap(pid, dead.pidfd)
        dead.on_reap(code)
        self._end_if_idle()
        if not self.children:
            self._rest()

    def _rest(self) -> None:
        if not self._retired:
            self._arm(IDLE_SECONDS, self._idle)

    def _idle(self) -> None:
        if not (self.children or self._queue or self._asked):
            self.retire()

    def _arm(self, seconds: float, callback: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, callback)

    def _on_end(self) -> None:
        """The interpreter is dead, as it was asked to be or not."""
        self._loop.remove_reader(self._pidfd)
        given_up = self.gone.is_set()
        if not given_up:
            self._on_readable()
        self._processes.reap(self.pid, self._pidfd)
        if not given_up:
            self._release()

    def _give_up(self) -> None:
        """It does not die, being inside the kernel; it is reaped whenever it does."""
        _log.error("a helper does not die", pid=self.pid)
        self._release()

    def _release(self) -> None:
        """Does without it: nothing waits for it any more."""
        self._answers.stop()
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._channel)
        self._loop.remove_writer(self._channel)
        untouched = set(child_order.unread_orders(self._theirs))
        self._channel.close()
        self._theirs.close()
        reason = None if self._ready or self._overdue == STOPPED_STATES else self._words()
        os.close(self._errors)
        self.gone.set()
        self._on_leave(self, reason)
        for pid, dead in self._reaping.copy().items():
            dead.on_reap(self._processes.reap(pid, dead.pidfd))
        self.children -= len(self._reaping)
        self._reaping.clear()
        for number, asked in self._asked.items():
            asked.pipes.close()
            if number in untouched:
                self._processes.forget(number)
                asked.waiting.on_fallback()
            else:
                self._processes.end(number, partial(child_order.start_otherwise, asked.waiting))
        self._asked.clear()
        while self._queue:
            self._queue.popleft().on_fallback()

    def _words(self) -> str:
        if self._overdue is not None:
            return self._overdue
        text = os.pread(self._errors, 65_536, 0).decode(errors="replace").strip()
        return text[-_MAX_REASON_CHARACTERS:] or "its interpreter ended at once"
