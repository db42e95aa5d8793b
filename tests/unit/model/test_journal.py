"""The one table of what the journal holds."""

import re

from ductile.model.journal import EntryKind


def test_every_kind_has_a_dotted_name_and_a_sentence() -> None:
    assert [kind for kind in EntryKind if not re.fullmatch(r"[a-z]+(\.[a-z_]+)+", kind)] == []
    assert [kind for kind in EntryKind if not re.fullmatch(r"[A-Z].*\.", kind.description)] == []


def test_a_kind_is_its_name() -> None:
    assert EntryKind("job.ended") is EntryKind.JOB_ENDED
    assert f"{EntryKind.JOB_ENDED}" == "job.ended"
