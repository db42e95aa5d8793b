"""What stands in `Live` after a reload, whatever became of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ductile.config.compile import Compiled
from ductile.config.reload import FinishedReload, LiveConfig, ReloadRefused, RestartRequired

Compile = Callable[..., Compiled]

TEXT = "plugin_roots: [plugins]\nservice: {max_hops: 3}\n"


@pytest.fixture
def heard() -> list[bool]:
    return []


@pytest.fixture
def live(compile_yaml: Compile, tmp_path: Path, heard: list[bool]) -> LiveConfig:
    snapshot = compile_yaml(TEXT).snapshot
    assert snapshot is not None
    live = LiveConfig(snapshot, tmp_path / "config.yaml", {}, lambda: 1_700_000_000_000)

    async def listen(_reload: FinishedReload) -> None:
        heard.append(True)

    live.on_finish(listen)
    return live


def add_broken(home: Path, line: str) -> None:
    """A plugin whose manifest has one line too much."""
    folder = home / "plugins/broken"
    folder.mkdir()
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    manifest = (
        f"manifest_spec: ductile.plugin\nmanifest_version: 1\nname: broken\nversion: 1.0.0\nprotocol: 2\n{line}\n"
    )
    (folder / "manifest.yaml").write_text(f"{manifest}entrypoint: run\ncommands: [{{name: poll, type: write}}]\n")


async def test_it_begins_with_what_the_first_snapshot_was_read_from(live: LiveConfig, tmp_path: Path) -> None:
    worker = tmp_path / "plugins/worker"
    assert {tmp_path / "config.yaml", worker / "manifest.yaml", worker / "run"} <= set(live.inputs.files)
    assert live.inputs.roots == (tmp_path / "plugins",)


async def test_a_reload_that_changes_something_is_heard(live: LiveConfig, tmp_path: Path, heard: list[bool]) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "config.yaml").write_text(f"{TEXT}include: [more]\nenvironment_vars: {{include: [.env]}}")
    (tmp_path / ".env").write_text("A=1")
    (tmp_path / "more/a.yaml").write_text("service: {max_hops: 4}")
    assert (await live.reload("api")).changed
    assert live.inputs.folders == (tmp_path / "more",)
    assert {tmp_path / ".env", tmp_path / "more/a.yaml"} <= set(live.inputs.files)
    assert heard == [True]


async def test_a_reload_and_its_preview_tell_what_a_quarantine_is_for(live: LiveConfig, tmp_path: Path) -> None:
    assert (await live.reload("api")).warnings == []
    add_broken(tmp_path, "colour: red")
    previewed = await live.preview()
    for result in (previewed, await live.reload("api"), await live.reload("api")):
        (warning,) = result.warnings
        assert "plugin `broken` is quarantined: " in warning
        assert "plugins/broken/manifest.yaml:" in warning


async def test_a_reload_that_changes_nothing_else_tells_the_warnings_of_now(live: LiveConfig, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"# moved\n{TEXT}log_level: info\n")
    first = await live.preview()
    (tmp_path / "config.yaml").write_text(f"# moved\n# again\n{TEXT}log_level: info\n")
    second = await live.reload("api")
    (one,), (other,) = first.warnings, second.warnings
    assert ("config.yaml:4:" in one, "config.yaml:5:" in other, second.changed) == (True, True, False)
    assert live.snapshot.warnings == (other,)


async def test_a_warning_shows_no_secret_that_came_with_the_reload(live: LiveConfig, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"{TEXT}plugins: {{worker: {{config: {{password: s3cr3t-of-mine}}}}}}\n")
    add_broken(tmp_path, "s3cr3t-of-mine: 1")
    (warning,) = (await live.reload("api")).warnings
    assert "`[REDACTED]`" in warning
    assert "s3cr3t" not in warning


async def test_the_same_snapshot_serves_on_where_nothing_is_new(live: LiveConfig) -> None:
    before = live.snapshot
    await live.reload("api")
    assert live.snapshot is before, "what was made from it is not made again"


async def test_one_that_changes_nothing_is_heard_too(live: LiveConfig, heard: list[bool]) -> None:
    assert not (await live.reload("api")).changed
    assert heard == [True]


async def test_one_that_is_refused_says_what_it_looked_for(live: LiveConfig, tmp_path: Path, heard: list[bool]) -> None:
    (tmp_path / "config.yaml").write_text(f"{TEXT}include: [gone.yaml]\nx-y: ${{file:nowhere}}\nroutes: ${{file:none}}")
    with pytest.raises(ReloadRefused):
        await live.reload("api")
    assert heard == [True]
    assert {tmp_path / "gone.yaml", tmp_path / "none"} <= set(live.inputs.files)
    assert live.last_error is not None


async def test_one_that_needs_a_restart_is_heard(live: LiveConfig, tmp_path: Path, heard: list[bool]) -> None:
    (tmp_path / "config.yaml").write_text(f"{TEXT}state: {{path: other.db}}")
    with pytest.raises(RestartRequired):
        await live.reload("api")
    assert heard == [True]


async def test_a_watcher_that_asked_in_vain_is_no_news(live: LiveConfig) -> None:
    with capture_logs() as logs:
        await live.reload("watch")
        await live.reload("api")
    assert [(line["event"], line["log_level"]) for line in logs] == [("reloaded", "debug"), ("reloaded", "info")]
