"""The one table of what the journal holds."""

import re

from ductile.model.journal import Kind


def test_every_kind_has_a_dotted_name_and_a_sentence() -> None:
    assert [kind for kind in Kind if not re.fullmatch(r"[a-z]+(\.[a-z_]+)+", kind)] == []
    assert [kind for kind in Kind if not re.fullmatch(r"[A-Z].*\.", kind.about)] == []


def test_a_kind_is_its_name() -> None:
    assert Kind("job.ended") is Kind.JOB_ENDED
    assert f"{Kind.JOB_ENDED}" == "job.ended"
