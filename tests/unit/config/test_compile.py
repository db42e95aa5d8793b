import os
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

from ductile.config.compile import Compiled
from ductile.config.schema.service import default_workers
from ductile.model.manifest import CommandType
from ductile.model.snapshot import Snapshot

Compile = Callable[..., Compiled]
Snap = Callable[..., Snapshot]

TOKEN = "a-long-enough-token"
BASE = "plugin_roots: [plugins]\n"
FAULTY = "plugin_roots: [plugins, faulty]\nplugins:\n  broken: {enabled: false}\n"


def test_defaults_are_those_that_are_documented(snapshot_of: Snap, tmp_path: Path) -> None:
    snapshot = snapshot_of(f"{BASE}api:\n")
    service, api = snapshot.service, snapshot.api
    assert (service.name, service.tick_interval, service.log_level, service.log_format) == (
        "ductile", 60_000, "info", "json"
    )  # fmt: skip
    assert (service.dedupe_ttl, service.job_log_retention, service.job_queue_retention) == (
        86_400_000, 30 * 86_400_000, 7 * 86_400_000
    )  # fmt: skip
    assert (service.kill_grace, service.drain_timeout, service.max_hops) == (5_000, 30_000, 20)
    assert (service.strict_mode, service.allow_symlinks, service.inherit_env) == (False, False, ())
    assert service.max_workers == default_workers() == max(4, 2 * len(os.sched_getaffinity(0)))
    assert (api.enabled, api.listen, api.max_concurrent_sync) == (True, ("127.0.0.1:8080",), 10)
    assert (api.max_sync_timeout, api.max_body_size, api.allowed_origins, api.metrics_public) == (
        300_000, 1024**2, (), True
    )  # fmt: skip
    assert snapshot.state_path == tmp_path / "data/state.db"
    assert (snapshot.generation, snapshot.root) == (3, tmp_path)


def test_without_an_api_section_nothing_listens(snapshot_of: Snap) -> None:
    assert snapshot_of(BASE).api.enabled is False


def test_a_discovered_plugin_needs_no_entry(snapshot_of: Snap, tmp_path: Path) -> None:
    worker = snapshot_of(BASE).plugins["worker"]
    assert worker.executable == tmp_path / "plugins/worker/run"
    assert worker.manifest.commands["greet"].type is CommandType.READ
    assert (worker.max_attempts, worker.backoff_base, worker.parallelism) == (4, 30_000, default_workers())
    assert (worker.config, worker.env, worker.inherit_env, worker.runner) == ({}, {}, (), "spawn")
    assert worker.timeouts == {"poll": 60_000, "handle": 120_000, "health": 10_000, "greet": 7_000}
    assert worker.notify_on_complete is False


def test_the_most_particular_timeout_counts(snapshot_of: Snap) -> None:
    worker = snapshot_of(f"{BASE}plugins: {{worker: {{timeout: 1h, timeouts: {{poll: 5s}}}}}}").plugins["worker"]
    assert worker.timeouts == {"poll": 5_000, "handle": 3_600_000, "health": 3_600_000, "greet": 3_600_000}


def test_an_instance_has_its_own_settings_and_shares_the_manifest(snapshot_of: Snap) -> None:
    plugins = snapshot_of(f"{BASE}plugins: {{second: {{uses: worker, config: {{a: 1}}, parallelism: 2}}}}").plugins
    assert list(plugins) == ["second", "worker"]
    assert plugins["second"].manifest is plugins["worker"].manifest
    assert (plugins["second"].config, plugins["second"].parallelism) == ({"a": 1}, 2)
    assert (plugins["worker"].config, plugins["second"].name) == ({}, "second")


def test_an_instance_may_have_the_name_of_its_plugin(snapshot_of: Snap) -> None:
    assert snapshot_of(f"{BASE}plugins: {{worker: {{uses: worker}}}}").unusable == {}


@pytest.mark.parametrize("form", ["retry: {max_attempts: 2, backoff_base: 1s}", "max_attempts: 2"])
def test_attempts_have_a_long_and_a_short_form(snapshot_of: Snap, form: str) -> None:
    assert snapshot_of(f"{BASE}plugins: {{worker: {{{form}}}}}").plugins["worker"].max_attempts == 2


def test_a_plugin_that_is_not_safe_beside_itself_runs_alone_unless_told_otherwise(snapshot_of: Snap) -> None:
    text = f"{FAULTY}  picky: {{config: {{folder: x}}}}\n  more: {{uses: picky, config: {{folder: x}}, parallelism: 2}}"
    plugins = snapshot_of(text).plugins
    assert (plugins["picky"].parallelism, plugins["more"].parallelism) == (1, 2)


def test_what_cannot_run_keeps_its_reason_and_harms_nothing_else(snapshot_of: Snap) -> None:
    snapshot = snapshot_of(
        "plugin_roots: [plugins, faulty]\nplugins: {worker: {enabled: false}, again: {uses: broken}}"
    )
    kinds = {name: (one.kind, one.manifest is not None) for name, one in snapshot.unusable.items()}
    assert kinds == {
        "worker": ("disabled", True),
        "again": ("quarantined", False),
        "broken": ("quarantined", False),
        "picky": ("quarantined", True),
    }
    assert "`type` must be `read` or `write`" in snapshot.unusable["broken"].reason
    assert snapshot.unusable["picky"].reason == "it needs `config.folder`, which is missing"
    assert snapshot.plugins == {}
    assert all("warning[" in warning for warning in snapshot.warnings)


def test_a_plugin_that_only_its_instances_use_is_no_fault(snapshot_of: Snap) -> None:
    snapshot = snapshot_of(f"{FAULTY}  mine: {{uses: picky, config: {{folder: x}}}}")
    assert snapshot.unusable["picky"].kind == "disabled"
    assert snapshot.warnings == ()


def test_pipelines_stand_by_name_and_by_what_starts_them(snapshot_of: Snap) -> None:
    step = "steps: [{uses: worker}]"
    text = f"""{BASE}pipelines:
  - {{name: b, on: x, {step}}}
  - {{name: a, on: x, {step}}}
  - {{name: c, on-hook: job.failed, {step}}}
"""
    snapshot = snapshot_of(text)
    assert [graph.name for graph in snapshot.on_event["x"]] == ["b", "a"]
    assert [graph.name for graph in snapshot.on_hook["job.failed"]] == ["c"]
    assert set(snapshot.pipelines) == {"a", "b", "c"}


def test_a_step_of_a_plugin_that_cannot_run_is_kept(snapshot_of: Snap) -> None:
    text = f"{FAULTY}pipelines: [{{name: a, on: x, steps: [{{uses: broken.any}}, {{uses: picky.poll}}]}}]"
    assert [node.plugin for node in snapshot_of(text).pipelines["a"].nodes.values()] == ["broken", "picky"]


def test_routes_stand_by_source_and_event(snapshot_of: Snap) -> None:
    routes = snapshot_of(f"{BASE}routes: [{{from: worker, event_type: x, to: worker}}]").routes
    [route] = routes["worker", "x"]
    assert (route.source, route.event_type, route.to) == ("worker", "x", "worker")


def test_schedules_are_named_by_plugin_and_id(snapshot_of: Snap) -> None:
    entry = "{id: hi, every: 1h30m, jitter: 1m, command: greet, payload: {name: a}}"
    schedules = snapshot_of(f"{BASE}plugins: {{worker: {{schedules: [{{every: 5m}}, {entry}]}}}}").schedules
    told = [(one.id, one.plugin, one.command, one.payload, one.every, one.jitter) for one in schedules]
    assert told == [
        ("worker/default", "worker", "poll", {}, 300_000, 0),
        ("worker/hi", "worker", "greet", {"name": "a"}, 5_400_000, 60_000),
    ]


def test_a_disabled_plugin_has_no_schedules_and_a_quarantined_one_keeps_them(snapshot_of: Snap) -> None:
    text = f"{BASE}plugins: {{worker: {{enabled: false, schedules: [{{every: 5m}}]}}}}"
    assert snapshot_of(text).schedules == ()
    snapshot = snapshot_of(f"{FAULTY}  picky: {{schedules: [{{every: 5m}}]}}")
    assert snapshot.unusable["picky"].kind == "quarantined"
    assert [one.id for one in snapshot.schedules] == ["picky/default"]


def test_tokens_are_known_by_their_hash_alone(snapshot_of: Snap) -> None:
    tokens = f"""
      - {{token: {TOKEN}, name: admin, scopes: ["*"]}}
      - {{token: another-token, scopes: [jobs:ro, "plugin:worker:rw", state:ro], expires_at: "2030-01-01T00:00:00Z"}}
"""
    principals = snapshot_of(f"{BASE}api:\n  auth:\n    tokens:{tokens}").principals
    digest = blake3(b"another-token").hexdigest()
    admin, other = principals[blake3(TOKEN.encode()).hexdigest()], principals[digest]
    assert (admin.id, admin.scopes, admin.expires_at) == ("token:admin", {"*"}, None)
    assert (other.id, other.scopes) == (f"token:{digest[:8]}", {"jobs:ro", "plugin:worker:rw"})
    assert other.expires_at == 1_893_456_000_000


def test_secrets_are_tokens_variables_keys_and_what_a_schema_says(snapshot_of: Snap, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("out-of-a-file\n")
    text = f"""{FAULTY}
  worker:
    config: {{api_key: under-a-key, author_name: not-secret, from_file: "${{file:key}}", host: "${{HOST}}"}}
  picky: {{config: {{folder: not-secret-either, phrase: by-the-schema}}}}
api: {{auth: {{tokens: [{{token: {TOKEN}, scopes: ["*"]}}]}}}}
"""
    redactor = snapshot_of(text, {"HOST": "just-a-host"}).redactor
    secret = [TOKEN, "under-a-key", "out-of-a-file", "by-the-schema"]
    shown = ["not-secret", "just-a-host", "not-secret-either"]
    assert [redactor.text(one) for one in secret + shown] == ["[REDACTED]"] * 4 + shown


def test_warnings_are_located_sentences(snapshot_of: Snap) -> None:
    text = f"log_level: debug\n{BASE}"
    assert snapshot_of(text).warnings == (
        "config.yaml:1:1: warning[legacy]: `log_level` is an old place; write `service.log_level`",
    )


def test_errors_leave_no_snapshot_and_name_the_files(compile_yaml: Compile, tmp_path: Path) -> None:
    compiled = compile_yaml(f"{BASE}service: {{name: 1}}\ninclude: [more.yaml]", more="service: {nam: x}")
    assert compiled.snapshot is None
    assert [str(problem.mark) for problem in compiled.errors] == ["config.yaml:2:17", "more.yaml:1:11"]
    assert compiled.inputs.files[:2] == (tmp_path / "config.yaml", tmp_path / "more.yaml")


@pytest.mark.parametrize(
    ("written", "bound"),
    [("':9'", "0.0.0.0:9"), ("'[::1]:8080'", "[::1]:8080"), ("unix:/run/x.sock", "unix:/run/x.sock"), ("a:0", "a:0")],
)
def test_addresses_come_in_these_forms(snapshot_of: Snap, written: str, bound: str) -> None:
    assert snapshot_of(f"{BASE}api: {{listen: {written}}}").api.listen == (bound,)


def test_the_words_of_older_yaml_are_flags_too(snapshot_of: Snap) -> None:
    assert snapshot_of(f"{BASE}service: {{strict_mode: yes, log_level: warn}}").service.strict_mode is True
    assert snapshot_of(f"{BASE}service: {{log_format: text}}").service.log_format == "console"
