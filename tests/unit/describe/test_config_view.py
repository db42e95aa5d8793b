from typing import Any

import pytest
from msgspec.structs import fields, replace
from support.web import SECRET, plugin, snapshot

from ductile.describe.config_view import DURATION_SETTINGS, config_view
from ductile.document.redactor import Redactor
from ductile.document.units import duration
from ductile.model.snapshot import EventRoute, Service, Snapshot, UnusablePlugin


def with_config(config: dict[str, Any], *secrets: str) -> Snapshot:
    echo = replace(plugin(), config=config)
    return replace(snapshot(), plugins={"echo": echo}, unusable={}, redactor=Redactor([SECRET, *secrets]))


def shown(config: dict[str, Any], *secrets: str) -> Any:
    return config_view(with_config(config, *secrets))["plugins"]["echo"]["config"]


@pytest.mark.parametrize(
    "key", ["secret", "api_key", "KEY", "accessToken", "password", "credentials", "auth", "author_name", "keywords"]
)
def test_values_under_a_name_that_hints_at_a_secret_are_masked_whatever_they_are(key: str) -> None:
    for value in ("x", 1, None, ["a"], {"user": "ada"}):
        assert shown({"deep": [{key: value}], "message": "hello"}) == {
            "deep": [{key: "[REDACTED]"}],
            "message": "hello",
        }


def test_a_known_secret_is_masked_wherever_it_stands() -> None:
    config = {"url": f"https://ada:{SECRET}@example.org", "list": [SECRET], SECRET: True, "pin": 12345678, "n": 1234}
    assert shown(config, "12345678") == {
        "url": "https://ada:[REDACTED]@example.org",
        "list": ["[REDACTED]"],
        "[REDACTED]": True,
        "pin": "[REDACTED]",
        "n": 1234,
    }


def test_lengths_of_time_are_written_as_the_configuration_writes_them() -> None:
    view = config_view(snapshot())["service"]
    service = snapshot().service
    assert set(view) == {field.name for field in fields(Service)}
    assert {name: duration(view[name]) for name in DURATION_SETTINGS} == {
        name: getattr(service, name) for name in DURATION_SETTINGS
    }
    assert (view["tick_interval"], view["dedupe_ttl"], view["max_workers"]) == ("1m", "1d", 4)


def test_every_length_of_time_is_known_as_one() -> None:
    counts = {"max_workers", "max_hops"}
    numbers = {field.name for field in fields(Service) if field.type is int}
    assert numbers == DURATION_SETTINGS | counts


def test_tokens_are_shown_by_their_scopes_alone() -> None:
    api = config_view(snapshot())["api"]
    assert set(api) == {"enabled", "listen", "tokens"}
    assert {"scopes": ["jobs:ro", "plugin:ro"]} in api["tokens"]
    assert all(set(token) == {"scopes"} for token in api["tokens"])
    assert "admin" not in str(api)


def test_several_addresses_are_a_list_and_one_is_itself() -> None:
    base = snapshot()
    assert config_view(base)["api"]["listen"] == "127.0.0.1:0"
    two = replace(base, api=replace(base.api, listen=("127.0.0.1:1", "unix:/run/x")))
    assert config_view(two)["api"]["listen"] == ["127.0.0.1:1", "unix:/run/x"]


def test_what_cannot_run_is_shown_with_its_settings_too() -> None:
    off = UnusablePlugin(name="off", kind="disabled", reason="", config={"a": 1, "key": 2})
    broken = UnusablePlugin(name="broken", kind="quarantined", reason="")
    view = config_view(replace(snapshot(), unusable={"off": off, "broken": broken}))["plugins"]
    assert view["off"] == {"enabled": False, "config": {"a": 1, "key": "[REDACTED]"}}
    assert view["broken"] == {"enabled": True, "config": {}}
    assert list(view) == sorted(view)


def test_what_each_event_starts_is_listed() -> None:
    base = snapshot()
    graph = base.pipelines["sync"]
    hook = replace(graph, name="alert", on=None, on_hook="job.failed", from_plugin=None)
    wired = replace(
        base,
        pipelines={"sync": graph, "alert": hook},
        on_event={"a.b": (replace(graph, from_plugin="echo"),)},
        on_hook={"job.failed": (hook,)},
        routes={("alias", "c.d"): (EventRoute(source="alias", event_type="c.d", to="echo"),)},
    )
    view = config_view(wired)
    assert view["pipelines"] == [{"name": "sync", "on": "a.b"}, {"name": "alert", "on": "job.failed"}]
    assert view["compiled_routes"] == [
        {"event_type": "a.b", "source": "echo", "to": "pipeline.sync", "hook": False},
        {"event_type": "job.failed", "source": None, "to": "pipeline.alert", "hook": True},
        {"event_type": "c.d", "source": "alias", "to": "plugin.echo.handle", "hook": False},
    ]
