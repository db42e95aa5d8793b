import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import Field

from ductile.config.digest import file_digest
from ductile.config.fingerprint import section_hashes
from ductile.config.instances import Instances
from ductile.config.schema.configuration import Configuration
from ductile.config.schema.section import Section
from ductile.model.snapshot import Snapshot

Snap = Callable[..., Snapshot]

TEXT = """
plugin_roots: [plugins]
service: {name: a}
api: {auth: {tokens: [{token: a-long-enough-token, name: t, scopes: ["*"]}]}}
plugins:
  worker: {config: {x: 1}, schedules: [{every: 5m}]}
routes: [{from: worker, event_type: x, to: worker}]
pipelines:
  - {name: one, on: x, steps: [{uses: worker}]}
  - {name: two, on: x, steps: [{uses: worker}]}
"""


def test_equal_input_gives_equal_hashes(snapshot_of: Snap) -> None:
    first, second = snapshot_of(TEXT), snapshot_of(TEXT)
    assert first.config_hash == second.config_hash
    assert first.section_hashes == second.section_hashes


def test_comments_and_the_order_of_keys_change_nothing(snapshot_of: Snap) -> None:
    turned = f"{TEXT.replace('service: {name: a}', '')}service: {{name: a}} # a comment\n"
    assert snapshot_of(turned).config_hash == snapshot_of(TEXT).config_hash


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("name: a}", "name: b}", {"service"}),
        ("api: {", "api: {listen: '127.0.0.1:1', ", {"api"}),
        ("a-long-enough-token", "another-long-token", {"tokens.t"}),
        ("x: 1", "x: 2", {"plugins.worker"}),
        ("every: 5m", "every: 6m", {"schedules.worker/default"}),
        ("to: worker", "to: again", {"routes", "plugins.again"}),
        ("name: one, on: x", "name: one, on: y", {"pipelines.one"}),
        ("{name: two, on: x, steps: [{uses: worker}]}", "{name: two, on: x, steps: [{uses: worker.greet}]}",
         {"pipelines.two"}),
    ],
)  # fmt: skip
def test_a_change_shows_in_its_own_part_alone(snapshot_of: Snap, old: str, new: str, changed: set[str]) -> None:
    text = TEXT.replace(old, new)
    if "again" in new:
        text = text.replace("plugins:\n", "plugins:\n  again: {uses: worker}\n")
    before, after = snapshot_of(TEXT), snapshot_of(text)
    names = before.section_hashes.keys() | after.section_hashes.keys()
    assert {name for name in names if before.section_hashes.get(name) != after.section_hashes.get(name)} == changed
    assert before.config_hash != after.config_hash


def test_a_token_that_goes_leaves_the_others_as_they_were(snapshot_of: Snap) -> None:
    first = '{token: another-long-token, name: first, scopes: ["*"]}, '
    both, one = snapshot_of(TEXT.replace("tokens: [", f"tokens: [{first}")), snapshot_of(TEXT)
    assert both.section_hashes.keys() - one.section_hashes.keys() == {"tokens.first"}
    assert {name: both.section_hashes[name] for name in one.section_hashes} == one.section_hashes


def test_the_order_of_pipelines_is_a_change_too(snapshot_of: Snap) -> None:
    turned = TEXT.replace("name: one", "name: tmp").replace("name: two", "name: one").replace("name: tmp", "name: two")
    assert snapshot_of(turned).config_hash != snapshot_of(TEXT).config_hash


def test_a_manifest_is_part_of_its_plugin(snapshot_of: Snap, tmp_path: Path) -> None:
    before = snapshot_of(TEXT)
    manifest = tmp_path / "plugins/worker/manifest.yaml"
    manifest.write_text(manifest.read_text().replace("version: 1.0.0", "version: 1.0.1"))
    after = snapshot_of(TEXT)
    assert before.section_hashes["plugins.worker"] != after.section_hashes["plugins.worker"]


def test_hashes_hold_no_token(snapshot_of: Snap) -> None:
    snapshot = snapshot_of(TEXT)
    assert "a-long-enough-token" not in f"{snapshot.section_hashes}{snapshot.config_hash}"


def init_hash(snapshot: Snapshot, plugin: str = "worker") -> str | None:
    return snapshot.plugins[plugin].init_hash


def with_init(folder: Path) -> None:
    manifest = folder / "plugins/worker/manifest.yaml"
    manifest.write_text(manifest.read_text().replace("commands:\n", "commands:\n  - {name: init, type: write}\n"))


def test_a_plugin_without_the_command_has_no_hash_for_it(snapshot_of: Snap) -> None:
    assert init_hash(snapshot_of(TEXT)) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [("x: 1", "x: 2"), ("{config: {x: 1}", "{env: {A: b}, config: {x: 1}")],
)
def test_another_init_is_wanted_for_another_config_or_env(
    snapshot_of: Snap, tmp_path: Path, old: str, new: str
) -> None:
    with_init(tmp_path)
    before = init_hash(snapshot_of(TEXT))
    assert before is not None
    assert init_hash(snapshot_of(TEXT)) == before
    assert init_hash(snapshot_of(TEXT.replace(old, new))) != before


def test_no_other_init_is_wanted_for_another_schedule_or_for_a_touched_entrypoint(
    snapshot_of: Snap, tmp_path: Path
) -> None:
    with_init(tmp_path)
    before = init_hash(snapshot_of(TEXT))
    os.utime(tmp_path / "plugins/worker/run", ns=(1, 1))
    assert init_hash(snapshot_of(TEXT.replace("every: 5m", "every: 6m"))) == before


def test_another_entrypoint_wants_another_init_and_is_another_configuration(snapshot_of: Snap, tmp_path: Path) -> None:
    with_init(tmp_path)
    before = snapshot_of(TEXT)
    run = tmp_path / "plugins/worker/run"
    run.write_text(f"{run.read_text()}# another\n")
    after = snapshot_of(TEXT)
    assert init_hash(after) != init_hash(before)
    assert after.config_hash != before.config_hash
    manifest = tmp_path / "plugins/worker/manifest.yaml"
    manifest.write_text(manifest.read_text().replace("version: 1.0.0", "version: 1.0.1"))
    assert init_hash(snapshot_of(TEXT)) != init_hash(after)


def test_instances_of_one_plugin_have_hashes_of_their_own(snapshot_of: Snap, tmp_path: Path) -> None:
    with_init(tmp_path)
    text = TEXT.replace("plugins:\n", "plugins:\n  again: {uses: worker}\n")
    assert init_hash(snapshot_of(text), "again") != init_hash(snapshot_of(text))


def test_a_file_that_cannot_be_read_is_told_by_what_says_that_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "run"
    assert file_digest(path) == file_digest(tmp_path / "other")
    path.mkdir()
    assert file_digest(path) != file_digest(tmp_path)


def test_every_section_of_the_model_counts() -> None:
    """A section that somebody adds to the model changes the hash, with no other line of code."""

    class Limits(Section):
        rate: int = 1

    class WithLimits(Configuration):
        limits: Limits = Limits()
        shares: list[Limits] = Field(default_factory=list)

    def hashes(**given: object) -> dict[str, str]:
        return section_hashes(WithLimits.model_validate(given), Instances(), {})

    default = hashes()
    assert hashes(limits={"rate": 2})["limits"] != default["limits"]
    assert hashes(shares=[{"rate": 2}])["shares"] != default["shares"]
    assert hashes() == default


@pytest.mark.parametrize("key", sorted(set(Configuration.model_fields) - {"include", "environment_vars"}))
def test_each_section_has_a_part(snapshot_of: Snap, key: str) -> None:
    names = snapshot_of(TEXT).section_hashes
    assert key in names or any(name.startswith(f"{key}.") for name in names)


def test_the_files_that_sections_are_spread_over_do_not_count(snapshot_of: Snap) -> None:
    assert not {"include", "environment_vars"} & snapshot_of(TEXT).section_hashes.keys()
