"""The chore that trims: every kind of row has its turn, and no batch takes long."""

import pytest

from ductile.dispatch import retention
from ductile.dispatch.retention import LONGEST, stopwatch


def test_a_batch_is_over_once_it_has_taken_its_time_from_the_first_question_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(retention.time, "monotonic", lambda: now)

    enough = stopwatch()
    now += 60  # it waited for the writer
    first = enough()
    now += LONGEST / 2
    between = enough()
    now += LONGEST

    assert (first, between, enough()) == (False, False, True)
