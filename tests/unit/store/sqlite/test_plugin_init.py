"""`init` jobs: one for each hash, remembered in the transaction that makes the job."""

import pytest
from support.store import SqliteHarness, start

from ductile.model.writes import PluginInit
from ductile.store.plugin_init import begin_inits


def begin(harness: SqliteHarness, hash_: str, plugin: str = "echo") -> str | None:
    """The id of the job that was started."""
    begun = harness.do(
        begin_inits, [PluginInit(plugin=plugin, hash=hash_, start=start(plugin, "init", submitted_by="init"))]
    )
    return begun[0].job_id if begun else None


def init_states(harness: SqliteHarness) -> list[str]:
    return [state for (state,) in harness.all("SELECT state FROM jobs WHERE command = 'init' ORDER BY id")]


def test_the_job_and_its_hash_are_kept_together_or_not_at_all(harness: SqliteHarness) -> None:
    broken = start("b", "init", event_id=None)
    inits = [
        PluginInit(plugin="a", hash="one", start=start("a", "init")),
        PluginInit(plugin="b", hash="one", start=broken),
    ]
    with pytest.raises(Exception, match="NOT NULL"):
        harness.do(begin_inits, inits)
    assert init_states(harness) == []
    assert harness.all("SELECT key FROM meta WHERE key LIKE 'init/%'") == []


def test_a_job_that_was_trimmed_is_not_missed(harness: SqliteHarness) -> None:
    begin(harness, "one")
    harness.connection.execute("DELETE FROM jobs")
    harness.connection.commit()
    assert begin(harness, "one") is None
    assert begin(harness, "two") is not None
