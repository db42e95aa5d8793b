"""The answers that a helper process owes the gateway, and what happens where they do not come."""

import asyncio
from collections.abc import Callable, Hashable, Mapping

CHECK_SECONDS = 0.25
"""How often a helper that owes an answer is looked at."""

ANSWER_SECONDS = 5.0
"""How long a helper may owe an answer; forking takes milliseconds."""

STOPPED_STATES = "it is stopped"
"""Why a helper counts as hung that a signal has stopped, as a plugin may do to its parent."""

Owed = Callable[[], Mapping[Hashable, float]]
"""The answers that have been owed the longest, and how many seconds each may take; empty where none is owed."""

Overdue = Callable[[str], None]
"""Is told why a helper counts as hung."""


class AnswerDeadline:
    """Tells of a helper that owes an answer and is stopped, or owes one for too long.

    It looks now and then while something is owed, and costs a request or an answer nothing.
    """

    def __init__(self, pid: int, *, owed: Owed, overdue: Overdue) -> None:
        self._pid = pid
        self._answers_owed = owed
        self._overdue = overdue
        self._loop = asyncio.get_running_loop()
        self._check: asyncio.TimerHandle | None = None
        self._since: dict[Hashable, float] = {}
        """Each answer that is owed → the first look that found it so."""

    def expect(self) -> None:
        """It owes an answer from now on."""
        if self._check is None:
            self._check = self._loop.call_later(CHECK_SECONDS, self._look)

    def stop(self) -> None:
        """Nothing is expected of it any more."""
        if self._check is not None:
            self._check.cancel()
            self._check = None

    def _look(self) -> None:
        self._check = None
        now = self._loop.time()
        owed = self._answers_owed()
        before, self._since = self._since, {answer: self._since.get(answer, now) for answer in owed}
        if not owed:
            return
        if is_stopped(self._pid) and not before.keys().isdisjoint(owed):
            self._overdue(STOPPED_STATES)
            return
        late = [seconds for answer, seconds in owed.items() if now - self._since[answer] >= seconds]
        if late:
            self._overdue(f"it has not answered for {min(late):.0f} s")
            return
        self._check = self._loop.call_later(CHECK_SECONDS, self._look)


def is_stopped(pid: int) -> bool:
    """Whether a signal or a tracer has stopped the process (proc(5): the states T and t)."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123 - a few bytes of a proc file
            return file.read(512).rpartition(b")")[2].split()[0] in b"Tt"
    except (OSError, IndexError):
        return False
