"""The gateway's child processes: those that it started, and those that were left to it.

The gateway is a child subreaper (prctl(2)): whatever an attempt leaves behind becomes a child of the gateway the moment
its parent ends. So one look at the gateway's own children, when an attempt has ended, finds all that outlives it, and
the mark tells whose it is. Nothing here waits: what takes time goes on in timers of the loop.
"""

import asyncio
import ctypes
import os
import signal
from collections.abc import Callable
from contextlib import suppress

import structlog
from msgspec import Struct

from ductile.plugin.process_mark import Mark, gateway_mark, read_mark, set_owner, take_mark
from ductile.plugin.runner.child_state import is_dead, read_session, reap_if_dead
from ductile.plugin.runner.descendants import kill_marked, read_descendants
from ductile.plugin.sweep import read_names

PR_SET_CHILD_SUBREAPER = 36

UNKNOWN_EXIT = 255
"""The exit code where somebody else has reaped the process."""

CHECK_SECONDS = 1.0
"""How often the gateway looks for what was left to it while no attempt ends."""

FIRST_ROUND_SECONDS = 0.001
MAX_ROUND_SECONDS = 0.05
"""Pauses between the looks at processes that were killed and are not dead yet; each is twice the one before."""

DEATH_SECONDS = 5.0
"""How long the killed are waited for; one in an uninterruptible system call may take longer."""

MAX_DEAD_PER_TURN = 64
"""Dead orphans that are read and reaped in a turn of the loop: a few milliseconds."""

INIT_PID = 1
"""As this process the gateway takes in what others have left as well, such as `docker exec`."""

NOBODY = -1
"""The number of no attempt or helper that is at work."""

_CHILDREN_BYTES = 65_536
"""Bytes of the list of children; a list that fills them is read as a whole."""

Ended = Callable[[bool], None]
"""Is told that nothing of an owner is left, and whether anything had been; True where that cannot be known."""

Replaced = Callable[[str, str], None]
"""Is told of a helper that was replaced: what it was, and why."""

_log = structlog.get_logger()


class _Ending(Struct):
    """An owner whose processes are being ended."""

    ended: Ended
    until: float


class Work(Struct, frozen=True):
    """A request in the hands of a worker that takes one at a time."""

    number: int
    worker: int
    """The worker's pid."""
    last_pid: bytes
    """The system's newest process that was known when it began: while that is the newest, nothing was started."""


def ignore_replacement(_helper: str, _reason: str) -> None:
    """Nobody counts helpers."""


class ChildProcesses:
    """Numbers the owners of processes (attempts, workers, helpers), and ends what they leave behind.

    Before `adopt` it only numbers: a process that is no gateway has children of its own, which it must leave alone.
    """

    def __init__(self, *, replaced: Replaced = ignore_replacement) -> None:
        self.tell_replaced = replaced
        self.adopting = False
        """Whether what attempts leave behind comes here."""
        self.gateway = 0
        """The mark of this gateway; 0 where processes carry none."""
        self._instance = ""
        self._number = 0
        self._attempts: dict[int, str] = {}
        """The number of each attempt at work → its job."""
        self._helpers: dict[int, str] = {}
        """The number of each worker and helper that is up → its id."""
        self._born_with: set[int] = set()
        """Children of the program that this process was before: reaped, and left alone while they live."""
        self._own: set[int] = set()
        """Children that are not to be ended here: those that the gateway started, and those it was born with."""
        self._foreign: set[int] = set()
        """Processes of attempts that are another process's children, and come here should that one end."""
        self._refused: set[int] = set()
        """Children that the system does not let the gateway kill."""
        self._first_seen: dict[int, int] = {}
        """The session of children without a mark, or such a child of this session → the last number when first seen."""
        self._more = False
        """Whether the last look left orphans for the next one."""
        self._endings: dict[int, _Ending] = {}
        self._round: asyncio.TimerHandle | None = None
        self._pause = FIRST_ROUND_SECONDS
        self._check: asyncio.TimerHandle | None = None
        self._list = self._load = -1
        self._newest = b""
        """The system's newest process when a request last ended."""

    # ------------------------------------------------------------------ the gateway's start and end

    def adopt(self, instance: str) -> None:
        """Make this process the subreaper of its descendants. Where the system refuses, the log says so."""
        self._instance = instance
        mark = gateway_mark(instance)
        self.gateway = mark if take_mark(mark) else 0
        if not self.gateway:
            _log.warning("processes carry no mark: the limit on file locks (ulimit -x) may not be set here")
        try:
            self._list = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY | os.O_CLOEXEC)
            self._load = os.open("/proc/loadavg", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            _log.warning("what jobs leave behind is found by /proc/<pid>/environ alone", reason=str(error))
            return
        if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            reason = os.strerror(ctypes.get_errno())
            _log.warning("what jobs leave behind is found by /proc/<pid>/environ alone", reason=reason)
            return
        self._born_with = self._read_children()
        self._own.update(self._born_with)
        self.adopting = True
        self._check = asyncio.get_running_loop().call_later(CHECK_SECONDS, self._look)

    def close(self) -> None:
        """Look no more; attempts and helpers have ended before."""
        for timer in (self._check, self._round):
            if timer is not None:
                timer.cancel()
        for fd in (self._list, self._load):
            if fd >= 0:
                os.close(fd)
        self._list = self._load = -1
        self.adopting = False

    # ------------------------------------------------------------------ what the gateway starts

    def begin_attempt(self, job_id: str) -> int:
        """The number of a new attempt, whose mark the next process to be started here carries."""
        number = self._next()
        self._attempts[number] = job_id
        return number

    def begin_helper(self, name: str | None = None) -> int:
        """The number of a new worker or helper, as of an attempt."""
        number = self._next()
        self._helpers[number] = name or f"helper {number}"
        return number

    def _next(self) -> int:
        self._number += 1
        if self.gateway:
            set_owner(self._number, self.gateway)
        return self._number

    def forget(self, number: int) -> None:
        """Nothing was started under this number."""
        self._attempts.pop(number, None)
        self._helpers.pop(number, None)

    def mark_process(self, pid: int, number: int) -> None:
        """What this process starts from now on carries the mark of this number."""
        if not self.gateway:
            return
        try:  # noqa: SIM105 - for each request of a worker, twice
            set_owner(number, self.gateway, pid=pid)
        except (OSError, ValueError):  # it is dead, or has become another user's
            pass

    def begin_work(self, job_id: str, worker: int) -> Work | None:
        """A worker begins a request: what it starts from now on carries its number. None where nothing is marked."""
        if not (self.adopting and self.gateway):
            return None
        self._number += 1
        self._attempts[self._number] = job_id
        self.mark_process(worker, self._number)
        return Work(self._number, worker, self._newest)

    def end_work(self, work: Work, number: int) -> None:
        """The request has ended: end what the worker has started for it. What it starts next is the worker's own."""
        self.mark_process(work.worker, number)
        self._newest = os.pread(self._load, 128, 0).rpartition(b" ")[2]
        if self._newest == work.last_pid:
            self.forget(work.number)
            return
        for pid in read_descendants(work.worker):
            kill_marked(pid, Mark(gateway=self.gateway, owner=work.number))
        self.end(work.number, lambda _: None)

    def enter(self, pid: int) -> None:
        """The gateway has this child, and reaps it with `reap`."""
        self._own.add(pid)

    def expect(self, pid: int) -> None:
        """A helper has this child, which is reaped with `reap` where the helper has died."""
        self._foreign.add(pid)

    def reap(self, pid: int, pidfd: int) -> int:
        """Reap a process that has exited, and close its pidfd (-1: none): its exit code, or minus the signal."""
        code = UNKNOWN_EXIT
        which = (os.P_PID, pid) if pidfd < 0 else (os.P_PIDFD, pidfd)
        with suppress(ChildProcessError):
            status = os.waitid(*which, os.WEXITED)
            if status is not None:
                code = status.si_status if status.si_code == os.CLD_EXITED else -status.si_status
        self.on_reap(pid, pidfd)
        return code

    def on_reap(self, pid: int, pidfd: int) -> None:
        """Somebody has reaped it."""
        if pidfd >= 0:
            os.close(pidfd)
        self._own.discard(pid)
        self._foreign.discard(pid)

    # ------------------------------------------------------------------ what is left behind

    def end(self, number: int, ended: Ended) -> None:
        """An attempt, worker or helper is over: end what is left of it. `ended` is told at once or later."""
        self.forget(number)
        if not self.adopting or self._all_own():
            ended(not self.adopting)
            return
        alive = self._end_orphans().get(number)
        if not alive and not self._more:
            ended(alive is not None)
            return
        self._endings[number] = _Ending(ended, asyncio.get_running_loop().time() + DEATH_SECONDS)
        self._pause = FIRST_ROUND_SECONDS
        self._arm_round()

    def _arm_round(self) -> None:
        if self._round is not None:
            self._round.cancel()
        self._round = asyncio.get_running_loop().call_later(self._pause, self._next_round)

    def _next_round(self) -> None:
        """Look again at what was killed: its own children have come here, or it is dead."""
        self._round = None
        dying = self._end_orphans()
        self._pause = FIRST_ROUND_SECONDS if self._more else min(self._pause * 2, MAX_ROUND_SECONDS)
        now = asyncio.get_running_loop().time()
        for number, ending in tuple(self._endings.items()):
            alive = dying.get(number)
            if (alive or self._more) and now < ending.until:
                continue
            del self._endings[number]
            if alive:
                _log.error("processes of an ended attempt do not die", pids=alive)
            ending.ended(True)  # noqa: FBT003 - as its type says
        if self._endings and self._round is None:
            self._arm_round()

    def _look(self) -> None:
        self._check = asyncio.get_running_loop().call_later(CHECK_SECONDS, self._look)
        for pid in tuple(self._born_with):
            if reap_if_dead(pid):
                self._born_with.discard(pid)
                self._own.discard(pid)
        if self._all_own():
            self._first_seen.clear()
            return
        sessions = {read_session(pid) for pid in self._read_children()}
        self._first_seen = {session: number for session, number in self._first_seen.items() if session in sessions}
        if self._end_orphans().get(NOBODY) or self._more:
            self.end(NOBODY, lambda _: None)  # looks again presently: it may have forked

    def _all_own(self) -> bool:
        """Whether the gateway has only the children that it knows: for each attempt, so by their count."""
        return os.pread(self._list, _CHILDREN_BYTES, 0).count(b" ") == len(self._own)

    def _read_children(self) -> set[int]:
        text = b""
        while chunk := os.pread(self._list, _CHILDREN_BYTES, len(text)):
            text += chunk
        return {int(pid) for pid in text.split()}

    def _end_orphans(self) -> dict[int, list[int]]:
        """Reap the dead and kill what belongs to nothing at work: of each number, the pids that are not reaped yet."""
        left: dict[int, list[int]] = {}
        unknown = self._read_children() - self._own - self._foreign
        self._refused &= unknown
        self._more, reaped = False, 0
        for pid in sorted(unknown, reverse=True):  # of processes that fork and end, the newest is the one to kill
            dead = is_dead(pid)
            if dead and reaped == MAX_DEAD_PER_TURN:
                self._more = True
                break
            owner = self._owner(pid, dead=dead)
            if dead:
                reap_if_dead(pid)
                reaped += 1
            if owner in self._attempts or owner in self._helpers or (owner is None and (dead or self._may_live(pid))):
                continue
            alive = left.setdefault(NOBODY if owner is None else owner, [])
            if not dead and self._kill(pid):
                alive.append(pid)
        return left

    def _kill(self, pid: int) -> bool:
        """Kill a child; it is not reaped, so that the pid is nobody else's. False where the system refuses."""
        try:
            os.kill(pid, signal.SIGKILL)
        except PermissionError:
            if pid not in self._refused:
                self._refused.add(pid)
                _log.error("a process that outlives its job belongs to another user, and cannot be ended", pid=pid)
            return False
        return True

    def _owner(self, pid: int, *, dead: bool) -> int | None:
        """The number that an orphan's mark tells, or the names in its environment; None where neither tells."""
        mark = read_mark(pid)
        if mark is not None and self.gateway and mark.gateway == self.gateway:
            return mark.owner
        if dead:
            return None
        names = read_names(pid, self._instance)
        if names is None:
            return None
        owners = (*self._attempts.items(), *self._helpers.items())
        return next((number for number, name in owners if name in names), NOBODY)

    def _may_live(self, pid: int) -> bool:
        """What tells nothing of itself may belong to each attempt that was at work when it was first seen."""
        if os.getpid() == INIT_PID:
            return True
        seen = self._first_seen.setdefault(read_session(pid), self._number)
        return any(number <= seen for number in self._attempts)
