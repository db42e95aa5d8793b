"""Which runner a plugin gets, and why."""

from dataclasses import dataclass
from pathlib import Path

from ductile.plugin.runner.errors import Unforkable
from ductile.plugin.runner.python import interpreter_argv


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A runner by its name."""

    runner: str
    reason: str
    """Why, as a sentence without its end."""
    unmet: bool = False
    """The configuration asks for another one, which this plugin cannot have."""


def choose(wanted: str, executable: Path) -> Choice:
    """The runner for `plugins.<name>.runner`: `auto` forks what is Python and spawns the rest."""
    if wanted == "spawn":
        return Choice(runner="spawn", reason="`runner: spawn` asks for it")
    try:
        interpreter = interpreter_argv(executable)
    except Unforkable as error:
        return Choice(runner="spawn", reason=f"it cannot be forked: {error.reason}", unmet=wanted == "fork")
    return Choice(runner="fork", reason=f"its shebang runs `{' '.join(interpreter)}`")
