"""The sign that turns while a person waits."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import pytest

from ductile.cli.core import spinner
from ductile.cli.core.output import Output
from ductile.cli.core.spinner import CLEAR_LINE, Spinner


class Screen(io.StringIO):
    """A terminal's stderr, which says when something was shown."""

    encoding = "utf-8"

    def __init__(self, *, terminal: bool = True) -> None:
        super().__init__()
        self.turned = threading.Event()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def write(self, text: str) -> int:
        if text.startswith(CLEAR_LINE) and text != CLEAR_LINE:
            self.turned.set()
        return super().write(text)

    def turns(self) -> None:
        """Wait until it has turned once more."""
        self.turned.clear()
        assert self.turned.wait(10)


@contextmanager
def screen(*, terminal: bool = True) -> Iterator[Screen]:
    shown = Screen(terminal=terminal)
    with redirect_stderr(shown):
        yield shown


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(spinner, "DELAY_SECONDS", 0.0)
    monkeypatch.setattr(spinner, "TURN_SECONDS", 0.001)


def test_it_turns_with_its_text_and_leaves_nothing() -> None:
    with screen() as shown, Spinner("Waiting"):
        shown.turns()
    assert "Waiting (0 s)" in shown.getvalue()
    assert shown.getvalue().endswith(CLEAR_LINE)


def test_it_makes_room_for_what_is_printed() -> None:
    with screen() as shown:
        out = Output()
        with out.show_spinner("Waiting"):
            shown.turns()
            out.tell("a sentence")
            with out.show_spinner("Something else"):
                shown.turns()
    before, after = shown.getvalue().split("a sentence\n")
    assert before.endswith(CLEAR_LINE)
    assert "Something else" in after
    assert after.endswith(CLEAR_LINE)


@pytest.mark.parametrize(
    ("delay", "quiet", "term", "terminal"),
    [
        (60.0, False, "xterm", True),
        (0.0, True, "xterm", True),
        (0.0, False, "dumb", True),
        (0.0, False, "xterm", False),
    ],
    ids=["at first", "quiet", "dumb", "no terminal"],
)
def test_who_does_not_want_it_does_not_get_it(
    monkeypatch: pytest.MonkeyPatch, *, delay: float, quiet: bool, term: str, terminal: bool
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(spinner, "DELAY_SECONDS", delay)
    with screen(terminal=terminal) as shown, Output(quiet=quiet).show_spinner("Waiting"):
        assert not shown.turned.wait(0.05)
    assert shown.getvalue() == ""


def test_it_ends_with_an_error_too() -> None:
    def fail(shown: Screen) -> None:
        with Spinner("Waiting"):
            shown.turns()
            raise KeyboardInterrupt

    with screen() as shown, pytest.raises(KeyboardInterrupt):
        fail(shown)
    assert shown.getvalue().endswith(CLEAR_LINE)
    assert "spinner" not in {thread.name for thread in threading.enumerate()}
