"""What the journal keeps of the gateway's own doings."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from support.dispatch import FaultyStore
from support.web import SECRET, snapshot

from ductile import __version__
from ductile.config.reload import FinishedReload, LiveConfig, ReloadRefused, RestartRequired
from ductile.maintenance.lifecycle_journal import LifecycleJournal, quarantine_notes, reload_note
from ductile.model.snapshot import Snapshot, UnusablePlugin

OLD = snapshot()


def note_of(reload: FinishedReload) -> tuple[str, Any]:
    note = reload_note(reload)
    return note.kind.value, note.data


def test_a_reload_is_kept_with_what_changed() -> None:
    new = replace(OLD, generation=2)
    assert note_of(FinishedReload(cause="api", old=OLD, new=new, changes=["plugins.echo"])) == (
        "config.reloaded",
        {"cause": "api", "generation": 2, "changed": True, "changes": ["plugins.echo"]},
    )


def test_a_reload_that_changed_nothing_says_so() -> None:
    assert note_of(FinishedReload(cause="signal", old=OLD, new=OLD)) == (
        "config.reloaded",
        {"cause": "signal", "generation": 1, "changed": False, "changes": []},
    )


def test_of_a_refused_reload_the_errors_are_counted_and_not_quoted() -> None:
    refusal = ReloadRefused(found="2 errors", errors=[{"message": "`hunter2` is bad"}, {"message": "no"}])
    kind, data = note_of(FinishedReload(cause="api", old=OLD, new=OLD, refusal=refusal))
    assert (kind, data["errors"], data["cause"]) == ("config.refused", 2, "api")
    assert "2 errors" in data["message"]
    assert b"hunter2" not in orjson.dumps(data)


def test_a_change_that_needs_a_restart_is_kept_as_refused() -> None:
    kind, data = note_of(FinishedReload(cause="api", old=OLD, new=OLD, refusal=RestartRequired(keys=["api.listen"])))
    assert (kind, data["errors"]) == ("config.refused", 0)
    assert "api.listen" in data["message"]


def unusable(**reasons: str) -> dict[str, UnusablePlugin]:
    return {name: UnusablePlugin(name=name, kind="quarantined", reason=reason) for name, reason in reasons.items()}


@pytest.mark.parametrize(
    ("before", "now", "rows"),
    [
        (None, {"x": "no entrypoint"}, [("plugin.quarantined", {"plugin": "x", "reason": "no entrypoint"})]),
        ({}, {"x": f"it says {SECRET}"}, [("plugin.quarantined", {"plugin": "x", "reason": "it says [REDACTED]"})]),
        ({"x": "a"}, {"x": "a"}, []),
        ({"x": "a"}, {"x": "b"}, []),
        ({"echo": "a"}, {}, [("plugin.returned", {"plugin": "echo"})]),
        ({"deleted": "a"}, {}, []),
    ],
)
def test_plugins_that_go_and_come_back_are_told_apart(
    before: dict[str, str] | None, now: dict[str, str], rows: list[tuple[str, dict[str, str]]]
) -> None:
    old: Snapshot | None = None if before is None else replace(OLD, unusable=unusable(**before))
    notes = quarantine_notes(old, replace(OLD, unusable=unusable(**now)))
    assert [(note.kind.value, note.data) for note in notes] == rows


def test_a_disabled_plugin_is_no_quarantined_one() -> None:
    assert [note.data for note in quarantine_notes(None, OLD)] == [
        {"plugin": "broken", "reason": "no entrypoint, [REDACTED]"}
    ]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FaultyStore]:
    store = await FaultyStore.open(tmp_path / "state.db", clock=lambda: 1)
    yield store
    await store.close()


async def test_start_reload_and_stop_are_written_in_order(store: FaultyStore, tmp_path: Path) -> None:
    live = LiveConfig(OLD, tmp_path, {}, lambda: 1)
    chronicle = LifecycleJournal(store, live)
    await chronicle.start()
    with pytest.raises(ReloadRefused):  # there is no configuration at this place
        await live.reload("api")
    await chronicle.stop()
    rows = await store.journal_after(0, 10)
    kinds = ["gateway.started", "plugin.quarantined", "config.refused", "gateway.stopping"]
    assert [row.kind for row in rows] == kinds
    assert orjson.loads(rows[0].data or b"") == {"version": __version__, "generation": 1}


async def test_a_store_that_cannot_commit_keeps_nobody_from_reloading(store: FaultyStore, tmp_path: Path) -> None:
    chronicle = LifecycleJournal(store, LiveConfig(OLD, tmp_path, {}, lambda: 1))
    store.failing = {"add_notes"}
    with capture_logs() as logs:
        await chronicle.start()
        await chronicle.journal_reload(FinishedReload(cause="api", old=OLD, new=OLD))
        await chronicle.stop()
    assert [line["kinds"] for line in logs if line["event"] == "not journalled"] == [
        ["gateway.started", "plugin.quarantined"],
        ["config.reloaded"],
        ["gateway.stopping"],
    ]


async def test_a_pause_is_journalled_once_and_so_is_its_end(store: FaultyStore) -> None:
    for value in ("0", "1", "1", "0", "0"):
        await store.set_paused(paused=value == "1")
    assert [row.kind for row in await store.journal_after(0, 10)] == ["gateway.paused", "gateway.resumed"]
    assert await store.meta("paused") == "0"
