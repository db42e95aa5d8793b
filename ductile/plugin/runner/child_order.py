"""What a helper process is asked for: a child for an attempt, with the three pipes that it gets."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Protocol

from msgspec import Struct

from ductile.plugin.runner.errors import SpawnFailed
from ductile.plugin.runner.interface import RunnerCall
from ductile.plugin.runner.process import Process
from ductile.plugin.runner.zygote_main import MAX_MESSAGE_BYTES

Order = Callable[[int, RunnerCall], bytes]
"""The message that asks for the child of a number."""


class WaitingChild(Protocol):
    """An attempt that wants a process."""

    call: RunnerCall

    @property
    def open(self) -> bool:
        """Whether it wants a process still."""

    def on_queued(self) -> None:
        """It has to wait, and nothing of it can begin."""

    def on_ordered(self) -> None:
        """It may begin at any time from now on."""

    def on_process(self, process: Process) -> None:
        """Here it is."""

    def on_refusal(self, error: SpawnFailed) -> None:
        """There is none, and the call may not be run otherwise."""

    def on_fallback(self) -> None:
        """There is none, and the call has not been touched."""


class ChildPipes:
    """The three pipes of a child that is still to be forked, with as much of the request as the first one takes."""

    def __init__(self, call: RunnerCall) -> None:
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


class OrderedChild(Struct, frozen=True):
    """A child that was asked for."""

    waiting: WaitingChild
    pipes: ChildPipes


class EndedChild(Struct, frozen=True):
    """A dead child that the interpreter is to reap."""

    pidfd: int
    on_reap: Callable[[int], None]


def unread_orders(channel: socket.socket) -> Iterator[int]:
    """The numbers of the orders that the helper's end of its channel holds still: nothing of them has begun."""
    channel.settimeout(0)
    with suppress(OSError):
        while message := channel.recv(MAX_MESSAGE_BYTES):
            kind, number, *_ = message.split(b"\0")
            if kind in (b"F", b"S"):
                yield int(number)


def start_otherwise(waiting: WaitingChild, found: bool) -> None:  # noqa: FBT001 - the type of who is told
    """The interpreter died over it: where a child was found and ended, the attempt has failed."""
    if found:
        waiting.on_refusal(SpawnFailed(reason="the interpreter it is forked from has died", transient=True))
    else:
        waiting.on_fallback()
