"""Reading the journal, and being told that it has grown."""

from support.store import SqliteHarness, run, settlement, start, trim

from ductile.model.claims import PLUGIN_UNAVAILABLE
from ductile.model.job import State
from ductile.model.journal import EntryKind
from ductile.model.notification import JOURNAL_GREW, Notification
from ductile.store.lane_moves import hold_lane, release
from ductile.store.meta import journal
from ductile.store.sqlite.store import SqliteStore


async def test_rows_are_read_in_order_behind_a_number_a_page_at_a_time(store: SqliteStore) -> None:
    assert (await store.newest_entry(), await store.journal_after(0, 10)) == (0, [])
    for n in range(5):
        await store.write(journal, EntryKind.CONFIG_RELOADED, None, {"generation": n})
    assert await store.newest_entry() == 5
    assert [entry.seq for entry in await store.journal_after(0, 3)] == [1, 2, 3]
    page = await store.journal_after(3, 3)
    assert [(entry.seq, entry.kind, entry.data) for entry in page] == [
        (4, "config.reloaded", b'{"generation":3}'),
        (5, "config.reloaded", b'{"generation":4}'),
    ]
    assert (page[0].at, page[0].job_id, page[0].plugin) == (1_000_000, None, None)


async def test_a_row_tells_the_job_it_speaks_of(store: SqliteStore) -> None:
    root = await store.submit(run("only"))
    claims = await store.claim({"echo": 1}, 1, lambda _job: None)
    step = claims.claimed[0].job
    (started,) = await store.journal_after(0, 10)
    assert (started.kind, started.job_id, started.plugin, started.command) == ("job.started", step.id, "echo", "handle")
    assert (started.root_id, started.parent_id, started.step) == (root.job_id, root.job_id, "only")


async def test_a_row_still_tells_plugin_and_command_once_retention_took_the_job(store: SqliteStore) -> None:
    await store.submit(start())
    job = (await store.claim({"echo": 1}, 1, lambda _job: None)).claimed[0].job
    await store.settle(settlement(job))
    await store.write(trim, jobs_before=2_000_000, attempts_before=0, limit=10)
    assert await store.job(job.id) is None
    assert [(entry.plugin, entry.command, entry.root_id) for entry in await store.journal_after(0, 10)] == [
        ("echo", "poll", None)
    ] * 2


async def test_a_commit_that_journals_says_so_and_one_that_does_not_is_silent(store: SqliteStore) -> None:
    heard: list[Notification] = []
    store.on_commit(heard.extend)
    await store.submit(start())
    assert JOURNAL_GREW not in heard
    await store.claim({"echo": 1}, 1, lambda _job: None)
    assert heard.count(JOURNAL_GREW) == 1


def test_what_is_held_and_released_again_is_journalled(harness: SqliteHarness) -> None:
    for _ in range(2):
        harness.insert(start())
    assert harness.do(hold_lane, "echo", PLUGIN_UNAVAILABLE) == 2
    assert harness.do(release, {"echo": frozenset({"poll"})}) == 2
    assert harness.do(release, {"echo": frozenset({"poll"})}) == 0
    assert harness.all("SELECT kind, data FROM journal ORDER BY seq") == [
        ("lane.held", b'{"lane":"echo","reason":"plugin_unavailable","jobs":2}'),
        ("lane.released", b'{"lane":"echo","command":"poll","jobs":2}'),
    ]
    assert harness.claim_one("echo").job.state is State.RUNNING
