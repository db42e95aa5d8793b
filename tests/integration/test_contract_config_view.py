"""`GET /config/view`: the configuration in force, to its operator, without a secret in it."""

import json

from support.gateway import TOKEN, Gateway
from support.sample_gateway import SHELL, add_sample_plugins, is_error, token_of

HIDDEN = "hunter2-hunter2"


def test_the_configuration_in_force_is_shown_without_its_secrets(gateway: Gateway) -> None:
    gateway.plugin("shell", SHELL, {"handle": {}, "poll": {}})
    (gateway.folder / "pin").write_text("83745612")
    (gateway.plugin("broken", SHELL) / "run").chmod(0o644)
    config = {
        "message": "Hello",
        "api_key": "short",
        "database": {"password": HIDDEN, "host": "db"},
        "url": f"https://ada:{HIDDEN}@db",
        "pin": f"${{file:{gateway.folder}/pin}}",
        "from_env": "${MAIL_PASSWORD}",
        "author": "Ada",
    }
    reader = {"name": "reader", "token": token_of("reader"), "scopes": ["plugin:ro", "jobs:ro"]}
    gateway.configure(
        service={"name": "house", "kill_grace": "2500ms"},
        api={"auth": {"tokens": [*gateway.config["api"]["auth"]["tokens"], reader]}},
        plugins={"shell": {"config": config}, "off": {"uses": "shell", "enabled": False, "config": {"token": "x"}}},
        pipelines=[
            {"name": "line", "on": "a.b", "from_plugin": "shell", "steps": [{"uses": "shell"}]},
            {"name": "alert", "on-hook": "job.failed", "steps": [{"uses": "shell"}]},
        ],
        routes=[{"from": "shell", "event_type": "c.d", "to": "shell"}],
    )
    gateway.start(environ={"MAIL_PASSWORD": "from-the-environment"})
    answer = gateway.call("GET", "/config/view")
    view = answer.body
    assert set(view) == {"service", "api", "plugins", "pipelines", "compiled_routes"}
    assert (view["service"]["name"], view["service"]["kill_grace"]) == ("house", "2s500ms")
    assert view["api"] == {
        "enabled": True,
        "listen": "127.0.0.1:0",
        "tokens": [{"scopes": ["*"]}, {"scopes": ["jobs:ro", "plugin:ro"]}],
    }
    assert view["plugins"]["shell"] == {
        "enabled": True,
        "config": {
            "message": "Hello",
            "api_key": "[REDACTED]",
            "database": {"password": "[REDACTED]", "host": "db"},
            "url": "https://ada:[REDACTED]@db",
            "pin": "[REDACTED]",
            "from_env": "[REDACTED]",
            "author": "[REDACTED]",
        },
    }
    assert view["plugins"]["off"] == {"enabled": False, "config": {"token": "[REDACTED]"}}
    assert view["plugins"]["broken"] == {"enabled": True, "config": {}}
    assert view["pipelines"] == [{"name": "line", "on": "a.b"}, {"name": "alert", "on": "job.failed"}]
    assert view["compiled_routes"] == [
        {"event_type": "a.b", "source": "shell", "to": "pipeline.line", "hook": False},
        {"event_type": "job.failed", "source": None, "to": "pipeline.alert", "hook": True},
        {"event_type": "c.d", "source": "shell", "to": "plugin.shell.handle", "hook": False},
    ]
    for secret in (HIDDEN, "83745612", "from-the-environment", "short", TOKEN, token_of("reader")):
        assert secret not in answer.raw.decode()


def test_a_reload_shows_in_it_at_once(gateway: Gateway) -> None:
    add_sample_plugins(gateway).start()
    first = gateway.call("GET", "/config/view")
    gateway.configure(service={"max_hops": 7})
    assert gateway.post("/system/reload").status == 200
    known = {"If-None-Match": first.headers["etag"]}
    second = gateway.call("GET", "/config/view", headers=known)
    assert (second.status, second.body["service"]["max_hops"]) == (200, 7)
    assert json.loads(first.raw)["service"]["max_hops"] == 20


def test_it_is_the_operators_alone(sample: Gateway) -> None:
    assert is_error(sample.call("GET", "/config/view", token=None), 401, "unauthorized")
    for who in ("reader", "writer", "canceller", "listener"):
        answer = sample.call("GET", "/config/view", token=token_of(who))
        assert is_error(answer, 403, "forbidden")
        assert answer.body["details"]["required_scopes"] == ["*"]
