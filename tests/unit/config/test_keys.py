"""Nothing is accepted and ignored: each key that the models know is refused, or another value of it shows."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec.structs import replace
from pydantic import BaseModel

from ductile.config.compile import Compiled
from ductile.config.schema.configuration import Configuration
from ductile.model.snapshot import Snapshot

Compile = Callable[..., Compiled]
Key = tuple[str | int, ...]

BASE: dict[str, Any] = {
    "plugin_roots": ["plugins"],
    "api": {"auth": {"tokens": [{"token": "a-long-enough-token", "scopes": ["*"]}]}},
    "plugins": {"worker": {"schedules": [{"every": "5m"}]}},
    "routes": [{"from": "worker", "event_type": "x", "to": "worker"}],
    "pipelines": [{"name": "one", "on": "x", "steps": [{"uses": "worker"}]}],
}
EFFECTIVE: dict[str, Any] = {
    "include": ["more.yaml"],
    "plugin_roots": ["plugins", "faulty"],
    "pipelines": [],
    "service.name": "other",
    "service.tick_interval": "5s",
    "service.log_level": "debug",
    "service.log_format": "console",
    "service.dedupe_ttl": "1h",
    "service.job_log_retention": "1d",
    "service.job_queue_retention": "2d",
    "service.max_workers": 17,
    "service.kill_grace": "1s",
    "service.drain_timeout": "1s",
    "service.max_hops": 3,
    "service.inherit_env": ["EDITOR"],
    "service.strict_mode": True,
    "service.allow_symlinks": True,
    "service.watch": True,
    "service.settle": "2s",
    "service.trusted_owners": [4711],
    "service.output.max_stdout_bytes": "2MB",
    "service.output.max_stderr_bytes": "2KB",
    "service.output.max_lines": 7,
    "service.output.max_log_entries": 7,
    "service.output.max_log_bytes": "2KB",
    "service.output.max_events": 7,
    "service.output.max_event_bytes": "2KB",
    "service.output.max_values": 7,
    "service.output.max_idle_bytes": "2KB",
    "state.path": "other.db",
    "state.max_size": "2GB",
    "api.enabled": False,
    "api.listen": "127.0.0.1:1",
    "api.max_concurrent_sync": 3,
    "api.max_waits_per_principal": 2,
    "api.max_streams_per_principal": 3,
    "api.max_connections": 100,
    "api.max_connections_per_address": 50,
    "api.header_timeout": "3s",
    "api.body_timeout": "4s",
    "api.write_timeout": "5s",
    "api.keepalive_timeout": "6s",
    "api.max_sync_timeout": "3s",
    "api.allowed_origins": ["https://a.example"],
    "api.max_body_size": "2MB",
    "api.max_body_values": 7,
    "api.metrics_public": False,
    "api.public_url": "https://tools.example/ductile",
    "api.trusted_proxies": ["10.0.0.0/8"],
    "api.auth.tokens.0.token": "another-long-token",
    "api.auth.tokens.0.scopes": ["jobs:ro"],
    "api.auth.tokens.0.name": "me",
    "api.auth.tokens.0.expires_at": "2030-01-01T00:00:00Z",
    "plugins.worker.enabled": False,
    "plugins.second.uses": "worker",
    "plugins.worker.config": {"a": 1},
    "plugins.worker.env": {"A": "b"},
    "plugins.worker.inherit_env": ["A"],
    "plugins.worker.parallelism": 2,
    "plugins.worker.runner": "spawn",
    "plugins.worker.workers.max_jobs": 5,
    "plugins.worker.workers.max_age": "1h",
    "plugins.worker.workers.max_rss": "100MB",
    "plugins.worker.output.max_stdout_bytes": "2MB",
    "plugins.worker.output.max_stderr_bytes": "2KB",
    "plugins.worker.output.max_lines": 7,
    "plugins.worker.output.max_log_entries": 7,
    "plugins.worker.output.max_log_bytes": "2KB",
    "plugins.worker.output.max_events": 7,
    "plugins.worker.output.max_event_bytes": "2KB",
    "plugins.worker.output.max_values": 7,
    "plugins.worker.output.max_idle_bytes": "2KB",
    "plugins.worker.notify_on_complete": True,
    "plugins.worker.retry.max_attempts": 2,
    "plugins.worker.retry.backoff_base": "1s",
    "plugins.worker.max_attempts": 2,
    "plugins.worker.timeout": "1s",
    "plugins.worker.timeouts": {"poll": "1s"},
    "plugins.worker.schedules.0.id": "other",
    "plugins.worker.schedules.0.every": "6m",
    "plugins.worker.schedules.0.jitter": "1s",
    "plugins.worker.schedules.0.command": "health",
    "plugins.worker.schedules.0.payload": {"a": 1},
    "routes.0.from": "second",
    "routes.0.event_type": "y",
    "routes.0.to": "second",
}
REFUSED: dict[str, Any] = {
    "webhooks": {},
    "tokens": [],
    "instances": [],
    "remote_ingress": {},
    "secrets": {},
    "accounts": {},
    "service.admission": {},
    "api.management_socket": "/run/x.sock",
    "api.auth.tokens.0.secret_ref": "x",
    "plugins.worker.run_as": "x",
    "plugins.worker.requires_vault": True,
    "plugins.worker.vault_principal": "x",
    "state.url": "postgresql://x",
    "plugins.worker.circuit_breaker": {},
    "plugins.worker.max_outstanding_polls": 1,
    **{
        f"plugins.worker.schedules.0.{key}": "x"
        for key in ("cron", "at", "after", "rrule", "catch_up", "if_running", "only_between", "timezone", "not_on")
    },
}


def keys(model: type[BaseModel], at: str = "") -> Iterator[str]:
    """Every key of the models, as the tables above name it."""
    for name, field in model.model_fields.items():
        path = f"{at}{field.alias or name}"
        inner = next(nested(field.annotation), None)
        if inner is None:
            yield path
        else:
            part = {"plugins": "worker.", "tokens": "0.", "schedules": "0.", "routes": "0."}.get(name, "")
            yield from keys(inner, f"{path}.{part}")


def nested(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from nested(inner)


def changed(key: str, value: Any) -> str:
    """The base configuration with another value for one key, as YAML (of which JSON is a part)."""
    config = json.loads(json.dumps(BASE))
    if value == "second":
        config["plugins"]["second"] = {"uses": "worker"}
    at: Any = config
    *way, last = [int(part) if part.isdigit() else part for part in key.split(".")]
    for part in way:
        at = at[part] if isinstance(at, list) else at.setdefault(part, {})
    at[last] = value
    return json.dumps(config)


def view(snapshot: Snapshot | None) -> str:
    """All that the snapshot says, without what every compile makes anew."""
    assert snapshot is not None
    plugins = {name: replace(plugin, validators={}) for name, plugin in snapshot.plugins.items()}
    parts = (
        snapshot.service,
        snapshot.api,
        snapshot.state_path,
        snapshot.state_max_size,
        snapshot.principals,
        plugins,
        snapshot.unusable,
    )
    return repr((*parts, snapshot.pipelines, snapshot.routes, snapshot.schedules))


def test_the_tables_name_every_key_once() -> None:
    known = {key.replace("worker.uses", "second.uses") for key in keys(Configuration)}
    assert known == EFFECTIVE.keys() | REFUSED.keys() | {"environment_vars.include"}
    assert not EFFECTIVE.keys() & REFUSED.keys()


@pytest.mark.parametrize("key", EFFECTIVE)
def test_another_value_shows_in_the_snapshot(compile_yaml: Compile, key: str) -> None:
    base = compile_yaml(json.dumps(BASE))
    other = compile_yaml(changed(key, EFFECTIVE[key]), more="service: {name: included}")
    assert other.errors == ()
    assert view(other.snapshot) != view(base.snapshot)


@pytest.mark.parametrize("key", REFUSED)
def test_what_has_no_effect_yet_is_refused_at_its_place(compile_yaml: Compile, key: str) -> None:
    [error] = compile_yaml(changed(key, REFUSED[key])).errors
    assert error.code == "not_in_this_version"
    assert ".".join(str(part) for part in error.path) == key
    assert error.mark is not None


def test_environment_files_show_in_what_they_expand(compile_yaml: Compile, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NAME=from-a-file\n")
    config = {**BASE, "environment_vars": {"include": [".env"]}, "service": {"name": "${NAME}"}}
    compiled = compile_yaml(json.dumps(config))
    assert compiled.snapshot is not None
    assert compiled.snapshot.service.name == "from-a-file"


@pytest.mark.parametrize("odd", [None, [None], [[]], {"a": [{}]}, -1, "${X}", "\0", 10**30], ids=repr)
def test_no_value_anywhere_makes_compiling_raise(compile_yaml: Compile, odd: Any) -> None:
    sections = ("service", "api", "api.auth", "api.auth.tokens", "plugins", "plugins.worker", "routes", "pipelines.0")
    for key in (*EFFECTIVE, *sections, "log_level", "database", "plugins.worker.schedule", "environment_vars"):
        for problem in compile_yaml(changed(key, odd), more="").problems:
            assert problem.mark is not None
