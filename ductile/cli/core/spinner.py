"""A spinner on stderr for a person who waits longer than a second."""

import os
import sys
import threading
import time
from types import TracebackType
from typing import Final, Self

SPINNER_CHARS: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
ASCII_SPINNER_CHARS: Final = "|/-\\"
"""For terminals whose encoding lacks the others."""
DELAY_SECONDS: Final = 1.0
"""Before the spinner appears, and before it appears again after other output."""
TURN_SECONDS: Final = 0.1
CLEAR_LINE: Final = "\r\x1b[K"


def can_spin() -> bool:
    """Whether a person sees stderr on a terminal that can overwrite a line."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class Spinner:
    """Turns in a thread of its own, so also while the command computes. Used as `with Spinner(text)`."""

    def __init__(self, text: str) -> None:
        self.text = text
        """What the person waits for."""
        self._began = time.monotonic()
        self._due = self._began + DELAY_SECONDS
        self._shown = False
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._turn, name="spinner", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self.hide()

    def hide(self) -> None:
        """Clear the line for other output; the spinner comes back after a while."""
        with self._lock:
            self._due = time.monotonic() + DELAY_SECONDS
            if self._shown:
                self._shown = False
                _write(CLEAR_LINE)

    def _turn(self) -> None:
        signs = SPINNER_CHARS if (sys.stderr.encoding or "").lower().startswith("utf") else ASCII_SPINNER_CHARS
        turn = 0
        while not self._over.wait(TURN_SECONDS):
            with self._lock:
                now = time.monotonic()
                if now >= self._due and not self._over.is_set():
                    self._shown = True
                    columns = _terminal_columns()
                    line = f"{signs[turn % len(signs)]} {self.text} ({now - self._began:.0f} s)"
                    _write(f"{CLEAR_LINE}{line[: max(columns - 1, 1)]}")
                    turn += 1


def _terminal_columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        return 80


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):  # the terminal has gone; the command goes on without its sign
        return
