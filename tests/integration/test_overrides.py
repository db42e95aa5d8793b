"""Settings by environment variables, against a real gateway."""

import json
import os
import subprocess
import sys
from typing import Any

import yaml
from support.gateway import Gateway
from support.scripted_plugins import ScriptedPlugins

ENVIRONMENT = """#!/bin/sh
cat > /dev/null
printf '{"status": "ok", "result": {"names": "%s"}}' "$(env | cut -d= -f1 | tr '\\n' ' ')"
"""
SECRET = "a-secret-of-the-environment"


def check(gateway: Gateway, **environ: str) -> Any:
    command = [
        sys.executable,
        "-m",
        "ductile.cli.main",
        "config",
        "check",
        "--json",
        "--config-dir",
        str(gateway.folder),
    ]
    return subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, check=False)


def test_variables_are_laid_over_the_files_at_start_and_at_every_reload(gateway: Gateway) -> None:
    cast = ScriptedPlugins(gateway)
    cast.add("py-greet", greeting="Hello", kept=1)
    cast.configure(service={"name": "of-the-file"})
    gateway.start(
        environ={
            "DUCTILE_PLUGINS__PY_GREET__CONFIG__GREETING": "Hi",
            "DUCTILE_SERVICE__NAME": "of-the-environment",
            "DUCTILE_API__MAX_BODY_SIZE": "1KB",
        }
    )
    gateway.run("py-greet", "act")
    config = cast.requests("py-greet")[-1]["config"]
    assert (config["greeting"], config["kept"]) == ("Hi", 1)
    assert {line["service"] for line in gateway.log} == {"of-the-environment"}
    assert gateway.post("/plugin/py-greet/act", {"payload": {"x": "x" * 2000}}).status == 413
    cast.add("py-greet", greeting="Good day", kept=2)
    cast.configure(service={"name": "of-the-file"})
    assert gateway.post("/system/reload").body["changes"] == ["plugins.py-greet"]
    gateway.run("py-greet", "act")
    config = cast.requests("py-greet")[-1]["config"]
    assert (config["greeting"], config["kept"]) == ("Hi", 2)


def test_a_reload_that_takes_away_what_a_variable_sets_is_refused_by_its_name(gateway: Gateway) -> None:
    cast = ScriptedPlugins(gateway)
    cast.add("one", greeting="Hello")
    cast.configure()
    gateway.start(environ={"DUCTILE_PLUGINS__ONE__CONFIG__GREETING": "Hi"})
    cast.add("one")
    cast.configure()
    answer = gateway.post("/system/reload")
    assert answer.status == 422
    [error] = answer.body["details"]["errors"]
    assert error["file"] == "environment:DUCTILE_PLUGINS__ONE__CONFIG__GREETING"
    assert (error["line"], error["column"], error["code"]) == (None, None, "unknown_key")
    assert gateway.get("/healthz")["last_reload_error"]["errors"] == [error]


def test_a_gateway_does_not_start_with_a_variable_that_sets_nothing(gateway: Gateway) -> None:
    gateway.launch(environ={"DUCTILE_API__LISTN": "127.0.0.1:1"})
    assert gateway.ended() == 78
    [line] = gateway.log
    assert line["message"] == (
        "environment:DUCTILE_API__LISTN: error[unknown_key]: `DUCTILE_API__LISTN` sets nothing: `api` has no key "
        "`listn`; did you mean `DUCTILE_API__LISTEN`?"
    )


def test_config_check_reads_the_variables_too(gateway: Gateway) -> None:
    gateway.configure()
    assert check(gateway, DUCTILE_API__LISTEN="127.0.0.1:8080").returncode == 0
    ran = check(gateway, DUCTILE_API__LISTEN="nowhere")
    assert ran.returncode == 78
    [problem] = json.loads(ran.stdout)["problems"]
    assert (problem["file"], problem["line"]) == ("environment:DUCTILE_API__LISTEN", None)


def test_no_plugin_sees_the_variables_and_a_secret_of_theirs_is_redacted(gateway: Gateway) -> None:
    gateway.plugin("env", ENVIRONMENT)
    cast = ScriptedPlugins(gateway)
    cast.add("one", password="", result=f"it is {SECRET}")
    cast.configure(service={"inherit_env": ["all"]})
    gateway.config["plugins"]["env"] = {}
    gateway.configure()
    gateway.start(environ={"DUCTILE_PLUGINS__ONE__CONFIG__PASSWORD": SECRET, "ANOTHER": "x"})
    names = gateway.run("env", "handle")["result"]["result"]["names"].split()
    assert "ANOTHER" in names
    assert not [name for name in names if "__" in name and name.startswith("DUCTILE_")]
    assert gateway.run("one", "act")["result"]["result"] == "it is [REDACTED]"
    assert cast.requests("one")[-1]["config"]["password"] == SECRET


def test_an_env_file_may_be_changed_while_the_gateway_runs(gateway: Gateway) -> None:
    cast = ScriptedPlugins(gateway)
    cast.add("one", greeting="Hello")
    env = gateway.folder / ".env"
    env.write_text("DUCTILE_PLUGINS__ONE__CONFIG__GREETING=Hi\n")
    cast.configure(environment_vars={"include": [".env"]})
    gateway.start()
    gateway.run("one", "act")
    env.write_text("DUCTILE_PLUGINS__ONE__CONFIG__GREETING=Bye\n")
    assert gateway.post("/system/reload").body["changed"] is True
    gateway.run("one", "act")
    assert [request["config"]["greeting"] for request in cast.requests("one")] == ["Hi", "Bye"]


def test_a_whole_list_comes_as_json(gateway: Gateway) -> None:
    tokens = [{"name": "other", "token": "token-of-the-environment", "scopes": ["*"]}]
    gateway.configure()
    gateway.start(environ={"DUCTILE_API__AUTH__TOKENS": yaml.safe_dump(tokens, default_flow_style=True, width=1000)})
    assert gateway.call("GET", "/jobs").status == 401
    assert gateway.call("GET", "/jobs", token="token-of-the-environment").status == 200
