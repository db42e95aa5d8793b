"""The option `--status`: several statuses, and `failed` for every bad end."""

from collections.abc import Collection, Sequence
from typing import Annotated, Final

import typer

from ductile.cli.core.completers import complete_statuses
from ductile.cli.core.errors import UsageError
from ductile.document.problem import did_you_mean
from ductile.model.job import STATE_ALIASES, Outcome, State

BAD_JOB_ENDS: Final = (State.FAILED, State.TIMED_OUT, State.DEAD)
BAD_ATTEMPT_ENDS: Final = (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.LOST)
JOB_STATUSES: Final = tuple(state.value for state in State)
ATTEMPT_STATUSES: Final = tuple(outcome.value for outcome in Outcome)

StatusFilter = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        metavar="STATUS",
        help="Only these: queued, running, held, succeeded, failed, timed_out, dead, cancelled. `failed` is every bad "
        "end: timed_out and dead, too, and lost of attempts. May be repeated.",
        autocompletion=complete_statuses,
    ),
]
Exact = Annotated[bool, typer.Option("--exact", help="With --status failed: failed alone, without the other bad ends.")]


def read_statuses(
    given: Sequence[str] | None, *, exact: bool, bad_ends: Collection[str], known: Collection[str]
) -> list[str]:
    """The statuses of `--status`, each once; `failed` stands for every bad end unless `exact`. Raises UsageError."""
    statuses: dict[str, None] = {}
    for text in [word.strip() for value in given or () for word in value.split(",")]:
        name = str(STATE_ALIASES.get(text, text))
        if name not in known:
            names = [*known, *STATE_ALIASES]
            raise UsageError(reason=f"{text!r} is no status{did_you_mean(text, names)}; known are {', '.join(names)}")
        matching = bad_ends if name == State.FAILED and not exact else (name,)
        statuses |= dict.fromkeys(str(word.value) if isinstance(word, State | Outcome) else word for word in matching)
    if exact and not given:
        raise UsageError(reason="--exact says how --status failed is meant; give --status, too")
    return list(statuses)
