from pathlib import Path
from types import MappingProxyType

import pytest

from ductile.model.manifest import Manifest
from ductile.model.snapshot import Plugin
from ductile.plugin.environment import DEFAULT_PATH, plugin_environment

OURS = {"DUCTILE_INSTANCE": "the-instance", "DUCTILE_JOB_ID": "the-job", "DUCTILE_ATTEMPT": "3"}


def plugin(*, env: dict[str, str] | None = None, inherit: tuple[str, ...] = ()) -> Plugin:
    return Plugin(
        name="mail",
        manifest=Manifest(name="mail", version="1.0", entrypoint="run", commands={}),
        folder=Path("/plugins/mail"),
        executable=Path("/plugins/mail/run"),
        config={},
        env=MappingProxyType(env or {}),
        inherit_env=inherit,
        timeouts={},
        max_attempts=1,
        backoff_base=0,
        parallelism=1,
        notify_on_complete=False,
        runner="spawn",
        validators={},
    )


def made(own: dict[str, str], *service: str, of: Plugin | None = None) -> dict[str, str]:
    return plugin_environment(of or plugin(), service, instance="the-instance", own=own).of("the-job", 3)


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_TIME", "TZ", "TMPDIR", "XDG_RUNTIME_DIR"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "SSH_AUTH_SOCK", "GIT_SSH", "GIT_SSH_COMMAND", "DOCKER_HOST"),
        *("HTTPS_PROXY", "NO_PROXY", "http_proxy", "no_proxy"),
    ],
)
def test_a_usual_variable_is_passed_on(name: str) -> None:
    assert made({"PATH": "/bin", name: "value"})[name] == "value"


@pytest.mark.parametrize(
    "name",
    [
        "API_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "HOMEPAGE",
        "PATHS",
        "LANGUAGE",
        "SSH_KEY",
        "GIT_TOKEN",
        "PROXY",
        "MY_LC_ALL",
    ],
)
def test_any_other_variable_is_withheld(name: str) -> None:
    assert name not in made({name: "secret"})


def test_nothing_is_there_but_a_path_and_whose_process_it_is() -> None:
    assert made({}) == {"PATH": DEFAULT_PATH, **OURS}


def test_the_service_and_the_plugin_each_name_more() -> None:
    own = {"PATH": "/bin", "A": "1", "B": "2", "C": "3"}
    assert made(own, "A", of=plugin(inherit=("B", "MISSING"))) == {"PATH": "/bin", "A": "1", "B": "2", **OURS}


@pytest.mark.parametrize("where", ["service", "plugin"])
def test_all_passes_everything_on(where: str) -> None:
    own = {"PATH": "/bin", "API_TOKEN": "t", "DUCTILE_TOKEN": "u"}
    passed = made(own, "all") if where == "service" else made(own, of=plugin(inherit=("all",)))
    assert passed == {**own, **OURS}


def test_the_plugins_own_variables_win_over_inherited_ones() -> None:
    assert made({"TZ": "UTC", "PATH": "/bin"}, of=plugin(env={"TZ": "CET", "NEW": "1"})) == {
        "PATH": "/bin",
        "TZ": "CET",
        "NEW": "1",
        **OURS,
    }


def test_nobody_overrides_whose_process_it_is() -> None:
    wrong = dict.fromkeys(OURS, "wrong")
    made_of_wrong = made({"PATH": "/bin", **wrong}, "all", *OURS, of=plugin(env=wrong))
    assert made_of_wrong == {"PATH": "/bin", **OURS}


@pytest.mark.parametrize("inherit", ["all", "HOME"])
@pytest.mark.parametrize("name", ["DUCTILE_API__LISTEN", "DUCTILE_PLUGINS__MAIL__ENV__HTTP_PROXY"])
def test_a_setting_of_the_gateway_reaches_no_plugin(name: str, inherit: str) -> None:
    assert name not in made({name: "secret"}, inherit)
    assert name not in made({name: "secret"}, of=plugin(inherit=(inherit,)))


def test_a_setting_that_is_named_is_passed_on() -> None:
    assert made({"DUCTILE_API__LISTEN": "x"}, "DUCTILE_API__LISTEN")["DUCTILE_API__LISTEN"] == "x"


@pytest.mark.parametrize("inherit", [[], ["all"], ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]])
def test_no_plugin_may_speak_to_the_service_manager(inherit: list[str]) -> None:
    own = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "LISTEN_FDS": "1", "EDITOR": "e"}
    assert set(own) & set(made(own, *inherit)) <= {"EDITOR"}
