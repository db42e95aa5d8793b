"""`init` jobs: one for each hash, remembered in the transaction that makes the job."""

import pytest
from support.store import Bench, start

from ductile.model.writes import PluginInit
from ductile.store.plugin_init import begin_inits


def begin(bench: Bench, hash_: str, plugin: str = "echo") -> str | None:
    """The id of the job that was started."""
    begun = bench.do(
        begin_inits, [PluginInit(plugin=plugin, hash=hash_, start=start(plugin, "init", submitted_by="init"))]
    )
    return begun[0].job_id if begun else None


def init_states(bench: Bench) -> list[str]:
    return [state for (state,) in bench.all("SELECT state FROM jobs WHERE command = 'init' ORDER BY id")]


def test_the_job_and_its_hash_are_kept_together_or_not_at_all(bench: Bench) -> None:
    broken = start("b", "init", event_id=None)
    inits = [
        PluginInit(plugin="a", hash="one", start=start("a", "init")),
        PluginInit(plugin="b", hash="one", start=broken),
    ]
    with pytest.raises(Exception, match="NOT NULL"):
        bench.do(begin_inits, inits)
    assert init_states(bench) == []
    assert bench.all("SELECT key FROM meta WHERE key LIKE 'init/%'") == []


def test_a_job_that_was_trimmed_is_not_missed(bench: Bench) -> None:
    begin(bench, "one")
    bench.connection.execute("DELETE FROM jobs")
    bench.connection.commit()
    assert begin(bench, "one") is None
    assert begin(bench, "two") is not None
